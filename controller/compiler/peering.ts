/**
 * Which virtual networks are connected — MS-NCNBI §3.1.5.18.3: both have a peering that refers to the other, and each means the very
 * network that is there now, not one that had its name. Connections are between two: what a neighbour is connected with is none
 * of one's own. Pure; used by the nodes.
 */
import type { Attachment } from './attachment.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';
import type { Peering, VirtualNetwork } from './network-document.ts';
import type { Replaced } from './policy.ts';
import type { Ref } from './ref.ts';

export interface Connection {
  readonly own: Peering;
  readonly remote: VirtualNetwork;
  /** The remote network's word about this one. */
  readonly back: Peering;
}

export function networkRef(id: string): Ref {
  return `/virtualnetworks/${id}`;
}

export function connectedPeerings(network: VirtualNetwork, model: ModelView): Connection[] {
  const self = networkRef(network.id);
  return network.peerings.flatMap((own) => {
    const remote = model.virtualNetworks.get(networkId(own.remote));
    if (remote === undefined || remote.instanceId !== own.remoteInstanceId) return [];
    const back = remote.peerings.find(
      (peering) => peering.remote === self && peering.remoteInstanceId === network.instanceId,
    );
    return back === undefined ? [] : [{ own, remote, back }];
  });
}

/** instanceIds of the networks that an interface with these addresses is in or connected with. */
export function networksSeenFrom(
  addresses: Attachment['addresses'],
  model: ModelView,
): readonly string[] {
  return addresses.flatMap(({ network }) => [
    network.instanceId,
    ...connectedPeerings(network, model).map(({ remote }) => remote.instanceId),
  ]);
}

/** Of these, those that packets of the interface may go to: both sides of a peering allow it. */
export function networksReachedFrom(
  addresses: Attachment['addresses'],
  model: ModelView,
): readonly string[] {
  return addresses.flatMap(({ network }) => [
    network.instanceId,
    ...connectedPeerings(network, model)
      .filter(({ own, back }) => own.allowAccess && back.allowAccess)
      .map(({ remote }) => remote.instanceId),
  ]);
}

/** Ids of networks that a network is, or was, peered with by its own word: a connection can only change there. */
export function peeredIds({ before, after }: Replaced<VirtualNetwork>): string[] {
  return [...(before?.peerings ?? []), ...(after?.peerings ?? [])].map(({ remote }) =>
    networkId(remote),
  );
}

/** Whether connections of a network may differ after the change. */
export function isRepeered({ before, after }: Replaced<VirtualNetwork>): boolean {
  const was = before?.peerings ?? [];
  const will = after?.peerings ?? [];
  if (was.length === 0 && will.length === 0) return false;
  return before?.instanceId !== after?.instanceId || JSON.stringify(was) !== JSON.stringify(will);
}

/** Ids of interfaces that see other networks after the change. */
export function interfacesPeeredBy(change: ModelChange, model: ModelView): readonly string[] {
  if (change.kind !== 'virtual-network' || !isRepeered(change)) return [];
  const networks = peeredIds(change).flatMap((id) => model.virtualNetworks.get(id) ?? []);
  return [change.before, change.after, ...networks]
    .flatMap((network) => network?.subnets ?? [])
    .flatMap(({ ref }) => [...model.interfacesInSubnet(ref)]);
}

/** `/virtualnetworks/blue` → `blue`. */
function networkId(ref: Ref): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}
