/** Does the simulated network catch what it is there to catch? A reader of frames, and its two classic mistakes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SocketEvents } from "../src/ports/network.ts";
import { SimRandom } from "./random.ts";
import { Simulation } from "./simulation.ts";

type Mistake = "takes each read for a frame" | "keeps a frame as a view of a shared buffer";

const BLOCK_BYTES = 400;

/** Reads frames (a length byte, then the payload) of all connections through one block. */
class FrameReader {
  readonly frames: Uint8Array[] = [];
  readonly #mistake: Mistake | undefined;
  #block = Buffer.alloc(BLOCK_BYTES);

  constructor(mistake: Mistake | undefined) {
    this.#mistake = mistake;
  }

  attach(): SocketEvents {
    let rest: Buffer = Buffer.alloc(0);
    let given: Buffer | undefined;
    return {
      readBuffer: () => (given = this.#block),
      received: (size) => {
        const bytes = given!.subarray(0, size);
        rest = this.#parse(rest.length === 0 ? bytes : Buffer.concat([rest, bytes]));
        // A frame that begins in this read is finished by a later one, which may go to the same block.
        rest = Buffer.from(rest);
      },
      closed: () => undefined,
    };
  }

  #parse(bytes: Buffer): Buffer {
    if (this.#mistake === "takes each read for a frame") {
      this.frames.push(Buffer.from(bytes.subarray(1)));
      return Buffer.alloc(0);
    }
    let from = 0;
    while (from < bytes.length && from + 1 + bytes[from]! <= bytes.length) {
      const frame = bytes.subarray(from + 1, from + 1 + bytes[from]!);
      this.frames.push(this.#mistake === undefined ? Buffer.from(frame) : frame);
      from += 1 + frame.length;
    }
    // The owner of the kept views takes care, it thinks, to read on into another block.
    if (this.#mistake === "keeps a frame as a view of a shared buffer" && from > 0) {
      this.#block = Buffer.alloc(BLOCK_BYTES);
    }
    return bytes.subarray(from);
  }
}

/** Whether every frame that some clients send is read as it was sent. */
async function isExact(seed: number, mistake: Mistake | undefined): Promise<boolean> {
  const simulation = new Simulation({ seed });
  const random = new SimRandom(seed);
  const reader = new FrameReader(mistake);
  await simulation.run(({ network }) => network.listen({ host: "127.0.0.1", port: 9092 }, () => reader.attach()));
  const sent: string[] = [];
  for (let client = 0; client < 3; client++) {
    const connection = simulation.connect(9092);
    for (let count = 0; count < 10; count++) {
      const payload = random.bytes(random.between(1, 100));
      sent.push(payload.toString("hex"));
      connection.send(Buffer.concat([Uint8Array.of(payload.length), payload]));
    }
  }
  await simulation.runUntilIdle();
  const read = reader.frames.map((frame) => Buffer.from(frame).toString("hex"));
  return read.sort().join() === sent.sort().join();
}

describe("canaries of the simulated network", () => {
  const seeds = Array.from({ length: 50 }, (_, index) => index + 1);
  const mistakes: readonly Mistake[] = ["takes each read for a frame", "keeps a frame as a view of a shared buffer"];
  for (const mistake of mistakes) {
    it(`catches a reader that ${mistake}`, async () => {
      const exact = await Promise.all(seeds.map((seed) => isExact(seed, mistake)));
      assert(exact.includes(false), `not caught by ${seeds.length} seeds`);
    });
  }

  it("finds nothing wrong with a reader that makes no mistake", async () => {
    const exact = await Promise.all(seeds.map((seed) => isExact(seed, undefined)));
    assert(!exact.includes(false), `seed ${exact.indexOf(false) + 1}`);
  });
});
