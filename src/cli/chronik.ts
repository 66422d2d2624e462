/**
 * The `chronik` command. Exit codes: 0 done, 1 it could not be done (one message for each reason), 2 used wrongly.
 *
 * Only what every command needs is imported here; a command imports its own parts when it runs, so that `chronik --help`
 * and the like answer at once.
 */
import { createRequire } from "node:module";
import { basename, dirname, resolve } from "node:path";
import process from "node:process";
import { Command, CommanderError } from "commander";
import { IoError } from "../ports/disk.ts";

interface StartOptions {
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly advertisedAddr?: string;
  readonly config?: string;
  readonly set?: readonly string[];
}

/** A larger settings file is a mistake. */
const CONFIG_FILE_MAX_BYTES = 1024 * 1024;

const EXIT_FAILED = 1;
const EXIT_MISUSED = 2;

/** Runs the command that `args` (without the program's own name) ask for. Sets the exit code, or ends with it. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const chronik = program();
    if (args.length === 0) chronik.outputHelp();
    else await chronik.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_MISUSED;
      return;
    }
    const message = await messageForOperator(error);
    if (message === null) throw error;
    fail([message]);
  }
}

function program(): Command {
  const chronik = new Command("chronik")
    .description("An event store that speaks the Kafka protocol.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "chronik: ")) })
    .showHelpAfterError("(chronik --help shows what there is)");
  chronik
    .command("start")
    .alias("standalone")
    .description("run a broker")
    .option("--data-dir <folder>", "folder of all data (default: ./data)")
    .option("--host <host>", "address to listen on (default: 127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 picks a free one (default: 9092)")
    .option(
      "--advertised-addr <host[:port]>",
      "address that clients are told to connect to (default: the one listened on)",
    )
    .option("--config <file>", "file of settings, as Kafka's server.properties")
    .option("--set <key=value>", "one setting; may be repeated", collect)
    .addHelpText("after", START_HELP)
    .action(start);
  return chronik;
}

const START_HELP = `
Flags count more than --set, --set more than the file. docs/configuration.md lists all settings.

Examples:
  chronik start
  chronik start --data-dir /var/lib/chronik --port 9192
  chronik start --host 0.0.0.0 --advertised-addr broker.example.org
  chronik start --config server.properties --set log.retention.hours=24`;

async function start({ config: path, set = [], ...flags }: StartOptions): Promise<void> {
  const { loadSettings } = await import("../config/load.ts");
  const file = path === undefined ? {} : { file: { name: path, text: await readText(path) } };
  const loaded = loadSettings({ ...file, set, flags });
  if ("errors" in loaded) return fail(loaded.errors);
  const { runBroker } = await import("../main.ts");
  await runBroker(loaded.settings);
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

async function readText(path: string): Promise<string> {
  const { createNodeDisk } = await import("../io/node-disk.ts");
  const full = resolve(path);
  const file = await createNodeDisk(dirname(full)).open(basename(full), "read");
  try {
    const bytes = new Uint8Array(CONFIG_FILE_MAX_BYTES);
    const size = await file.read(bytes, 0);
    if (size === bytes.length)
      throw new IoError("fatal", "EFBIG", `${path} has 1 MiB or more: give a file of settings`);
    return new TextDecoder().decode(bytes.subarray(0, size));
  } finally {
    await file.close();
  }
}

/** The message of an error about this machine or its data, which says what to do. Any other error is a bug: null. */
async function messageForOperator(error: unknown): Promise<string | null> {
  if (error instanceof IoError) return error.message;
  const { CorruptionError } = await import("../log/corruption.ts");
  const { StateLostError } = await import("../state/open.ts");
  const { UnknownStateError } = await import("../state/state-record.ts");
  const isKnown =
    error instanceof CorruptionError || error instanceof StateLostError || error instanceof UnknownStateError;
  return isKnown ? error.message : null;
}

/** Ends the process: a start that failed half-way may have left open what would keep it alive. */
function fail(messages: readonly string[]): never {
  for (const message of messages) process.stderr.write(`chronik: ${message}\n`);
  process.exit(EXIT_FAILED);
}

function version(): string {
  const manifest = createRequire(import.meta.url)("../../package.json") as { readonly version: string };
  return manifest.version;
}

if (import.meta.main) await main(process.argv.slice(2));
