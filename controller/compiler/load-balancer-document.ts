/**
 * Reads what load balancing is made of (loadBalancers with their children, loadBalancerMuxes, backendSettings), as document.ts reads the
 * others: a child that cannot be read is left out, so that it cannot take its load balancer away.
 */
import { LoadDistribution, ProbeProtocol } from '../../schema/southbound/messages.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { address, children, list, object, reference, references, text } from './json-fields.ts';

/** Lower-cased. */
type Ref = string;

interface Part {
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly ref: Ref;
}

export interface LoadBalancer extends Part {
  readonly kind: 'load-balancer';
  /** Lower-cased resourceId. */
  readonly id: string;
  readonly frontends: readonly Frontend[];
  readonly pools: readonly Part[];
  readonly rules: readonly InboundRule[];
  readonly outboundRules: readonly OutboundRule[];
  readonly probes: readonly Probe[];
}

export interface Frontend extends Part {
  /** The publicIPAddress whose address it has. */
  readonly publicAddress: Ref | undefined;
  /** Else: the subnet that its address is in. */
  readonly subnet: Ref | undefined;
  readonly address: Uint8Array | undefined;
}

/** A loadBalancingRule or an inboundNatRule. */
export interface InboundRule extends Part {
  readonly frontends: readonly Ref[];
  /** A backendAddressPool; an inboundNatRule's own Ref. */
  readonly target: Ref;
  readonly isNat: boolean;
  /** 6 or 17; 0 with port 0: all ports of both. */
  readonly protocol: number;
  readonly port: number;
  readonly backendPort: number;
  readonly floatingIp: boolean;
  readonly distribution: LoadDistribution;
  readonly idleTimeoutSec: number;
  readonly tcpReset: boolean;
  readonly probe: Ref | undefined;
}

export interface OutboundRule extends Part {
  readonly frontends: readonly Ref[];
  readonly pool: Ref | undefined;
  /** 6 or 17; 0: both. */
  readonly protocol: number;
  readonly idleTimeoutSec: number;
  readonly tcpReset: boolean;
}

export interface Probe extends Part {
  readonly protocol: ProbeProtocol;
  readonly port: number;
  readonly requestPath: string;
  readonly intervalSec: number;
  readonly failuresMax: number;
}

export interface LoadBalancerMux extends Part {
  readonly kind: 'load-balancer-mux';
  readonly id: string;
  readonly providerAddress: Uint8Array | undefined;
  readonly providerSubnet: Ref | undefined;
  readonly asNumber: number;
  readonly peers: readonly MuxPeer[];
}

export interface MuxPeer {
  readonly address: Uint8Array;
  readonly name: string;
  readonly asNumber: number;
  /** 0: the speaker's own. */
  readonly holdTimeSec: number;
  readonly bfd: boolean;
}

/** What an administrator says of a backend. */
export interface BackendSettings {
  readonly kind: 'backend-settings';
  readonly id: string;
  readonly ipConfiguration: Ref;
  /** Undefined: of every pool. */
  readonly pool: Ref | undefined;
  readonly draining: boolean;
  readonly weight: number | undefined;
}

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, all: 0 };
const DISTRIBUTIONS: Readonly<Record<string, LoadDistribution>> = {
  default: LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE,
  sourceip: LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP,
  sourceipprotocol: LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL,
};
const PROBE_PROTOCOLS: Readonly<Record<string, ProbeProtocol>> = {
  tcp: ProbeProtocol.PROBE_TCP,
  http: ProbeProtocol.PROBE_HTTP,
  https: ProbeProtocol.PROBE_HTTPS,
};
const IDLE_TIMEOUT_SEC = 4 * 60;

export function readLoadBalancer(id: string, value: JsonObject): LoadBalancer | undefined {
  const named = part(value);
  if (named === undefined) return undefined;
  return {
    kind: 'load-balancer',
    id,
    ...named,
    frontends: parts(value, 'frontendIPConfigurations', readFrontend),
    pools: children(value, 'backendAddressPools').flatMap((child) => part(child) ?? []),
    rules: [
      ...parts(value, 'loadBalancingRules', (of, named) => readRule(of, named, false)),
      ...parts(value, 'inboundNatRules', (of, named) => readRule(of, named, true)),
    ],
    outboundRules: parts(value, 'outboundNatRules', readOutboundRule),
    probes: parts(value, 'probes', readProbe),
  };
}

/** instanceIds of everything below the load balancer that can have a state of its own. */
export function partsOfBalancer(balancer: LoadBalancer): readonly Part[] {
  return [
    ...balancer.frontends,
    ...balancer.pools,
    ...balancer.rules,
    ...balancer.outboundRules,
    ...balancer.probes,
  ];
}

