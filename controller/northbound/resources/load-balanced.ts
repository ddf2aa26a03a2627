/**
 * What load balancers and their backends must agree on, whichever of them is being written: one virtual network, one address family, rules that
 * do not contradict each other on one ipConfiguration — MS-NCNBI §3.1.5.35. What is not being written is taken from desired state. Called by
 * the descriptors of ipConfigurations and loadBalancers.
 */
import { FrontendIpConfigurationSchema } from '../../../schema/northbound/load-balancers.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import { refKey, typeKeyOf } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { POOL_BACKENDS_MAX } from '../limits.ts';
import { nodesOf, typed } from '../resource-node.ts';
import type { ReadContext, ResourceNode, WriteContext } from '../resource-type.ts';
import { familyInSubnet, NO_REACH, type Reach, storedReach } from './balancer-reach.ts';
import {
  type Holder,
  type InboundRule,
  isInboundRule,
  sameBackendPort,
} from './load-balancing-rules.ts';
import { VIRTUAL_SUBNET } from './subnet-addresses.ts';

/** A load balancer as it will be. */
export interface BalancerView {
  /** `target`: key of what rules lead to: a pool, or the inboundNatRule itself. */
  reachOf(target: string): Reach;
  /** Key of the virtual network that its internal frontends are in. */
  readonly internalNetwork: string | undefined;
}

/** Keys of pools and inboundNatRules that an ipConfiguration names. */
function targetsOf(configuration: Holder): readonly string[] {
  const { loadBalancerBackendAddressPools = [], loadBalancerInboundNatRules = [] } = typed(
    IpConfigurationSchema,
    configuration,
  );
  return [...loadBalancerBackendAddressPools, ...loadBalancerInboundNatRules].map(
    ({ resourceRef }) => refKey(resourceRef),
  );
}

/** `/virtualnetworks/blue`; undefined for a logical network's subnet. */
export function networkKeyOf(subnetRef: string | undefined): string | undefined {
  if (subnetRef === undefined || typeKeyOf(subnetRef) !== VIRTUAL_SUBNET) return undefined;
  return refKey(subnetRef).split('/').slice(0, 3).join('/');
}

export function balancerKeyOf(targetKey: string): string {
  return targetKey.split('/').slice(0, 3).join('/');
}

/** What is wrong with the pools and inboundNatRules that an ipConfiguration names. */
export function loadBalancedFaults(node: ResourceNode, context: WriteContext): FaultDetail[] {
  const { desired, root } = context;
  const targets = targetsOf(node);
  if (targets.length === 0) return [];
  const network = networkKeyOf(typed(IpConfigurationSchema, node).subnet?.resourceRef);
  if (network === undefined) {
    const message = 'a backend of a load balancer is in a virtual network';
    return [detail('OperationNotSupported', message, node.ref)];
  }
  const views = new Map<string, BalancerView>();
  for (const target of targets) {
    const key = balancerKeyOf(target);
    if (!views.has(key)) views.set(key, storedBalancer(key, desired));
  }
  const isElsewhere = ({ key }: Holder) => key !== root.key && !key.startsWith(`${root.key}/`);
  const siblings = [...nodesOf(root)].filter(
    (one) => one.key !== node.key && targetsOf(one).length > 0,
  );
  const otherOf = (target: string) =>
    siblings.find((one) => targetsOf(one).includes(target)) ??
    storedMember(target, desired, isElsewhere);
  return [
    ...targets.flatMap((target) => memberFaults(node, network, target, otherOf(target))),
    ...targets.flatMap((target) => sizeFaults(node, target, context)),
    ...[...views.values()].flatMap((view) => networkFaults(node, view)),
    ...agreementFaults(node, targets, (key) => views.get(key), context),
  ];
}

function memberFaults(
  node: ResourceNode,
  network: string,
  target: string,
  other: Holder | undefined,
): FaultDetail[] {
  if (other === undefined) return [];
  if (isInboundRule({ key: target })) {
    const message = `${target} leads to ${other.ref} already`;
    return [detail('InboundNatRuleInUse', message, node.ref)];
  }
  const theirs = networkKeyOf(typed(IpConfigurationSchema, other).subnet?.resourceRef);
  if (theirs === undefined || theirs === network) return [];
  const message = `the backends of ${target} are in ${theirs}, not in ${network}`;
  return [detail('BackendIPConfigurationsDontUseSameVnet', message, node.ref)];
}

function sizeFaults(node: ResourceNode, target: string, context: WriteContext): FaultDetail[] {
  const isNew = context.previous === undefined || !targetsOf(context.previous).includes(target);
  // Referrers are rules, too; there are few of them.
  if (!isNew || context.desired.referrers(target).size < POOL_BACKENDS_MAX) return [];
  if (storedMembers(target, context.desired).length < POOL_BACKENDS_MAX) return [];
  const message = `${target} has ${POOL_BACKENDS_MAX} backends, which is the most it may have`;
  return [detail('InvalidParameterValue', message, node.ref)];
}

function networkFaults(configuration: Holder, view: BalancerView): FaultDetail[] {
  const { internalNetwork } = view;
  const own = networkKeyOf(typed(IpConfigurationSchema, configuration).subnet?.resourceRef);
  if (internalNetwork === undefined || own === internalNetwork) return [];
  const message = `${configuration.ref} is in ${own}, the load balancer's frontends in ${internalNetwork}`;
  return [
    detail('FrontendIPConfigAndBackendIPConfigsAreInDifferentVnets', message, configuration.ref),
  ];
}

