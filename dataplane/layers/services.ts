/**
 * Services: what the switch answers by itself instead of forwarding it. Stands before every policy a tenant can write, since a VM must
 * be able to get its address and find its router whatever its rules say (as in Azure, where platform addresses pass security groups).
 *
 * Supported: ARP, DHCPv4 (RFC 2131), ICMP echo to the gateway. Refused and counted: services not offered at the platform's addresses,
 * other packets to the gateway itself, and every multicast and broadcast: nothing is ever flooded.
 */
import { type IpPrefixWords, ipv4Words, isIpv4Words } from '../../base/ip-words.ts';
import * as arp from '../../packet/arp.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import * as icmp from '../../packet/icmp.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { orderedGroup } from '../engine/group.ts';
import { equals, type Predicate } from '../engine/predicate.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
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
} as const;
export type Service = (typeof Service)[keyof typeof Service];

/** 168.63.129.16: DHCP server identifier and resolver. */
export const PLATFORM_ADDRESS = 0xa83f_8110;
/** 169.254.169.254: instance metadata. */
export const METADATA_ADDRESS = 0xa9fe_a9fe;

export const services: LayerDefinition = {
  name: 'services',
  purpose:
    'The switch itself is the VM’s router, DHCP server and ARP neighbour; nothing is flooded.',
  outbound:
    'ARP requests, DHCP to broadcast, platform or gateway address, and ICMP echo to the gateway are answered on the spot. Other packets ' +
    'to the gateway or to platform addresses, and all multicast and broadcast, are dropped.',
  inbound: '',
  drops: [Drop.ArpUnanswered, Drop.MulticastUnsupported, Drop.ServiceUnsupported, Drop.NotForUs],
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
/** The flow key's destination port of an ICMP query is type · 256 + code. */
const IS_ECHO_REQUEST: readonly Predicate[] = [
  equals('protocol', IpProtocol.ICMP),
  equals('dstPort', icmp.Type.ECHO_REQUEST << 8),
];

function rulesOf(port: PortPolicy): Rule[] {
  const gateways = [...new Map(port.addresses.map((own) => [own.gateway.join(), own.gateway]))]
    .map(([, gateway]) => gateway)
    .filter(isIpv4Words);
  return [
    answer('ARP request', [IS_ARP, equals('arpOpcode', arp.Opcode.REQUEST)], Service.ARP),
    refuse('other ARP', [IS_ARP], Drop.ArpUnanswered),
    answer('DHCP broadcast', [...IS_DHCP, to(0xffff_ffff)], Service.DHCP_V4),
    answer('DHCP unicast', [...IS_DHCP, to(PLATFORM_ADDRESS)], Service.DHCP_V4),
    refuse(
      'multicast and broadcast',
      [{ field: 'toGroup', holds: true }],
      Drop.MulticastUnsupported,
    ),
    ...gateways.flatMap((gateway) => {
      const toGateway: Predicate = { field: 'dstAddress', in: { words: gateway, len: 128 } };
      return [
        answer('DHCP to the gateway', [...IS_DHCP, toGateway], Service.DHCP_V4),
        answer('echo to the gateway', [...IS_ECHO_REQUEST, toGateway], Service.ICMP_ECHO),
        refuse('other packets to the gateway', [toGateway], Drop.NotForUs),
      ];
    }),
    refuse('platform address', [to(PLATFORM_ADDRESS)], Drop.ServiceUnsupported),
    refuse('metadata address', [to(METADATA_ADDRESS)], Drop.ServiceUnsupported),
  ];
}

function to(address: number): Predicate {
  const prefix: IpPrefixWords = { words: ipv4Words(address), len: 128 };
  return { field: 'dstAddress', in: prefix };
}

function answer(id: string, predicates: readonly Predicate[], service: Service): Rule {
  return { id, resourceRef: '', priority: 10, predicates, action: { kind: 'answer', service } };
}

function refuse(id: string, predicates: readonly Predicate[], drop: Drop): Rule {
  return { id, resourceRef: '', priority: 10, predicates, action: deny(drop) };
}
