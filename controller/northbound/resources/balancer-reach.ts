/**
 * What the rules of a load balancer say of whoever is behind one of its pools or inboundNatRules, put so that a backend is held against hundreds of
 * rules in the time of one. Of a stored load balancer it is kept until that, or what it was read from, is replaced. Called by load-balanced.ts.
 */
import { type IpFamily, parseIpPrefix } from '../../../base/ip.ts';
import { FrontendIpConfigurationSchema } from '../../../schema/northbound/load-balancers.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import { typed } from '../resource-node.ts';
import {
  type Holder,
  type InboundRule,
  inboundRuleOf,
  isInboundRule,
  isInboundRuleType,
} from './load-balancing-rules.ts';

/** How a backend is reached through one target. */
export interface Reach {
  readonly rules: readonly InboundRule[];
  /** Those for all ports. */
  readonly anyPort: readonly InboundRule[];
  /** By protocol and port of the backend, of rules that translate to it. */
  readonly ports: ReadonlyMap<string, InboundRule>;
  /** By family, rules that have a frontend of it, each with its first one. */
  readonly families: ReadonlyMap<IpFamily, readonly FamilyOfRule[]>;
}

export interface FamilyOfRule {
  readonly rule: InboundRule;
  readonly frontend: Holder;
}

export const NO_REACH: Reach = { rules: [], anyPort: [], ports: new Map(), families: new Map() };

/** Of these rules, which lead to one target. */
export function reachBy(
  rules: readonly InboundRule[],
  frontend: (key: string) => Holder | undefined,
  desired: DesiredState,
): Reach {
  return readReach(rules, frontend, desired).reach;
}

/** Of a stored load balancer. `target`: key of a pool or an inboundNatRule. */
export function storedReach(target: string, desired: DesiredState): Reach {
  const owner = desired.byRef(target);
  if (owner === undefined) return NO_REACH;
  const known = STORED.get(owner);
  const isKept = known?.sources.every((source) => desired.byRef(source.key) === source) ?? false;
  if (known !== undefined && isKept) return known.reach;
  const frontend = (key: string) => desired.byRef(key);
  const read = readReach(storedRules(owner, desired), frontend, desired);
  STORED.set(owner, read);
  return read.reach;
}

export function familyInSubnet(
  ref: string | undefined,
  desired: DesiredState,
): IpFamily | undefined {
  const subnet = desired.byRef(ref ?? '');
  return subnet === undefined ? undefined : familyOf(subnet);
}

interface Read {
  readonly reach: Reach;
  /** Resources beside the load balancer's that families were read from. */
  readonly sources: readonly Resource[];
}

/** By the target. A load balancer that is written makes all its resources new. */
const STORED = new WeakMap<Resource, Read>();

/** Rules and what they lead to are of one load balancer. */
function storedRules(target: Resource, desired: DesiredState): readonly InboundRule[] {
  if (isInboundRule(target)) return [inboundRuleOf(target)];
  const rules: InboundRule[] = [];
  for (const { from } of desired.referrers(target.key)) {
    if (isInboundRuleType(from.type)) rules.push(inboundRuleOf(from));
  }
  return rules;
}

function readReach(
  rules: readonly InboundRule[],
  frontendAt: (key: string) => Holder | undefined,
  desired: DesiredState,
): Read {
  const sources = new Set<Resource>();
  const ports = new Map<string, InboundRule>();
  const families = new Map<IpFamily, FamilyOfRule[]>();
  for (const rule of rules) {
    if (!(rule.floating || rule.anyPort)) ports.set(`${rule.protocol} ${rule.backendPort}`, rule);
    const own = new Map<IpFamily, Holder>();
    for (const frontend of rule.frontends.flatMap((key) => frontendAt(key) ?? [])) {
      const source = familySource(frontend, desired);
      if (source === undefined) continue;
      sources.add(source);
      const family = familyOf(source);
      if (family !== undefined && !own.has(family)) own.set(family, frontend);
    }
    for (const [family, frontend] of own) {
      const others = families.get(family) ?? [];
      families.set(family, others);
      others.push({ rule, frontend });
    }
  }
  const anyPort = rules.filter((rule) => rule.anyPort);
  return { reach: { rules, anyPort, ports, families }, sources: [...sources] };
}

/** What a frontend's family is read from: its publicIPAddress or, its address being chosen or not, the subnet. */
function familySource(frontend: Holder, desired: DesiredState): Resource | undefined {
  const { publicIPAddress, subnet } = typed(FrontendIpConfigurationSchema, frontend);
  const address = desired.byRef(publicIPAddress?.resourceRef ?? '');
  return address ?? desired.byRef(subnet?.resourceRef ?? '');
}

function familyOf({ properties }: Resource): IpFamily | undefined {
  const { publicIPAddressVersion: version, addressPrefix: prefix } = properties;
  if (version !== undefined) return version === 'IPv6' ? 6 : 4;
  return typeof prefix === 'string' ? parseIpPrefix(prefix)?.family : undefined;
}
