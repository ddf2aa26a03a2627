/**
 * A BGP peer that only measures: sends a prepared stream as fast as it is read, counts the prefixes it is told, and notes how long it hears
 * nothing. Not bgp/ at work: what is measured must not measure itself. RFC 4271 §4. Called by tester.ts.
 */
import { connect, type Socket } from 'node:net';
import { systemClock } from '../../base/clock.ts';
import { seconds } from '../../base/units.ts';

export interface PeerOptions {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly asn: number;
  readonly holdTimeSec: number;
  /** Prefixes it has been told have changed. */
  onCount?(): void;
  /** The session ended; it does not come back. */
  onLost(why: string): void;
}

const HEADER_LEN = 19;
const OPEN = 1;
const UPDATE = 2;
const NOTIFICATION = 3;
const KEEPALIVE = 4;
const MP_REACH = 14;
const MP_UNREACH = 15;
const CHUNK = 256 * 1024;
const KEEPALIVE_MESSAGE = message(KEEPALIVE, []);

export class Peer {
  readonly #socket: Socket;
  readonly #options: PeerOptions;
  #input: Buffer = Buffer.alloc(0);
  #heardAt = systemClock.now();
  #resolveUp: (() => void) | undefined;
  readonly up: Promise<void>;
  isUp = false;
  /** Prefixes announced less those withdrawn. */
  known = 0;
  /** Longest time without a message since it was last reset, milliseconds. */
  silenceMs = 0;

  constructor(options: PeerOptions) {
    this.#options = options;
    const { remoteAddress, localAddress, holdTimeSec } = options;
    this.up = new Promise((resolve) => {
      this.#resolveUp = resolve;
    });
    this.#socket = connect({ host: remoteAddress, port: 179, localAddress, noDelay: true });
    this.#socket.on('connect', () => this.#socket.write(open(options)));
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => options.onLost('the connection was closed'));
    const beat = (): void => {
      if (this.isUp) this.#socket.write(KEEPALIVE_MESSAGE);
      if (!this.#socket.destroyed) {
        systemClock.after(seconds(holdTimeSec / 3), beat, { background: true });
      }
    };
    beat();
  }

  /** Writes everything; resolves when the system has taken it. KEEPALIVEs go between whole messages. */
  async send(stream: Uint8Array): Promise<void> {
    for (let at = 0; at < stream.length; ) {
      const end = endOfChunk(stream, at);
      const hasRoom = this.#socket.write(stream.subarray(at, end));
      at = end;
      if (!hasRoom) await new Promise((resolve) => this.#socket.once('drain', resolve));
    }
  }

  /** From now on. */
  resetSilence(): void {
    this.#heardAt = systemClock.now();
    this.silenceMs = 0;
  }

  /** The present silence counts too. */
  longestSilenceMs(): number {
    return Math.max(this.silenceMs, systemClock.now() - this.#heardAt);
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    const now = systemClock.now();
    this.silenceMs = Math.max(this.silenceMs, now - this.#heardAt);
    this.#heardAt = now;
    const input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    const before = this.known;
    let at = 0;
    while (input.length - at >= HEADER_LEN) {
      const length = (input[at + 16] ?? 0) * 256 + (input[at + 17] ?? 0);
      if (input.length - at < length) break;
      this.#message(input, at, at + length);
      at += length;
    }
    this.#input = input.subarray(at);
    if (this.known !== before) this.#options.onCount?.();
  }

  #message(input: Buffer, at: number, end: number): void {
    switch (input[at + 18]) {
      case OPEN:
        this.#socket.write(KEEPALIVE_MESSAGE);
        return;
      case KEEPALIVE:
        this.isUp = true;
        this.#resolveUp?.();
        return;
      case NOTIFICATION:
        this.#options.onLost(`NOTIFICATION ${input[at + 19]}/${input[at + 20]}`);
        return;
      case UPDATE:
        this.#update(input, at + HEADER_LEN, end);
        return;
      default:
    }
  }

  #update(input: Buffer, at: number, end: number): void {
    const attributesAt = at + 4 + uint16(input, at);
    this.known -= prefixesIn(input, at + 2, attributesAt - 2);
    const nlriAt = attributesAt + uint16(input, attributesAt - 2);
    this.known += prefixesIn(input, nlriAt, end);
    for (let next = attributesAt; next < nlriAt; ) {
      const isExtended = ((input[next] ?? 0) & 0x10) !== 0;
      const type = input[next + 1];
      const length = isExtended ? uint16(input, next + 2) : (input[next + 2] ?? 0);
      const valueAt = next + (isExtended ? 4 : 3);
      next = valueAt + length;
      if (type === MP_UNREACH) this.known -= prefixesIn(input, valueAt + 3, next);
      if (type === MP_REACH) {
        this.known += prefixesIn(input, valueAt + 5 + (input[valueAt + 3] ?? 0), next);
      }
    }
  }
}

/** Whole messages of about CHUNK bytes. */
function endOfChunk(stream: Uint8Array, at: number): number {
  let end = at;
  while (end < stream.length && end - at < CHUNK) {
    end += (stream[end + 16] ?? 0) * 256 + (stream[end + 17] ?? 0);
  }
  return end;
}

function prefixesIn(input: Buffer, at: number, end: number): number {
  let count = 0;
  for (let next = at; next < end; count++) next += 1 + (((input[next] ?? 0) + 7) >>> 3);
  return count;
}

/** RFC 4271 §4.2 with the capabilities multiprotocol, route refresh and four-octet AS. */
function open({ localAddress, asn, holdTimeSec }: PeerOptions): Uint8Array {
  const isIpv6 = localAddress.includes(':');
  const capabilities = [1, 4, 0, isIpv6 ? 2 : 1, 0, 1, 2, 0, 65, 4, ...word(asn)];
  const parameter = [2, capabilities.length, ...capabilities];
  const identifier = word(0x0a00_0000 + asn);
  const body = [4, asn >>> 8, asn & 0xff, 0, holdTimeSec, ...identifier, parameter.length];
  return message(OPEN, [...body, ...parameter]);
}

function message(type: number, body: readonly number[]): Uint8Array {
  const length = HEADER_LEN + body.length;
  return Uint8Array.of(...Array(16).fill(0xff), length >>> 8, length & 0xff, type, ...body);
}

function word(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function uint16(input: Buffer, at: number): number {
  return (input[at] ?? 0) * 256 + (input[at + 1] ?? 0);
}
