/**
 * What a peer has sent and nobody has dealt with yet: the rest of one message at most, and one chunk of the socket, because the socket is
 * paused while there is more (RFC 4271 §4.1 bounds a message). Called by machine.ts.
 */

const CAPACITY_INITIAL = 4_096;

export class InputBuffer {
  #bytes = new Uint8Array(0);
  view: DataView = new DataView(this.#bytes.buffer);
  /** Of the first octet that has not been dealt with; whoever deals with it moves it on. */
  at = 0;
  end = 0;

  /** Octets that it takes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Behind what is left. */
  add(bytes: Uint8Array): void {
    const left = this.end - this.at;
    const needed = left + bytes.length;
    if (needed > this.#bytes.length) {
      const capacity = Math.max(CAPACITY_INITIAL, 2 ** Math.ceil(Math.log2(needed)));
      const grown = new Uint8Array(capacity);
      grown.set(this.#bytes.subarray(this.at, this.end));
      this.#hold(grown);
    } else if (this.at > 0) {
      this.#bytes.copyWithin(0, this.at, this.end);
    }
    this.#bytes.set(bytes, left);
    this.at = 0;
    this.end = needed;
  }

  /** Forgets everything, and gives its room back. */
  clear(): void {
    this.#hold(new Uint8Array(0));
    this.at = 0;
    this.end = 0;
  }

  #hold(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
