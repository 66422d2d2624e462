/**
 * A number of bytes (or of anything) shared by everybody who asks, served in order of arrival. A request for more than
 * the whole budget gets all of it, alone.
 */
export class ByteBudget {
  readonly limitBytes: number;
  #used = 0;
  readonly #queue: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(limit: number) {
    this.limitBytes = limit;
  }

  get usedBytes(): number {
    return this.#used;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes `bytes` if they are free and nobody waits for more; answers whether it did. */
  tryAcquire(bytes: number): boolean {
    if (this.#queue.length > 0 || !this.#fits(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  /** Resolves when `bytes` were taken. */
  acquire(bytes: number): Promise<void> {
    if (this.tryAcquire(bytes)) return Promise.resolve();
    return new Promise((resolve) => this.#queue.push({ bytes, grant: resolve }));
  }

  /** As `acquire`, by call: `grant` is called when `bytes` were taken. Answers what takes the request back. */
  request(bytes: number, grant: () => void): () => void {
    const waiting = { bytes, grant };
    this.#queue.push(waiting);
    return () => {
      const at = this.#queue.indexOf(waiting);
      if (at === -1) return;
      this.#queue.splice(at, 1);
      this.#serve();
    };
  }

  release(bytes: number): void {
    this.#used -= bytes;
    this.#serve();
  }

  #serve(): void {
    while (this.#queue.length > 0 && this.#fits(this.#queue[0]!.bytes)) {
      const { bytes, grant } = this.#queue.shift()!;
      this.#used += bytes;
      grant();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.limitBytes;
  }
}
