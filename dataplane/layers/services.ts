/**
 * Services: what the switch answers by itself instead of forwarding it. Stands before every policy a tenant can write, since a VM must
 * be able to get its address and find its router whatever its rules say (as in Azure, where platform addresses pass security groups).
 *
 * Supported: ARP, neighbor discovery and router advertisements (RFC 4861), DHCPv4 (RFC 2131), DHCPv6 (RFC 8415), ICMP and ICMPv6 echo to the gateway;
 * multicast listener reports (RFC 3810) are taken note of, since nobody needs them. Refused and counted: services not offered at the platform's addresses,
 * other packets to the gateway itself, and every multicast and broadcast: nothing is ever flooded.
 */
import { type IpPrefixWords, type IpWords, ipv4Words, isIpv4Words } from '../../base/ip-words.ts';
import * as arp from '../../packet/arp.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { orderedGroup } from '../engine/group.ts';
import { equals, type Predicate } from '../engine/predicate.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
import { SERVERS_ADDRESS } from '../service/dhcpv6-server.ts';
import { ROUTER_LINK_LOCAL } from '../service/port-settings.ts';
import type { LayerDefinition } from './layer-definition.ts';
import type { PortPolicy } from './port-policy.ts';

/** What `answer` actions of this layer mean, and the answers the switch gives of its own accord. */
export const Service = {
  ARP: 0,
  DHCP_V4: 1,
  ICMP_ECHO: 2,
  /** ICMP errors: a packet could not go on. */
  TIME_EXCEEDED: 3,
  FRAGMENTATION_NEEDED: 4,
  /** ICMPv6 of types 133 … 137. */
  NEIGHBOR_DISCOVERY: 5,
  /** Nothing to answer and nothing wrong. */
  NOTED: 6,
  DHCP_V6: 7,
  /** Goes to the servers of platform addresses. */
  RELAY: 8,
  /** Goes back to the host's own probe of a load balancer's backend. */
  PROBE_ANSWER: 9,
} as const;
export type Service = (typeof Service)[keyof typeof Service];

/** 168.63.129.16: DHCP server identifier and resolver. */
export const PLATFORM_ADDRESS = 0xa83f_8110;
/** 169.254.169.254: instance metadata. */
export const METADATA_ADDRESS = 0xa9fe_a9fe;

export const services: LayerDefinition = {
  name: 'services',
  purpose: 'The switch itself is the VM’s router, DHCP server and neighbour; nothing is flooded.',
  outbound:
    'ARP requests, neighbour and router solicitations, DHCP to broadcast, platform or gateway address, DHCPv6, and ICMP echo to the gateway are ' +
    'answered on the spot; DNS at 168.63.129.16 and metadata at 169.254.169.254 go to servers of the host process, answers to health probes to the prober there; multicast listener reports are noted. Other packets to the gateway or to platform addresses, and all other ' +
    'multicast and broadcast, are dropped, and so is what comes from a link-local or unspecified address, or goes to a link-local one, and ' +
    'would have to be routed, and what pretends to be the platform.',
  inbound: '',
  drops: [
    Drop.ArpUnanswered,
    Drop.NdpUnanswered,
    Drop.SpoofedNdp,
    Drop.MulticastUnsupported,
    Drop.ServiceUnsupported,
    Drop.NotForUs,
    Drop.NoRoute,
    Drop.SpoofedIpv4,
  ],
  build: (port) => ({
    name: services.name,
    isStateful: false,
    outbound: [orderedGroup('services', rulesOf(port), OTHERWISE)],
    inbound: [],
  }),
};

const OTHERWISE: Rule = {
  id: 'not for the switch',
  resourceRef: '',
  priority: 100,
  predicates: [],
  action: ALLOW,
};

const IS_ARP = equals('etherType', EtherType.ARP);
const IS_DHCP: readonly Predicate[] = [
  equals('etherType', EtherType.IPV4),
  equals('protocol', IpProtocol.UDP),
  equals('srcPort', 68),
  equals('dstPort', 67),
];
const IS_IPV6 = equals('etherType', EtherType.IPV6);
const IS_DHCPV6: readonly Predicate[] = [
  IS_IPV6,
  equals('protocol', IpProtocol.UDP),
  equals('dstPort', 547),
];
/** The flow key's destination port of an ICMP message is type · 256 + code. */
const IS_ECHO_REQUEST: readonly Predicate[] = [
  equals('protocol', IpProtocol.ICMP),
  equals('dstPort', icmp.Type.ECHO_REQUEST << 8),
];
const IS_IPV4 = equals('etherType', EtherType.IPV4);
/** No router passes on what comes from such an address or goes to one (RFC 4291 §2.5.6, RFC 3927 §2.7). */
export const LINK_LOCAL: readonly IpPrefixWords[] = [
  { words: [0xfe80_0000, 0, 0, 0], len: 10 },
  { words: ipv4Words(0xa9fe_0000), len: 112 },
];
const PLATFORM_WORDS: IpWords = ipv4Words(PLATFORM_ADDRESS);
/** Where health probes come from, as VMs see them (as in Azure). */
export const PROBE_SOURCES: readonly IpWords[] = [PLATFORM_WORDS, ROUTER_LINK_LOCAL];
/** A VM does not open connections to the prober, it answers those that have come. */
const IS_REPLY: readonly Predicate[] = [
  equals('protocol', IpProtocol.TCP),
  { field: 'reply', holds: true },
];
const IS_ICMPV6: readonly Predicate[] = [IS_IPV6, equals('protocol', IpProtocol.ICMPV6)];
const IS_ECHO_REQUEST_V6: readonly Predicate[] = [
  ...IS_ICMPV6,
  equals('dstPort', icmpv6.Type.ECHO_REQUEST << 8),
];
/** Types 133 … 137, any code. */
export const IS_NEIGHBOR_DISCOVERY: readonly Predicate[] = [
  ...IS_ICMPV6,
  types(icmpv6.Type.ROUTER_SOLICITATION, icmpv6.Type.REDIRECT),
];

