/**
 * The `chronik` command. Exit codes: 0 done, 1 it could not be done (one line for each reason), 2 used wrongly, 130
 * interrupted before it was done.
 *
 * Only what every command needs is imported here; a command imports its own parts when it runs, so that `chronik --help`
 * and the like answer at once.
 */
import process from "node:process";
import { CommanderError } from "commander";
import { IoError } from "../ports/disk.ts";
import { CommandFailure, EXIT, Misuse } from "./failure.ts";
import { createProgram } from "./program.ts";

/** Runs the command that `args` (without the program's own name) ask for. Sets the exit code, or ends with it. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const chronik = createProgram();
    if (args.length === 0) chronik.outputHelp();
    else await chronik.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT.misused;
      return;
    }
    if (error instanceof Misuse) return fail(error.message, EXIT.misused);
    const message = await messageForOperator(error);
    if (message === null) throw error;
    fail(message, EXIT.failed);
  }
}

/** The message of an error about this machine or its data, which says what to do. Any other error is a bug: null. */
async function messageForOperator(error: unknown): Promise<string | null> {
  if (error instanceof CommandFailure || error instanceof IoError) return error.message;
  const { CorruptionError } = await import("../log/corruption.ts");
  const { StateLostError } = await import("../state/open.ts");
  const { UnknownStateError } = await import("../state/state-record.ts");
  const isKnown =
    error instanceof CorruptionError || error instanceof StateLostError || error instanceof UnknownStateError;
  return isKnown ? error.message : null;
}

/** Ends the process: a command that failed half-way may have left open what would keep it alive. */
function fail(message: string, code: number): never {
  for (const line of message.split("\n")) process.stderr.write(`chronik: ${line}\n`);
  process.exit(code);
}

if (import.meta.main) await main(process.argv.slice(2));
