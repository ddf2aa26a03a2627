/**
 * Routes that hosts have and that lead nowhere: an appliance that no attached interface is, or a next hop that nothing serves. What
 * configurationState of a routeTable says beside what hosts answered; packets to such routes are dropped and counted there.
 */
import { formatIp, formatIpPrefix } from '../../base/ip.ts';
import { isServing } from '../compiler/edges.ts';
import type { ModelView } from '../compiler/model-view.ts';
import { connectedPeerings, networkRef } from '../compiler/peering.ts';
import type { Route, RouteTable } from '../compiler/policy-document.ts';
import { tableUsers } from '../compiler/routing.ts';
import type { ConfigurationDetail } from '../model/realised-state.ts';
import { UNSERVED_ROUTES_NAMED_MAX } from './limits.ts';

export function unservedRoutes(table: RouteTable, model: ModelView): ConfigurationDetail[] {
  const networks = networksOf(table, model);
  if (networks.size === 0) return [];
  const details: ConfigurationDetail[] = [];
  for (const route of table.routes) {
    const why = reason(route, networks, model);
    if (why === undefined) continue;
    const message = `${route.resourceRef}: packets to ${formatIpPrefix(route.prefix)} are dropped: ${why}`;
    details.push({ source: 'VirtualNetworkManager', code: 'PolicyConfigurationFailure', message });
    if (details.length === UNSERVED_ROUTES_NAMED_MAX) break;
  }
  return details;
}

/** Refs of the networks that use the table, and of those connected with one. */
function networksOf(table: RouteTable, model: ModelView): Set<string> {
  const users = tableUsers({ after: table }, model).flatMap(
    (id) => model.virtualNetworks.get(id) ?? [],
  );
  const all = users.flatMap((network) => [
    network,
    ...connectedPeerings(network, model).map(({ remote }) => remote),
  ]);
  return new Set(all.map(({ id }) => networkRef(id)));
}

function reason(
  { nextHopType, nextHop }: Route,
  networks: ReadonlySet<string>,
  model: ModelView,
): string | undefined {
  switch (nextHopType) {
    case 'Internet':
      return [...model.edgeRouters.values()].some(isServing)
        ? undefined
        : 'there is no edge to the Internet';
    case 'VirtualNetworkGateway':
      return 'there is no gateway';
    case 'VnetLocal':
    case 'None':
      return undefined;
    case 'VirtualAppliance':
      return nextHop === undefined
        ? undefined
        : applianceReason(formatIp(nextHop), networks, model);
  }
}

function applianceReason(
  address: string,
  networks: ReadonlySet<string>,
  model: ModelView,
): string | undefined {
  const found = [...networks].flatMap((ref) => [...model.interfacesAt(ref, address)]);
  const interfaces = found.flatMap((id) => model.networkInterfaces.get(id) ?? []);
  if (interfaces.length === 0) return `no interface has its next hop ${address}`;
  const attached = interfaces.some(({ instanceId }) => model.serverIdOf(instanceId) !== undefined);
  if (attached) return undefined;
  const [first] = interfaces;
  return `${first?.resourceRef}, its next hop ${address}, is attached to no host`;
}
