/**
 * Frames for injection, from the Ethernet header on, with right lengths and checksums. A test makes them wrong where it wants them
 * wrong. Built with packet/, whose own tests hold the formats against their standards.
 */

import { defined } from '../../base/assert.ts';
import { type Ipv4, parseIpv4 } from '../../base/ipv4.ts';
import { type Mac, parseMac } from '../../base/mac.ts';
import * as arp from '../../packet/arp.ts';
import { pseudoIpv4 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as udp from '../../packet/udp.ts';

export interface UdpFrameSpec {
  readonly srcMac: string;
  readonly dstMac: string;
  readonly src: string;
  readonly dst: string;
  readonly dstPort: number;
  readonly payload: Uint8Array;
}

export function udpFrame(spec: UdpFrameSpec): Uint8Array {
  const ipAt = ethernet.HEADER_LEN;
  const udpAt = ipAt + ipv4.HEADER_LEN;
  const payloadAt = udpAt + udp.HEADER_LEN;
  const bytes = new Uint8Array(payloadAt + spec.payload.length);
  const view = new DataView(bytes.buffer);
  writeEthernet(view, spec, ethernet.EtherType.IPV4);
  const payloadLen = spec.payload.length;
  ipv4.emit(
    {
      tos: 0,
      payloadLen: udp.HEADER_LEN + payloadLen,
      identification: 1,
      reservedFlag: false,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: IpProtocol.UDP,
      src: address(spec.src),
      dst: address(spec.dst),
      options: new Uint8Array(0),
    },
    view,
    ipAt,
  );
  udp.emit({ srcPort: 40_000, dstPort: spec.dstPort, payloadLen, checksum: 0 }, view, udpAt);
  bytes.set(spec.payload, payloadAt);
  const length = udp.HEADER_LEN + payloadLen;
  udp.fillChecksum(view, udpAt, pseudoIpv4(view, ipAt, IpProtocol.UDP, length));
  return bytes;
}

export function arpFrame(spec: {
  readonly srcMac: string;
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetAddress: string;
  readonly opcode?: number;
}): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const view = new DataView(bytes.buffer);
  const header = { srcMac: spec.srcMac, dstMac: 'ff:ff:ff:ff:ff:ff' };
  writeEthernet(view, header, ethernet.EtherType.ARP);
  arp.emit(
    {
      opcode: spec.opcode ?? arp.Opcode.REQUEST,
      senderMac: mac(spec.senderMac),
      senderAddress: address(spec.senderAddress),
      targetMac: 0,
      targetAddress: address(spec.targetAddress),
    },
    view,
    ethernet.HEADER_LEN,
  );
  return bytes;
}

function writeEthernet(
  view: DataView,
  header: { readonly srcMac: string; readonly dstMac: string },
  etherType: number,
): void {
  ethernet.emit({ dst: mac(header.dstMac), src: mac(header.srcMac), etherType }, view, 0);
}

function mac(text: string): Mac {
  return defined(parseMac(text), `MAC address '${text}'`);
}

function address(text: string): Ipv4 {
  return defined(parseIpv4(text), `IPv4 address '${text}'`);
}
