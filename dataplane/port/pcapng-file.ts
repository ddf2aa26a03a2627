/**
 * pcapng savefiles (draft-ietf-opsawg-pcapng): blocks, appended one by one to a buffer of fixed size, so that a capture can be read while
 * it grows. Unlike pcap, a frame names the interface it was seen on, its direction and a comment: here, what the switch did with it.
 *
 *   block: type u32 | total length u32 | body, padded to 4 bytes | options: code u16, length u16, value, padded … | total length u32
 *   file:  section header, then interface descriptions (numbered from 0 in order), enhanced packets, interface statistics
 *
 * Written little-endian, times in nanoseconds (if_tsresol 9). Omitted: reading. Called by dataplane/capture/capture.ts.
 */

const SECTION_HEADER = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
const LINK_TYPE_ETHERNET = 1;

const COMMENT = 1;
const USER_APPLICATION = 4;
const INTERFACE_NAME = 2;
const INTERFACE_TEXT = 3;
const TIME_RESOLUTION = 9;
const FLAGS = 2;
const RECEIVED_COUNT = 4;
const LOST_COUNT = 5;
const NANOSECONDS = 9;

/** epb_flags, bits 0 and 1: the interface's own view. */
export const Seen = { INBOUND: 1, OUTBOUND: 2 } as const;
export type Seen = (typeof Seen)[keyof typeof Seen];

/** Longest comment written; a longer one is cut. */
export const COMMENT_BYTES_MAX = 252;
/** A packet block's bytes besides the frame: header, padding, flags and a comment, end of options, length. */
const PACKET_OVERHEAD_MAX = 28 + 3 + 8 + 4 + COMMENT_BYTES_MAX + 4 + 4;

const encoder = new TextEncoder();

export interface PcapngPacket {
  /** Number of the interface's description. */
  readonly interfaceId: number;
  /** Since 1970-01-01T00:00:00Z. */
  readonly wallMs: number;
  readonly seen: Seen;
  /** Length on the wire; `bytes` [at, at + captured) are what is kept. */
  readonly originalLen: number;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly capturedLen: number;
  /** UTF-8; empty: none. */
  readonly comment: Uint8Array;
}

/** A buffer of blocks. Each `add…` writes a whole block, or nothing and returns false where there is no room. */
export class PcapngBuffer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #end = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#end;
  }

  /** Hands out the oldest of what has been written and not handed out yet, at most so many bytes. */
  take(bytesMax: number): Uint8Array {
    const taken = this.#bytes.slice(0, Math.min(this.#end, bytesMax));
    this.#bytes.copyWithin(0, taken.length, this.#end);
    this.#end -= taken.length;
    return taken;
  }

  addSection(application: string): boolean {
    const text = encoder.encode(application);
    const start = this.#open(SECTION_HEADER, 64 + text.length);
    if (start < 0) return false;
    this.#u32(BYTE_ORDER_MAGIC);
    this.#u16(1);
    this.#u16(0);
    // Section length: not known.
    this.#u32(0xffff_ffff);
    this.#u32(0xffff_ffff);
    this.#option(USER_APPLICATION, text);
    return this.#close(start);
  }

  addInterface(name: string, description: string, snapLen: number): boolean {
    const names = [encoder.encode(name), encoder.encode(description)] as const;
    const start = this.#open(INTERFACE_DESCRIPTION, 64 + names[0].length + names[1].length);
    if (start < 0) return false;
    this.#u16(LINK_TYPE_ETHERNET);
    this.#u16(0);
    this.#u32(snapLen);
    this.#option(INTERFACE_NAME, names[0]);
    this.#option(INTERFACE_TEXT, names[1]);
    this.#option(TIME_RESOLUTION, Uint8Array.of(NANOSECONDS));
    return this.#close(start);
  }

  addPacket(packet: PcapngPacket): boolean {
    const { bytes, at, capturedLen, comment } = packet;
    const start = this.#open(ENHANCED_PACKET, capturedLen + PACKET_OVERHEAD_MAX);
    if (start < 0) return false;
    this.#u32(packet.interfaceId);
    this.#time(packet.wallMs);
    this.#u32(capturedLen);
    this.#u32(packet.originalLen);
    this.#bytes.set(bytes.subarray(at, at + capturedLen), this.#end);
    this.#end += capturedLen;
    this.#pad();
    this.#u16(FLAGS);
    this.#u16(4);
    this.#u32(packet.seen);
    if (comment.length > 0) this.#option(COMMENT, comment.subarray(0, COMMENT_BYTES_MAX));
    return this.#close(start);
  }

  /** What was seen and lost on an interface, at the end. */
  addStatistics(interfaceId: number, wallMs: number, received: number, lost: number): boolean {
    const start = this.#open(INTERFACE_STATISTICS, 64);
    if (start < 0) return false;
    this.#u32(interfaceId);
    this.#time(wallMs);
    for (const [code, count] of [
      [RECEIVED_COUNT, received],
      [LOST_COUNT, lost],
    ] as const) {
      this.#u16(code);
      this.#u16(8);
      this.#u32(count % 2 ** 32);
      this.#u32(Math.floor(count / 2 ** 32));
    }
    return this.#close(start);
  }

  /** Offset of the new block, −1 where `room` bytes do not fit. */
  #open(type: number, room: number): number {
    if (this.#end + room > this.#bytes.length) return -1;
    const start = this.#end;
    this.#u32(type);
    this.#u32(0);
    return start;
  }

  #close(start: number): true {
    // End of options.
    this.#u32(0);
    const len = this.#end + 4 - start;
    this.#u32(len);
    this.#view.setUint32(start + 4, len, true);
    return true;
  }

  #option(code: number, value: Uint8Array): void {
    this.#u16(code);
    this.#u16(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
    this.#pad();
  }

  #time(wallMs: number): void {
    // Two parts, since nanoseconds since 1970 are more than a double holds.
    const whole = Math.floor(wallMs);
    const ns = BigInt(whole) * 1_000_000n + BigInt(Math.floor((wallMs - whole) * 1e6));
    this.#u32(Number(ns >> 32n));
    this.#u32(Number(ns & 0xffff_ffffn));
  }

  #pad(): void {
    while ((this.#end & 3) !== 0) this.#bytes[this.#end++] = 0;
  }

  #u16(value: number): void {
    this.#view.setUint16(this.#end, value, true);
    this.#end += 2;
  }

  #u32(value: number): void {
    this.#view.setUint32(this.#end, value, true);
    this.#end += 4;
  }
}
