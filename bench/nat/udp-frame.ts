/**
 * 64-byte frames: UDP with 22 bytes of payload (the frame check sequence makes it 68 on a wire), alone or many of one flow as a super-frame that
 * the sender's kernel cuts. Called by generator.ts and table-size.ts.
 */
import { fold, pseudoIpv4 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as udp from '../../packet/udp.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';

const PAYLOAD_BYTES = 22;
const UDP_AT = ethernet.HEADER_LEN + ipv4.HEADER_LEN;

interface UdpSpec {
  readonly dstMac: number;
  readonly srcMac: number;
  readonly src: number;
  readonly dst: number;
  readonly srcPort: number;
}

/** Addresses as unsigned words. The UDP checksum is left out, as IPv4 allows (RFC 768). */
export function udpFrame(spec: UdpSpec): Uint8Array {
  return udpFrames(spec, 1);
}

/** `count` frames as one; with superFrameHeader the checksum is completed on the way. */
export function udpSuperFrame(spec: UdpSpec, count: number): Uint8Array {
  const bytes = udpFrames(spec, count);
  const view = new DataView(bytes.buffer);
  const length = bytes.length - UDP_AT;
  const pseudo = pseudoIpv4(view, ethernet.HEADER_LEN, IpProtocol.UDP, length);
  view.setUint16(UDP_AT + udp.CHECKSUM_OFFSET, fold(pseudo));
  return bytes;
}

export const SUPER_FRAME_HEADER: vnetHeader.VnetHeader = {
  flags: vnetHeader.VnetFlag.NEEDS_CSUM,
  gsoType: vnetHeader.Gso.UDP_L4,
  hdrLen: UDP_AT + udp.HEADER_LEN,
  gsoSize: PAYLOAD_BYTES,
  csumStart: UDP_AT,
  csumOffset: udp.CHECKSUM_OFFSET,
};

function udpFrames(spec: UdpSpec, count: number): Uint8Array {
  const payloadLen = udp.HEADER_LEN + PAYLOAD_BYTES * count;
  const bytes = new Uint8Array(UDP_AT + payloadLen);
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
  view.setUint16(UDP_AT, spec.srcPort);
  view.setUint16(UDP_AT + 2, 9);
  view.setUint16(UDP_AT + 4, payloadLen);
  return bytes;
}
