/**
 * loadBalancingRules and inboundNatRules read as one thing, traffic to a frontend's port that goes to backends, and what the rules of one load
 * balancer may not say beside each other — MS-NCNBI §3.1.5.5.5.1.1.3, §3.1.5.35. Called by the descriptors of loadBalancers and, for what
 * reaches one backend, by load-balanced.ts.
 */
import {
  InboundNatRuleSchema,
  LoadBalancingRuleSchema,
  RULE_IDLE_MINUTES_MAX,
  RULE_IDLE_MINUTES_MIN,
} from '../../../schema/northbound/load-balancers.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';

/** A node of a write or a resource of desired state. */
export interface Holder {
  readonly ref: string;
  readonly key: string;
  readonly properties: JsonObject;
}

export interface InboundRule {
  readonly ref: string;
  readonly key: string;
  readonly protocol: string;
  readonly frontendPort: number;
  readonly backendPort: number;
  readonly floating: boolean;
  /** Every port of TCP and UDP (HA ports). */
  readonly anyPort: boolean;
  /** Keys of frontendIPConfigurations. */
  readonly frontends: readonly string[];
  /** Key of a backendAddressPool; the rule's own key where it is an inboundNatRule. */
  readonly target: string;
}

export const RULE_COLLECTIONS = ['loadBalancingRules', 'inboundNatRules'] as const;
const PORT_MAX = 65_535;

/** The last collection of a key: `/loadbalancers/web/inboundnatrules/ssh` → `inboundnatrules`. */
function collectionOf(key: string): string {
  return key.split('/').at(-2) ?? '';
}

export function isInboundRule({ key }: { readonly key: string }): boolean {
  const collection = collectionOf(key);
  return RULE_COLLECTIONS.some((one) => one.toLowerCase() === collection);
}

const RULE_TYPES: ReadonlySet<string> = new Set(
  RULE_COLLECTIONS.map((one) => `loadbalancers/${one.toLowerCase()}`),
);

/** By the type of a resource of desired state. */
export function isInboundRuleType(type: string): boolean {
  return RULE_TYPES.has(type);
}

export function inboundRuleOf(holder: Holder): InboundRule {
  const rule = typed(LoadBalancingRuleSchema, holder);
  const { frontendPort = 0, backendPort = frontendPort } = rule;
  const { protocol, enableFloatingIP: floating = false } = rule;
  return {
    ...{ ref: holder.ref, key: holder.key, protocol, frontendPort, backendPort, floating },
    anyPort: protocol === 'All' && frontendPort === 0,
    frontends: (rule.frontendIPConfigurations ?? []).map(({ resourceRef }) => refKey(resourceRef)),
    target:
      collectionOf(holder.key) === 'inboundnatrules'
        ? holder.key
        : refKey(rule.backendAddressPool?.resourceRef ?? ''),
  };
}

/** What is wrong with one rule by itself. */
export function inboundRuleFaults(holder: Holder): FaultDetail[] {
  const rule = inboundRuleOf(holder);
  return [
    ...frontendFaults(holder),
    ...portFaults(rule),
    ...idleTimeoutFaults(holder),
    ...(rule.floating && rule.frontendPort !== rule.backendPort
      ? [
          detail(
            'BackendAndFrontendPortsAreDifferent',
            `with enableFloatingIP the ports are the same, not ${rule.frontendPort} and ${rule.backendPort}`,
            rule.ref,
          ),
        ]
      : []),
  ];
}

/** Of any rule, outbound ones included. */
export function frontendFaults(holder: Holder): FaultDetail[] {
  const { frontendIPConfigurations = [] } = typed(InboundNatRuleSchema, holder);
  if (frontendIPConfigurations.length > 0) return [];
  const message = `${holder.ref} names no frontendIPConfiguration`;
  return [detail('FrontendIpConfigReferenceNotProvided', message, holder.ref)];
}

export function idleTimeoutFaults(holder: Holder): FaultDetail[] {
  const { idleTimeoutInMinutes: minutes } = typed(InboundNatRuleSchema, holder);
  if (minutes === undefined) return [];
  if (minutes >= RULE_IDLE_MINUTES_MIN && minutes <= RULE_IDLE_MINUTES_MAX) return [];
  const range = `${RULE_IDLE_MINUTES_MIN} to ${RULE_IDLE_MINUTES_MAX}`;
  const message = `idleTimeoutInMinutes is ${range}, not ${minutes}`;
  return [detail('RuleIdleTimeoutIsOutOfRange', message, holder.ref)];
}

