/**
 * One setting, and the constructors the tables in `table/` are written with. Types, ranges and messages are those of
 * Kafka's ConfigDef, so that a client sees the same answer to the same mistake.
 *
 * A value has two forms. `value` is what code works with. `text` is what people are shown: exact, in Kafka's notation.
 * They differ where a 64-bit integer is beyond 2^53-1: `value` is then ±(2^53-1), which as milliseconds is 285,000 years
 * and as bytes is 8 PiB, while `text` keeps every digit.
 */

/** Kafka's type names. */
export type SettingType = "BOOLEAN" | "STRING" | "INT" | "SHORT" | "LONG" | "DOUBLE" | "LIST" | "CLASS" | "PASSWORD";

/** When a change takes effect: at the next start only, or at once for one broker or for the whole cluster (KIP-226). */
export type Scope = "read-only" | "per-broker" | "cluster-wide";

export type Importance = "high" | "medium" | "low";

/** A value that passed its checks. `text` is null only for a default that is nothing. */
export interface Checked<V> {
  readonly value: V;
  readonly text: string | null;
}

/** A value that did not, with Kafka's message. */
export interface Refused {
  readonly error: string;
}

export interface Setting<V = unknown> {
  readonly type: SettingType;
  readonly default: Checked<V>;
  readonly documentation: string;
  readonly importance: Importance;
  readonly scope: Scope;
  /** What can be given, for people: "at least 1". */
  readonly valid: string;
  /** Why setting this has no effect here; null: it has. */
  readonly noMeaning: string | null;
  /** Parses and checks `text`; `key` is for the message. */
  readonly check: (key: string, text: string) => Checked<V> | Refused;
}

/** A setting that has an effect. */
export interface Working<V> extends Setting<V> {
  readonly noMeaning: null;
}

/** A setting that Kafka has and that is accepted, but has no effect here. */
export interface Unused extends Setting {
  readonly noMeaning: string;
}

/** Settings by key. */
export type Table = Readonly<Record<string, Setting>>;

/** The values that the working settings of a table resolve to, by key. */
export type Values<T extends Table> = {
  readonly [K in keyof T as T[K] extends Working<unknown> ? K : never]: T[K] extends Setting<infer V> ? V : never;
};

/** Marks settings that Kafka has, and that mean nothing here for one reason. */
export function withoutMeaning<T extends Table>(reason: string, settings: T): { readonly [K in keyof T]: Unused } {
  const marked = Object.entries(settings).map(([key, setting]) => [key, { ...setting, noMeaning: reason }]);
  return Object.fromEntries(marked) as { readonly [K in keyof T]: Unused };
}

/** The largest value of a LONG: where Kafka means "never" or "without limit". */
export const MAX_LONG = "9223372036854775807";
/** The largest value of an INT. */
export const MAX_INT = 2147483647;

interface Options {
  readonly importance?: Importance;
  readonly scope?: Scope;
}

interface NumberOptions extends Options {
  readonly min?: number;
  /** Only beside a `min`. */
  readonly max?: number;
  /** A value outside of the range that is valid too. */
  readonly or?: number;
}

interface StringOptions<S extends string> extends Options {
  readonly oneOf?: readonly S[];
  /** As `oneOf`, in capital or small letters. */
  readonly oneOfAnyCase?: readonly string[];
  readonly notEmpty?: true;
  /** What is wrong with a value, or null, and in `valid` what is right. */
  readonly custom?: { readonly valid: string; readonly problem: (text: string) => string | null };
}

interface ListOptions<S extends string> extends Options {
  readonly members?: readonly S[];
  readonly notEmpty?: true;
  /** What is wrong with the whole list, or null, and in `valid` what is right. Repeated members are then kept. */
  readonly custom?: {
    readonly valid: string;
    readonly problem: (key: string, items: readonly string[]) => string | null;
  };
}

/** null in the type of a value only where the default is null. */
type NullFrom<D> = Extract<D, null>;

