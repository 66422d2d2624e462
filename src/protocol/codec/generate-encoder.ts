/**
 * Generates the JavaScript source of the encoder of one schema version: for each struct one function that writes its
 * fields in order, taking the default for those left out, then the tagged fields that differ from their defaults. A
 * field that the version lacks must have its default, unless the schema says that it may be dropped.
 */
import {
  defaultExpression,
  fieldsOfVersion,
  type NamedField,
  type SchemaVersion,
  scalarMethod,
  sizedMethod,
  type TaggedField,
} from "./generate.ts";
import type { ArrayField, Field, Fields } from "./schema.ts";
import { hasVersion } from "./versions.ts";

/** The body of a function of (NO_BYTES, refuse) that returns the encoder, a function of a `Writer` and a value. */
export function encoderSource(fields: Fields, of: SchemaVersion): string {
  const generator = new EncoderGenerator(of);
  const root = generator.structFunction(fields);
  return ['"use strict";', ...generator.functions, `return ${root};`].join("\n");
}

class EncoderGenerator {
  readonly functions: string[] = [];
  private readonly of: SchemaVersion;

  constructor(of: SchemaVersion) {
    this.of = of;
  }

  /** Adds the function that writes a struct; returns its name. */
  structFunction(fields: Fields): string {
    const { inline, tagged, absent } = fieldsOfVersion(fields, this.of);
    const lines: string[] = [];
    for (const { name, field } of absent) {
      if (!field.ignorable)
        lines.push(`if (${this.differsFromDefault(field, `m.${name}`)}) refuse(${JSON.stringify(name)});`);
    }
    for (const { name, field } of inline) {
      lines.push(valueOrDefault({ name, field }), this.writeStatement(field, `$${name}`));
    }
    if (this.of.flexible) lines.push(...this.taggedSection(tagged));
    return this.addFunction("w, m", lines);
  }

  private taggedSection(tagged: readonly TaggedField[]): string[] {
    const present = tagged.map(({ name, field }) => this.differsFromDefault(field, `m.${name}`));
    const lines = tagged.map(({ name }, i) => `const has$${name} = ${present[i]};`);
    lines.push(`w.uvarint(${tagged.length === 0 ? "0" : tagged.map(({ name }) => `has$${name}`).join(" + ")});`);
    for (const { name, field, tag } of tagged) {
      lines.push(
        `if (has$${name}) {`,
        `  w.uvarint(${tag});`,
        "  const begin = w.beginSized();",
        `  ${this.writeStatement(field, `m.${name}`)}`,
        "  w.endSized(begin);",
        "}",
      );
    }
    return lines;
  }

  private arrayFunction(field: ArrayField): string {
    const nullable = hasVersion(field.nullable, this.of.version);
    return this.addFunction("w, elements", [
      `w.${sizedMethod("count", { compact: this.of.flexible, nullable })}(elements);`,
      ...(nullable ? ["if (elements === null) return;"] : []),
      `for (let i = 0; i < elements.length; i++) ${this.writeStatement(field.element, "elements[i]")}`,
    ]);
  }

  private writeStatement(field: Field, value: string): string {
    if (field.type === "array") return `${this.arrayFunction(field)}(w, ${value});`;
    if (field.type !== "struct") return `w.${scalarMethod(field, this.of)}(${value});`;
    const write = `${this.structFunction(field.fields)}(w, ${value});`;
    if (!hasVersion(field.nullable, this.of.version)) return write;
    return `{ w.structPresent(${value} !== null); if (${value} !== null) ${write} }`;
  }

  /** An expression that is true when `value` is neither left out nor the default. */
  private differsFromDefault(field: Field, value: string): string {
    return `(${value} !== undefined && ${this.isNotDefault(field, value)})`;
  }

  private isNotDefault(field: Field, value: string): string {
    if (field.default === null) return `${value} !== null`;
    if (field.type === "array" || field.type === "bytes") return `(${value} === null || ${value}.length !== 0)`;
    if (field.type === "struct") return `(${value} === null || ${this.structDiffersFunction(field.fields)}(${value}))`;
    // Loose for int64, where 1n and 1 are the same value.
    return `${value} ${field.type === "int64" ? "!=" : "!=="} ${defaultExpression(field)}`;
  }

  private structDiffersFunction(fields: Fields): string {
    const differs = Object.entries(fields).map(([name, field]) => this.differsFromDefault(field, `m.${name}`));
    return this.addFunction("m", [`return ${differs.length === 0 ? "false" : differs.join(" || ")};`]);
  }

  private addFunction(parameters: string, lines: readonly string[]): string {
    const name = `write${this.functions.length}`;
    this.functions.push(`function ${name}(${parameters}) {\n  ${lines.join("\n  ")}\n}`);
    return name;
  }
}

function valueOrDefault({ name, field }: NamedField): string {
  return `const $${name} = m.${name} === undefined ? ${defaultExpression(field)} : m.${name};`;
}
