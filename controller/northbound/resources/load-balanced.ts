/**
 * What load balancers and their backends must agree on, whichever of them is being written: one virtual network, one address family, rules that
 * do not contradict each other on one ipConfiguration — MS-NCNBI §3.1.5.35. What is not being written is taken from desired state. Called by
 * the descriptors of ipConfigurations and loadBalancers.
 */
import { type IpFamily, parseIpPrefix } from '../../../base/ip.ts';
import { FrontendIpConfigurationSchema } from '../../../schema/northbound/load-balancers.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import { refKey, typeKeyOf } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { POOL_BACKENDS_MAX } from '../limits.ts';
import { nodesOf, typed } from '../resource-node.ts';
import type { ReadContext, ResourceNode, WriteContext } from '../resource-type.ts';
import {
  type Holder,
  type InboundRule,
  inboundRuleOf,
  isInboundRule,
  isInboundRuleType,
  sameBackendPort,
} from './load-balancing-rules.ts';
import { VIRTUAL_SUBNET } from './subnet-addresses.ts';

/** A load balancer as it will be. */
export interface BalancerView {
  /** By key of what they lead to: a pool, or the inboundNatRule itself. */
  rulesTo(target: string): readonly InboundRule[];
  frontend(key: string): Holder | undefined;
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

/** The address itself, or one of its subnet's while it is not chosen yet. */
export function familyOfFrontend(frontend: Holder, desired: DesiredState): IpFamily | undefined {
  const { publicIPAddress, subnet } = typed(FrontendIpConfigurationSchema, frontend);
  const version = desired.byRef(publicIPAddress?.resourceRef ?? '')?.properties[
    'publicIPAddressVersion'
  ];
  if (version !== undefined) return version === 'IPv6' ? 6 : 4;
  return familyInSubnet(subnet?.resourceRef, desired);
}

function familyInSubnet(ref: string | undefined, desired: DesiredState): IpFamily | undefined {
  const subnet = desired.byRef(ref ?? '');
  if (subnet === undefined) return undefined;
  const known = SUBNET_FAMILIES.get(subnet);
  if (known !== undefined) return known;
  const text = subnet.properties['addressPrefix'];
  const family = typeof text === 'string' ? parseIpPrefix(text)?.family : undefined;
  if (family !== undefined) SUBNET_FAMILIES.set(subnet, family);
  return family;
}

/** Each rule that leads to a backend asks, and hundreds may; what is stored is never altered, but replaced. */
const SUBNET_FAMILIES = new WeakMap<Resource, IpFamily>();
const STORED_RULES = new WeakMap<Resource, InboundRule>();

function storedRule(resource: Resource): InboundRule {
  const rule = STORED_RULES.get(resource) ?? inboundRuleOf(resource);
  STORED_RULES.set(resource, rule);
  return rule;
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
  const family = familyInSubnet(
    typed(IpConfigurationSchema, configuration).subnet?.resourceRef,
    desired,
  );
  const faults: FaultDetail[] = [];
  const reaching: InboundRule[] = [];
  const ports = new Map<string, InboundRule>();
  for (const target of targets) {
    const balancer = balancerKeyOf(target);
    const view = viewOf(balancer);
    for (const rule of view?.rulesTo(target) ?? []) {
      reaching.push(rule);
      faults.push(...familyFaults(rule, configuration, family, view, desired));
      if (rule.floating || rule.anyPort) continue;
      const port = `${balancer} ${rule.protocol} ${rule.backendPort}`;
      const twin = ports.get(port);
      if (twin !== undefined && twin.key !== rule.key) faults.push(sameBackendPort(twin, rule));
      ports.set(port, rule);
    }
  }
  return [...faults, ...anyPortFaults(configuration, reaching)];
}

function familyFaults(
  rule: InboundRule,
  configuration: Holder,
  family: IpFamily | undefined,
  view: BalancerView | undefined,
  desired: DesiredState,
): FaultDetail[] {
  const other = rule.frontends
    .flatMap((key) => view?.frontend(key) ?? [])
    .find((frontend) => familyOfFrontend(frontend, desired) === (family === 4 ? 6 : 4));
  if (other === undefined || family === undefined) return [];
  const message = `${configuration.ref} is IPv${family}, which the frontend ${other.ref} of ${rule.ref} is not`;
  return [detail('InvalidParameterValue', message, configuration.ref)];
}

function anyPortFaults({ ref }: Holder, reaching: readonly InboundRule[]): FaultDetail[] {
  const all = reaching.filter(({ anyPort }) => anyPort);
  const [first] = all;
  if (first === undefined) return [];
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
    rulesTo(target) {
      if (isInboundRule({ key: target })) {
        const rule = desired.byRef(target);
        return rule === undefined ? [] : [storedRule(rule)];
      }
      const rules: InboundRule[] = [];
      for (const { from } of desired.referrers(target)) {
        if (isInboundRuleType(from.type)) rules.push(storedRule(from));
      }
      return rules;
    },
    frontend: (frontendKey) => desired.byRef(frontendKey),
    internalNetwork: internal && internalNetworkOf(internal),
  };
}

/** Key of the virtual network that the address of a frontend is in. */
export function internalNetworkOf(frontend: Pick<Holder, 'properties'>): string | undefined {
  return networkKeyOf(typed(FrontendIpConfigurationSchema, frontend).subnet?.resourceRef);
}
