/**
 * Every module that reads bytes from outside, as one function each: it is given bytes of its own, and may call them malformed but must not fail
 * nor read past their end. What reads only bytes that another module here has checked is read after that check. Called by parsers.test.
 */
import * as message from '../../../dataplane/platform/dns-message.ts';
import { MessageStream } from '../../../dataplane/platform/dns-stream.ts';
import * as arp from '../../../packet/arp.ts';
import * as dhcp from '../../../packet/dhcp.ts';
import * as dhcpOption from '../../../packet/dhcp-option.ts';
import * as dhcpv6 from '../../../packet/dhcpv6.ts';
import { decodeDomainName } from '../../../packet/domain-name.ts';
import { Drop } from '../../../packet/drop.ts';
import { dump, dumpIpPacket } from '../../../packet/dump.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import { newFlowKey, parseFlow, parseIpPacket, parseQuoted } from '../../../packet/flow-key.ts';
import * as icmp from '../../../packet/icmp.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as ipv6 from '../../../packet/ipv6.ts';
import * as ndp from '../../../packet/ndp.ts';
import * as tcp from '../../../packet/tcp.ts';
import * as udp from '../../../packet/udp.ts';
import * as vlan from '../../../packet/vlan.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import * as vxlan from '../../../packet/vxlan.ts';

type Parser = (view: DataView, end: number, bytes: Uint8Array) => unknown;

interface Format {
  readonly check: (view: DataView, at: number, end: number) => Drop;
  readonly parse?: (view: DataView, at: number, end: number) => unknown;
}

function checked(
  format: Format,
  ...readers: readonly ((view: DataView, end: number) => unknown)[]
) {
  return (view: DataView, end: number) => {
    if (format.check(view, 0, end) !== Drop.None) return;
    format.parse?.(view, 0, end);
    for (const read of readers) read(view, end);
  };
}

/** By file, without `.ts`. */
export const PARSERS: Readonly<Record<string, Parser>> = {
  'packet/arp': checked(arp),
  'packet/dhcp': checked(dhcp, (view, end) => dhcp.messageType(view, 0, end)),
  'packet/dhcp-option': (view, end) => {
    if (!dhcpOption.areWellFormed(view, 0, end)) return;
    dhcpOption.find(view, 0, end, dhcpOption.OptionCode.MESSAGE_TYPE);
    dhcpOption.collect(view, 0, end, []);
  },
  'packet/dhcpv6': (view, end, bytes) => {
    dhcpv6.parseOptions(bytes);
    if (dhcpv6.check(view, 0, end) !== Drop.None) return;
    // Of a relay's message only the type is read.
    const { RELAY_FORWARD, RELAY_REPLY } = dhcpv6.MessageType;
    const relayed: readonly number[] = [RELAY_FORWARD, RELAY_REPLY];
    if (!relayed.includes(dhcpv6.type(view, 0))) dhcpv6.parse(view, 0, end);
  },
  'packet/domain-name': (_view, _end, bytes) => decodeDomainName(bytes),
  'packet/dump': (view, end) => [dump(view, 0, end), dumpIpPacket(view, 0, end)],
  'packet/ethernet': checked(ethernet),
  'packet/flow-key': (view, end) =>
    [parseFlow, parseIpPacket, parseQuoted].map((parse) => parse(view, 0, end, newFlowKey())),
  'packet/icmp': checked(icmp, (view, end) => icmp.hasValidChecksum(view, 0, end)),
  'packet/icmpv6': checked(icmpv6),
  'packet/ipv4': checked(ipv4, (view) => ipv4.hasValidChecksum(view, 0)),
  'packet/ipv6': checked(ipv6, (view, end) =>
    ipv6.findUpperLayer(view, 0, ipv6.packetEnd(view, 0, end), ipv6.newUpperLayer()),
  ),
  'packet/ndp': checked(
    ndp,
    (view, end) => ndp.parseOptions(view, 0, end),
    (view, end) => ndp.linkLayerAddress(view, 0, end, ndp.OptionType.SOURCE_LINK_LAYER),
  ),
  'packet/tcp': checked(tcp, (view) => tcp.mssOption(view, 0)),
  'packet/udp': checked(udp, (view) => udp.hasValidChecksum(view, 0, 0)),
  'packet/vlan': checked(vlan),
  'packet/vnet-header': (view, end) => {
    if (end < vnetHeader.VNET_HEADER_LEN) return;
    vnetHeader.check(view, 0, end - vnetHeader.VNET_HEADER_LEN);
    vnetHeader.parse(view, 0);
  },
  'packet/vxlan': checked(vxlan),
  'dataplane/platform/dns-message': (_view, _end, bytes) => {
    if (message.questionEnd(bytes) === undefined) return;
    const places = message.records(bytes);
    if (places !== undefined) message.age(bytes, places, message.lifetimeSec(bytes, places));
  },
  'dataplane/platform/dns-stream': (_view, _end, bytes) =>
    new MessageStream(() => undefined).push(Buffer.from(bytes)),
};