export function boolean(defaultValue: boolean, documentation: string, options: Options = {}): Working<boolean> {
  return {
    type: "BOOLEAN",
    ...common(documentation, options),
    default: { value: defaultValue, text: String(defaultValue) },
    valid: "true or false",
    check(key, text) {
      const lower = text.trim().toLowerCase();
      if (lower === "true" || lower === "false") return { value: lower === "true", text: lower };
      return refused(key, text, "Expected value to be either true or false");
    },
  };
}

export function short<D extends number | null>(
  defaultValue: D,
  documentation: string,
  options: NumberOptions = {},
): Working<number | NullFrom<D>> {
  return integer("SHORT", defaultValue, documentation, options);
}

export function int<D extends number | null>(
  defaultValue: D,
  documentation: string,
  options: NumberOptions = {},
): Working<number | NullFrom<D>> {
  return integer("INT", defaultValue, documentation, options);
}

export function long<D extends number | typeof MAX_LONG | null>(
  defaultValue: D,
  documentation: string,
  options: NumberOptions = {},
): Working<number | NullFrom<D>> {
  return integer("LONG", defaultValue, documentation, options);
}

export function double(defaultValue: number, documentation: string, options: NumberOptions = {}): Working<number> {
  return {
    type: "DOUBLE",
    ...common(documentation, options),
    default: { value: defaultValue, text: javaDouble(defaultValue) },
    valid: inBounds("a number", options),
    check(key, text) {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/.test(text.trim())) {
        return refused(key, text, "Not a number of type DOUBLE");
      }
      const value = Number.parseFloat(text.trim());
      const problem = outside(value, options);
      return problem === null ? { value, text: javaDouble(value) } : refused(key, javaDouble(value), problem);
    },
  };
}

export function string<D extends string | null, const S extends string = string>(
  defaultValue: D,
  documentation: string,
  options: StringOptions<S> = {},
): Working<S | NullFrom<D>> {
  return {
    type: "STRING",
    ...common(documentation, options),
    default: { value: defaultValue as S | NullFrom<D>, text: defaultValue },
    valid: validString(options),
    check(key, text) {
      const value = text.trim();
      const problem = stringProblem(value, options);
      return problem === null ? { value: value as S, text: value } : refused(key, value, problem);
    },
  };
}

/** A comma-separated list. */
export function list<D extends readonly string[] | null, const S extends string = string>(
  defaultValue: D,
  documentation: string,
  options: ListOptions<S> = {},
): Working<readonly S[] | NullFrom<D>> {
  return {
    type: "LIST",
    ...common(documentation, options),
    default: { value: defaultValue as readonly S[] | NullFrom<D>, text: defaultValue?.join(",") ?? null },
    valid: validList(options),
    check(key, text) {
      const items = text.trim() === "" ? [] : text.trim().split(/\s*,\s*/);
      const error = listError(key, items, options);
      if (error !== null) return { error };
      const value = options.custom === undefined ? [...new Set(items)] : items;
      return { value: value as S[], text: value.join(",") };
    },
  };
}

/** The name of a Java class. Nothing is loaded. */
export function className<D extends string | null>(
  defaultValue: D,
  documentation: string,
  options: Options = {},
): Working<string | NullFrom<D>> {
  const setting = string(defaultValue, documentation, options);
  return { ...setting, type: "CLASS", valid: "the name of a class" };
}

/** A secret: never shown. */
export function password(documentation: string, options: Options = {}): Working<string | null> {
  return { ...string(null, documentation, options), type: "PASSWORD" };
}

/** Whether values are kept out of every answer and message. */
export function isSensitive(setting: Setting): boolean {
  return setting.type === "PASSWORD";
}

function common(documentation: string, { importance = "medium", scope = "read-only" }: Options) {
  return { documentation, importance, scope, noMeaning: null };
}

const BITS = { SHORT: 16, INT: 32, LONG: 64 } as const;

