/**
 * Ethernet frames for tests of FrameIo, built field by field, and a slow reading of what segmentation means: the reference that the
 * addon's C is compared with. Written from RFC 791, 768, 9293 and 8200 and virtio 1.2 §5.1.6, sharing no code with it.
 */
import {
  GSO_ECN,
  Gso,
  NO_OFFLOAD,
  VnetFlag,
  type VnetHeader,
} from '../../../packet/vnet-header.ts';

export interface Packet {
  readonly bytes: Uint8Array;
  readonly vnet: VnetHeader;
}

export interface PacketOptions {
  readonly ipVersion?: 4 | 6;
  readonly protocol?: 'tcp' | 'udp';
  readonly payloadLen: number;
  /** 0: an ordinary packet with a complete checksum. */
  readonly segmentLen?: number;
  readonly tcpFlags?: number;
  readonly tcpOptionsLen?: number;
  readonly vlanTags?: number;
  readonly identification?: number;
  readonly sequence?: number;
  readonly sourcePort?: number;
  readonly seed?: number;
}

export const TcpFlag = { FIN: 1, PSH: 8, ACK: 16, ECE: 64, CWR: 128 } as const;

const ETHERNET_LEN = 14;
const PROTOCOL = { tcp: 6, udp: 17 } as const;

/** A packet with every checksum right, or a super-frame with a partial one, as a TAP would give it. */
export function packet(options: PacketOptions): Packet {
  const { ipVersion = 4, protocol = 'tcp', payloadLen, segmentLen = 0, vlanTags = 0 } = options;
  const l3At = ETHERNET_LEN + 4 * vlanTags;
  const l4At = l3At + (ipVersion === 4 ? 20 : 40);
  const l4HeaderLen = protocol === 'udp' ? 8 : 20 + (options.tcpOptionsLen ?? 12);
  const headerLen = l4At + l4HeaderLen;
  const bytes = new Uint8Array(headerLen + payloadLen);
  const view = new DataView(bytes.buffer);
  fill(bytes.subarray(headerLen), options.seed ?? 1);
  writeEthernet(view, vlanTags, ipVersion);
  writeIp(view, l3At, { ipVersion, protocol, options });
  writeL4(view, l4At, { protocol, headerLen: l4HeaderLen, options });
  const csumOffset = protocol === 'tcp' ? 16 : 6;
  const pseudo = pseudoSum(view, { l3At, l4At, ipVersion, protocol });
  if (segmentLen === 0) {
    view.setUint16(l4At + csumOffset, 0);
    view.setUint16(l4At + csumOffset, complement(view, l4At, bytes.length, pseudo, protocol));
    return { bytes, vnet: NO_OFFLOAD };
  }
  view.setUint16(l4At + csumOffset, fold(pseudo));
  const gso = protocol === 'udp' ? Gso.UDP_L4 : ipVersion === 4 ? Gso.TCPV4 : (Gso.TCPV6 as number);
  const hasCwr = protocol === 'tcp' && ((options.tcpFlags ?? 0) & TcpFlag.CWR) !== 0;
  const vnet = {
    flags: VnetFlag.NEEDS_CSUM,
    gsoType: hasCwr ? gso | GSO_ECN : gso,
    hdrLen: headerLen,
    gsoSize: segmentLen,
    csumStart: l4At,
    csumOffset,
  };
  return { bytes, vnet };
}

function fill(bytes: Uint8Array, seed: number): void {
  let state = seed >>> 0;
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
}

function writeEthernet(view: DataView, vlanTags: number, ipVersion: 4 | 6): void {
  view.setUint32(0, 0x0200_0000);
  view.setUint32(4, 0x0002_0200);
  view.setUint32(8, 0x0000_0001);
  for (let tag = 0; tag < vlanTags; tag++) {
    view.setUint16(12 + 4 * tag, tag + 1 < vlanTags ? 0x88a8 : 0x8100);
    view.setUint16(14 + 4 * tag, 100 + tag);
  }
  view.setUint16(12 + 4 * vlanTags, ipVersion === 4 ? 0x0800 : 0x86dd);
}

function writeIp(
  view: DataView,
  at: number,
  what: { ipVersion: 4 | 6; protocol: 'tcp' | 'udp'; options: PacketOptions },
): void {
  const len = view.byteLength - at;
  if (what.ipVersion === 4) {
    view.setUint16(at, 0x4502);
    view.setUint16(at + 2, len);
    view.setUint16(at + 4, what.options.identification ?? 0xfffe);
    view.setUint16(at + 6, 0x4000);
    view.setUint8(at + 8, 64);
    view.setUint8(at + 9, PROTOCOL[what.protocol]);
    view.setUint32(at + 12, 0xc000_0201);
    view.setUint32(at + 16, 0xc000_0202);
    writeIpv4Checksum(view, at);
    return;
  }
  view.setUint32(at, 0x6012_3456);
  view.setUint16(at + 4, len - 40);
  view.setUint8(at + 6, PROTOCOL[what.protocol]);
  view.setUint8(at + 7, 64);
  for (const [offset, last] of [
    [8, 1],
    [24, 2],
  ] as const) {
    view.setUint32(at + offset, 0x2001_0db8);
    view.setUint8(at + offset + 15, last);
  }
}

