/**
 * Packets as the reference model and its generators have them, written down as frames with code of their own: what a sender's kernel would
 * write, every byte of it. A packet that went through the switch is the same packet with a few fields changed, so what the switch must have
 * sent is `frameOf` of that. Super-frames and partial checksums by virtio 1.2 §5.1.6.2.
 */
import { NO_OFFLOAD, type VnetHeader } from '../../packet/vnet-header.ts';
import { type Address, bytesOf, isIpv6 } from './address.ts';
import { complement, onesSum } from './checksums.ts';

export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const;

export interface Segment {
  /** IP protocol number. */
  readonly protocol: number;
  /** TCP and UDP. */
  readonly srcPort: number;
  readonly dstPort: number;
  /** TCP: flags, as in the header. */
  readonly flags: number;
  /** ICMP: type and identifier. */
  readonly type: number;
  readonly identifier: number;
}

export interface PacketSpec {
  /** 48 bits. */
  readonly srcMac: number;
  readonly dstMac: number;
  readonly isTagged: boolean;
  readonly src: Address;
  readonly dst: Address;
  readonly ttl: number;
  /** IPv4 only. */
  readonly dontFragment: boolean;
  readonly fragment: 'none' | 'first' | 'later';
  readonly segment: Segment;
  /** Of the transport's payload. */
  readonly payloadLen: number;
  /** Every byte of the payload is this: which network sent it. */
  readonly mark: number;
  /** The checksum is left to the device; with segmentation, the whole frame is left to it to cut (TCP and UDP, whole packets only). */
  readonly offload: 'none' | 'checksum' | 'segmentation';
}

/** What a device cuts super-frames to, bytes of payload. */
export const SEGMENT_SIZE = 1000;

export interface Frame {
  readonly bytes: Uint8Array;
  readonly vnet: VnetHeader;
}

export function frameOf(spec: PacketSpec): Frame {
  const transport = transportOf(spec);
  const ip = isIpv6(spec.src) ? ipv6Of(spec, transport) : ipv4Of(spec, transport);
  const tag = spec.isTagged ? [0x81, 0x00, 0x00, 0x05] : [];
  const etherType = isIpv6(spec.src) ? [0x86, 0xdd] : [0x08, 0x00];
  const ethernet = [...macBytes(spec.dstMac), ...macBytes(spec.srcMac), ...tag, ...etherType];
  const bytes = Uint8Array.of(...ethernet, ...ip, ...transport);
  return { bytes, vnet: vnetOf(spec, ethernet.length + ip.length) };
}

/** Bytes of the IP packet; of a super-frame, of the largest packet it will be cut to. */
export function ipLengthOf(spec: PacketSpec): number {
  const { bytes } = frameOf(spec);
  const whole = bytes.length - (spec.isTagged ? 18 : 14);
  if (spec.offload !== 'segmentation') return whole;
  return whole - spec.payloadLen + SEGMENT_SIZE;
}

export function hasPorts(protocol: number): boolean {
  return protocol === PROTOCOL.TCP || protocol === PROTOCOL.UDP;
}

export function isIcmp(protocol: number): boolean {
  return protocol === PROTOCOL.ICMP || protocol === PROTOCOL.ICMPV6;
}

/** Header and payload, checksum filled in as the offload asks. */
function transportOf(spec: PacketSpec): number[] {
  const { segment, fragment, offload } = spec;
  const payload = new Array<number>(spec.payloadLen).fill(spec.mark);
  if (fragment === 'later') return payload;
  const { protocol } = segment;
  const ports = [...u16(segment.srcPort), ...u16(segment.dstPort)];
  let bytes = payload;
  let checksumAt = -1;
  if (protocol === PROTOCOL.TCP) {
    const flags = [0x50, segment.flags];
    bytes = [...ports, 0, 0, 0, 1, 0, 0, 0, 2, ...flags, 0xfa, 0xf0, 0, 0, 0, 0, ...payload];
    checksumAt = 16;
  } else if (protocol === PROTOCOL.UDP) {
    bytes = [...ports, ...u16(8 + payload.length), 0, 0, ...payload];
    checksumAt = 6;
  } else if (isIcmp(protocol)) {
    bytes = [segment.type, 0, 0, 0, ...u16(segment.identifier), 0, 1, ...payload];
    checksumAt = 2;
  }
  if (checksumAt < 0) return bytes;
  const pseudo =
    protocol === PROTOCOL.ICMP ? 0 : onesSum(pseudoHeader(spec.src, spec.dst, protocol, bytes));
  const isPartial = offload !== 'none' && hasPorts(protocol);
  const sum = isPartial ? pseudo : complement(onesSum(bytes, pseudo));
  const written = protocol === PROTOCOL.UDP && !isPartial && sum === 0 ? 0xffff : sum;
  bytes.splice(checksumAt, 2, ...u16(written));
  return bytes;
}

/** RFC 9293 §3.1, RFC 8200 §8.1. */
function pseudoHeader(src: Address, dst: Address, protocol: number, bytes: ArrayLike<number>) {
  return [...bytesOf(src), ...bytesOf(dst), 0, protocol, ...u32(bytes.length)];
}

function ipv4Of(spec: PacketSpec, transport: readonly number[]): number[] {
  const { fragment } = spec;
  const flags =
    (spec.dontFragment ? 0x4000 : 0) |
    (fragment === 'first' ? 0x2000 : 0) |
    (fragment === 'later' ? 100 : 0);
  const header = [
    ...[0x45, 0],
    ...u16(20 + transport.length),
    ...[0x12, 0x34],
    ...u16(flags),
    ...[spec.ttl, spec.segment.protocol, 0, 0],
    ...bytesOf(spec.src),
    ...bytesOf(spec.dst),
  ];
  header.splice(10, 2, ...u16(complement(onesSum(header))));
  return header;
}

function ipv6Of(spec: PacketSpec, transport: readonly number[]): number[] {
  const { fragment, segment } = spec;
  const offset = fragment === 'first' ? 1 : 100 * 8;
  const extension =
    fragment === 'none' ? [] : [segment.protocol, 0, ...u16(offset), 0, 0, 0x56, 0x78];
  return [
    ...[0x60, 0, 0, 0],
    ...u16(extension.length + transport.length),
    ...[fragment === 'none' ? segment.protocol : 44, spec.ttl],
    ...bytesOf(spec.src),
    ...bytesOf(spec.dst),
    ...extension,
  ];
}

function vnetOf(spec: PacketSpec, csumStart: number): VnetHeader {
  const { protocol } = spec.segment;
  if (spec.offload === 'none' || !hasPorts(protocol)) return NO_OFFLOAD;
  const isTcp = protocol === PROTOCOL.TCP;
  const header = { ...NO_OFFLOAD, flags: 1, csumStart, csumOffset: isTcp ? 16 : 6 };
  if (spec.offload === 'checksum') return header;
  const tcpType = isIpv6(spec.src) ? 4 : 1;
  const hdrLen = csumStart + (isTcp ? 20 : 8);
  return { ...header, gsoType: isTcp ? tcpType : 5, gsoSize: SEGMENT_SIZE, hdrLen };
}

function macBytes(mac: number): number[] {
  return [...u16(Math.floor(mac / 0x1_0000_0000)), ...u32(mac % 0x1_0000_0000)];
}

function u16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

function u32(value: number): number[] {
  return [24, 16, 8, 0].map((bits) => (value >>> bits) & 255);
}
