/** Bytes cut into lines as they arrive. Only the line feed counts; all other bytes, also a carriage return, are content. */
import { Buffer } from "node:buffer";
import { CommandFailure } from "./failure.ts";

const LINE_FEED = 0x0a;

/** The most that a broker's largest request could hold; a longer "line" is some other kind of file. */
const LINE_MAX_BYTES = 100 * 1024 * 1024;

export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(maxBytes = LINE_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in these bytes. @throws CommandFailure when one is too long. */
  *push(bytes: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      this.#keep(bytes.subarray(start, end));
      yield this.#take();
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  /** The last line, when nothing ended it. */
  end(): Buffer | undefined {
    return this.#partBytes === 0 ? undefined : this.#take();
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length;
    if (this.#partBytes > this.#maxBytes) throw new CommandFailure(`it is longer than ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#parts.push(part);
  }

  #take(): Buffer {
    const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    [this.#parts, this.#partBytes] = [[], 0];
    return line;
  }
}
