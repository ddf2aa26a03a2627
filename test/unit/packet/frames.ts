/** Frames for the packet tests: whole, valid frames of every kind the parsers know, and a view filled with 0xa5 to emit into. */
import * as arp from '../../../packet/arp.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../../packet/checksum.ts';
import * as dhcp from '../../../packet/dhcp.ts';
import {
  addressesOption,
  OptionCode,
  textOption,
  uint8Option,
} from '../../../packet/dhcp-option.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import * as icmp from '../../../packet/icmp.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as ipv6 from '../../../packet/ipv6.ts';
import * as ndp from '../../../packet/ndp.ts';
import * as tcp from '../../../packet/tcp.ts';
import * as udp from '../../../packet/udp.ts';
import * as vlan from '../../../packet/vlan.ts';
import * as vxlan from '../../../packet/vxlan.ts';

export const MAC_A = 0x0200_0000_000a;
export const MAC_B = 0x0200_0000_000b;
export const ADDRESS_A = 0x0a00_0004;
export const ADDRESS_B = 0x0a00_0105;
export const NO_BYTES: Uint8Array = new Uint8Array();

/** A view of `size` bytes, all 0xa5: a byte an emit forgets shows. */
export function dirtyView(size: number): DataView {
  return new DataView(new Uint8Array(size).fill(0xa5).buffer);
}

export function bytesOf(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const IPV4_REPR: ipv4.Repr = {
  tos: 0,
  payloadLen: 0,
  identification: 0x1234,
  reservedFlag: false,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: IpProtocol.UDP,
  src: ADDRESS_A,
  dst: ADDRESS_B,
  options: NO_BYTES,
};

export const TCP_REPR: tcp.Repr = {
  srcPort: 41_000,
  dstPort: 80,
  sequence: 0xffff_0001,
  acknowledgment: 7,
  reserved: 0,
  flags: tcp.Flag.SYN,
  window: 64_240,
  checksum: 0,
  urgentPointer: 0,
  options: Uint8Array.of(2, 4, 0x05, 0x8c, 1, 3, 3, 7),
};

export const IPV6_REPR: ipv6.Repr = {
  trafficClass: 0xb8,
  flowLabel: 0xabcde,
  payloadLen: 0,
  nextHeader: IpProtocol.ICMPV6,
  hopLimit: 255,
  src: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4),
  dst: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5),
};

