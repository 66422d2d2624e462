/** Calls of `node:fs` as promises. Its own, `fs.promises`, cost several times the processor time for each. */

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

/** The promise of one call, which `start` makes. */
export function call<T = void>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value as T);
    });
  });
}
