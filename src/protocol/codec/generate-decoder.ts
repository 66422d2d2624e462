/**
 * Generates the JavaScript source of the decoder of one schema version.
 *
 * For each struct there is one function that reads its fields in order and returns one object literal with every field
 * of the schema, those absent from the version included, so that all values of a struct have one shape:
 *
 *     function read0(r) {
 *       const $name = r.compactString();
 *       let $limits = null;
 *       for (let left = r.uvarint(); left > 0; left--) {
 *         const tag = r.uvarint(), outer = r.enterSized();
 *         switch (tag) {
 *           case 0: $limits = read1(r); break;
 *           default: r.skipToEnd();
 *         }
 *         r.leaveSized(outer);
 *       }
 *       return { name: $name, limits: $limits };
 *     }
 */
import {
  defaultExpression,
  fieldsOfVersion,
  minElementBytes,
  type SchemaVersion,
  scalarMethod,
  sizedMethod,
} from "./generate.ts";
import type { ArrayField, Field, Fields } from "./schema.ts";
import { hasVersion } from "./versions.ts";

/** The body of a function of (NO_BYTES) that returns the decoder, a function of a `Reader`. */
export function decoderSource(fields: Fields, of: SchemaVersion): string {
  const generator = new DecoderGenerator(of);
  const root = generator.structFunction(fields);
  return ['"use strict";', ...generator.functions, `return ${root};`].join("\n");
}

class DecoderGenerator {
  readonly functions: string[] = [];
  private readonly of: SchemaVersion;

  constructor(of: SchemaVersion) {
    this.of = of;
  }

  /** Adds the function that reads a struct; returns its name. */
  structFunction(fields: Fields): string {
    const { inline, tagged } = fieldsOfVersion(fields, this.of);
    const lines: string[] = [];
    for (const { name, field } of inline) lines.push(`const $${name} = ${this.valueExpression(field)};`);
    for (const { name, field } of tagged) lines.push(`let $${name} = ${defaultExpression(field)};`);
    if (tagged.length > 0) {
      lines.push("for (let left = r.uvarint(); left > 0; left--) {");
      lines.push("  const tag = r.uvarint(), outer = r.enterSized();");
      lines.push("  switch (tag) {");
      for (const { name, field, tag } of tagged) {
        lines.push(`    case ${tag}: $${name} = ${this.valueExpression(field)}; break;`);
      }
      lines.push("    default: r.skipToEnd();");
      lines.push("  }");
      lines.push("  r.leaveSized(outer);");
      lines.push("}");
    } else if (this.of.flexible) {
      lines.push("r.skipTags();");
    }
    const read = new Set([...inline, ...tagged].map(({ name }) => name));
    const properties = Object.entries(fields).map(([name, field]) =>
      read.has(name) ? `${name}: $${name}` : `${name}: ${defaultExpression(field)}`,
    );
    lines.push(`return { ${properties.join(", ")} };`);
    return this.addFunction(lines);
  }

  private arrayFunction(field: ArrayField): string {
    const nullable = hasVersion(field.nullable, this.of.version);
    const count = sizedMethod("count", { compact: this.of.flexible, nullable });
    return this.addFunction([
      `const count = r.${count}(${minElementBytes(field.element, this.of)});`,
      ...(nullable ? ["if (count === -1) return null;"] : []),
      "const elements = [];",
      `for (let i = 0; i < count; i++) elements.push(${this.valueExpression(field.element)});`,
      "return elements;",
    ]);
  }

  private valueExpression(field: Field): string {
    if (field.type === "array") return `${this.arrayFunction(field)}(r)`;
    if (field.type !== "struct") return `r.${scalarMethod(field, this.of)}()`;
    const value = `${this.structFunction(field.fields)}(r)`;
    return hasVersion(field.nullable, this.of.version) ? `(r.structPresent() ? ${value} : null)` : value;
  }

  private addFunction(lines: readonly string[]): string {
    const name = `read${this.functions.length}`;
    this.functions.push(`function ${name}(r) {\n  ${lines.join("\n  ")}\n}`);
    return name;
  }
}
