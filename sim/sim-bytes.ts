/** The bytes of a simulated file: as long as what was written, zeroes in the gaps. */
export class SimBytes {
  #buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  write(position: number, bytes: Uint8Array): void {
    // Writing nothing changes nothing, the length neither.
    if (bytes.length === 0) return;
    if (position + bytes.length > this.#length) this.resize(position + bytes.length);
    this.#buffer.set(bytes, position);
  }

  resize(length: number): void {
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    // What a cut leaves behind must not come back when the file grows again.
    if (length < this.#length) this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }

  /** Copies what there is from `position` on, up to the length of `into`; the number of bytes. */
  read(into: Uint8Array, position: number): number {
    const end = Math.min(position + into.length, this.#length);
    if (position >= end) return 0;
    into.set(this.#buffer.subarray(position, end));
    return end - position;
  }

  assign(other: SimBytes): void {
    this.#buffer = Buffer.from(other.#buffer.subarray(0, other.#length));
    this.#length = other.#length;
  }

  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }
}