function portFaults({ ref, protocol, frontendPort, backendPort }: InboundRule): FaultDetail[] {
  if (protocol === 'GRE' || protocol === 'ESP') {
    const message = `${protocol} is not balanced: a rule is for Tcp, Udp, or All`;
    return [detail('OperationNotSupported', message, ref)];
  }
  const ports = [frontendPort, backendPort];
  if (protocol === 'All') {
    if (ports.every((port) => port === 0)) return [];
    const message = 'a rule for the protocol All has the frontendPort and backendPort 0';
    return [detail('InvalidAnyPortAnyProtocolInboundRule', message, ref)];
  }
  if (ports.every((port) => port === 0)) {
    const message = `a rule for ${protocol} has a port: only one for All has 0`;
    return [detail('InvalidAnyPortAnyProtocolInboundRule', message, ref)];
  }
  const bad = ports.find((port) => port < 1 || port > PORT_MAX);
  if (bad === undefined) return [];
  return [detail('PortValueIsOutOfRange', `a port is 1 to ${PORT_MAX}, not ${bad}`, ref)];
}

/** What the rules of one load balancer may not be beside each other. `outbound`: its outboundNatRules. */
export function exclusionFaults(
  rules: readonly InboundRule[],
  outbound: readonly Holder[],
): FaultDetail[] {
  return [...frontendPortFaults(rules, outbound), ...poolPortFaults(rules)];
}

function frontendPortFaults(
  rules: readonly InboundRule[],
  outbound: readonly Holder[],
): FaultDetail[] {
  const faults: FaultDetail[] = [];
  const byPort = new Map<string, InboundRule>();
  const anyPort = new Map<string, InboundRule>();
  const ported = new Map<string, InboundRule>();
  for (const rule of rules) {
    for (const frontend of new Set(rule.frontends)) {
      const [own, other] = rule.anyPort ? [anyPort, ported] : [ported, anyPort];
      const rival = other.get(frontend) ?? (rule.anyPort ? anyPort.get(frontend) : undefined);
      if (rival !== undefined) {
        const message = `${frontend} has a rule for all ports, and so no other: ${rival.ref}, ${rule.ref}`;
        faults.push(detail('AnyPortProtocolNotAllowedWithOtherInboundRules', message, rule.ref));
      }
      own.set(frontend, rule);
      const port = `${frontend} ${rule.protocol} ${rule.frontendPort}`;
      const twin = rule.anyPort ? undefined : byPort.get(port);
      if (twin !== undefined) {
        const message = `${twin.ref} has the port ${rule.protocol} ${rule.frontendPort} of ${frontend}`;
        faults.push(detail('RulesUseSameFrontendPort', message, rule.ref));
      }
      byPort.set(port, rule);
    }
  }
  for (const rule of outbound) {
    const { frontendIPConfigurations = [] } = typed(InboundNatRuleSchema, rule);
    const taken = frontendIPConfigurations.find(({ resourceRef }) =>
      anyPort.has(refKey(resourceRef)),
    );
    if (taken === undefined) continue;
    const message = `${taken.resourceRef} has a rule for all ports, and so none for outbound connections`;
    faults.push(detail('AnyPortProtocolNotAllowedWithOtherOutboundNatRules', message, rule.ref));
  }
  return faults;
}

/** A backend's port answers for one rule: what comes back from it could not be told apart. */
function poolPortFaults(rules: readonly InboundRule[]): FaultDetail[] {
  const seen = new Map<string, InboundRule>();
  return rules.flatMap((rule) => {
    if (rule.floating || rule.anyPort) return [];
    const port = `${rule.target} ${rule.protocol} ${rule.backendPort}`;
    const twin = seen.get(port);
    seen.set(port, rule);
    return twin === undefined ? [] : [sameBackendPort(twin, rule)];
  });
}

export function sameBackendPort(twin: InboundRule, rule: InboundRule): FaultDetail {
  const message = `${twin.ref} uses the port ${rule.protocol} ${rule.backendPort} of the same backends`;
  return detail('RulesUseSameBackendPort', message, rule.ref);
}
