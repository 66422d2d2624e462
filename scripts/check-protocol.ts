/**
 * Compares every message defined in src/protocol with Apache Kafka's own specifications, in every version and field by
 * field: valid and flexible versions, order, type, presence, nullability, tag, default, and whether the field may be
 * dropped where a version lacks it. What a range says beyond the valid versions makes no difference and is not
 * compared.
 *
 * Usage: node scripts/check-protocol.ts The specifications (Kafka's message JSON files, with // comments) lie beside
 * this repository, in ../shared/kafka/specs. Where that folder is absent the check says that it skips. It fails listing
 * every difference.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ZERO_UUID } from "../src/base/uuid.ts";
import { APIS } from "../src/protocol/apis.ts";
import type { Field, Fields, MessageSchema } from "../src/protocol/codec/schema.ts";
import { hasVersion, parseVersions, type VersionRange } from "../src/protocol/codec/versions.ts";
import { requestHeader } from "../src/protocol/schema/request-header.ts";
import { responseHeader } from "../src/protocol/schema/response-header.ts";

/** One of Kafka's message specifications, as far as it concerns the bytes. */
export interface Spec {
  readonly name: string;
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly fields: readonly SpecField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly SpecField[] }[];
}

interface SpecField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean;
  readonly ignorable?: boolean;
  readonly flexibleVersions?: string;
  readonly fields?: readonly SpecField[];
}

/** What one version says of one field, in words that both sides share. */
interface FieldFacts {
  readonly path: string;
  /** "inline", "tag 3", "absent (dropped)" or "absent (refused)". */
  readonly presence: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly default: string;
  readonly neverCompact: boolean;
}

const FACTS = ["presence", "type", "nullable", "default", "neverCompact"] as const;

/** Every difference between a schema and its specification, one line each; empty when there is none. */
export function compareMessage(schema: MessageSchema, spec: Spec): string[] {
  const valid = parseVersions(spec.validVersions);
  const differences: string[] = [];
  const different = (what: string, ours: string, theirs: string): void => {
    if (ours !== theirs) differences.push(`${spec.name}: ${what} is ${ours}, in the specification ${theirs}`);
  };
  different("API key", String(schema.apiKey), String(spec.apiKey));
  different("valid versions", rangeText(schema.valid), rangeText(valid));
  if (differences.length > 0) return differences;

  const versionsByDifference = new Map<string, number[]>();
  for (let version = valid.min; version <= valid.max; version++) {
    for (const difference of compareVersion(schema, spec, version)) {
      const versions = versionsByDifference.get(difference) ?? [];
      versionsByDifference.set(difference, versions);
      versions.push(version);
    }
  }
  for (const [difference, versions] of versionsByDifference) {
    differences.push(`${spec.name} version ${versions.join(", ")}: ${difference}`);
  }
  return differences;
}

/** Reads a specification: JSON with // comments. */
export function parseSpec(text: string): Spec {
  return JSON.parse(text.replaceAll(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*/g, "$1"));
}

function compareVersion(schema: MessageSchema, spec: Spec, version: number): string[] {
  const differences: string[] = [];
  const flexible = hasVersion(schema.flexible, version);
  if (flexible !== hasVersion(parseVersions(spec.flexibleVersions), version)) {
    differences.push(
      flexible ? "is flexible, but not in the specification" : "is not flexible, as the specification says",
    );
  }
  const ours = schemaFacts(schema.fields, version);
  const theirs = specFacts(spec.fields, spec, version);
  const oursByPath = new Map(ours.map((facts) => [facts.path, facts]));
  const theirPaths = new Set(theirs.map(({ path }) => path));
  for (const { path } of ours) if (!theirPaths.has(path)) differences.push(`${path} is not in the specification`);
  for (const expected of theirs) {
    const actual = oursByPath.get(expected.path);
    if (actual === undefined) {
      differences.push(`${expected.path} is missing`);
      continue;
    }
    for (const fact of FACTS) {
      if (actual[fact] === expected[fact]) continue;
      differences.push(`${expected.path}: ${fact} is ${actual[fact]}, in the specification ${expected[fact]}`);
    }
  }
  const ourOrder = ours.map(({ path }) => path).filter((path) => theirPaths.has(path));
  const theirOrder = theirs.map(({ path }) => path).filter((path) => oursByPath.has(path));
  const at = ourOrder.findIndex((path, i) => path !== theirOrder[i]);
  if (at !== -1) differences.push(`${ourOrder[at]} stands where the specification has ${theirOrder[at]}`);
  return differences;
}

