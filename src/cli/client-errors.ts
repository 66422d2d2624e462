/**
 * The client library's errors, as one line for people. The library wraps: an error of several attempts holds those of each
 * broker, which hold those of each partition. What counts is inside.
 */

interface Coded {
  readonly code?: unknown;
  readonly message: string;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
  /** Of an error that the broker answered with: Kafka's name, and what the broker said beside it. */
  readonly apiId?: string;
  readonly serverErrorMessage?: string | null;
}

const LIBRARY_CODE = "PLT_KFK_";

/** What to say, or undefined when the error is not about the cluster. */
export function explain(
  error: unknown,
  brokers: readonly { readonly host: string; readonly port: number }[],
): string | undefined {
  const all = [...chain(error)];
  if (!all.some(isOfLibrary)) return undefined;
  const refusal = all.find(({ apiId }) => apiId !== undefined);
  if (refusal !== undefined) return `${refusal.serverErrorMessage || refusal.message} (${refusal.apiId})`;
  const system = all.find(({ code }) => typeof code === "string" && /^E[A-Z_]+$/.test(code));
  if (system !== undefined || all.some(({ code }) => code === "PLT_KFK_NETWORK" || code === "PLT_KFK_TIMEOUT")) {
    const names = brokers.map(({ host, port }) => `${host}:${port}`).join(", ");
    const reason = system === undefined ? all.at(-1)!.message.replace(/\.$/, "") : reasonFor(String(system.code));
    return `cannot reach a broker at ${names} (${reason}): is it running? --brokers says where`;
  }
  return all.at(-1)!.message;
}

/** The name that Kafka has for the broker's refusal, where there is one. */
export function refusalOf(error: unknown): string | undefined {
  return [...chain(error)].find(({ apiId }) => apiId !== undefined)?.apiId;
}

function reasonFor(code: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name is unknown";
    default:
      return code;
  }
}

function isOfLibrary({ code }: Coded): boolean {
  return typeof code === "string" && code.startsWith(LIBRARY_CODE);
}

/** The error and all it holds, outer before inner. */
function* chain(error: unknown): Generator<Coded> {
  if (!(error instanceof Error)) return;
  const coded = error as Coded;
  yield coded;
  yield* chain(coded.cause);
  for (const inner of coded.errors ?? []) yield* chain(inner);
}
