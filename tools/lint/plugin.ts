/**
 * The lint rules that only this repository needs; everything else is in .oxlintrc.json. Each has a bad sample in
 * test/lint/lint.test.ts.
 */
import { isBuiltin } from "node:module";
import { dirname, relative, resolve, sep } from "node:path";
import { MODULES, mayImport, PACKAGES, PURE_MODULES, REPLACEMENTS, ROOMS, type Room } from "./rooms.ts";

/** The few parts of the ESLint rule interface and syntax tree that these rules use. */
interface Node {
  readonly type: string;
}
interface Identifier extends Node {
  readonly name: string;
}
interface Import extends Node {
  readonly source: { readonly type: string; readonly value?: unknown } | null;
  readonly importKind?: "type" | "value";
  readonly specifiers?: readonly { readonly imported?: Identifier }[];
}
interface Call extends Node {
  readonly callee: Identifier;
  readonly arguments: readonly (Node & { readonly value?: unknown })[];
}
interface New extends Node {
  readonly callee: Identifier;
  readonly arguments: readonly Node[];
}
interface Member extends Node {
  readonly object: Identifier;
  readonly property: Identifier;
}
interface Position {
  readonly line: number;
  readonly column: number;
}
interface Context {
  readonly filename: string;
  readonly cwd: string;
  report(problem: ({ node: Node } | { loc: Position }) & { message: string }): void;
}
type Visitor = { readonly [nodeType: string]: (node: never) => void };
interface Rule {
  create(context: Context): Visitor;
}

/** Imports follow the arrows between the rooms, and only `io` reaches the world outside. */
const rooms: Rule = {
  create(context) {
    const room = roomOf(context, context.filename);
    if (room === undefined) return {};
    const check = (node: Import): void => {
      if (node.source === null) return;
      if (typeof node.source.value !== "string") {
        context.report({ node, message: "the imported name must be a plain string, so that it can be checked" });
        return;
      }
      const message = importProblem(context, room, node.source.value, node);
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      CallExpression(node: Call) {
        if (node.callee.name === "require") check({ ...node, source: node.arguments[0] ?? null });
      },
    };
  },
};

/** What is wrong when `room` imports `name`, or undefined. */
function importProblem(context: Context, room: Room, name: string, node: Import): string | undefined {
  if (name.startsWith(".")) {
    const file = resolve(dirname(context.filename), name);
    const target = roomOf(context, file);
    if (target === undefined)
      return `src may not import ${relative(context.cwd, file)}: it holds no part of the program`;
    if (target === room || mayImport(room).has(target)) return undefined;
    return `${room} may not import ${target} (see tools/lint/rooms.ts): move what both need down, or hand it in from src/main.ts`;
  }
  if (isBuiltin(name)) {
    if (!name.startsWith("node:")) return `write node:${name}`;
    if (room === "io" || node.importKind === "type" || MODULES[room]?.has(name)) return undefined;
    if (!PURE_MODULES.has(name))
      return `${room} may not import ${name}: ${REPLACEMENTS[name] ?? "give it a port, and reach it in src/io"}`;
    if (name === "node:crypto" && !takesOnlyPureCrypto(node)) {
      return "import what is needed from node:crypto by name, and nothing random: use a Random (src/ports/random.ts)";
    }
    return undefined;
  }
  const packageName = name.split("/", name.startsWith("@") ? 2 : 1).join("/");
  const homes = PACKAGES[packageName];
  if (homes === undefined) return `${packageName} is not in PACKAGES of tools/lint/rooms.ts`;
  return homes.includes(room) ? undefined : `${packageName} belongs to ${homes.join(" and ")}, not to ${room}`;
}

function takesOnlyPureCrypto(node: Import): boolean {
  return (
    node.specifiers?.every(
      ({ imported }) => imported !== undefined && !/random|generate|webcrypto/i.test(imported.name),
    ) ?? false
  );
}

/** The room that a file under src/ is in; undefined for tests and for files outside. */
function roomOf(context: Context, file: string): Room | undefined {
  const [top, name, ...rest] = relative(context.cwd, file).split(sep);
  if (top !== "src" || name === undefined || file.endsWith(".test.ts")) return undefined;
  const room = rest.length === 0 ? name.replace(/\.ts$/, "") : name;
  return ROOMS.find((known) => known === room);
}

/** Every file under src/ is in a room of the table. */
const knownRoom: Rule = {
  create(context) {
    return {
      Program() {
        if (!context.filename.endsWith(".test.ts") && roomOf(context, context.filename) === undefined) {
          context.report({ loc: { line: 1, column: 0 }, message: "this file is in no room of tools/lint/rooms.ts" });
        }
      },
    };
  },
};

/** A name is imported from the file that defines it. */
const noReexport: Rule = {
  create(context) {
    const check = (node: Import): void => {
      if (node.source) context.report({ node, message: "no re-exports: import from the file that defines the name" });
    };
    return { ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },
};

/** `new Date()` reads the clock; with an argument it only converts. */
const noCurrentDate: Rule = {
  create(context) {
    return {
      NewExpression(node: New) {
        if (node.callee.name === "Date" && node.arguments.length === 0) {
          context.report({ node, message: "use Clock.wallMs (src/ports/clock.ts)" });
        }
      },
    };
  },
};

/** No test is left out without its reason in the output. */
const noHiddenTest: Rule = {
  create(context) {
    return {
      MemberExpression(node: Member) {
        if (!["test", "it", "describe", "suite"].includes(node.object.name)) return;
        if (node.property.name === "only")
          context.report({ node, message: "run a single test with --test-name-pattern" });
        if (node.property.name === "skip" || node.property.name === "todo") {
          context.report({ node, message: "give the reason: test(name, { skip: reason }, …)" });
        }
      },
    };
  },
};

export default {
  meta: { name: "chronik" },
  rules: {
    rooms,
    "known-room": knownRoom,
    "no-reexport": noReexport,
    "no-current-date": noCurrentDate,
    "no-hidden-test": noHiddenTest,
  },
};
