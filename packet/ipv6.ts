/**
 * IPv6 header and extension header walk — RFC 8200 §3, §4; RFC 4302 (AH); payload length 0 of jumbograms RFC 2675 §3.
 *
 *   0                          4                 6             7           8                24               40
 *   | ver | class | flow label | payload length  | next header | hop limit | source         | destination    |
 *
 * `check` proves version and payload length. Payload length 0 with more bytes than the field can say is a super-frame ("BIG TCP"):
 * use `packetEnd`. The walk passes hop-by-hop, routing, destination options, authentication and fragment headers, at most
 * EXTENSION_HEADERS_MAX; options inside them are not interpreted. ESP and everything else is an upper layer.
 * Called by flow-key, icmpv6, dataplane layers.
 */
import { copyBytes, writeBytes } from './bytes.ts';
import { Drop } from './drop.ts';
import { IpProtocol } from './ip-protocol.ts';
import { EXTENSION_HEADERS_MAX } from './limits.ts';

export const HEADER_LEN = 40;
export const ADDRESS_LEN = 16;
export const PAYLOAD_LENGTH_MAX = 0xffff;

const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SRC = 8;
const DST = 24;
const FRAGMENT_HEADER_LEN = 8;

/** Must pass before any accessor is used on [at, end). Invalidated by setPayloadLength. */
export function check(view: DataView, at: number, end: number): Drop {
  const available = end - at;
  if (available < HEADER_LEN) return Drop.Ipv6Truncated;
  if (view.getUint8(at) >>> 4 !== 6) return Drop.Ipv6BadVersion;
  const payload = view.getUint16(at + PAYLOAD_LENGTH);
  if (payload > available - HEADER_LEN) return Drop.Ipv6BadPayloadLength;
  return Drop.None;
}

export function trafficClass(view: DataView, at: number): number {
  return (view.getUint16(at) >>> 4) & 0xff;
}

/** 20 bits. */
export function flowLabel(view: DataView, at: number): number {
  return view.getUint32(at) & 0xf_ffff;
}

export function payloadLength(view: DataView, at: number): number {
  return view.getUint16(at + PAYLOAD_LENGTH);
}

/** Offset after the packet's last byte; what follows up to `end` is padding of the link. */
export function packetEnd(view: DataView, at: number, end: number): number {
  const payload = payloadLength(view, at);
  const isJumbo = payload === 0 && end - at - HEADER_LEN > PAYLOAD_LENGTH_MAX;
  return isJumbo ? end : at + HEADER_LEN + payload;
}

export function nextHeader(view: DataView, at: number): number {
  return view.getUint8(at + NEXT_HEADER);
}

export function hopLimit(view: DataView, at: number): number {
  return view.getUint8(at + HOP_LIMIT);
}

/** Word `index` (0 … 3, first the most significant) of the source address. */
export function srcWord(view: DataView, at: number, index: number): number {
  return view.getUint32(at + SRC + index * 4);
}

/** Word `index` (0 … 3, first the most significant) of the destination address. */
export function dstWord(view: DataView, at: number, index: number): number {
  return view.getUint32(at + DST + index * 4);
}

/** ff00::/8 */
export function isToMulticast(view: DataView, at: number): boolean {
  return view.getUint8(at + DST) === 0xff;
}

export function setHopLimit(view: DataView, at: number, value: number): void {
  view.setUint8(at + HOP_LIMIT, value);
}

export function setPayloadLength(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + PAYLOAD_LENGTH, bytes);
}

/** Result of an extension header walk; reused between packets. */
export interface UpperLayer {
  /** Protocol of the upper layer, NO_NEXT_HEADER included. */
  protocol: number;
  /** Its first byte. */
  at: number;
  /** Offset of the fragment header, −1 if none. */
  fragmentAt: number;
}

export function newUpperLayer(): UpperLayer {
  return { protocol: 0, at: 0, fragmentAt: -1 };
}

/**
 * Finds the upper layer of the packet at `at` whose bytes end at `end` (packetEnd), after `check`. In a later fragment the walk ends at
 * the fragment header: what follows is a piece of payload, `protocol` says of what.
 */
export function findUpperLayer(view: DataView, at: number, end: number, found: UpperLayer): Drop {
  found.protocol = nextHeader(view, at);
  found.at = at + HEADER_LEN;
  found.fragmentAt = -1;
  for (let count = 0; isExtension(found.protocol); count += 1) {
    if (count === EXTENSION_HEADERS_MAX) return Drop.Ipv6BadExtension;
    const header = found.at;
    if (header + 8 > end) return Drop.Ipv6BadExtension;
    const kind = found.protocol;
    const bytes = extensionLen(view, header, kind);
    if (header + bytes > end) return Drop.Ipv6BadExtension;
    found.protocol = view.getUint8(header);
    found.at = header + bytes;
    if (kind === IpProtocol.FRAGMENT) {
      found.fragmentAt = header;
      if (fragmentOffset(view, header) !== 0) return Drop.None;
    }
  }
  return Drop.None;
}

/** Bytes; `fragmentAt` from findUpperLayer. */
export function fragmentOffset(view: DataView, fragmentAt: number): number {
  return view.getUint16(fragmentAt + 2) & 0xfff8;
}

export function moreFragments(view: DataView, fragmentAt: number): boolean {
  return (view.getUint8(fragmentAt + 3) & 1) === 1;
}

export function fragmentIdentification(view: DataView, fragmentAt: number): number {
  return view.getUint32(fragmentAt + 4);
}

export function isExtension(protocol: number): boolean {
  return (
    protocol === IpProtocol.HOP_BY_HOP ||
    protocol === IpProtocol.ROUTING ||
    protocol === IpProtocol.FRAGMENT ||
    protocol === IpProtocol.AUTHENTICATION ||
    protocol === IpProtocol.DESTINATION_OPTIONS
  );
}

function extensionLen(view: DataView, at: number, kind: number): number {
  if (kind === IpProtocol.FRAGMENT) return FRAGMENT_HEADER_LEN;
  const length = view.getUint8(at + 1);
  // AH counts 4-byte words minus 2 (RFC 4302 §2.2), the others 8-byte words minus 1.
  return kind === IpProtocol.AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
}

export interface Repr {
  readonly trafficClass: number;
  readonly flowLabel: number;
  /** Bytes after the fixed header, extension headers included. */
  readonly payloadLen: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  /** 16 bytes, network order. */
  readonly src: Uint8Array;
  /** 16 bytes, network order. */
  readonly dst: Uint8Array;
}

export function parse(view: DataView, at: number): Repr {
  return {
    trafficClass: trafficClass(view, at),
    flowLabel: flowLabel(view, at),
    payloadLen: payloadLength(view, at),
    nextHeader: nextHeader(view, at),
    hopLimit: hopLimit(view, at),
    src: copyBytes(view, at + SRC, at + DST),
    dst: copyBytes(view, at + DST, at + HEADER_LEN),
  };
}

export function reprLen(_repr: Repr): number {
  return HEADER_LEN;
}

/** Writes the fixed header; extension headers and payload are the caller's. */
export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint32(at, ((6 << 28) | (repr.trafficClass << 20) | repr.flowLabel) >>> 0);
  setPayloadLength(view, at, repr.payloadLen);
  view.setUint8(at + NEXT_HEADER, repr.nextHeader);
  setHopLimit(view, at, repr.hopLimit);
  writeBytes(repr.src, view, at + SRC);
  writeBytes(repr.dst, view, at + DST);
}
