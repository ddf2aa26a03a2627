/** A 64-byte frame: UDP with 22 bytes of payload (the frame check sequence makes it 68 on a wire). Called by generator.ts and table-size.ts. */
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as udp from '../../packet/udp.ts';

const PAYLOAD_BYTES = 22;

/** Addresses as unsigned words. The UDP checksum is left out, as IPv4 allows (RFC 768). */
export function udpFrame(spec: {
  readonly dstMac: number;
  readonly srcMac: number;
  readonly src: number;
  readonly dst: number;
  readonly srcPort: number;
}): Uint8Array {
  const payloadLen = udp.HEADER_LEN + PAYLOAD_BYTES;
  const udpAt = ethernet.HEADER_LEN + ipv4.HEADER_LEN;
  const bytes = new Uint8Array(udpAt + payloadLen);
  const view = new DataView(bytes.buffer);
  const { dstMac: dst, srcMac: src } = spec;
  ethernet.emit({ dst, src, etherType: ethernet.EtherType.IPV4 }, view, 0);
  ipv4.emit(
    {
      tos: 0,
      payloadLen,
      identification: 0,
      reservedFlag: false,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: IpProtocol.UDP,
      src: spec.src,
      dst: spec.dst,
      options: new Uint8Array(),
    },
    view,
    ethernet.HEADER_LEN,
  );
  view.setUint16(udpAt, spec.srcPort);
  view.setUint16(udpAt + 2, 9);
  view.setUint16(udpAt + 4, payloadLen);
  return bytes;
}
