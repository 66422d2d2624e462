/** `chronik` as a person or a script runs it: arguments, bytes in, bytes out, exit code. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Changes } from "../ports/until.ts";

const CHRONIK = fileURLToPath(new URL("../../bin/chronik.js", import.meta.url));

export interface Result {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a command to its end, with `input` on its standard input. */
export async function chronik(
  args: readonly string[],
  input: Buffer | string,
  env: NodeJS.ProcessEnv,
): Promise<Result> {
  const command = startCommand(args, env);
  command.input.on("error", () => undefined); // it may end before it has read all
  command.input.end(input);
  return command.result;
}

export function startCommand(args: readonly string[], env: NodeJS.ProcessEnv): RunningProgram {
  return new RunningProgram([CHRONIK, ...args], env);
}

export class RunningProgram {
  readonly result: Promise<Result>;
  readonly #child: ChildProcess;
  readonly #changes = new Changes();
  readonly #stdout: Buffer[] = [];
  #ended = false;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: "pipe" });
    this.#child = child;
    const stderr: Buffer[] = [];
    child.stdout.on("data", (bytes: Buffer) => {
      this.#stdout.push(bytes);
      this.#changes.changed();
    });
    child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
    this.result = once(child, "close").then(([code]) => {
      this.#ended = true;
      this.#changes.changed();
      return { code: code as number | null, stdout: this.stdout, stderr: Buffer.concat(stderr).toString() };
    });
  }

  get input() {
    return this.#child.stdin!;
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  /** Resolves once all that it has printed matches. @throws when it ends before. */
  async printed(pattern: RegExp): Promise<void> {
    const isPrinted = (): boolean => pattern.test(String(this.stdout));
    await this.#changes.until(() => this.#ended || isPrinted());
    if (!isPrinted()) throw new Error(`it ended without printing ${pattern}: ${String(this.stdout)}`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
