/**
 * Messages between the edge's agent and its router process, on a unix socket that only their owner may open: a length of four bytes, big-endian, and
 * so many bytes of V8's structured clone, as between threads. Both ends are of one installation; the router's first message says of which protocol.
 *
 *   router → agent   RouterHello, then an answer to each request (worker-protocol.ts)
 *   agent → router   numbered requests
 *
 * Called by router-server.ts and adopt-router.ts.
 */
import { deserialize, serialize } from 'node:v8';
import { SdnError } from '../../../base/errors.ts';
import { ROUTER_MESSAGE_BYTES_MAX } from '../limits.ts';

/** Goes up with every change of worker-protocol.ts: an agent ends a router that speaks another. */
export const ROUTER_PROTOCOL = 1;

export interface RouterHello {
  readonly protocol: number;
  /** What it was started with. */
  readonly options: string;
  readonly pid: number;
  /** An agent has been here before. */
  readonly wasServed: boolean;
}

const LENGTH_BYTES = 4;

export function frameOf(message: unknown): Uint8Array {
  const body = serialize(message);
  const frame = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, LENGTH_BYTES);
  return frame;
}

/** Puts messages together from pieces of a stream. */
export class FrameReader {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes that the next message needs, its length included. */
  #needed = LENGTH_BYTES;

  /** Messages that are complete with this piece. Throws SDN_EDGE_ROUTER where the stream is none of these. */
  push(piece: Uint8Array): unknown[] {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    const messages: unknown[] = [];
    while (this.#bytes >= this.#needed) {
      const stream = Buffer.concat(this.#pieces);
      const length = stream.readUInt32BE(0);
      if (length > ROUTER_MESSAGE_BYTES_MAX) throw malformed();
      const end = LENGTH_BYTES + length;
      const isComplete = stream.length >= end;
      if (isComplete) messages.push(messageOf(stream.subarray(LENGTH_BYTES, end)));
      this.#needed = isComplete ? LENGTH_BYTES : end;
      const rest = stream.subarray(isComplete ? end : 0);
      this.#pieces = [rest];
      this.#bytes = rest.length;
    }
    return messages;
  }
}

function messageOf(body: Uint8Array): unknown {
  try {
    return deserialize(body);
  } catch {
    throw malformed();
  }
}

function malformed(): SdnError {
  return new SdnError('SDN_EDGE_ROUTER', 'what came over the router’s socket is no message');
}
