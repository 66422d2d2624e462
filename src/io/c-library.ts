/**
 * Functions of the C library that Node.js has no other way to: for hints to the system, on which nothing may depend. Node.js can
 * call them from 26.9 on (`node:ffi`; since 26.1 with an option).
 */
import type { DynamicLibraryResult, FunctionDefinitions } from "node:ffi";
import process from "node:process";

type Ffi = typeof import("node:ffi");

export interface CLibrary<Definitions extends FunctionDefinitions> {
  readonly functions: DynamicLibraryResult<Definitions>["functions"];
  /** Of memory that has to be held on to as long as the address is used. */
  readonly addressOf: Ffi["getRawPointer"];
}

/**
 * Looks for these functions at the first call, since most commands make none. Undefined where they can't be had, and elsewhere than
 * on Linux.
 */
export function cLibrary<const Definitions extends FunctionDefinitions>(
  definitions: Definitions,
): () => CLibrary<Definitions> | undefined {
  let found: { readonly library: CLibrary<Definitions> | undefined } | undefined;
  return () => (found ??= { library: find(definitions) }).library;
}

function find<const Definitions extends FunctionDefinitions>(
  definitions: Definitions,
): CLibrary<Definitions> | undefined {
  if (process.platform !== "linux") return undefined;
  // That the module may change is no news for an operator: whatever goes wrong with it, there are no hints.
  const emitWarning: unknown = Reflect.get(process, "emitWarning");
  process.emitWarning = () => undefined;
  try {
    const ffi = process.getBuiltinModule("node:ffi") as Ffi | undefined;
    if (ffi === undefined) return undefined;
    return { functions: ffi.dlopen(null, definitions).functions, addressOf: ffi.getRawPointer };
  } catch {
    return undefined; // left out of this Node.js, or switched off
  } finally {
    Reflect.set(process, "emitWarning", emitWarning);
  }
}
