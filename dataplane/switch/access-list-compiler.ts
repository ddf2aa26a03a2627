/**
 * Turns an access control list of goal state into the groups that judge packets, for one virtual network: what VIRTUALNETWORK, INTERNET
 * and a security tag mean depends on it (MS-NCNBI §3.1.5.1.2). Pure. A string as result is the reason why not.
 *
 * Ports belong to TCP and UDP: a rule about ports of any protocol is one about these two. Called by access-lists.
 */
import { type IpPrefixWords, ipPrefixFromBytes } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import {
  type AccessControlList,
  AclAction,
  AclDirection,
  type AclRule,
  type AddressMatch,
  AddressTag,
  type PortRange,
} from '../../schema/southbound/messages.ts';
import { type AddressSet, addressSet, complementOf, unionOf } from '../engine/address-set.ts';
import { unclassifiable } from '../engine/classifier.ts';
import { classifiedGroup, type Group } from '../engine/group.ts';
import { equals, type NumberRange, type Predicate } from '../engine/predicate.ts';
import { ALLOW, deny, type Rule, type RuleCounter } from '../engine/rule.ts';
import type { AccessList } from '../layers/port-policy.ts';
import { PROBE_SOURCES } from '../layers/services.ts';

/** What a list means in one network. */
export interface ListContext {
  readonly virtualNetwork: AddressSet;
  readonly internet: AddressSet;
  /** Addresses of a security tag, by its id; a tag that no interface of the network carries stands for none. */
  tag(id: string): AddressSet | undefined;
  /** The counter of a rule, the same one for as long as the rule's reference stays. */
  counter(direction: AclDirection, resourceRef: string): RuleCounter;
}

const LOAD_BALANCER = addressSet(
  PROBE_SOURCES.map((words) => ({ words, len: 128 })),
  'AZURELOADBALANCER',
);

const PORT_MAX = 0xffff;
const HAS_PORTS: readonly number[] = [IpProtocol.TCP, IpProtocol.UDP];
const PROTOCOLS: readonly number[] = [
  0,
  IpProtocol.ICMP,
  IpProtocol.TCP,
  IpProtocol.UDP,
  IpProtocol.ICMPV6,
];

/** What the tags stand for in a network with this address space, that of peered networks whose access is allowed included. */
export function tagsOf(
  space: readonly IpPrefixWords[],
): Pick<ListContext, 'virtualNetwork' | 'internet'> {
  const virtualNetwork = addressSet(space, 'VIRTUALNETWORK');
  return { virtualNetwork, internet: complementOf('INTERNET', [virtualNetwork, LOAD_BALANCER]) };
}

export function compileList(list: AccessControlList, context: ListContext): AccessList | string {
  const outbound = groupOf(list, AclDirection.ACL_OUTBOUND, context);
  if (typeof outbound === 'string') return outbound;
  const inbound = groupOf(list, AclDirection.ACL_INBOUND, context);
  if (typeof inbound === 'string') return inbound;
  return { outbound, inbound };
}

function groupOf(
  list: AccessControlList,
  direction: AclDirection,
  context: ListContext,
): Group | string {
  const { resourceRef } = list;
  const rules: Rule[] = [];
  for (const settings of list.rules) {
    if (settings.direction !== direction) continue;
    const predicates = predicatesOf(settings, context);
    if (typeof predicates === 'string') return `${settings.resourceRef}: ${predicates}`;
    rules.push({
      id: lastSegment(settings.resourceRef),
      resourceRef: settings.resourceRef,
      priority: settings.priority,
      predicates,
      action: actionOf(settings.action),
      counter: context.counter(direction, settings.resourceRef),
      isLogged: settings.logging,
    });
  }
  const reason = unclassifiable(rules);
  if (reason !== undefined) return reason;
  const action =
    direction === AclDirection.ACL_OUTBOUND ? list.outboundDefault : list.inboundDefault;
  return classifiedGroup(resourceRef, rules, {
    id: action === AclAction.ACL_PERMIT ? 'default permit' : 'default deny',
    resourceRef,
    priority: 65_536,
    predicates: [],
    action: actionOf(action),
    counter: context.counter(direction, resourceRef),
  });
}