function writeL4(
  view: DataView,
  at: number,
  what: { protocol: 'tcp' | 'udp'; headerLen: number; options: PacketOptions },
): void {
  view.setUint16(at, what.options.sourcePort ?? 40_000);
  view.setUint16(at + 2, 5201);
  if (what.protocol === 'udp') {
    view.setUint16(at + 4, view.byteLength - at);
    return;
  }
  view.setUint32(at + 4, what.options.sequence ?? 0xffff_f000);
  view.setUint32(at + 8, 77);
  view.setUint8(at + 12, (what.headerLen / 4) << 4);
  view.setUint8(at + 13, what.options.tcpFlags ?? TcpFlag.ACK | TcpFlag.PSH);
  view.setUint16(at + 14, 512);
  for (let option = 20; option < what.headerLen; option++) view.setUint8(at + option, 1);
}

export interface Place {
  readonly l3At: number;
  readonly l4At: number;
  readonly ipVersion: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
}

/** Of frames `packet` has made. */
export function placeOf(bytes: Uint8Array): Place {
  const view = viewOf(bytes);
  let l3At = ETHERNET_LEN;
  while (view.getUint16(l3At - 2) === 0x8100 || view.getUint16(l3At - 2) === 0x88a8) l3At += 4;
  const ipVersion = view.getUint16(l3At - 2) === 0x0800 ? 4 : 6;
  const protocol = view.getUint8(l3At + (ipVersion === 4 ? 9 : 6)) === 6 ? 'tcp' : 'udp';
  return { l3At, l4At: l3At + (ipVersion === 4 ? 20 : 40), ipVersion, protocol };
}

/** The packets that a super-frame stands for, each complete. */
export function segmentsOf({ bytes, vnet }: Packet): Uint8Array[] {
  const place = placeOf(bytes);
  const source = viewOf(bytes);
  const l4HeaderLen = place.protocol === 'udp' ? 8 : (source.getUint8(place.l4At + 12) >> 4) * 4;
  const headerLen = place.l4At + l4HeaderLen;
  const segments: Uint8Array[] = [];
  for (let at = headerLen; at < bytes.length; at += vnet.gsoSize) {
    const payload = bytes.slice(at, at + vnet.gsoSize);
    const segment = new Uint8Array(headerLen + payload.length);
    segment.set(bytes.slice(0, headerLen));
    segment.set(payload, headerLen);
    finishSegment(segment, place, {
      index: segments.length,
      offset: at - headerLen,
      isLast: at + vnet.gsoSize >= bytes.length,
    });
    segments.push(segment);
  }
  return segments;
}

function finishSegment(
  segment: Uint8Array,
  place: Place,
  which: { index: number; offset: number; isLast: boolean },
): void {
  const view = viewOf(segment);
  const { l3At, l4At } = place;
  if (place.ipVersion === 4) {
    view.setUint16(l3At + 2, segment.length - l3At);
    view.setUint16(l3At + 4, view.getUint16(l3At + 4) + which.index);
    writeIpv4Checksum(view, l3At);
  } else {
    view.setUint16(l3At + 4, segment.length - l3At - 40);
  }
  if (place.protocol === 'tcp') {
    view.setUint32(l4At + 4, view.getUint32(l4At + 4) + which.offset);
    let flags = view.getUint8(l4At + 13);
    if (!which.isLast) flags &= ~(TcpFlag.FIN | TcpFlag.PSH);
    if (which.index > 0) flags &= ~TcpFlag.CWR;
    view.setUint8(l4At + 13, flags);
  } else {
    view.setUint16(l4At + 4, segment.length - l4At);
  }
  const csumAt = l4At + (place.protocol === 'tcp' ? 16 : 6);
  view.setUint16(csumAt, 0);
  const pseudo = pseudoSum(view, place);
  view.setUint16(csumAt, complement(view, l4At, segment.length, pseudo, place.protocol));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function writeIpv4Checksum(view: DataView, at: number): void {
  view.setUint16(at + 10, 0);
  view.setUint16(at + 10, ~fold(sum(view, at, at + 20)));
}

function sum(view: DataView, at: number, end: number): number {
  let total = 0;
  for (let offset = at; offset < end; offset += 2) {
    total += offset + 1 < end ? view.getUint16(offset) : view.getUint8(offset) * 256;
  }
  return total;
}

export function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}

function pseudoSum(view: DataView, place: Place): number {
  const [from, to] = place.ipVersion === 4 ? [12, 20] : [8, 40];
  const l4Len = view.byteLength - place.l4At;
  return sum(view, place.l3At + from, place.l3At + to) + PROTOCOL[place.protocol] + l4Len;
}

function complement(
  view: DataView,
  at: number,
  end: number,
  pseudo: number,
  protocol: 'tcp' | 'udp',
): number {
  const checksum = ~fold(sum(view, at, end) + pseudo) & 0xffff;
  return checksum === 0 && protocol === 'udp' ? 0xffff : checksum;
}
