/**
 * Java's .properties format, as java.util.Properties reads it: `key=value`, `key: value` or `key value`; comments after
 * `#` or `!`; a backslash at the end of a line joins it with the next; \t \n \r \f \uXXXX, and a backslash before any
 * other character stands for that character. Unlike Java this reads UTF-8.
 */

export interface Property {
  readonly key: string;
  readonly value: string;
  /** The line it starts on, from 1. */
  readonly line: number;
}

export interface ParsedProperties {
  /** In the order of the text; a key may come again, and then its last value counts. */
  readonly properties: readonly Property[];
  readonly errors: readonly { readonly line: number; readonly message: string }[];
}

interface LogicalLine {
  readonly text: string;
  readonly line: number;
}

/** Never throws, whatever the text. */
export function parseProperties(text: string): ParsedProperties {
  const properties: Property[] = [];
  const errors: { line: number; message: string }[] = [];
  for (const { text: content, line } of logicalLines(text)) {
    // The key ends at the first separator that no backslash protects.
    const [, rawKey = "", rawValue = ""] = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/s.exec(content) ?? [];
    const [key, value] = [unescaped(rawKey), unescaped(rawValue)];
    if (key === null || value === null)
      errors.push({ line, message: "\\u must be followed by four hexadecimal digits" });
    else properties.push({ key, value, line });
  }
  return { properties, errors };
}

/** Lines without comments, empty ones and leading space, joined where a backslash says so. */
function logicalLines(text: string): LogicalLine[] {
  const logical: LogicalLine[] = [];
  let open: LogicalLine | null = null;
  for (const [index, natural] of text.split(/\r\n|\r|\n/).entries()) {
    const content = natural.replace(/^[ \t\f]+/, "");
    if (open === null && (content === "" || content.startsWith("#") || content.startsWith("!"))) continue;
    const joined: LogicalLine = { text: (open?.text ?? "") + content, line: open?.line ?? index + 1 };
    const continues = /\\*$/.exec(content)![0].length % 2 === 1;
    if (!continues) logical.push(joined);
    // A lone backslash joins nothing: what follows may be a comment.
    open = continues && joined.text !== "\\" ? { ...joined, text: joined.text.slice(0, -1) } : null;
  }
  if (open !== null) logical.push(open);
  return logical.filter((line) => line.text !== "");
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

/** null when a \u is not followed by four hexadecimal digits. */
function unescaped(raw: string): string | null {
  if (/(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})/.test(raw)) return null;
  return raw.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_all, code?: string, character?: string) =>
    code === undefined ? (ESCAPES[character!] ?? character!) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
