/**
 * How long one call of something takes, as a multiple of a fixed piece of work that is measured in the same moment: so
 * figures of a slow and a fast machine, or of a quiet and a busy one, can be put side by side. The multiple of what is bound
 * by memory or native code still differs between processors, which is why a baseline says where it was made.
 */

export interface MicroBench {
  readonly name: string;
  /** Bytes that one call handles, for a rate; left out where it says nothing. */
  readonly bytes?: number;
  /** One call. */
  readonly run: () => unknown;
}

export interface MicroFigure {
  readonly name: string;
  readonly nanoseconds: number;
  /** Of the time of one call to that of the calibration. */
  readonly ratio: number;
  readonly bytes?: number;
}

export interface Effort {
  readonly warmUpMs: number;
  /** The shortest time over which calls are counted. */
  readonly sampleMs: number;
  readonly samples: number;
}

/** Samples are shorter than the turns that a scheduler gives, so that of many some are not interrupted. */
export const FULL_EFFORT: Effort = { warmUpMs: 200, sampleMs: 1, samples: 200 };

const CALIBRATION_WORDS = new Uint32Array(4096).map((_, index) => index);

/** Arithmetic and memory in the first cache, nothing else: about 5 µs. */
function calibrationWork(): number {
  let hash = 1;
  for (let at = 0; at < CALIBRATION_WORDS.length; at++) {
    hash = Math.imul(hash ^ CALIBRATION_WORDS[at]!, 0x01000193);
    CALIBRATION_WORDS[at] = hash;
  }
  return hash;
}

/** Keeps results alive, so that no call can be left out. */
let sink: unknown;

/** Samples of the bench and of the calibration take turns; the shortest of each counts, which others have disturbed least. */
export async function measure(bench: MicroBench, effort: Effort = FULL_EFFORT): Promise<MicroFigure> {
  const { sampleMs, samples } = effort;
  const calls = await warmUp(bench.run, effort);
  const calibrationCalls = await warmUp(calibrationWork, effort);
  let own = Infinity;
  let calibration = Infinity;
  for (let sample = 0; sample < samples; sample++) {
    own = Math.min(own, (await timeMs(bench.run, calls)) / calls);
    calibration = Math.min(calibration, (await timeMs(calibrationWork, calibrationCalls)) / calibrationCalls);
  }
  if (!(own > 0 && calibration > 0)) throw new Error(`${bench.name} cannot be measured in ${sampleMs} ms`);
  const bytes = bench.bytes === undefined ? {} : { bytes: bench.bytes };
  return { name: bench.name, nanoseconds: own * 1e6, ratio: own / calibration, ...bytes };
}

/** Runs it until it is compiled; how many calls fill a sample. */
async function warmUp(run: () => unknown, { warmUpMs, sampleMs }: Effort): Promise<number> {
  const endMs = performance.now() + warmUpMs;
  let calls = 1;
  do {
    const tookMs = await timeMs(run, calls);
    if (tookMs < sampleMs) calls *= 2;
  } while (performance.now() < endMs);
  return calls;
}

async function timeMs(run: () => unknown, calls: number): Promise<number> {
  const startMs = performance.now();
  for (let call = 0; call < calls; call++) {
    const result = run();
    sink = result instanceof Promise ? await result : result;
  }
  return performance.now() - startMs;
}

/** What the last call gave. */
export function lastResult(): unknown {
  return sink;
}
