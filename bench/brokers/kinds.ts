/** The two programs that are run as brokers here: Chronik as this repository builds it, and Apache Kafka. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BrokerHome, BrokerKind } from "./broker.ts";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
export const KAFKA_SCRIPT = join(REPOSITORY, "bench/kafka/kafka");

/** Settings by Kafka's names, given to the broker beside its defaults. */
export type Settings = Readonly<Record<string, string>>;

/** The kind with this name. @throws RangeError when there is none. */
export function brokerKind(name: string, settings: Settings = {}): BrokerKind {
  if (name === "chronik") return chronik(settings);
  if (name === "kafka") return kafka(settings);
  throw new RangeError(`no broker is called "${name}": take chronik or kafka`);
}

/** Chronik; the environment variable CHRONIK holds the command up to its subcommand, for one that is not built here. */
function chronik(settings: Settings): BrokerKind {
  const [file = "", ...prefix] = (
    process.env["CHRONIK"] ?? `${REPOSITORY}/node_modules/.bin/node ${REPOSITORY}/bin/chronik.js`
  ).split(/\s+/);
  // Several brokers may run on one machine, and only one could have the default HTTP port.
  const set = Object.entries({ "http.port": "0", ...settings }).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  return {
    name: "chronik",
    prepare: async () => {},
    command: ({ port, folder }: BrokerHome) => ({
      file,
      args: [...prefix, "start", "--port", String(port), "--data-dir", join(folder, "data"), ...set],
    }),
  };
}

function kafka(settings: Settings): BrokerKind {
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  return {
    name: "kafka",
    prepare: async ({ port, folder }: BrokerHome) => {
      const env = { ...process.env, KAFKA_PROPERTIES: lines.join("\n") };
      await promisify(execFile)(KAFKA_SCRIPT, ["format", String(port), folder], { env });
    },
    command: ({ folder }: BrokerHome) => ({ file: KAFKA_SCRIPT, args: ["start", folder] }),
  };
}
