/** Methods of a class, to be called with an object of it. */
export function methodsOf<T extends object, K extends keyof T>(prototype: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, prototype[name]])) as Pick<T, K>;
}
