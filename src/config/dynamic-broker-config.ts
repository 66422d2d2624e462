/** Which settings of a running broker can be changed, and to what (KIP-226). */
import type { BrokerLayers, Texts } from "./broker-config.ts";
import { BROKER_SETTINGS } from "./tables.ts";
import { valueProblem } from "./texts-check.ts";
import { topicDefaultsProblems } from "./topic-config.ts";

/**
 * Checks the settings that one broker, or all, shall have beside those given at start: all of them, as they will be after
 * the change. What is wrong first, or null. `layers` are those after the change.
 */
export function dynamicBrokerProblem(
  texts: Texts,
  { perBroker, layers }: { readonly perBroker: boolean; readonly layers: BrokerLayers },
): string | null {
  const keys = [...texts.keys()].toSorted();
  const named = (problem: string, some: readonly string[]): string | null =>
    some.length === 0 ? null : `${problem}: Set(${some.join(", ")})`;
  const withScope = (scope: string): string[] => keys.filter((key) => BROKER_SETTINGS.get(key)?.scope === scope);
  return (
    named(
      "Unknown broker config names",
      keys.filter((key) => !BROKER_SETTINGS.has(key)),
    ) ??
    named("Cannot update these configs dynamically", withScope("read-only")) ??
    named("These security configs belong to a listener, and listeners are plaintext", keys.filter(isTls)) ??
    valueProblem(BROKER_SETTINGS, texts) ??
    (perBroker
      ? null
      : named(
          "Cannot update these configs at default cluster level, broker id must be specified",
          withScope("per-broker"),
        )) ??
    topicDefaultsProblems(layers)[0] ??
    null
  );
}

function isTls(key: string): boolean {
  return key.startsWith("ssl.");
}