/** What is no permission is a denial. */
function actionOf(action: AclAction): Rule['action'] {
  return action === AclAction.ACL_PERMIT ? ALLOW : deny(Drop.AclDenied);
}

function predicatesOf(rule: AclRule, context: ListContext): Predicate[] | string {
  const { protocol } = rule;
  if (!PROTOCOLS.includes(protocol)) return `protocol ${protocol} cannot be filtered by`;
  const source = addressPredicate('srcAddress', rule.source, context);
  if (typeof source === 'string') return source;
  const destination = addressPredicate('dstAddress', rule.destination, context);
  if (typeof destination === 'string') return destination;
  const sourcePorts = portPredicate('srcPort', rule.sourcePorts);
  if (typeof sourcePorts === 'string') return sourcePorts;
  const destinationPorts = portPredicate('dstPort', rule.destinationPorts);
  if (typeof destinationPorts === 'string') return destinationPorts;
  const ports = [...sourcePorts, ...destinationPorts];
  if (ports.length > 0 && protocol !== 0 && !HAS_PORTS.includes(protocol)) {
    return `protocol ${protocol} has no ports`;
  }
  return [...source, ...destination, ...protocolPredicate(protocol, ports.length > 0), ...ports];
}

function protocolPredicate(protocol: number, hasPorts: boolean): Predicate[] {
  if (protocol !== 0) return [equals('protocol', protocol)];
  if (!hasPorts) return [];
  const anyOf = HAS_PORTS.map((number) => ({ from: number, to: number }));
  return [{ field: 'protocol', anyOf }];
}

/** Empty: every address of both families. */
function addressPredicate(
  field: 'srcAddress' | 'dstAddress',
  match: AddressMatch | undefined,
  context: ListContext,
): Predicate[] | string {
  const { prefixes = [], tags = [], securityTagIds = [] } = match ?? {};
  const parsed: IpPrefixWords[] = [];
  for (const { address, len } of prefixes) {
    const prefix = ipPrefixFromBytes(address, len);
    if (prefix === undefined) return 'an address prefix is malformed';
    parsed.push(prefix);
  }
  const [single] = parsed;
  if (single !== undefined && parsed.length + tags.length + securityTagIds.length === 1) {
    return [{ field, in: single }];
  }
  const sets: AddressSet[] = parsed.length === 0 ? [] : [addressSet(parsed)];
  for (const tag of tags) {
    const set = tagSet(tag, context);
    if (set === undefined) return `tag ${tag} is unknown`;
    sets.push(set);
  }
  for (const id of securityTagIds) {
    sets.push(context.tag(id) ?? addressSet([], `security tag ${id}`));
  }
  const [only, ...more] = sets;
  if (only === undefined) return [];
  if (more.length === 0) return [{ field, set: only }];
  return [{ field, set: unionOf(sets.map(({ name }) => name).join(' or '), sets) }];
}

function tagSet(tag: AddressTag, context: ListContext): AddressSet | undefined {
  switch (tag) {
    case AddressTag.VIRTUAL_NETWORK:
      return context.virtualNetwork;
    case AddressTag.INTERNET:
      return context.internet;
    case AddressTag.AZURE_LOAD_BALANCER:
      return LOAD_BALANCER;
    default:
      return undefined;
  }
}

/** Empty: every port. */
function portPredicate(
  field: 'srcPort' | 'dstPort',
  ranges: readonly PortRange[],
): Predicate[] | string {
  const anyOf: NumberRange[] = [];
  for (const { from, to } of ranges) {
    if (!isPort(from) || !isPort(to) || from > to) return `${from}-${to} is no range of ports`;
    anyOf.push({ from, to });
  }
  const isAny = anyOf.length === 0 || anyOf.some(({ from, to }) => from === 0 && to === PORT_MAX);
  return isAny ? [] : [{ field, anyOf }];
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= PORT_MAX;
}

function lastSegment(resourceRef: string): string {
  return resourceRef.slice(resourceRef.lastIndexOf('/') + 1);
}
