/**
 * Anti-spoofing: a port sends with its own MAC and IP addresses and with no others, in ARP too. Also finds out which of the port's
 * subnets a packet comes from, since that follows from its source address. Supported: IPv4, IPv6, ARP, the port's MacSpoofing
 * setting (MAC checks off, IP checks on); a VM that has no address yet may ask for one (DHCP, RFC 2131; ARP probe, RFC 5227); a port that
 * forwards for others, an appliance, sends their packets from its primary address's subnet, with its own MAC.
 * Nothing to do inbound. First layer of layers/order.
 */
import { formatIpWords, type IpPrefixWords, ipv4Words, isIpv4Words } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { type Group, orderedGroup } from '../engine/group.ts';
import { matchesAll } from '../engine/matching.ts';
import type { Packet } from '../engine/packet.ts';
import { equals, type Predicate } from '../engine/predicate.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
import type { FloatingAddress } from '../load-balancing/backend-ports.ts';
import type { LayerDefinition } from './layer-definition.ts';
import type { Learning, PortAddress, PortPolicy } from './port-policy.ts';
import { IS_NEIGHBOR_DISCOVERY } from './services.ts';

export const antiSpoof: LayerDefinition = {
  name: 'anti-spoof',
  purpose: 'A port sends with its own addresses and with no others.',
  outbound:
    'Source MAC is the port’s (unless MAC spoofing is allowed); source address, and the sender fields of ARP, are one of its IP ' +
    'configurations, or one that it shares with others and that no other port has now; who says in ARP or ND that it has such an address ' +
    'takes it over. It answers no DHCP requests, unless the DHCP guard is off. ' +
    'DHCP and ARP probes may come from 0.0.0.0, IPv6 neighbour discovery from link-local addresses. Frames with ' +
    'a VLAN tag and other EtherTypes are refused. Answers may come from a virtual address that the port sees itself (floating). A port that forwards for others may send from any address, but not in ARP. Notes the ' +
    'subnet of the source address.',
  inbound: '',
  drops: [
    Drop.SpoofedMac,
    Drop.SpoofedIpv4,
    Drop.SpoofedIpv6,
    Drop.SpoofedArp,
    Drop.EtherTypeUnsupported,
    Drop.DhcpGuarded,
  ],
  build: (port) => ({
    name: antiSpoof.name,
    isStateful: false,
    outbound: [macGroup(port), addressGroup(port)],
    inbound: [],
  }),
};

const UNSPECIFIED_IPV4: IpPrefixWords = { words: ipv4Words(0), len: 128 };
const UNSPECIFIED_IPV6: IpPrefixWords = { words: [0, 0, 0, 0], len: 128 };
const LINK_LOCAL_IPV6: IpPrefixWords = { words: [0xfe80_0000, 0, 0, 0], len: 10 };

const IS_IPV4 = equals('etherType', EtherType.IPV4);
const IS_IPV6 = equals('etherType', EtherType.IPV6);
const IS_ARP = equals('etherType', EtherType.ARP);

function macGroup(port: PortPolicy) {
  const { resourceRef } = port;
  const tagged: Rule = {
    id: 'tagged',
    resourceRef: '',
    priority: 10,
    predicates: [{ field: 'tagged', holds: true }],
    action: deny(Drop.EtherTypeUnsupported),
  };
  const own: Rule = {
    id: port.macSpoofing ? 'any source MAC' : 'own source MAC',
    resourceRef,
    priority: 20,
    predicates: port.macSpoofing ? [] : [{ field: 'srcMac', is: port.mac }],
    action: ALLOW,
  };
  return orderedGroup('mac', [tagged, own], {
    id: 'foreign source MAC',
    resourceRef,
    priority: 30,
    predicates: [],
    action: deny(Drop.SpoofedMac),
  });
}

function addressGroup(port: PortPolicy) {
  const arpSender: readonly Predicate[] =
    port.macSpoofing || port.arpGuardOff
      ? [IS_ARP]
      : [IS_ARP, { field: 'arpSenderMac', is: port.mac }];
  const allowed = [
    ...port.addresses.flatMap((address) => ownAddress(address, arpSender)),
    ...(port.floating ?? []).map(answerAs),
  ];
  const rules: Rule[] = [
    ...(port.dhcpGuardOff ? [] : GUARDED),
    ...allowed,
    ...(port.ipForwarding ? forwarded(port) : []),
    ...(port.arpGuardOff ? UNGUARDED : []),
    allow('DHCP client', [
      IS_IPV4,
      { field: 'srcAddress', in: UNSPECIFIED_IPV4 },
      equals('protocol', IpProtocol.UDP),
      equals('srcPort', DHCP_CLIENT_PORT),
      equals('dstPort', DHCP_SERVER_PORT),
    ]),
    allow('ARP probe', [...arpSender, { field: 'srcAddress', in: UNSPECIFIED_IPV4 }]),
    allow('IPv6 link-local', [IS_IPV6, { field: 'srcAddress', in: LINK_LOCAL_IPV6 }]),
    allow('IPv6 unspecified', [IS_IPV6, { field: 'srcAddress', in: UNSPECIFIED_IPV6 }]),
    refuse('foreign IPv4 source', [IS_IPV4], Drop.SpoofedIpv4),
    refuse('foreign IPv6 source', [IS_IPV6], Drop.SpoofedIpv6),
    refuse('foreign ARP sender', [IS_ARP], Drop.SpoofedArp),
  ];
  const group = orderedGroup(
    'address',
    rules,
    refuse('other protocols', [], Drop.EtherTypeUnsupported),
  );
  return port.learning === undefined ? group : learningGroup(group, port, port.learning);
}

