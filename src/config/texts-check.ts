/** Settings of a resource as they were given: checked as a whole before they are stored. */
import type { Texts } from "./broker-config.ts";
import type { Setting } from "./setting.ts";

/** The longest value in UTF-8: what a string of the protocol can hold. Appending to a list could make longer ones. */
export const MAX_VALUE_BYTES = 32_767;

/** The first key that is no setting, or undefined. */
export function unknownKey(settings: ReadonlyMap<string, Setting>, texts: Texts): string | undefined {
  return [...texts.keys()].find((key) => !settings.has(key));
}

/** Kafka's message of the first value that is not valid, or null. Keys that are no settings are passed over. */
export function valueProblem(settings: ReadonlyMap<string, Setting>, texts: Texts): string | null {
  for (const [key, text] of texts) {
    const setting = settings.get(key);
    if (setting === undefined) continue;
    const sizeBytes = Buffer.byteLength(text);
    if (sizeBytes > MAX_VALUE_BYTES) {
      return `Invalid value for configuration ${key}: ${sizeBytes} bytes are more than ${MAX_VALUE_BYTES}`;
    }
    const checked = setting.check(key, text);
    if ("error" in checked) return checked.error;
  }
  return null;
}
