/**
 * Node `edges`: an edge router's own settings, its BGP, its shared addresses and forwarded ports. One unit per edgeRouter. An edge that
 * has no provider address yet gets nothing, and so is no target.
 */
import type { BgpPeer, EdgeSettings, PortForward } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import {
  bgpPeerKey,
  bgpRouterKey,
  EDGE_KEY,
  natPoolKey,
  policyMapKey,
  portForwardKey,
  type ResourceContent,
  resourceContent,
} from '../../goal-state/resource.ts';
import type { AddressBytes } from '../address-bytes.ts';
import type { BgpRouter, PortForward as DesiredForward, EdgeRouter } from '../edge-document.ts';
import { configurationAt, edgeMac, forwardersMovedBy } from '../edges.ts';
import type { ModelView } from '../model-view.ts';
import {
  type CompilerNode,
  edgeScope,
  edgeTarget,
  PUBLIC_SCOPE,
  VXLAN_PORT,
  virtualNetworkScope,
} from '../node.ts';
import { prefixMessage } from './virtual-networks.ts';

const EMPTY = new Uint8Array(0);

export const edges: CompilerNode = {
  name: 'edges',
  handle(change, model) {
    switch (change.kind) {
      case 'edge-router':
        return [change.before, change.after].flatMap((edge) => edge?.id ?? []);
      case 'logical-network':
      case 'settings':
        // Rare, and edges are few.
        return 'unhandled';
      default:
        return forwardersMovedBy(change, model);
    }
  },
  units: (model) => model.edgeRouters.keys(),
  compile(id, model, { providerMtu }) {
    const edge = model.edgeRouters.get(id);
    if (edge?.providerAddress === undefined) return NO_OUTPUT;
    const { providerAddress } = edge;
    const forwards = edge.portForwards.flatMap((forward) => forwardMessage(forward, model) ?? []);
    const contents = [
      resourceContent({
        key: EDGE_KEY,
        edge: settings(edge, providerAddress, { model, providerMtu }),
      }),
      ...edge.bgpRouters.flatMap((router) => routerContents(router, edge, providerAddress, model)),
      ...edge.policyMaps.map(({ instanceId, resourceRef, entries }) =>
        resourceContent({
          key: policyMapKey(instanceId),
          policyMap: {
            id: instanceId,
            resourceRef,
            entries: new TextEncoder().encode(JSON.stringify(entries)),
          },
        }),
      ),
      ...edge.natPools.map(({ instanceId, ...pool }) =>
        resourceContent({ key: natPoolKey(instanceId), natPool: { id: instanceId, ...pool } }),
      ),
      ...forwards.map((portForward) =>
        resourceContent({ key: portForwardKey(portForward.id), portForward }),
      ),
    ];
    const target = edgeTarget(id);
    const scope = edgeScope(id);
    const networks = new Set(
      forwards.map(({ vnetId }) => vnetId).filter((vnetId) => vnetId !== ''),
    );
    const scopes = [scope, PUBLIC_SCOPE, ...[...networks].map(virtualNetworkScope)];
    return {
      published: contents.map((content) => ({ scope, content })),
      subscriptions: scopes.map((each) => ({ target, scope: each })),
    };
  },
};

function settings(
  edge: EdgeRouter,
  providerAddress: AddressBytes,
  { model, providerMtu }: { readonly model: ModelView; readonly providerMtu: number },
): EdgeSettings {
  const { providerSubnet, isProviderGateway, outside } = edge;
  const subnet = providerSubnet === undefined ? undefined : model.logicalSubnet(providerSubnet);
  const exemptions = [...model.settings.values()].flatMap(
    ({ natExemptions }) => natExemptions ?? [],
  );
  return {
    providerAddress,
    // Without a known subnet the address stands alone.
    providerPrefixLen: subnet?.prefix.len ?? 8 * providerAddress.length,
    vxlanPort: VXLAN_PORT,
    providerMtu,
    mac: edgeMac(providerAddress),
    providerGateway: (isProviderGateway ? subnet?.gateway : undefined) ?? EMPTY,
    outside,
    natExemptions: exemptions.map(prefixMessage),
  };
}

function routerContents(
  router: BgpRouter,
  edge: EdgeRouter,
  providerAddress: AddressBytes,
  model: ModelView,
): ResourceContent[] {
  const { instanceId, resourceRef, asNumber, enabled } = router;
  const { bmpStations, bmpStatisticsSec, mrtUpdates, mrtDumpMinutes } = router;
  const networks = router.networks ?? model.publicPrefixes();
  const content = resourceContent({
    key: bgpRouterKey(instanceId),
    bgpRouter: {
      id: instanceId,
      resourceRef,
      asNumber,
      routerId: router.routerId ?? providerAddress.slice(-4),
      enabled,
      networks: networks.map(prefixMessage),
      ...{ bmpStations, bmpStatisticsSec, mrtUpdates, mrtDumpMinutes },
    },
  });
  const mapId = (ref: string | undefined) =>
    edge.policyMaps.find((map) => map.ref === ref)?.instanceId ?? '';
  const peers = router.peers.map((peer): BgpPeer => {
    const { range, address, importMap, exportMap, instanceId: id, ...rest } = peer;
    return {
      ...rest,
      id,
      routerId: instanceId,
      address: address ?? EMPTY,
      ...(range !== undefined && { range: prefixMessage(range) }),
      importMapId: mapId(importMap),
      exportMapId: mapId(exportMap),
    };
  });
  return [
    content,
    ...peers.map((bgpPeer) => resourceContent({ key: bgpPeerKey(bgpPeer.id), bgpPeer })),
  ];
}

/** Undefined while what it leads to is not there. */
function forwardMessage(
  { instanceId, resourceRef, protocol, address, port, to, ...inner }: DesiredForward,
  model: ModelView,
): PortForward | undefined {
  const inside =
    to === undefined
      ? inner.privateAddress && { vnetId: '', address: inner.privateAddress }
      : configurationAt(to, model);
  if (inside === undefined) return undefined;
  return {
    id: instanceId,
    ...{ resourceRef, protocol, address, port },
    vnetId: inside.vnetId,
    privateAddress: inside.address,
    privatePort: inner.privatePort,
  };
}
