/** DNS messages in a TCP stream: two bytes of length before each (RFC 1035 §4.2.2, RFC 7766 §8). Called by dns-server, dns-forwarder. */

/** Cuts a stream into messages, whatever pieces it comes in. Holds one message at most. */
export class MessageStream {
  readonly #onMessage: (bytes: Uint8Array) => void;
  #held: Buffer = Buffer.alloc(0);

  constructor(onMessage: (bytes: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= 2) {
      const end = 2 + this.#held.readUInt16BE(0);
      if (this.#held.length < end) return;
      const bytes = Uint8Array.from(this.#held.subarray(2, end));
      this.#held = this.#held.subarray(end);
      this.#onMessage(bytes);
    }
  }
}

/** What goes before a message of up to 65,535 bytes. */
export function frameLength(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes.length >>> 8, bytes.length & 0xff);
}
