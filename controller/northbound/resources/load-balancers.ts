/**
 * loadBalancers with their frontends, pools, rules and probes — MS-NCNBI §3.1.5.5. The frontends of one are public (of a publicIPAddress, or of a
 * vipIpPool in a logical subnet) or internal (an address of a virtual subnet), never both. Which ipConfigurations are backends is said by
 * themselves (load-balanced.ts); the rules about rules are in load-balancing-rules.ts, those of frontends in load-balancer-frontends.ts.
 */
import {
  BackendAddressPoolSchema,
  InboundNatRuleSchema,
  LoadBalancerSchema,
  LoadBalancingRuleSchema,
  NUMBER_OF_PROBES,
  OutboundNatRuleSchema,
  PROBE_INTERVAL_SEC,
  PROBE_INTERVAL_SEC_MAX,
  PROBE_INTERVAL_SEC_MIN,
  ProbeSchema,
  REQUEST_PATH_LENGTH_MAX,
  RULE_IDLE_MINUTES_MIN,
} from '../../../schema/northbound/load-balancers.ts';
import type { Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { BALANCER_PARTS_MAX, BALANCER_RULES_MAX } from '../limits.ts';
import { childrenIn, referencesIn, typed } from '../resource-node.ts';
import type {
  Properties,
  ReadContext,
  ReferenceRule,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { type Reach, reachBy } from './balancer-reach.ts';
import {
  type BalancerView,
  backendFaults,
  internalNetworkOf,
  storedMembers,
} from './load-balanced.ts';
import { frontendIpConfigurations } from './load-balancer-frontends.ts';
import {
  exclusionFaults,
  frontendFaults,
  type InboundRule,
  idleTimeoutFaults,
  inboundRuleFaults,
  inboundRuleOf,
  isInboundRule,
  RULE_COLLECTIONS,
} from './load-balancing-rules.ts';
import { MANAGER_REF } from './vip-pools.ts';

const frontends = (backReference: string): ReferenceRule => ({
  property: 'frontendIPConfigurations',
  backReference,
  inUse: 'InUseFrontendIpConfigurationCannotBeDeleted',
});
const pool = (backReference: string): ReferenceRule => ({
  property: 'backendAddressPool',
  backReference,
  inUse: 'InUseBackendAddressPoolCannotBeDeleted',
});

const backendAddressPools: ResourceType = {
  collection: 'backendAddressPools',
  section: '3.1.5.5.2',
  summary: 'Backends that traffic is spread over: the ipConfigurations that name it.',
  schema: BackendAddressPoolSchema,
};

const loadBalancingRules: ResourceType = {
  collection: 'loadBalancingRules',
  section: '3.1.5.5.5',
  summary: 'Traffic to a port of frontends that is spread over a pool.',
  schema: LoadBalancingRuleSchema,
  references: [
    frontends('loadBalancingRules'),
    pool('loadBalancingRules'),
    {
      property: 'probe',
      backReference: 'loadBalancingRules',
      inUse: 'InUseProbeCannotBeDeleted',
    },
  ],
  normalise(properties) {
    properties['loadDistribution'] ??= 'Default';
    return inboundDefaults(properties);
  },
  validate: (node) => [...poolFaults(node), ...inboundRuleFaults(node)],
};

const inboundNatRules: ResourceType = {
  collection: 'inboundNatRules',
  section: '3.1.5.5.4',
  summary: 'Traffic to a port of frontends that goes to one ipConfiguration.',
  schema: InboundNatRuleSchema,
  references: [frontends('inboundNatRules')],
  normalise: inboundDefaults,
  validate: inboundRuleFaults,
  derive: deriveBackend,
};

const outboundNatRules: ResourceType = {
  collection: 'outboundNatRules',
  section: '3.1.5.5.6',
  summary: 'Connections of a pool to the outside, which leave from the frontends’ addresses.',
  schema: OutboundNatRuleSchema,
  references: [frontends('outboundNatRules'), pool('outboundNatRules')],
  normalise: ruleDefaults,
  validate: (node) => [
    ...frontendFaults(node),
    ...poolFaults(node),
    ...outboundProtocolFaults(node),
    ...idleTimeoutFaults(node),
  ],
};

const probes: ResourceType = {
  collection: 'probes',
  section: '3.1.5.5.7',
  summary: 'How the host of a backend finds out whether it is up.',
  schema: ProbeSchema,
  normalise: normaliseProbe,
  validate: probeFaults,
};

export const loadBalancers: ResourceType = {
  collection: 'loadBalancers',
  section: '3.1.5.5',
  summary: 'Addresses whose traffic is spread over backends.',
  schema: LoadBalancerSchema,
  children: [
    frontendIpConfigurations,
    backendAddressPools,
    loadBalancingRules,
    inboundNatRules,
    outboundNatRules,
    probes,
  ],
  validate,
};

function ruleDefaults(properties: Properties): Properties {
  properties['idleTimeoutInMinutes'] ??= RULE_IDLE_MINUTES_MIN;
  properties['enableTcpReset'] ??= false;
  return properties;
}

function inboundDefaults(properties: Properties): Properties {
  properties['enableFloatingIP'] ??= false;
  const port = properties['frontendPort'];
  if (port !== undefined) properties['backendPort'] ??= port;
  return ruleDefaults(properties);
}

function deriveBackend({ key }: Resource, { desired }: ReadContext): JsonObject {
  const [member] = storedMembers(key, desired);
  return member === undefined ? {} : { backendIPConfiguration: { resourceRef: member.ref } };
}

function poolFaults(node: ResourceNode): FaultDetail[] {
  if (typed(LoadBalancingRuleSchema, node).backendAddressPool !== undefined) return [];
  const message = `${node.ref} names no backendAddressPool`;
  return [detail('BackendPoolReferenceNotProvided', message, node.ref)];
}

function outboundProtocolFaults(node: ResourceNode): FaultDetail[] {
  const { protocol } = typed(OutboundNatRuleSchema, node);
  if (protocol !== 'GRE' && protocol !== 'ESP') return [];
  const message = `${protocol} has no ports to translate: a rule is for Tcp, Udp, or All`;
  return [detail('InvalidOutboundNatProtocolType', message, node.ref)];
}

function normaliseProbe(properties: Properties): Properties {
  properties['intervalInSeconds'] ??= PROBE_INTERVAL_SEC;
  properties['numberOfProbes'] ??= NUMBER_OF_PROBES;
  const path = properties['requestPath'];
  if (typeof path === 'string' && !path.startsWith('/')) properties['requestPath'] = `/${path}`;
  return properties;
}

/** Visible ASCII: it becomes the first line of a request. */
const REQUEST_PATH = /^[!-~]+$/;
const PORT_MAX = 65_535;

function probeFaults(node: ResourceNode): FaultDetail[] {
  const {
    protocol,
    port = 0,
    requestPath,
    numberOfProbes = NUMBER_OF_PROBES,
  } = typed(ProbeSchema, node);
  const { intervalInSeconds = PROBE_INTERVAL_SEC } = typed(ProbeSchema, node);
  const faults: FaultDetail[] = [];
  const refuse = (code: FaultDetail['code'], message: string) =>
    faults.push(detail(code, message, node.ref));
  if (port < 1 || port > PORT_MAX) {
    refuse('PortValueIsOutOfRange', `the port of a probe is 1 to ${PORT_MAX}, not ${port}`);
  }
  if (intervalInSeconds < PROBE_INTERVAL_SEC_MIN || intervalInSeconds > PROBE_INTERVAL_SEC_MAX) {
    const message = `intervalInSeconds is at least ${PROBE_INTERVAL_SEC_MIN}, not ${intervalInSeconds}`;
    refuse('ProbeIntervalIsOutOfRange', message);
  }
  if (numberOfProbes < 1 || numberOfProbes > PROBE_INTERVAL_SEC_MAX) {
    refuse('NumberOfProbesIsOutOfRange', `numberOfProbes is at least 1, not ${numberOfProbes}`);
  }
  if (protocol === 'Tcp') {
    if (requestPath !== undefined) {
      refuse('ProbeRequestPathIsNotNull', 'a probe by Tcp has no requestPath');
    }
  } else if (requestPath === undefined) {
    refuse('ProbeRequestPathIsRequired', `a probe by ${protocol} has a requestPath`);
  } else if (requestPath.length > REQUEST_PATH_LENGTH_MAX || !REQUEST_PATH.test(requestPath)) {
    const message = `a requestPath is a path of at most ${REQUEST_PATH_LENGTH_MAX} visible characters`;
    refuse('InvalidParameterValue', message);
  }
  return faults;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  if (context.desired.byRef(MANAGER_REF) === undefined) {
    const message = 'a load balancer needs loadBalancerManager/config, and there is none';
    return [detail('LbManagerResourceNotConfigured', message, node.ref)];
  }
  const own = ownReferenceFaults(node);
  if (own.length > 0) return own;
  const view = viewOf(node, context);
  const targets = [
    ...childrenIn(node, backendAddressPools.collection),
    ...childrenIn(node, inboundNatRules.collection),
  ].map(({ key }) => key);
  return [
    ...countFaults(node),
    ...sideFaults(node),
    ...nameFaults(node),
    ...exclusionFaults(rulesOf(node), childrenIn(node, outboundNatRules.collection)),
    ...backendFaults(view, targets, context),
  ];
}

function rulesOf(node: ResourceNode): InboundRule[] {
  return node.children.filter(isInboundRule).map(inboundRuleOf);
}

function viewOf(node: ResourceNode, { desired }: ReadContext): BalancerView {
  const rules = new Map<string, InboundRule[]>();
  for (const rule of rulesOf(node)) {
    const known = rules.get(rule.target);
    if (known === undefined) rules.set(rule.target, [rule]);
    else known.push(rule);
  }
  const frontends = new Map(
    childrenIn(node, frontendIpConfigurations.collection).map((one) => [one.key, one]),
  );
  const frontend = (key: string) => frontends.get(key);
  const reaches = new Map<string, Reach>();
  const networks = [...frontends.values()].flatMap((one) => internalNetworkOf(one) ?? []);
  return {
    reachOf(target) {
      const reach = reaches.get(target) ?? reachBy(rules.get(target) ?? [], frontend, desired);
      reaches.set(target, reach);
      return reach;
    },
    internalNetwork: networks[0],
  };
}

/** What rules refer to is the same load balancer's. */
function ownReferenceFaults(node: ResourceNode): FaultDetail[] {
  return node.children.flatMap((child) => {
    if (child.type.type.collection === frontendIpConfigurations.collection) return [];
    return [...referencesIn(child.properties)]
      .filter(({ to }) => !to.toLowerCase().startsWith(`${node.key}/`))
      .map(({ to }) =>
        detail('InvalidResourceReference', `${to} is not a part of ${node.ref}`, child.ref),
      );
  });
}

function countFaults(node: ResourceNode): FaultDetail[] {
  const count = (collection: string) => childrenIn(node, collection).length;
  const faults: FaultDetail[] = [];
  if (count(frontendIpConfigurations.collection) === 0) {
    const message = 'a load balancer has one of the frontendIPConfigurations at least';
    faults.push(detail('InvalidFrontendIPCount', message, node.ref));
  }
  for (const { collection } of [frontendIpConfigurations, backendAddressPools, probes]) {
    if (count(collection) <= BALANCER_PARTS_MAX) continue;
    const message = `at most ${BALANCER_PARTS_MAX} ${collection} are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  const rules = [...RULE_COLLECTIONS, outboundNatRules.collection].reduce(
    (sum, collection) => sum + count(collection),
    0,
  );
  if (rules > BALANCER_RULES_MAX) {
    const message = `at most ${BALANCER_RULES_MAX} rules are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  return faults;
}

/** All frontends are of the outside, or all of one virtual network. */
function sideFaults(node: ResourceNode): FaultDetail[] {
  const all = childrenIn(node, frontendIpConfigurations.collection);
  const networks = new Set(all.flatMap((one) => internalNetworkOf(one) ?? []));
  const internal = all.filter((one) => internalNetworkOf(one) !== undefined);
  if (internal.length > 0 && internal.length < all.length) {
    const message = `${node.ref} has frontends of virtual networks and others`;
    return [detail('LoadBalancerHasBothPublicAndInternalFrontends', message, node.ref)];
  }
  if (networks.size > 1) {
    const message = `the frontends of ${node.ref} are in ${[...networks].join(' and ')}`;
    return [detail('VirtualNetworkMismatch', message, node.ref)];
  }
  const outbound = childrenIn(node, outboundNatRules.collection);
  if (internal.length === 0 || outbound.length === 0) return [];
  const message = 'connections to the outside do not leave from an internal address';
  return [detail('OutboundNatRulesAreNotSupported', message, outbound[0]?.ref)];
}

function nameFaults(node: ResourceNode): FaultDetail[] {
  const seen = new Map<string, ResourceNode>();
  return [...RULE_COLLECTIONS, outboundNatRules.collection]
    .flatMap((collection) => childrenIn(node, collection))
    .flatMap((rule) => {
      const name = rule.resourceId.toLowerCase();
      const twin = seen.get(name);
      seen.set(name, rule);
      if (twin === undefined) return [];
      return [detail('RuleNameDuplicate', `${twin.ref} and ${rule.ref} have one name`, rule.ref)];
    });
}