/** With the ARP guard off nobody looks at the sender fields of ARP and ND. */
const UNGUARDED: readonly Rule[] = [
  allow('any ARP sender', [IS_ARP]),
  allow('any ND sender', IS_NEIGHBOR_DISCOVERY),
];

const FOREIGN: ReadonlySet<Drop> = new Set([Drop.SpoofedIpv4, Drop.SpoofedIpv6, Drop.SpoofedArp]);

/** Does the packet say that its sender has the address it comes from? */
export function isClaim(packet: Packet): boolean {
  return packet.key.etherType === EtherType.ARP || matchesAll(IS_NEIGHBOR_DISCOVERY, packet);
}

/** A source that `group` calls foreign may be one that the port learns. */
function learningGroup(group: Group, port: PortPolicy, learning: Learning): Group {
  const learned = new Map<number, Rule>();
  for (const { segment, resourceRef } of port.learnable) {
    learned.set(segment, {
      id: 'learned address',
      resourceRef,
      priority: 25,
      predicates: [],
      action: { kind: 'allow', steering: { segment } },
    });
  }
  return {
    name: group.name,
    find(packet) {
      const rule = group.find(packet);
      if (rule.action.kind !== 'deny' || !FOREIGN.has(rule.action.drop)) return rule;
      const { key } = packet;
      const isArp = key.etherType === EtherType.ARP;
      if (isArp && packet.arpSenderMac !== port.mac && !port.macSpoofing) return rule;
      const how = isClaim(packet) ? 'claim' : 'traffic';
      const segment = learning.segmentOf(key.src0, key.src1, key.src2, key.src3, how);
      return segment === undefined ? rule : (learned.get(segment) ?? rule);
    },
    rules: () => [...learned.values(), ...group.rules()],
  };
}

/** DHCP is the network's to answer: a VM that does would give its neighbours false routers and resolvers. */
const GUARDED: readonly Rule[] = (
  [
    ['DHCP answer', IS_IPV4, 67, 68],
    ['DHCPv6 answer', IS_IPV6, 547, 546],
  ] as const
).map(([id, isFamily, server, client]) => ({
  id,
  resourceRef: '',
  priority: 5,
  predicates: [
    isFamily,
    equals('protocol', IpProtocol.UDP),
    equals('srcPort', server),
    equals('dstPort', client),
  ],
  action: deny(Drop.DhcpGuarded),
}));

const DHCP_CLIENT_PORT = 68;
const DHCP_SERVER_PORT = 67;

function ownAddress(own: PortAddress, arpSender: readonly Predicate[]): Rule[] {
  const source: Predicate = { field: 'srcAddress', in: { words: own.address, len: 128 } };
  const rule = (id: string, predicates: readonly Predicate[]): Rule => ({
    id,
    resourceRef: own.resourceRef,
    priority: 10,
    predicates,
    action: { kind: 'allow', steering: { segment: own.segment } },
  });
  if (!isIpv4Words(own.address)) return [rule('own IPv6 address', [IS_IPV6, source])];
  return [
    rule('own IPv4 address', [IS_IPV4, source]),
    rule('own ARP sender', [...arpSender, source]),
  ];
}

/** A virtual address that the port is sent packets for as they are: it answers them as that address, and asks nothing. */
function answerAs({ address, segment, resourceRef }: FloatingAddress): Rule {
  return {
    id: `answer as ${formatIpWords(address)}`,
    resourceRef,
    priority: 15,
    predicates: [
      isIpv4Words(address) ? IS_IPV4 : IS_IPV6,
      { field: 'srcAddress', in: { words: address, len: 128 } },
      { field: 'reply', holds: true },
    ],
    action: { kind: 'allow', steering: { segment } },
  };
}

/** Packets of others, which count as coming from the subnet of the port's primary address of the family. */
function forwarded(port: PortPolicy): Rule[] {
  const primary = (isIpv4: boolean) =>
    port.addresses.find(({ address }) => isIpv4Words(address) === isIpv4);
  const rule = (id: string, is: Predicate, own: PortAddress | undefined): Rule[] =>
    own === undefined
      ? []
      : [
          {
            id,
            resourceRef: port.resourceRef,
            priority: 25,
            predicates: [is],
            action: { kind: 'allow', steering: { segment: own.segment } },
          },
        ];
  return [
    ...rule('forwarded IPv4', IS_IPV4, primary(true)),
    ...rule('forwarded IPv6', IS_IPV6, primary(false)),
  ];
}

function allow(id: string, predicates: readonly Predicate[]): Rule {
  return { id, resourceRef: '', priority: 20, predicates, action: ALLOW };
}

function refuse(id: string, predicates: readonly Predicate[], drop: Drop): Rule {
  return { id, resourceRef: '', priority: 30, predicates, action: deny(drop) };
}
