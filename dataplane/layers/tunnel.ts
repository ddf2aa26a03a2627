/**
 * Tunnel: the one layer of the uplink. What comes out of a VXLAN tunnel (RFC 7348) is believed only if it comes from a host that goal
 * state knows, carries the VNI of a subnet that has a port here, is for such a port, and comes from an address that could have sent it.
 * The VNI selects the table, so two tenants with the same addresses cannot meet. On success the outer header is popped and the
 * receiving port's inbound layers follow.
 *
 * The sender's host has written the MAC address of whoever shall get the packet: a port that forwards for others is found by it, whatever the
 * destination address. Any other port gets only what is for its own addresses, and not under the MAC of another port here: a packet
 * that is meant for an appliance never reaches its destination past it.
 */
import { formatIpWords, type IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import type { EpochCell } from '../engine/epochs.ts';
import {
  branchGroup,
  type Group,
  orderedGroup,
  type PrefixGroup,
  prefixGroup,
} from '../engine/group.ts';
import type { Packet } from '../engine/packet.ts';
import { equals } from '../engine/predicate.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';
import { IS_NEIGHBOR_DISCOVERY } from './services.ts';

/** What the layer is built from. The groups belong to switch/tables, which keeps them up to date. */
export interface TunnelTables {
  /** By outer source address: hosts that may send to us. */
  readonly peers: PrefixGroup;
  /** By VNI: addresses of our ports in that subnet. */
  readonly subnets: ReadonlyMap<number, Group>;
  /** By VNI: who may send to that subnet. */
  readonly sources: ReadonlyMap<number, Group>;
}

export const tunnel: LayerDefinition<TunnelTables> = {
  name: 'tunnel',
  purpose:
    'What arrives through a tunnel is believed only from known hosts, for known subnets and addresses of ports here.',
  outbound:
    'Outer source is a host of goal state; VNI is that of a subnet with a port here; inner destination is an address of such a port, or ' +
    'the MAC of one that forwards for others. Inner source is mapped in the network or in a peered one, or a route of the subnet ' +
    'sends its packets to an appliance. Then the outer header is popped, and the port’s inbound layers follow.',
  inbound: '',
  drops: [
    Drop.OuterSourceUnknown,
    Drop.VniUnknown,
    Drop.DestinationNotLocal,
    Drop.InnerSourceImplausible,
    Drop.PortDetached,
    Drop.MulticastUnsupported,
    Drop.EtherTypeUnsupported,
    Drop.ArpUnanswered,
    Drop.NdpUnanswered,
  ],
  build: (tables) => ({
    name: tunnel.name,
    isStateful: false,
    outbound: [
      tables.peers,
      ACCEPTED_KINDS,
      branchGroup('destinations', 'vni', tables.subnets, refuse('unknown VNI', Drop.VniUnknown)),
      branchGroup('sources', 'vni', tables.sources, refuse('unknown VNI', Drop.VniUnknown)),
    ],
    inbound: [],
  }),
};

export function peerGroup(): PrefixGroup {
  return prefixGroup('peers', 'outerSource', refuse('unknown host', Drop.OuterSourceUnknown));
}

export function peerRule(providerAddress: IpWords): Rule {
  return {
    id: `host ${formatIpWords(providerAddress)}`,
    resourceRef: '',
    priority: 0,
    predicates: [{ field: 'outerSource', in: { words: providerAddress, len: 128 } }],
    action: ALLOW,
  };
}

/** Local destinations of one subnet. */
export interface DestinationGroup extends Group {
  set(address: IpWords, mac: Mac, rule: Rule): void;
  remove(address: IpWords): void;
  /** A port that is sent what is for others. */
  setForwarder(mac: Mac, rule: Rule): void;
  removeForwarder(mac: Mac): void;
  /** Does the packet go to a port that forwards for others? */
  isForwarded(packet: Packet): boolean;
}

const NOT_LOCAL = refuse('not local', Drop.DestinationNotLocal);

export function destinationGroup(): DestinationGroup {
  const addresses = prefixGroup('destinations', 'dstAddress', NOT_LOCAL);
  const forwarders = new Map<Mac, Rule>();
  /** MAC behind each address's rule, and how many addresses each MAC has. */
  const macs = new Map<Rule, Mac>();
  const counts = new Map<Mac, number>();
  const count = (mac: Mac, change: number) => {
    const next = (counts.get(mac) ?? 0) + change;
    if (next === 0) counts.delete(mac);
    else counts.set(mac, next);
  };
  const remove = (words: IpWords) => {
    const rule = addresses.ruleFor(...words);
    const mac = rule === undefined ? undefined : macs.get(rule);
    if (rule === undefined || mac === undefined) return;
    macs.delete(rule);
    count(mac, -1);
    addresses.remove({ words, len: 128 });
  };
  return {
    name: addresses.name,
    find(packet) {
      const forwarder = forwarders.get(packet.dstMac);
      if (forwarder !== undefined) return forwarder;
      const rule = addresses.find(packet);
      const isOthers = macs.get(rule) !== packet.dstMac && counts.has(packet.dstMac);
      return isOthers ? NOT_LOCAL : rule;
    },
    rules: () => [...forwarders.values(), ...addresses.rules()],
    set(words, mac, rule) {
      remove(words);
      macs.set(rule, mac);
      count(mac, 1);
      addresses.set({ words, len: 128 }, rule);
    },
    remove,
    setForwarder: (mac, rule) => forwarders.set(mac, rule),
    removeForwarder: (mac) => forwarders.delete(mac),
    isForwarded: (packet) => forwarders.has(packet.dstMac),
  };
}

export function forwarderRule(port: {
  readonly resourceRef: string;
  readonly mac: Mac;
  readonly port: number;
}): Rule {
  return {
    id: 'forwards for others',
    resourceRef: port.resourceRef,
    priority: 0,
    predicates: [{ field: 'dstMac', is: port.mac }],
    action: { kind: 'allow', header: { outer: { kind: 'pop' } }, steering: { port: port.port } },
  };
}

export function destinationRule(destination: {
  readonly address: IpWords;
  readonly port: number | 'detached';
  readonly portRef: string;
  readonly cell: EpochCell;
}): Rule {
  const { address, port } = destination;
  return {
    id: formatIpWords(address),
    resourceRef: destination.portRef,
    priority: 0,
    predicates: [{ field: 'dstAddress', in: { words: address, len: 128 } }],
    action:
      port === 'detached'
        ? deny(Drop.PortDetached)
        : { kind: 'allow', header: { outer: { kind: 'pop' } }, steering: { port } },
    cell: destination.cell,
  };
}

/** Hosts answer ARP and neighbour discovery themselves and flood nothing, so none of it comes out of a tunnel of ours. */
const ACCEPTED_KINDS = orderedGroup(
  'kinds',
  [
    {
      id: 'tagged',
      resourceRef: '',
      priority: 10,
      predicates: [{ field: 'tagged', holds: true }],
      action: deny(Drop.EtherTypeUnsupported),
    },
    {
      id: 'multicast and broadcast',
      resourceRef: '',
      priority: 20,
      predicates: [{ field: 'toGroup', holds: true }],
      action: deny(Drop.MulticastUnsupported),
    },
    {
      id: 'neighbour discovery',
      resourceRef: '',
      priority: 20,
      predicates: IS_NEIGHBOR_DISCOVERY,
      action: deny(Drop.NdpUnanswered),
    },
    kind('IPv4', EtherType.IPV4),
    kind('IPv6', EtherType.IPV6),
    {
      id: 'ARP',
      resourceRef: '',
      priority: 40,
      predicates: [equals('etherType', EtherType.ARP)],
      action: deny(Drop.ArpUnanswered),
    },
  ],
  refuse('other protocols', Drop.EtherTypeUnsupported),
);

function kind(id: string, etherType: number): Rule {
  return {
    id,
    resourceRef: '',
    priority: 30,
    predicates: [equals('etherType', etherType)],
    action: ALLOW,
  };
}

function refuse(id: string, drop: Drop): Rule {
  return { id, resourceRef: '', priority: 100, predicates: [], action: deny(drop) };
}
