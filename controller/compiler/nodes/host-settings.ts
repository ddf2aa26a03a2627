/**
 * Node `host-settings`: how a host takes part in the provider network, and what is set for all switches. One unit per server. A server
 * that has no provider address yet gets nothing, and so is no target.
 */
import {
  type EdgeEndpoint,
  type FlowLogSettings,
  type MuxEndpoint,
  OutboundReservedMode,
  type SwitchQos,
} from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { HOST_KEY, resourceContent } from '../../goal-state/resource.ts';
import type { AddressBytes } from '../address-bytes.ts';
import type { EdgeRouter } from '../edge-document.ts';
import { edgeMac } from '../edges.ts';
import type { LoadBalancerMux } from '../load-balancer-document.ts';
import type { ModelView } from '../model-view.ts';
import type { Server } from '../network-document.ts';
import { type CompilerNode, hostScope, hostTarget, KBPS_PER_MBPS, VXLAN_PORT } from '../node.ts';
import type { Replaced } from '../policy.ts';
import type { Ref } from '../ref.ts';
import type { GlobalQos, ServerCard, Settings } from '../settings-document.ts';
import { prefixMessage } from './virtual-networks.ts';

const EMPTY = new Uint8Array(0);
/** Flows that go on are logged this often, as NSG flow logs are. */
const FLOW_LOG_INTERVAL_SEC = 60;

const RESERVED_MODES: Readonly<Record<GlobalQos['reservation'], OutboundReservedMode>> = {
  none: OutboundReservedMode.OUTBOUND_RESERVED_NONE,
  absolute: OutboundReservedMode.OUTBOUND_RESERVED_VALUE,
  weight: OutboundReservedMode.OUTBOUND_RESERVED_WEIGHT,
};

export const hostSettings: CompilerNode = {
  name: 'host-settings',
  handle(change) {
    switch (change.kind) {
      case 'server':
        return [change.before, change.after].flatMap((server) => server?.id ?? []);
      case 'logical-network':
      case 'settings':
        // Rare, and as good as every server is concerned.
        return 'unhandled';
      case 'edge-router':
        return sameEndpoint(change) ? [] : 'unhandled';
      case 'load-balancer-mux':
        return sameEndpoint(change) ? [] : 'unhandled';
      case 'virtual-network':
      case 'network-interface':
      case 'access-control-list':
      case 'security-tag':
      case 'route-table':
      case 'service-insertion':
      case 'public-ip-address':
      case 'placement':
      case 'holder':
      case 'load-balancer':
      case 'backend-settings':
      case 'health':
      case 'announcement':
      case 'snat':
        return [];
    }
  },
  units: (model) => model.servers.keys(),
  compile(serverId, model, { providerMtu }) {
    const server = model.servers.get(serverId);
    if (server?.providerAddress === undefined) return NO_OUTPUT;
    const { providerAddress, providerSubnet } = server;
    const subnet = providerSubnet === undefined ? undefined : model.logicalSubnet(providerSubnet);
    const qos = setting('qos', model);
    const flowLog = flowLogOf(server, model);
    const content = resourceContent({
      key: HOST_KEY,
      host: {
        providerAddress,
        // Without a known subnet the address stands alone.
        providerPrefixLen: subnet?.prefix.len ?? 8 * providerAddress.length,
        providerGateway: subnet?.gateway ?? EMPTY,
        vxlanPort: VXLAN_PORT,
        providerMtu,
        dnsForwarders: subnet?.dnsServers ?? [],
        ...(qos !== undefined && { qos: qosMessage(qos, server) }),
        metering: setting('metering', model) ?? false,
        edges: edgesFor(providerAddress, model),
        muxes: muxesFor(providerAddress, model),
        natExemptions: (setting('natExemptions', model) ?? []).map(prefixMessage),
        ...(flowLog !== undefined && { flowLog }),
      },
    });
    const scope = hostScope(serverId);
    return {
      published: [{ scope, content }],
      subscriptions: [{ target: hostTarget(serverId), scope }],
    };
  },
};

/** Whether hosts see the edge or mux as they saw it. */
function sameEndpoint({ before, after }: Replaced<EdgeRouter | LoadBalancerMux>): boolean {
  const seen = (endpoint: EdgeRouter | LoadBalancerMux | undefined) =>
    `${endpoint?.resourceRef} ${endpoint?.providerAddress?.join('.')}`;
  return seen(before) === seen(after);
}

/** Those that a host with this address can reach, by their names. */
function edgesFor(own: AddressBytes, model: ModelView): EdgeEndpoint[] {
  return [...model.edgeRouters.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap(({ providerAddress, resourceRef }) =>
      providerAddress?.length === own.length
        ? [{ providerAddress, mac: edgeMac(providerAddress), resourceRef }]
        : [],
    );
}

function muxesFor(own: AddressBytes, model: ModelView): MuxEndpoint[] {
  return [...model.loadBalancerMuxes.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap(({ providerAddress, resourceRef }) =>
      providerAddress?.length === own.length ? [{ providerAddress, resourceRef }] : [],
    );
}

/** What the singletons say; no two of them say the same thing. */
function setting<K extends keyof Settings>(name: K, model: ModelView): Settings[K] | undefined {
  for (const one of model.settings.values()) if (one[name] !== undefined) return one[name];
  return undefined;
}

function qosMessage(qos: GlobalQos, server: Server): SwitchQos {
  const kbps = uplinkMbps(server.cards, server.providerSubnet) * KBPS_PER_MBPS;
  return {
    outboundReservedMode: RESERVED_MODES[qos.reservation],
    linkSpeedKbps: Math.floor((kbps * qos.linkSpeedPercent) / 100),
    defaultReservedValue: qos.defaultReservation,
  };
}

/** Of the cards in the provider network where any says so, else of all; the fastest, because a team's members are listed one by one. */
function uplinkMbps(cards: readonly ServerCard[], providerSubnet: Ref | undefined): number {
  const connected = cards.filter(({ subnets }) => subnets.includes(providerSubnet ?? ''));
  const counted = connected.length === 0 ? cards : connected;
  return counted.reduce((most, { mbps }) => Math.max(most, mbps), 0);
}

function flowLogOf(server: Server, model: ModelView): FlowLogSettings | undefined {
  const auditDirectory = setting('auditDirectory', model);
  if (!server.auditing || auditDirectory === undefined) return undefined;
  return { intervalSec: FLOW_LOG_INTERVAL_SEC, directory: auditDirectory };
}