function readFrontend(properties: JsonObject, named: Part): Frontend {
  return {
    ...named,
    publicAddress: reference(properties['publicIPAddress']),
    subnet: reference(properties['subnet']),
    address: address(properties['privateIPAddress']),
  };
}

function readRule(properties: JsonObject, named: Part, isNat: boolean): InboundRule | undefined {
  const protocol = PROTOCOLS[word(properties['protocol'])];
  const target = isNat ? named.ref : reference(properties['backendAddressPool']);
  const port = count(properties['frontendPort']);
  if (protocol === undefined || target === undefined || (protocol === 0) !== (port === 0)) {
    return undefined;
  }
  return {
    ...named,
    frontends: references(properties['frontendIPConfigurations']),
    ...{ target, isNat, protocol, port },
    backendPort: protocol === 0 ? 0 : count(properties['backendPort']) || port,
    floatingIp: properties['enableFloatingIP'] === true,
    distribution:
      DISTRIBUTIONS[word(properties['loadDistribution'])] ??
      LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE,
    ...idle(properties),
    probe: isNat ? undefined : reference(properties['probe']),
  };
}

function readOutboundRule(properties: JsonObject, named: Part): OutboundRule | undefined {
  const protocol = PROTOCOLS[word(properties['protocol'])];
  if (protocol === undefined) return undefined;
  return {
    ...named,
    frontends: references(properties['frontendIPConfigurations']),
    pool: reference(properties['backendAddressPool']),
    protocol,
    ...idle(properties),
  };
}

function readProbe(properties: JsonObject, named: Part): Probe | undefined {
  const protocol = PROBE_PROTOCOLS[word(properties['protocol'])];
  const port = count(properties['port']);
  if (protocol === undefined || port === 0) return undefined;
  return {
    ...named,
    protocol,
    port,
    requestPath: text(properties['requestPath']) ?? '',
    intervalSec: count(properties['intervalInSeconds']),
    failuresMax: count(properties['numberOfProbes']),
  };
}

function idle(properties: JsonObject): { idleTimeoutSec: number; tcpReset: boolean } {
  return {
    idleTimeoutSec: 60 * count(properties['idleTimeoutInMinutes']) || IDLE_TIMEOUT_SEC,
    tcpReset: properties['enableTcpReset'] === true,
  };
}

export function readLoadBalancerMux(id: string, value: JsonObject): LoadBalancerMux | undefined {
  const named = part(value);
  const properties = object(value['properties']);
  const router = object(properties['routerConfiguration']);
  const asNumber = count(router['localASN4']) || count(router['localASN']);
  if (named === undefined || asNumber === 0) return undefined;
  return {
    kind: 'load-balancer-mux',
    id,
    ...named,
    providerAddress: address(properties['providerAddress']),
    providerSubnet: text(object(value['internal'])['providerSubnetRef'])?.toLowerCase(),
    asNumber,
    peers: list(router['peerRouterConfigurations']).flatMap((each) => readPeer(object(each)) ?? []),
  };
}

function readPeer(value: JsonObject): MuxPeer | undefined {
  const bytes = address(value['routerIPAddress']);
  const asNumber = count(value['peerASN4']) || count(value['peerASN']);
  if (bytes === undefined || asNumber === 0) return undefined;
  return {
    address: bytes,
    name: text(value['routerName']) ?? '',
    asNumber,
    holdTimeSec: count(value['holdTimeInSeconds']),
    bfd: value['isBfdEnabled'] === true,
  };
}

export function readBackendSettings(id: string, value: JsonObject): BackendSettings | undefined {
  const properties = object(value['properties']);
  const ipConfiguration = reference(properties['ipConfiguration']);
  if (ipConfiguration === undefined) return undefined;
  return {
    kind: 'backend-settings',
    id,
    ipConfiguration,
    pool: reference(properties['backendAddressPool']),
    draining: properties['isDraining'] === true,
    weight: count(properties['weight']) || undefined,
  };
}

function parts<T>(
  value: JsonObject,
  collection: string,
  read: (properties: JsonObject, named: Part) => T | undefined,
): readonly T[] {
  return children(value, collection).flatMap((child) => {
    const named = part(child);
    const found = named === undefined ? undefined : read(object(child['properties']), named);
    return found === undefined ? [] : [found];
  });
}

function part(value: JsonObject): Part | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  return { instanceId, resourceRef, ref: resourceRef.toLowerCase() };
}

function word(value: JsonValue | undefined): string {
  return text(value)?.toLowerCase() ?? '';
}

/** 0 for what is no whole number of 32 bits. */
function count(value: JsonValue | undefined): number {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value > 0;
  return isCount && value <= 0xffff_ffff ? value : 0;
}
