/**
 * loadBalancerMuxes — MS-NCNBI §3.1.5.7 — and virtualServers, §3.1.5.21. A mux is an endpoint of the overlay like an edge router: its provider
 * address is given by the client or comes from the pools, and is its own for its life.
 */
import { ipFamily, parseIp } from '../../../base/ip.ts';
import {
  LoadBalancerMuxSchema,
  type PeerRouterConfigurationSchema,
  VirtualServerSchema,
} from '../../../schema/northbound/load-balancer-muxes.ts';
import type { BgpPeerRow } from '../../../schema/southbound/diagnostics/bgp.ts';
import { muxCounters, muxPeers } from '../../diagnostics/balancing-counters.ts';
import type { Resource } from '../../model/desired-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { addressFaults } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { MUX_PEERS_MAX } from '../limits.ts';
import { typed } from '../resource-node.ts';
import type {
  ObserveContext,
  ReadContext,
  ReferenceRule,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { allocateProviderAddress } from './provider-address.ts';

const CREDENTIAL: ReferenceRule = {
  property: 'connections.credential',
  backReference: 'connections',
  inUse: 'InUseCredentialCannotBeDeleted',
};

export const loadBalancerMuxes: ResourceType = {
  collection: 'loadBalancerMuxes',
  section: '3.1.5.7',
  summary: 'A multiplexer, which spreads what comes to public addresses over backends.',
  schema: LoadBalancerMuxSchema,
  references: [
    CREDENTIAL,
    { property: 'virtualServer', inUse: 'InUseVirtualServerCannotBeDeleted' },
  ],
  validate,
  allocate: allocateProviderAddress,
  derive: deriveActivity,
  observe,
  observeListed,
};

export const virtualServers: ResourceType = {
  collection: 'virtualServers',
  section: '3.1.5.21',
  summary: 'A machine that a role of the platform runs on.',
  schema: VirtualServerSchema,
  references: [CREDENTIAL],
  derive: deriveRoles,
};

/** As far as the controller knows by itself; whether a router knows it, the mux says in `observe`. */
function deriveActivity({ instanceId }: Resource, { realised }: ReadContext): JsonObject {
  const status = realised.configurationState(instanceId)?.status;
  return { activityState: status === 'Success' || status === 'Warning' ? 'Active' : 'NA' };
}

async function observe(mux: Resource, context: ObserveContext): Promise<JsonObject> {
  const [counters, published] = await Promise.all([
    context.version === 'v1' ? undefined : muxCounters(context, mux.resourceId),
    observeListed(mux, context),
  ]);
  return {
    ...(counters !== undefined && { counters: counters.map((counter) => ({ ...counter })) }),
    ...published,
  };
}

/** Also in the list of muxes, so that it says the same as each of them. */
async function observeListed(mux: Resource, context: ObserveContext): Promise<JsonObject> {
  const peers = await muxPeers(context, mux.resourceId);
  return peers === undefined ? {} : publication(mux, peers, context);
}

/** A mux that no router knows attracts nothing, however healthy it is. */
function publication(
  { instanceId }: Resource,
  peers: readonly BgpPeerRow[],
  { realised }: ReadContext,
): JsonObject {
  if (peers.some(({ state }) => state === 'Established')) return {};
  const state = realised.configurationState(instanceId);
  if (state === undefined || state.status === 'Failure') return { activityState: 'NA' };
  const why = peers.flatMap(({ address, failure }) =>
    failure === undefined ? [] : [`${address}: ${failure.message}`],
  );
  const message = `the mux is not connected to a BGP router${why.length === 0 ? '' : `: ${why.join('; ')}`}`;
  return {
    activityState: 'Standby',
    configurationState: {
      status: 'Failure',
      detailedInfo: [
        { source: 'SoftwareLoadBalancerManager', code: 'RoutePublicationFailure', message },
      ],
      lastUpdatedTime: state.lastUpdatedTime,
      id: instanceId,
    },
  };
}

/** What is not there is not shown (§3.1.5.21). */
function deriveRoles({ ref }: Resource, { desired }: ReadContext): JsonObject {
  for (const { from } of desired.referrers(ref)) {
    if (from.type === 'loadbalancermuxes') return { loadBalancerMuxes: { resourceRef: from.ref } };
  }
  return {};
}

/** RFC 7607 and RFC 6793 §9: AS 0 and AS_TRANS are nobody's. */
const AS_TRANS = 23_456;
const AS_NUMBER_MAX = 0xffff_ffff;

/** The number of four octets counts where there are both; undefined where neither is one. */
export function asNumberOf(two: number | undefined, four: number | undefined): number | undefined {
  const number = four === undefined || four === 0 ? two : four;
  const isOne = number !== undefined && number > 0 && number <= AS_NUMBER_MAX;
  return isOne && number !== AS_TRANS ? number : undefined;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { routerConfiguration, providerAddress } = typed(LoadBalancerMuxSchema, node);
  const { localASN, localASN4, peerRouterConfigurations: peers } = routerConfiguration;
  const faults = addressFaults(
    providerAddress === undefined ? [] : [providerAddress],
    'providerAddress',
  );
  if (asNumberOf(localASN, localASN4) === undefined) {
    const message = 'a mux has an AS number: localASN, or localASN4';
    faults.push(detail('RequiredParamMissing', message, 'routerConfiguration.localASN4'));
  }
  if (peers.length > MUX_PEERS_MAX) {
    const message = `at most ${MUX_PEERS_MAX} peerRouterConfigurations are allowed`;
    faults.push(detail('InvalidParameterValue', message, 'routerConfiguration'));
  }
  const addresses = peers.flatMap(({ routerIPAddress }) => routerIPAddress ?? []);
  if (new Set(addresses).size < addresses.length) {
    const message = 'each of the peerRouterConfigurations has a routerIPAddress of its own';
    faults.push(detail('InvalidParameterValue', message, 'routerConfiguration'));
  }
  return [...faults, ...peers.flatMap(peerFaults), ...twinFaults(node, context)];
}

type Peer = ReturnType<typeof typed<typeof PeerRouterConfigurationSchema>>;

function peerFaults({ routerName, routerIPAddress, peerASN, peerASN4 }: Peer): FaultDetail[] {
  const at = `routerConfiguration.peerRouterConfigurations '${routerName}'`;
  const faults: FaultDetail[] = [];
  if (asNumberOf(peerASN, peerASN4) === undefined) {
    const message = `the router ${routerName} has an AS number: peerASN, or peerASN4`;
    faults.push(detail('RequiredParamMissing', message, at));
  }
  if (routerIPAddress === undefined) {
    const message = `the router ${routerName} has a routerIPAddress`;
    return [...faults, detail('RequiredParamMissing', message, at)];
  }
  return [...faults, ...addressFaults([routerIPAddress], at)];
}

/** A machine runs one mux, and a session of BGP joins two addresses of one family. */
function twinFaults(node: ResourceNode, { desired }: WriteContext): FaultDetail[] {
  const { virtualServer, providerAddress, routerConfiguration } = typed(
    LoadBalancerMuxSchema,
    node,
  );
  const faults: FaultDetail[] = [];
  for (const { from } of desired.referrers(refKey(virtualServer.resourceRef))) {
    if (from.type !== 'loadbalancermuxes' || from.key === node.key) continue;
    const message = `${from.ref} runs on ${virtualServer.resourceRef}`;
    faults.push(detail('ResourceInUse', message, 'virtualServer'));
  }
  const own = parseIp(providerAddress ?? '');
  for (const { routerIPAddress } of routerConfiguration.peerRouterConfigurations) {
    const peer = parseIp(routerIPAddress ?? '');
    if (own === undefined || peer === undefined || ipFamily(own) === ipFamily(peer)) continue;
    const message = `${routerIPAddress} and the provider address ${providerAddress} are of two families`;
    faults.push(detail('InvalidIPAddress', message, 'routerConfiguration'));
  }
  return faults;
}