export const DHCP_REPR: dhcp.Repr = {
  op: dhcp.Op.REQUEST,
  htype: dhcp.HTYPE_ETHERNET,
  hlen: 6,
  hops: 0,
  xid: 0xdead_beef,
  secs: 3,
  flags: dhcp.FLAG_BROADCAST,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: Uint8Array.of(2, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  sname: new Uint8Array(64),
  file: new Uint8Array(128),
  options: [
    uint8Option(OptionCode.MESSAGE_TYPE, dhcp.MessageType.DISCOVER),
    { code: OptionCode.PARAMETER_LIST, data: Uint8Array.of(1, 3, 6) },
    textOption(OptionCode.HOST_NAME, 'vm1'),
    addressesOption(OptionCode.REQUESTED_ADDRESS, [ADDRESS_A]),
    { code: 224, data: Uint8Array.of(9, 9) },
  ],
};

export function ethernetFrame(etherType: number, payload: Uint8Array): Uint8Array {
  const view = dirtyView(ethernet.HEADER_LEN + payload.length);
  ethernet.emit({ dst: MAC_B, src: MAC_A, etherType }, view, 0);
  return join(view, ethernet.HEADER_LEN, payload);
}

export function ipv4Packet(repr: Partial<ipv4.Repr>, payload: Uint8Array): Uint8Array {
  const whole = { ...IPV4_REPR, ...repr, payloadLen: payload.length };
  const view = dirtyView(ipv4.reprLen(whole) + payload.length);
  ipv4.emit(whole, view, 0);
  return join(view, ipv4.reprLen(whole), payload);
}

export function ipv6Packet(repr: Partial<ipv6.Repr>, payload: Uint8Array): Uint8Array {
  const view = dirtyView(ipv6.HEADER_LEN + payload.length);
  ipv6.emit({ ...IPV6_REPR, ...repr, payloadLen: payload.length }, view, 0);
  return join(view, ipv6.HEADER_LEN, payload);
}

export function tcpIpv4(repr: Partial<tcp.Repr>, payload: Uint8Array = NO_BYTES): Uint8Array {
  const whole = { ...TCP_REPR, ...repr };
  const segment = dirtyView(tcp.reprLen(whole) + payload.length);
  tcp.emit(whole, segment, 0);
  const bytes = join(segment, tcp.reprLen(whole), payload);
  const packet = ipv4Packet({ protocol: IpProtocol.TCP }, bytes);
  const view = viewOf(packet);
  tcp.fillChecksum(view, 20, packet.length, pseudoIpv4(view, 0, IpProtocol.TCP, bytes.length));
  return ethernetFrame(ethernet.EtherType.IPV4, packet);
}

export function udpIpv4(srcPort: number, dstPort: number, payload: Uint8Array): Uint8Array {
  const datagram = dirtyView(udp.HEADER_LEN + payload.length);
  udp.emit({ srcPort, dstPort, payloadLen: payload.length, checksum: 0 }, datagram, 0);
  const packet = ipv4Packet({}, join(datagram, udp.HEADER_LEN, payload));
  const view = viewOf(packet);
  udp.fillChecksum(view, 20, pseudoIpv4(view, 0, IpProtocol.UDP, datagram.byteLength));
  return ethernetFrame(ethernet.EtherType.IPV4, packet);
}

export function icmpIpv4(repr: icmp.Repr): Uint8Array {
  const message = dirtyView(icmp.reprLen(repr));
  icmp.emit(repr, message, 0);
  const bytes = bytesOf(message, 0, message.byteLength);
  return ethernetFrame(ethernet.EtherType.IPV4, ipv4Packet({ protocol: IpProtocol.ICMP }, bytes));
}

export function icmpv6Frame(repr: Partial<icmpv6.Repr>): Uint8Array {
  const whole = { type: 0, code: 0, checksum: 0, rest: 0, body: NO_BYTES, ...repr };
  const message = dirtyView(icmpv6.reprLen(whole));
  icmpv6.emit(whole, message, 0);
  const packet = ipv6Packet({}, bytesOf(message, 0, message.byteLength));
  const view = viewOf(packet);
  const pseudo = pseudoIpv6(view, 0, IpProtocol.ICMPV6, message.byteLength);
  icmpv6.fillChecksum(view, ipv6.HEADER_LEN, packet.length, pseudo);
  return ethernetFrame(ethernet.EtherType.IPV6, packet);
}

export function arpFrame(opcode: number): Uint8Array {
  const view = dirtyView(arp.PACKET_LEN);
  const repr = { opcode, senderMac: MAC_A, senderAddress: ADDRESS_A, targetMac: 0 };
  arp.emit({ ...repr, targetAddress: ADDRESS_B }, view, 0);
  return ethernetFrame(ethernet.EtherType.ARP, bytesOf(view, 0, arp.PACKET_LEN));
}

export function dhcpFrame(repr: Partial<dhcp.Repr> = {}): Uint8Array {
  const whole = { ...DHCP_REPR, ...repr };
  const view = dirtyView(dhcp.reprLen(whole));
  dhcp.emit(whole, view, 0);
  return udpIpv4(dhcp.CLIENT_PORT, dhcp.SERVER_PORT, bytesOf(view, 0, view.byteLength));
}

export function vxlanFrame(vni: number, inner: Uint8Array): Uint8Array {
  const view = dirtyView(vxlan.HEADER_LEN + inner.length);
  vxlan.emit({ vni }, view, 0);
  return udpIpv4(50_000, vxlan.UDP_PORT, join(view, vxlan.HEADER_LEN, inner));
}

export function taggedFrame(vid: number, inner: Uint8Array): Uint8Array {
  const view = dirtyView(vlan.TAG_LEN);
  const etherType = ethernet.etherType(viewOf(inner), 0);
  vlan.emit({ priority: 5, dropEligible: false, vid, etherType }, view, 0);
  const payload = Uint8Array.of(...bytesOf(view, 0, vlan.TAG_LEN), ...inner.slice(14));
  return ethernetFrame(ethernet.EtherType.VLAN, payload);
}

const NEIGHBOR_BODY = Uint8Array.of(...IPV6_REPR.dst, 1, 1, 2, 0, 0, 0, 0, 0x0a);

/** One frame of each kind, by name. */
export const SAMPLES: Readonly<Record<string, Uint8Array>> = {
  arpRequest: arpFrame(arp.Opcode.REQUEST),
  arpReply: arpFrame(arp.Opcode.REPLY),
  tcp: tcpIpv4({}, Uint8Array.of(1, 2, 3)),
  udp: udpIpv4(5000, 53, Uint8Array.of(1, 2, 3, 4, 5)),
  echo: icmpIpv4({ type: icmp.Type.ECHO_REQUEST, code: 0, rest: 0x0007_0001, data: NO_BYTES }),
  fragmentationNeeded: icmpIpv4({ type: 3, code: 4, rest: 1450, data: Uint8Array.of(1, 2) }),
  dhcp: dhcpFrame(),
  vxlan: vxlanFrame(0x123456, tcpIpv4({})),
  vlan: taggedFrame(42, tcpIpv4({})),
  neighborSolicitation: icmpv6Frame({
    type: icmpv6.Type.NEIGHBOR_SOLICITATION,
    body: NEIGHBOR_BODY,
  }),
  neighborAdvertisement: icmpv6Frame({
    type: icmpv6.Type.NEIGHBOR_ADVERTISEMENT,
    rest: ndp.AdvertisementFlag.SOLICITED,
    body: NEIGHBOR_BODY,
  }),
  echo6: icmpv6Frame({ type: icmpv6.Type.ECHO_REQUEST, rest: 0x0009_0002 }),
  tooBig6: icmpv6Frame({ type: icmpv6.Type.PACKET_TOO_BIG, rest: 1280 }),
  unknownType: ethernetFrame(0x88cc, Uint8Array.of(1, 2, 3)),
};

function join(header: DataView, headerLen: number, payload: Uint8Array): Uint8Array {
  const bytes = bytesOf(header, 0, headerLen + payload.length);
  bytes.set(payload, headerLen);
  return bytes;
}
