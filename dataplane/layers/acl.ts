/**
 * Access control: stateful filtering by the lists of the network interface, of the security tags it carries and of its subnet, which must
 * all let a packet pass (MS-NCNBI §3.1.5.1, §3.1.5.31): outbound in this order, tags by name, and inbound the other way round. A reply is
 * judged by the request it answers (engine/layer), also after a change of rules, so a new rule stops connections that are already open.
 *
 * Each IP configuration may have a list of its own; which one counts follows from the port's address in the packet. What a port sends or
 * receives for others (an appliance) is judged by its primary configuration. Lists are compiled by switch/access-list-compiler,
 * once per virtual network, and shared by its ports; one that has not arrived lets nothing pass.
 */
import { equalIpWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { type Group, orderedGroup } from '../engine/group.ts';
import type { Packet } from '../engine/packet.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';
import type { AccessList, PortAddress, PortPolicy, TagList } from './port-policy.ts';

export const acl: LayerDefinition = {
  name: 'acl',
  purpose: 'Stateful access control of network interface, security tags and subnet.',
  outbound:
    'The interface’s list, then those of its security tags by name, then the subnet’s: in each the first rule that matches, else the list’s default action. Without a list ' +
    'everything passes. Replies are judged by the flow they answer. A list that has not arrived lets nothing pass.',
  inbound: 'As outbound, in the reverse order: the subnet’s list first.',
  drops: [Drop.AclDenied, Drop.PolicyPending],
  build: (port) => ({
    name: acl.name,
    isStateful: true,
    outbound: [
      listGroup('network interface', port, 'outbound', interfaceList),
      ...port.tagLists.map((own) => tagGroup(own, 'outbound')),
      listGroup('subnet', port, 'outbound', subnetList),
    ],
    inbound: [
      listGroup('subnet', port, 'inbound', subnetList),
      ...port.tagLists.map((own) => tagGroup(own, 'inbound')).reverse(),
      listGroup('network interface', port, 'inbound', interfaceList),
    ],
  }),
};

/** What stands for a list that has not arrived. */
export const PENDING_LIST: AccessList = {
  outbound: orderedGroup('pending', [], pendingRule('list has not arrived')),
  inbound: orderedGroup('pending', [], pendingRule('list has not arrived')),
};

/** What has not arrived lets nothing pass. */
export function pendingRule(id: string): Rule {
  return { id, resourceRef: '', priority: 0, predicates: [], action: deny(Drop.PolicyPending) };
}

const NO_LIST: Rule = {
  id: 'no list',
  resourceRef: '',
  priority: 65_000,
  predicates: [],
  action: ALLOW,
};

function interfaceList(address: PortAddress): AccessList | undefined {
  return address.accessLists.interface;
}

function subnetList(address: PortAddress): AccessList | undefined {
  return address.accessLists.subnet;
}

/** `security tag web`. */
function tagGroup({ securityTagRef, list }: TagList, direction: 'outbound' | 'inbound'): Group {
  return {
    name: `security tag ${securityTagRef.slice(securityTagRef.lastIndexOf('/') + 1)}`,
    find: (packet) => list[direction].find(packet),
    rules: () => list[direction].rules(),
  };
}

function listGroup(
  name: string,
  port: PortPolicy,
  direction: 'outbound' | 'inbound',
  listOf: (address: PortAddress) => AccessList | undefined,
): Group {
  const [primary, ...more] = port.addresses;
  const others = [...more, ...port.learnable];
  const list = primary === undefined ? undefined : listOf(primary);
  const exceptions = others.filter((own) => listOf(own) !== list);
  if (list === undefined && exceptions.length === 0) return orderedGroup(name, [], NO_LIST);
  // A list is asked for its group each time, since it is replaced as a whole while ports hold on to it.
  const judge = (own: AccessList | undefined, packet: Packet) =>
    own === undefined ? NO_LIST : own[direction].find(packet);
  const rulesOf = (own: AccessList | undefined) => own?.[direction].rules() ?? [NO_LIST];
  if (exceptions.length === 0) {
    return { name, find: (packet) => judge(list, packet), rules: () => rulesOf(list) };
  }
  const isAt = direction === 'outbound' ? isFrom : isTo;
  const lists = new Set([list, ...exceptions.map(listOf)]);
  return {
    name,
    find: (packet) => {
      const exception = exceptions.find((own) => isAt(own, packet));
      return judge(exception === undefined ? list : listOf(exception), packet);
    },
    rules: () => [...lists].flatMap(rulesOf),
  };
}

/** The configuration whose lists judge a packet; undefined: the port has no address. */
export function judgedAddress(
  { addresses }: PortPolicy,
  direction: 'outbound' | 'inbound',
  packet: Packet,
): PortAddress | undefined {
  const isAt = direction === 'outbound' ? isFrom : isTo;
  return addresses.find((own) => isAt(own, packet)) ?? addresses[0];
}

function isFrom({ address }: PortAddress, { key }: Packet): boolean {
  return equalIpWords(address, [key.src0, key.src1, key.src2, key.src3]);
}

function isTo({ address }: PortAddress, { key }: Packet): boolean {
  return equalIpWords(address, [key.dst0, key.dst1, key.dst2, key.dst3]);
}