/** What the rules that reach one ipConfiguration may not be beside each other. */
function agreementFaults(
  configuration: Holder,
  targets: readonly string[],
  viewOf: (balancerKey: string) => BalancerView | undefined,
  { desired }: ReadContext,
): FaultDetail[] {
  const byBalancer = new Map<string, Reach[]>();
  for (const target of targets) {
    const key = balancerKeyOf(target);
    const reach = viewOf(key)?.reachOf(target) ?? NO_REACH;
    const others = byBalancer.get(key);
    if (others === undefined) byBalancer.set(key, [reach]);
    else others.push(reach);
  }
  const reaches = [...byBalancer.values()].flat();
  return [
    ...familyFaults(configuration, reaches, desired),
    ...[...byBalancer.values()].flatMap(backendPortFaults),
    ...anyPortFaults(configuration, reaches),
  ];
}

function familyFaults(
  configuration: Holder,
  reaches: readonly Reach[],
  desired: DesiredState,
): FaultDetail[] {
  const { subnet } = typed(IpConfigurationSchema, configuration);
  const family = familyInSubnet(subnet?.resourceRef, desired);
  if (family === undefined) return [];
  const others = reaches.flatMap(({ families }) => families.get(family === 4 ? 6 : 4) ?? []);
  return others.map(({ rule, frontend }) => {
    const message = `${configuration.ref} is IPv${family}, which the frontend ${frontend.ref} of ${rule.ref} is not`;
    return detail('InvalidParameterValue', message, configuration.ref);
  });
}

/** Rules of one load balancer that use one port of a backend by several ways; those of one way are held against each other with it. */
function backendPortFaults(reaches: readonly Reach[]): FaultDetail[] {
  if (reaches.length === 1) return [];
  const seen = new Map<string, InboundRule>();
  const faults: FaultDetail[] = [];
  for (const { ports } of reaches) {
    for (const [port, rule] of ports) {
      const twin = seen.get(port);
      if (twin !== undefined && twin.key !== rule.key) faults.push(sameBackendPort(twin, rule));
      seen.set(port, rule);
    }
  }
  return faults;
}

function anyPortFaults({ ref }: Holder, reaches: readonly Reach[]): FaultDetail[] {
  const all = reaches.flatMap(({ anyPort }) => anyPort);
  const [first] = all;
  if (first === undefined) return [];
  const reaching = reaches.flatMap(({ rules }) => rules);
  const plain = all.find(({ floating }) => !floating);
  const other = reaching.find(({ key }) => key !== plain?.key);
  if (plain !== undefined && other !== undefined) {
    const message = `${plain.ref} brings ${ref} all ports, and ${other.ref} some of them`;
    return [detail('IpConfigCannotHaveOtherLbRulesWithNonFloatingIpAnyPortRule', message, ref)];
  }
  const translated = reaching.find(({ floating }) => !floating);
  if (plain !== undefined || translated === undefined) return [];
  const message = `${first.ref} brings ${ref} all ports with floating IP, ${translated.ref} is without`;
  return [detail('IpConfigCannotHaveFloatingIpAnyPortLbRulesWithNonFloatingIpRules', message, ref)];
}

/** What a load balancer, as it will be, does to the backends it has. `targets`: keys of its pools and inboundNatRules. */
export function backendFaults(
  view: BalancerView,
  targets: readonly string[],
  context: WriteContext,
): FaultDetail[] {
  const { desired, root } = context;
  const stored = new Map<string, BalancerView>([[root.key, view]]);
  const viewOf = (key: string): BalancerView => {
    const known = stored.get(key);
    if (known !== undefined) return known;
    const made = storedBalancer(key, desired);
    stored.set(key, made);
    return made;
  };
  const members = new Map(
    targets.flatMap((target) => storedMembers(target, desired)).map((one) => [one.key, one]),
  );
  return [...members.values()].flatMap((configuration) => [
    ...networkFaults(configuration, view),
    ...agreementFaults(configuration, targetsOf(configuration), viewOf, context),
  ]);
}

const IP_CONFIGURATION = 'networkinterfaces/ipconfigurations';

/** ipConfigurations that name a pool or an inboundNatRule. */
export function storedMembers(target: string, desired: DesiredState): Resource[] {
  return [...desired.referrers(target)]
    .map(({ from }) => from)
    .filter(({ type }) => type === IP_CONFIGURATION);
}

function storedMember(
  target: string,
  desired: DesiredState,
  accept: (member: Resource) => boolean,
): Resource | undefined {
  for (const { from } of desired.referrers(target)) {
    if (from.type === IP_CONFIGURATION && accept(from)) return from;
  }
  return undefined;
}

function storedBalancer(key: string, desired: DesiredState): BalancerView {
  const balancer = desired.byRef(key);
  const internal = balancer?.children.find(
    ({ type, properties }) =>
      type === 'loadbalancers/frontendipconfigurations' && internalNetworkOf({ properties }),
  );
  return {
    reachOf: (target) => storedReach(target, desired),
    internalNetwork: internal && internalNetworkOf(internal),
  };
}

/** Key of the virtual network that the address of a frontend is in. */
export function internalNetworkOf(frontend: Pick<Holder, 'properties'>): string | undefined {
  return networkKeyOf(typed(FrontendIpConfigurationSchema, frontend).subnet?.resourceRef);
}