function schemaFacts(fields: Fields, version: number, prefix = ""): FieldFacts[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = prefix + name;
    const present = hasVersion(field.versions, version);
    const facts: FieldFacts = {
      path,
      presence: presence(present, field.tag, field.ignorable),
      type: schemaType(field),
      nullable: present && hasVersion(field.nullable, version),
      default: schemaDefault(field),
      neverCompact: "neverCompact" in field && field.neverCompact,
    };
    const inner = field.type === "array" ? field.element : field;
    const innerPrefix = field.type === "array" ? `${path}[].` : `${path}.`;
    return present && inner.type === "struct" ? [facts, ...schemaFacts(inner.fields, version, innerPrefix)] : [facts];
  });
}

function schemaType(field: Field): string {
  if (field.type === "array") return `[]${schemaType(field.element)}`;
  return field.type === "offset64" ? "int64" : field.type;
}

function schemaDefault(field: Field): string {
  if (field.default === null) return "null";
  if (field.type === "array") return "no elements";
  if (field.type === "struct") return "defaults";
  return field.default === ZERO_UUID ? "zero" : JSON.stringify(String(field.default));
}

function specFacts(fields: readonly SpecField[], spec: Spec, version: number, prefix = ""): FieldFacts[] {
  return fields.flatMap((field) => {
    const path = prefix + field.name.charAt(0).toLowerCase() + field.name.slice(1);
    const present = hasVersion(parseVersions(field.versions), version);
    const tagged = hasVersion(parseVersions(field.taggedVersions ?? "none"), version);
    const isArray = field.type.startsWith("[]");
    const elementType = isArray ? field.type.slice(2) : field.type;
    const inner = field.fields ?? spec.commonStructs?.find(({ name }) => name === elementType)?.fields;
    const type = inner === undefined ? field.type : isArray ? "[]struct" : "struct";
    const facts: FieldFacts = {
      path,
      presence: presence(present, tagged || !present ? field.tag : undefined, field.ignorable ?? false),
      type,
      nullable: present && hasVersion(parseVersions(field.nullableVersions ?? "none"), version),
      default: specDefault(field, type),
      neverCompact: field.flexibleVersions === "none",
    };
    const innerPrefix = isArray ? `${path}[].` : `${path}.`;
    return present && inner !== undefined ? [facts, ...specFacts(inner, spec, version, innerPrefix)] : [facts];
  });
}

function specDefault({ default: given }: SpecField, type: string): string {
  if (given === "null" || (type === "records" && given === undefined)) return "null";
  if (type.startsWith("[]")) return "no elements";
  if (type === "struct") return "defaults";
  if (type === "uuid") return "zero";
  if (type === "string" || type === "bytes") return JSON.stringify(given ?? "");
  if (type === "bool") return JSON.stringify(String(given ?? false));
  return JSON.stringify(String(type === "float64" ? Number(given ?? 0) : BigInt(given ?? 0)));
}

function presence(present: boolean, tag: number | undefined, ignorable: boolean): string {
  if (present) return tag === undefined ? "inline" : `tag ${tag}`;
  return ignorable ? "absent (dropped)" : "absent (refused)";
}

function rangeText({ min, max }: VersionRange): string {
  return `${min}-${max}`;
}

function main(): void {
  const folder = new URL("../../shared/kafka/specs/", import.meta.url);
  if (!existsSync(folder)) {
    console.log(`check-protocol: skipped, there is no ${fileURLToPath(folder)} with Kafka's specifications`);
    return;
  }
  const schemas = [requestHeader, responseHeader, ...Object.values(APIS).flatMap((api) => [api.request, api.response])];
  const differences = schemas.flatMap((schema: MessageSchema) =>
    compareMessage(schema, parseSpec(readFileSync(new URL(`${schema.name}.json`, folder), "utf8"))),
  );
  if (differences.length > 0) {
    console.error(`check-protocol: ${differences.length} differences from Kafka's specifications:`);
    for (const difference of differences) console.error(`  ${difference}`);
    process.exitCode = 1;
    return;
  }
  console.log(`check-protocol: ${schemas.length} messages are as Kafka specifies them`);
}

if (import.meta.main) main();
