/**
 * A TCP segment without data as a whole frame, of either family and with right checksums (RFC 9293 §3.1). Called by idle-resets.
 */
import type { Mac } from '../../base/mac.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import * as tcp from '../../packet/tcp.ts';

export interface Segment {
  readonly srcMac: Mac;
  readonly dstMac: Mac;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** Bits of packet/tcp's Flag. */
  readonly flags: number;
}

const TTL = 64;

/** Addresses and ports are those of `key`. */
export function tcpSegment(key: FlowKey, segment: Segment): Uint8Array {
  const isIpv6 = key.etherType === ethernet.EtherType.IPV6;
  const l3 = ethernet.HEADER_LEN;
  const l4 = l3 + (isIpv6 ? ipv6.HEADER_LEN : ipv4.HEADER_LEN);
  const end = l4 + tcp.HEADER_LEN;
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  const { srcMac, dstMac, sequence, acknowledgment, flags } = segment;
  ethernet.emit({ dst: dstMac, src: srcMac, etherType: key.etherType }, view, 0);
  if (isIpv6) emitIpv6(view, l3, key);
  else emitIpv4(view, l3, key);
  const unused = { reserved: 0, window: 0, checksum: 0, urgentPointer: 0 };
  const { srcPort, dstPort } = key;
  const options = new Uint8Array();
  tcp.emit({ srcPort, dstPort, sequence, acknowledgment, flags, options, ...unused }, view, l4);
  const pseudo = isIpv6
    ? pseudoIpv6(view, l3, IpProtocol.TCP, tcp.HEADER_LEN)
    : pseudoIpv4(view, l3, IpProtocol.TCP, tcp.HEADER_LEN);
  tcp.fillChecksum(view, l4, end, pseudo);
  return bytes;
}

function emitIpv4(view: DataView, at: number, { src3, dst3 }: FlowKey): void {
  view.setUint16(at, 0x4500);
  view.setUint16(at + 2, ipv4.HEADER_LEN + tcp.HEADER_LEN);
  view.setUint16(at + 6, DONT_FRAGMENT);
  view.setUint8(at + 8, TTL);
  view.setUint8(at + 9, IpProtocol.TCP);
  ipv4.setSrc(view, at, src3);
  ipv4.setDst(view, at, dst3);
  ipv4.fillChecksum(view, at);
}

const DONT_FRAGMENT = 0x4000;

function emitIpv6(view: DataView, at: number, key: FlowKey): void {
  view.setUint32(at, 0x6000_0000);
  view.setUint16(at + 4, tcp.HEADER_LEN);
  view.setUint8(at + 6, IpProtocol.TCP);
  view.setUint8(at + 7, TTL);
  const words = [key.src0, key.src1, key.src2, key.src3, key.dst0, key.dst1, key.dst2, key.dst3];
  for (const [index, word] of words.entries()) view.setUint32(at + 8 + index * 4, word);
}
