/** The values of options, from what was typed. What is wrong with one is said as commander does, with the option's name. */
import { Buffer } from "node:buffer";
import { InvalidArgumentError } from "commander";
import { type Format, parseFormat } from "./output-format.ts";
import {
  DURATION_FORMS,
  POSITION_FORMS,
  type Position,
  parseDuration,
  parsePosition,
  parseTime,
  TIME_FORMS,
} from "./position.ts";

const DEFAULT_PORT = 9092;
const PORT_MAX = 65_535;
const INT32_MAX = 2 ** 31 - 1;
const INT64_MAX = 2n ** 63n - 1n;

/** `host[:port],…` */
export function brokerList(text: string): readonly { readonly host: string; readonly port: number }[] {
  return text.split(",").map((broker) => {
    const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d+))?$/.exec(broker.trim()) ?? [];
    const host = bracketed ?? plain;
    const port = portText === undefined ? DEFAULT_PORT : Number(portText);
    if (host === undefined || port < 1 || port > PORT_MAX)
      throw new InvalidArgumentError("Give host:port, with commas.");
    return { host, port };
  });
}

export function wholeNumber(text: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= INT32_MAX)) throw new InvalidArgumentError("Give a whole number.");
  return number;
}

export function positiveNumber(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("Give a whole number, at least 1.");
  return number;
}

export function partitionList(text: string): readonly number[] {
  return [...new Set(text.split(",").map(wholeNumber))];
}

export function position(text: string): Position {
  const found = parsePosition(text);
  if (found === undefined) throw new InvalidArgumentError(`Give ${POSITION_FORMS}.`);
  return found;
}

export function time(text: string): bigint {
  const ms = parseTime(text);
  if (ms === undefined) throw new InvalidArgumentError(`Give ${TIME_FORMS}.`);
  return ms;
}

/** In milliseconds. */
export function duration(text: string): bigint {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError(`Give ${DURATION_FORMS}.`);
  return ms;
}

export function offset(text: string): bigint {
  if (!/^\d{1,19}$/.test(text) || BigInt(text) > INT64_MAX)
    throw new InvalidArgumentError("Give an offset, at least 0.");
  return BigInt(text);
}

/** As a broker of this program gives them out. */
export function storedOffset(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new InvalidArgumentError("Give an offset, 0 to 2^53-1.");
  return number;
}

export function shift(text: string): bigint {
  if (!/^[+-]?\d{1,18}$/.test(text)) throw new InvalidArgumentError("Give a number of offsets, as 10 or -10.");
  return BigInt(text.replace("+", ""));
}

export function format(text: string): Format {
  const parsed = parseFormat(text);
  if ("error" in parsed) throw new InvalidArgumentError(parsed.error);
  return parsed;
}

export function keyValue(text: string): readonly [key: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Give key=value.");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `key=value`, or `key` alone for a header whose value is null. */
export function header(text: string): readonly [key: Buffer, value: Buffer | null] {
  if (!text.includes("=")) return [Buffer.from(text), null];
  const [key, value] = keyValue(text);
  return [Buffer.from(key), Buffer.from(value)];
}

/** `NAME` or `NAME:0,1` */
export function topicPartitions(text: string): { readonly topic: string; readonly partitions?: readonly number[] } {
  const at = text.indexOf(":");
  if (at === -1) return { topic: text };
  return { topic: text.slice(0, at), partitions: partitionList(text.slice(at + 1)) };
}

/** For an option that may be repeated. */
export function repeated<T>(
  parse: (text: string) => T,
): (text: string, earlier: readonly T[] | undefined) => readonly T[] {
  return (text, earlier = []) => [...earlier, parse(text)];
}

export function text(value: string): string {
  return value;
}
