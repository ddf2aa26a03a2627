/**
 * Where user-defined routes apply (MS-NCNBI §3.1.5.10), and which interfaces are their appliances: an interface forwards packets of others
 * if a route of type VirtualAppliance names one of its addresses, in a table that is used in its network or in one connected with
 * it. Nobody has to switch that on. Pure; used by the nodes.
 */

import { addressText } from './address-bytes.ts';
import type { Attachment } from './attachment.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';
import type { VirtualNetwork } from './network-document.ts';
import { connectedPeerings, isRepeered, networkRef, peeredIds } from './peering.ts';
import { type Replaced, reidentified } from './policy.ts';
import type { RouteTable } from './policy-document.ts';
import type { Ref } from './ref.ts';

export function tableAt(ref: Ref | undefined, model: ModelView): RouteTable | undefined {
  return ref === undefined ? undefined : model.routeTables.get(ref.slice(ref.lastIndexOf('/') + 1));
}

/** Ids of networks with a subnet that has the table. */
export function tableUsers({ before, after }: Replaced<RouteTable>, model: ModelView): string[] {
  return [...model.referring('virtual-network', tableRef(before?.id ?? after?.id ?? ''))];
}

/** instanceIds of the tables of the subnets of an interface. */
export function tablesOf(addresses: Attachment['addresses'], model: ModelView): readonly string[] {
  return addresses.flatMap(({ subnet }) => tableAt(subnet.routeTable, model)?.instanceId ?? []);
}

/** Whether an interface with these addresses is the appliance of a route. */
export function forwards(addresses: Attachment['addresses'], model: ModelView): boolean {
  return addresses.some(({ network, ipConfiguration }) => {
    const text = addressText(ipConfiguration.address);
    return [network, ...connectedPeerings(network, model).map(({ remote }) => remote)]
      .flatMap((user) => user.routeTables)
      .some((ref) => tableAt(ref, model)?.appliances.has(text) === true);
  });
}

/** Ids of interfaces that have other routes, or become or cease to be appliances, by the change. */
export function interfacesRoutedBy(change: ModelChange, model: ModelView): readonly string[] {
  switch (change.kind) {
    case 'route-table':
      return [...interfacesRetabled(change, model), ...appliancesOfTable(change, model)];
    case 'virtual-network':
      return [
        ...subnetsRetabled(change).flatMap((ref) => [...model.interfacesInSubnet(ref)]),
        ...appliancesOfNetwork(change, model),
      ];
    default:
      return [];
  }
}

function interfacesRetabled(change: Replaced<RouteTable>, model: ModelView): string[] {
  if (!reidentified(change)) return [];
  const ref = tableRef(change.before?.id ?? change.after?.id ?? '');
  return tableUsers(change, model)
    .flatMap((id) => model.virtualNetworks.get(id)?.subnets ?? [])
    .filter(({ routeTable }) => routeTable === ref)
    .flatMap((subnet) => [...model.interfacesInSubnet(subnet.ref)]);
}

function appliancesOfTable(change: Replaced<RouteTable>, model: ModelView): string[] {
  const { before, after } = change;
  const appliances = [...(before?.appliances ?? []), ...(after?.appliances ?? [])];
  const networks = tableUsers(change, model).flatMap((id) => {
    const network = model.virtualNetworks.get(id);
    if (network === undefined) return [];
    return [network, ...connectedPeerings(network, model).map(({ remote }) => remote)];
  });
  return interfacesAt(networks, appliances, model);
}

/** A network with other tables, or with other connections, can make appliances of its own interfaces and of its neighbours'. */
function appliancesOfNetwork(change: Replaced<VirtualNetwork>, model: ModelView): string[] {
  const { before, after } = change;
  if (!isRepeered(change) && sameTables(before, after)) return [];
  const neighbours = peeredIds(change).flatMap((id) => model.virtualNetworks.get(id) ?? []);
  const networks = [before, after, ...neighbours].flatMap((network) => network ?? []);
  const appliances = networks
    .flatMap(({ routeTables }) => routeTables)
    .flatMap((ref) => [...(tableAt(ref, model)?.appliances ?? [])]);
  return interfacesAt(networks, appliances, model);
}

function interfacesAt(
  networks: readonly VirtualNetwork[],
  appliances: readonly string[],
  model: ModelView,
): string[] {
  const refs = new Set(networks.map(({ id }) => networkRef(id)));
  return [...refs].flatMap((ref) =>
    appliances.flatMap((address) => [...model.interfacesAt(ref, address)]),
  );
}

function sameTables(before: VirtualNetwork | undefined, after: VirtualNetwork | undefined) {
  const was = [...(before?.routeTables ?? [])].sort();
  const will = [...(after?.routeTables ?? [])].sort();
  return JSON.stringify(was) === JSON.stringify(will);
}

/** Subnets whose table is another one; those that come or go move their interfaces anyway. */
function subnetsRetabled({ before, after }: Replaced<VirtualNetwork>): Ref[] {
  const was = new Map(before?.subnets.map(({ ref, routeTable }) => [ref, routeTable]));
  return (after?.subnets ?? [])
    .filter(({ ref, routeTable }) => was.has(ref) && was.get(ref) !== routeTable)
    .map(({ ref }) => ref);
}

function tableRef(id: string): Ref {
  return `/routetables/${id}`;
}
