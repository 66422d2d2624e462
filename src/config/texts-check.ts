/** Settings of a resource as they were given: checked as a whole before they are stored. */
import type { Texts } from "./broker-config.ts";
import type { Setting } from "./setting.ts";

/** The longest value: what a string of the protocol can hold in every version of an answer. */
export const MAX_VALUE_LENGTH = 32_767;

/** The first key that is no setting, or undefined. */
export function unknownKey(settings: ReadonlyMap<string, Setting>, texts: Texts): string | undefined {
  return [...texts.keys()].find((key) => !settings.has(key));
}

/** Kafka's message of the first value that is not valid, or null. Keys that are no settings are passed over. */
export function valueProblem(settings: ReadonlyMap<string, Setting>, texts: Texts): string | null {
  for (const [key, text] of texts) {
    const setting = settings.get(key);
    if (setting === undefined) continue;
    if (text.length > MAX_VALUE_LENGTH) {
      return `Invalid value for configuration ${key}: ${text.length} characters are more than ${MAX_VALUE_LENGTH}`;
    }
    const checked = setting.check(key, text);
    if ("error" in checked) return checked.error;
  }
  return null;
}