function rulesOf(port: PortPolicy): Rule[] {
  const gateways = [...new Map(port.addresses.map((own) => [own.gateway.join(), own.gateway]))].map(
    ([, gateway]) => gateway,
  );
  return [
    answer('ARP request', [IS_ARP, equals('arpOpcode', arp.Opcode.REQUEST)], Service.ARP),
    refuse('other ARP', [IS_ARP], Drop.ArpUnanswered),
    answer('neighbour discovery', IS_NEIGHBOR_DISCOVERY, Service.NEIGHBOR_DISCOVERY),
    ...[
      types(icmpv6.Type.LISTENER_QUERY, icmpv6.Type.LISTENER_DONE),
      types(icmpv6.Type.LISTENER_REPORT_V2, icmpv6.Type.LISTENER_REPORT_V2),
    ].map((kinds) => answer('multicast listener', [...IS_ICMPV6, kinds], Service.NOTED)),
    answer('DHCPv6', [...IS_DHCPV6, toHost(SERVERS_ADDRESS)], Service.DHCP_V6),
    answer('DHCP broadcast', [...IS_DHCP, to(0xffff_ffff)], Service.DHCP_V4),
    answer('DHCP unicast', [...IS_DHCP, to(PLATFORM_ADDRESS)], Service.DHCP_V4),
    refuse(
      'multicast and broadcast',
      [{ field: 'toGroup', holds: true }],
      Drop.MulticastUnsupported,
    ),
    ...PROBE_SOURCES.map((source) =>
      answer('answer to a health probe', [...IS_REPLY, toHost(source)], Service.PROBE_ANSWER),
    ),
    ...gateways
      .filter(isIpv4Words)
      .flatMap((gateway) => [
        answer('DHCP to the gateway', [...IS_DHCP, toHost(gateway)], Service.DHCP_V4),
        answer('echo to the gateway', [...IS_ECHO_REQUEST, toHost(gateway)], Service.ICMP_ECHO),
        refuse('other packets to the gateway', [toHost(gateway)], Drop.NotForUs),
      ]),
    ...[ROUTER_LINK_LOCAL, ...gateways.filter((words) => !isIpv4Words(words))].flatMap(
      (gateway) => [
        answer('echo to the router', [...IS_ECHO_REQUEST_V6, toHost(gateway)], Service.ICMP_ECHO),
        refuse('other packets to the router', [toHost(gateway)], Drop.NotForUs),
      ],
    ),
    refuse('unspecified source', [IS_IPV4, from(hostPrefix(ipv4Words(0)))], Drop.NoRoute),
    ...LINK_LOCAL.map((prefix) => refuse('link-local source', [from(prefix)], Drop.NoRoute)),
    // Access control lets probes in by their source: not even a port that forwards for others may pass for the platform.
    refuse('platform source', [from(hostPrefix(PLATFORM_WORDS))], Drop.SpoofedIpv4),
    refuse('unspecified source', [IS_IPV6, from(hostPrefix([0, 0, 0, 0]))], Drop.NoRoute),
    ...[IpProtocol.UDP, IpProtocol.TCP].map((protocol) =>
      answer('DNS', [...service(protocol, 53), to(PLATFORM_ADDRESS)], Service.RELAY),
    ),
    answer('metadata', [...service(IpProtocol.TCP, 80), to(METADATA_ADDRESS)], Service.RELAY),
    refuse('platform address', [to(PLATFORM_ADDRESS)], Drop.ServiceUnsupported),
    refuse('metadata address', [to(METADATA_ADDRESS)], Drop.ServiceUnsupported),
    ...LINK_LOCAL.map((prefix) =>
      refuse('link-local destination', [toPrefix(prefix)], Drop.NoRoute),
    ),
  ];
}

function to(address: number): Predicate {
  return toHost(ipv4Words(address));
}

function service(protocol: number, port: number): Predicate[] {
  return [IS_IPV4, equals('protocol', protocol), equals('dstPort', port)];
}

function from(prefix: IpPrefixWords): Predicate {
  return { field: 'srcAddress', in: prefix };
}

function toHost(words: IpWords): Predicate {
  return toPrefix(hostPrefix(words));
}

function hostPrefix(words: IpWords): IpPrefixWords {
  return { words, len: 128 };
}

function toPrefix(prefix: IpPrefixWords): Predicate {
  return { field: 'dstAddress', in: prefix };
}

/** ICMPv6 of types `first` … `last`, any code. */
function types(first: number, last: number): Predicate {
  return { field: 'dstPort', from: first << 8, to: (last << 8) | 0xff };
}

function answer(id: string, predicates: readonly Predicate[], service: Service): Rule {
  return { id, resourceRef: '', priority: 10, predicates, action: { kind: 'answer', service } };
}

function refuse(id: string, predicates: readonly Predicate[], drop: Drop): Rule {
  return { id, resourceRef: '', priority: 10, predicates, action: deny(drop) };
}