function integer<D extends number | string | null>(
  type: keyof typeof BITS,
  defaultValue: D,
  documentation: string,
  options: NumberOptions,
): Working<number | NullFrom<D>> {
  const start = defaultValue === null ? null : clamp(BigInt(defaultValue));
  return {
    type,
    ...common(documentation, options),
    default: { value: start as number | NullFrom<D>, text: defaultValue === null ? null : String(defaultValue) },
    valid: inBounds("a whole number", options),
    check(key, text) {
      const digits = /^(?:\+(?=\d))?(-?\d+)$/.exec(text.trim())?.[1];
      const exact = digits === undefined ? null : BigInt(digits);
      if (exact === null || BigInt.asIntN(BITS[type], exact) !== exact) {
        return refused(key, text, `Not a number of type ${type}`);
      }
      const value = clamp(exact);
      const problem = outside(value, options);
      return problem === null ? { value, text: String(exact) } : refused(key, String(exact), problem);
    },
  };
}

/** The nearest number that is a safe integer. */
function clamp(exact: bigint): number {
  if (exact > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (exact < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(exact);
}

/** What is wrong with a value out of its range, or null. */
function outside(value: number, options: NumberOptions): string | null {
  const { min = value, max = value, or } = options;
  if (or !== undefined) {
    return value === or || (value >= min && value <= max) ? null : `Value must be ${bounds(options)}`;
  }
  if (value < min) return `Value must be at least ${min}`;
  if (value > max) return `Value must be no more than ${max}`;
  return null;
}

function inBounds(kind: string, options: NumberOptions): string {
  const limits = bounds(options);
  return limits === "" ? kind : `${kind}, ${limits}`;
}

function bounds({ min, max, or }: NumberOptions): string {
  const range =
    min !== undefined && max !== undefined ? `between ${min} and ${max}` : min !== undefined ? `at least ${min}` : "";
  return or === undefined ? range : `${range} or equal to ${or}`;
}

function stringProblem(value: string, options: StringOptions<string>): string | null {
  const { oneOf, oneOfAnyCase, notEmpty, custom } = options;
  if (notEmpty && value === "") return "String must be non-empty";
  if (oneOf !== undefined && !oneOf.includes(value)) return `String must be one of: ${oneOf.join(", ")}`;
  if (oneOfAnyCase !== undefined && !oneOfAnyCase.includes(value.toUpperCase())) {
    return `String must be one of (case insensitive): ${oneOfAnyCase.join(", ")}`;
  }
  return custom?.problem(value) ?? null;
}

function validString({ oneOf, oneOfAnyCase, notEmpty, custom }: StringOptions<string>): string {
  const names = oneOf ?? oneOfAnyCase;
  if (names !== undefined) return `one of ${names.join(", ")}`;
  return custom?.valid ?? (notEmpty ? "any text, not empty" : "any text");
}

function listError(key: string, items: readonly string[], options: ListOptions<string>): string | null {
  const { members, notEmpty, custom } = options;
  if (custom !== undefined) {
    const problem = custom.problem(key, items);
    return problem === null ? null : refused(key, `[${items.join(", ")}]`, problem).error;
  }
  if (items.length === 0) {
    if (!notEmpty) return null;
    const valid = members === undefined ? "any non-empty value" : `[${members.join(", ")}]`;
    return `Configuration '${key}' must not be empty. Valid values include: ${valid}`;
  }
  const stranger = members === undefined ? undefined : items.find((item) => !members.includes(item));
  if (stranger) return refused(key, stranger, `String must be one of: ${members!.join(", ")}`).error;
  return items.includes("") ? `Configuration '${key}' values must not be empty.` : null;
}

function validList({ members, notEmpty, custom }: ListOptions<string>): string {
  if (custom !== undefined) return custom.valid;
  const items = members === undefined ? "a list" : `a list of ${members.join(", ")}`;
  return notEmpty ? `${items}, not empty` : items;
}

function refused(key: string, shown: string, problem: string): Refused {
  return { error: `Invalid value ${shown} for configuration ${key}: ${problem}` };
}

/** A double as Java prints it: 0.5, 1.0, 1.0E-10. */
function javaDouble(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e7)) return Number.isInteger(value) ? value.toFixed(1) : String(value);
  const [digits, exponent] = value.toExponential().split("e");
  return `${digits!.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`;
}
