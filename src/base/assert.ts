/**
 * Asserts that stay on. A broken invariant is a bug in this program, and going on could give wrong answers or lose
 * data, so nothing catches an `InvariantError`: it ends the process.
 */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Ends the process (by throwing what nobody catches) when `condition` is false. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a branch that no value can reach: the compiler refuses the call while a case is left unhandled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value: ${String(value)}`);
}
