/**
 * Which mirrors copy an interface's packets — those of its ipConfigurations and of their subnets — and the other way round, which
 * interfaces and mirrors a change concerns. A collector is never mirrored to itself: its copies would be copied. Pure; used by the nodes.
 */

import { type AddressBytes, addressText } from './address-bytes.ts';
import { type Attachment, attachmentOf, interfacesMovedBy } from './attachment.ts';
import type { ServiceInsertion } from './mirror-document.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';
import type { NetworkInterface, VirtualNetwork } from './network-document.ts';
import type { Ref } from './ref.ts';

/** In order of priority, each once. */
export function mirrorsOf(
  { networkInterface, addresses }: Attachment,
  model: ModelView,
): readonly ServiceInsertion[] {
  const refs = new Set(
    addresses.flatMap(({ subnet, ipConfiguration }) =>
      [subnet.serviceInsertion, ipConfiguration.serviceInsertion].filter(
        (ref) => ref !== undefined,
      ),
    ),
  );
  const own = networkInterface.resourceRef.toLowerCase();
  return [...refs]
    .flatMap((ref) => model.serviceInsertions.get(lastSegment(ref)) ?? [])
    .filter(({ collector }) => collector !== own)
    .sort((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));
}

/** Provider addresses of the hosts that have a port the mirror copies, but for the collector's own; each once, in order of their texts. */
export function sourcesOf(insertion: ServiceInsertion, model: ModelView): AddressBytes[] {
  const collector = attachmentOf(lastSegment(insertion.collector), model)?.serverId;
  const found = new Map<string, AddressBytes>();
  for (const id of interfacesUnder(`/serviceinsertions/${insertion.id}`, model)) {
    const attachment = attachmentOf(id, model);
    if (attachment === undefined || attachment.serverId === collector) continue;
    const { providerAddress } = attachment;
    const isCopied = mirrorsOf(attachment, model).some((mirror) => mirror.id === insertion.id);
    if (isCopied) found.set(addressText(providerAddress), providerAddress);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}

/** Ids of mirrors whose copies come from other hosts after the change, or go to another. */
export function mirrorsFedBy(change: ModelChange, model: ModelView): ReadonlySet<string> {
  const ids = new Set<string>();
  const note = (refs: readonly (Ref | undefined)[]) => {
    for (const ref of refs) if (ref !== undefined) ids.add(lastSegment(ref));
  };
  const ofInterface = (found: NetworkInterface | undefined) => {
    for (const { subnet, serviceInsertion } of found?.ipConfigurations ?? []) {
      note([serviceInsertion, model.virtualSubnet(subnet)?.subnet.serviceInsertion]);
    }
  };
  for (const id of interfacesMovedBy(change, model)) {
    ofInterface(model.networkInterfaces.get(id));
    for (const mirror of model.referring('service-insertion', `/networkinterfaces/${id}`)) {
      ids.add(mirror);
    }
  }
  if (change.kind === 'network-interface') ofInterface(change.before);
  if (change.kind === 'virtual-network') {
    for (const network of [change.before, change.after]) {
      note(network?.subnets.map(({ serviceInsertion }) => serviceInsertion) ?? []);
    }
  }
  return ids;
}

/** Ids of interfaces that other mirrors copy after the change. */
export function interfacesMirroredBy(change: ModelChange, model: ModelView): readonly string[] {
  switch (change.kind) {
    case 'virtual-network':
      return subnetsRemirrored(change).flatMap((ref) => [...model.interfacesInSubnet(ref)]);
    case 'service-insertion': {
      const ref = `/serviceinsertions/${change.before?.id ?? change.after?.id ?? ''}`;
      return interfacesUnder(ref, model);
    }
    default:
      return [];
  }
}

/** Ids of interfaces that name the mirror themselves, or whose subnets do. */
function interfacesUnder(ref: Ref, model: ModelView): readonly string[] {
  const inSubnets = [...model.referring('virtual-network', ref)].flatMap((network) =>
    (model.virtualNetworks.get(network)?.subnets ?? [])
      .filter(({ serviceInsertion }) => serviceInsertion === ref)
      .flatMap((subnet) => [...model.interfacesInSubnet(subnet.ref)]),
  );
  return [...model.referring('network-interface', ref), ...inSubnets];
}

/** Subnets with another mirror; those that come or go move their interfaces anyway. */
function subnetsRemirrored(change: {
  readonly before?: VirtualNetwork;
  readonly after?: VirtualNetwork;
}): Ref[] {
  const was = new Map(
    change.before?.subnets.map((subnet) => [subnet.ref, subnet.serviceInsertion]),
  );
  return (change.after?.subnets ?? [])
    .filter(({ ref, serviceInsertion }) => was.has(ref) && was.get(ref) !== serviceInsertion)
    .map(({ ref }) => ref);
}

function lastSegment(ref: Ref): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}
