/**
 * A UDP datagram (RFC 768) in fragments, as frames for injection: of IPv4 (RFC 791 §3.2) or IPv6 (RFC 8200 §4.5), in the order of their offsets, so that
 * a test may send them in any other. Used by integration tests.
 */
import { defined } from '../../base/assert.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { type Ipv4, parseIpv4 } from '../../base/ipv4.ts';
import { type Mac, parseMac } from '../../base/mac.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import * as udp from '../../packet/udp.ts';

export interface Datagram {
  readonly srcMac: string;
  readonly dstMac: string;
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly payload: Uint8Array;
  readonly identification: number;
}

const FRAGMENT_HEADER_LEN = 8;
const FRAGMENT_HEADER = 44;
const HOPS = 64;

/** `pieceBytes`: of the datagram in each fragment but the last, a multiple of 8. */
export function fragmentsOf(datagram: Datagram, pieceBytes: number): Uint8Array[] {
  const whole = udpBytes(datagram);
  const fragments: Uint8Array[] = [];
  for (let offset = 0; offset < whole.length; offset += pieceBytes) {
    const piece = whole.subarray(offset, offset + pieceBytes);
    const hasMore = offset + pieceBytes < whole.length;
    fragments.push(frameOf(datagram, piece, offset, hasMore));
  }
  return fragments;
}

function isIpv6({ dst }: Datagram): boolean {
  return dst.includes(':');
}

function udpBytes(datagram: Datagram): Uint8Array {
  const { payload, srcPort, dstPort } = datagram;
  const length = udp.HEADER_LEN + payload.length;
  const headerLen = isIpv6(datagram) ? ipv6.HEADER_LEN : ipv4.HEADER_LEN;
  const bytes = new Uint8Array(headerLen + length);
  const view = new DataView(bytes.buffer);
  emitIp(datagram, view, 0, { payloadLen: length, offset: 0, hasMore: false, isWhole: true });
  udp.emit({ srcPort, dstPort, payloadLen: payload.length, checksum: 0 }, view, headerLen);
  bytes.set(payload, headerLen + udp.HEADER_LEN);
  const pseudo = isIpv6(datagram)
    ? pseudoIpv6(view, 0, IpProtocol.UDP, length)
    : pseudoIpv4(view, 0, IpProtocol.UDP, length);
  udp.fillChecksum(view, headerLen, pseudo);
  return bytes.subarray(headerLen);
}

function frameOf(
  datagram: Datagram,
  piece: Uint8Array,
  offset: number,
  hasMore: boolean,
): Uint8Array {
  const l3At = ethernet.HEADER_LEN;
  const isSix = isIpv6(datagram);
  const extensionLen = isSix ? FRAGMENT_HEADER_LEN : 0;
  const pieceAt = l3At + (isSix ? ipv6.HEADER_LEN : ipv4.HEADER_LEN) + extensionLen;
  const bytes = new Uint8Array(pieceAt + piece.length);
  const view = new DataView(bytes.buffer);
  const [src, dst] = [macOf(datagram.srcMac), macOf(datagram.dstMac)];
  const { IPV4, IPV6 } = ethernet.EtherType;
  ethernet.emit({ dst, src, etherType: isSix ? IPV6 : IPV4 }, view, 0);
  const payloadLen = extensionLen + piece.length;
  emitIp(datagram, view, l3At, { payloadLen, offset, hasMore, isWhole: false });
  bytes.set(piece, pieceAt);
  return bytes;
}

function emitIp(
  { src, dst, identification }: Datagram,
  view: DataView,
  at: number,
  part: {
    readonly payloadLen: number;
    readonly offset: number;
    readonly hasMore: boolean;
    readonly isWhole: boolean;
  },
): void {
  const { payloadLen, offset, hasMore, isWhole } = part;
  if (!dst.includes(':')) {
    const [from, to] = [ipv4Of(src), ipv4Of(dst)];
    ipv4.emit(
      {
        ...{ tos: 0, payloadLen, identification, reservedFlag: false, dontFragment: false },
        ...{ moreFragments: hasMore, fragmentOffset: offset, ttl: HOPS },
        ...{ protocol: IpProtocol.UDP, src: from, dst: to, options: new Uint8Array(0) },
      },
      view,
      at,
    );
    return;
  }
  const bytesOf = (text: string) => ipAddressBytes(defined(parseIpWords(text), text));
  ipv6.emit(
    {
      ...{ trafficClass: 0, flowLabel: 0, payloadLen, hopLimit: HOPS },
      nextHeader: isWhole ? IpProtocol.UDP : FRAGMENT_HEADER,
      ...{ src: bytesOf(src), dst: bytesOf(dst) },
    },
    view,
    at,
  );
  if (isWhole) return;
  const fragmentAt = at + ipv6.HEADER_LEN;
  view.setUint8(fragmentAt, IpProtocol.UDP);
  view.setUint16(fragmentAt + 2, offset | (hasMore ? 1 : 0));
  view.setUint32(fragmentAt + 4, identification);
}

function macOf(text: string): Mac {
  return defined(parseMac(text), `MAC address '${text}'`);
}

function ipv4Of(text: string): Ipv4 {
  return defined(parseIpv4(text), text);
}
