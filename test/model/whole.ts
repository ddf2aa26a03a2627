/**
 * Fragments put together (RFC 791 §3.2, the procedure of its example), with code of its own: what the receiver's kernel would make of the
 * frames that left. They come in order, as one host sends them through one tunnel. A packet that was a fragment before stays one.
 */
import { complement, onesSum } from './checksums.ts';

const IP_AT = 14;
const LENGTH_AT = IP_AT + 2;
const FRAGMENT_AT = IP_AT + 6;
const CHECKSUM_AT = IP_AT + 10;
const MORE = 0x2000;
const OFFSET = 0x1fff;

/** Longest IP packet among the frames, bytes. */
export function packetBytesMax(frames: readonly Uint8Array[]): number {
  return Math.max(0, ...frames.map(({ length }) => length - IP_AT));
}

/** The frame they were cut from; a string says what is wrong with them. Options are not in use here. */
export function wholeOf(frames: readonly Uint8Array[]): Uint8Array | string {
  const [first] = frames;
  const last = frames.at(-1);
  if (first === undefined || last === undefined) return 'no frame at all';
  const headerLen = ((first[IP_AT] ?? 0) & 15) * 4;
  const dataAt = IP_AT + headerLen;
  const base = u16(first, FRAGMENT_AT) & OFFSET;
  const parts: number[] = [];
  for (const frame of frames) {
    const word = u16(frame, FRAGMENT_AT);
    const isLast = frame === last;
    if ((word & OFFSET) * 8 !== base * 8 + parts.length) return 'a fragment at another place';
    if (!isLast && (word & MORE) === 0) return 'a fragment says that it is the last';
    if (!isLast && (frame.length - dataAt) % 8 !== 0) return 'a fragment of no multiple of 8 bytes';
    if (!isSameHeader(first, frame, dataAt)) return 'a fragment with another header';
    parts.push(...frame.slice(dataAt));
  }
  const whole = Uint8Array.of(...first.slice(0, dataAt), ...parts);
  const view = new DataView(whole.buffer);
  view.setUint16(LENGTH_AT, headerLen + parts.length);
  view.setUint16(FRAGMENT_AT, (u16(last, FRAGMENT_AT) & ~OFFSET) | base);
  view.setUint16(CHECKSUM_AT, 0);
  view.setUint16(CHECKSUM_AT, complement(onesSum(whole.slice(IP_AT, dataAt))));
  return whole;
}

/** All but lengths, fragment fields and header checksum. */
function isSameHeader(first: Uint8Array, frame: Uint8Array, dataAt: number): boolean {
  for (let at = 0; at < dataAt; at += 1) {
    const isOwn = [LENGTH_AT, FRAGMENT_AT, CHECKSUM_AT].some((own) => at === own || at === own + 1);
    if (!isOwn && first[at] !== frame[at]) return false;
  }
  return true;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
