/**
 * Which mirrors copy an interface's packets — those of its ipConfigurations and of their subnets — and the other way round, which
 * interfaces a change concerns. A collector is never mirrored to itself: its copies would be copied. Pure; used by the nodes.
 */
import type { Attachment } from './attachment.ts';
import type { Ref, VirtualNetwork } from './document.ts';
import type { ServiceInsertion } from './mirror-document.ts';
import type { ModelChange, ModelView } from './model.ts';

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
    .flatMap((ref) => model.serviceInsertions.get(ref.slice(ref.lastIndexOf('/') + 1)) ?? [])
    .filter(({ collector }) => collector !== own)
    .sort((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));
}

/** Ids of interfaces that other mirrors copy after the change. */
export function interfacesMirroredBy(change: ModelChange, model: ModelView): readonly string[] {
  switch (change.kind) {
    case 'virtual-network':
      return subnetsRemirrored(change).flatMap((ref) => [...model.interfacesInSubnet(ref)]);
    case 'service-insertion': {
      const ref = `/serviceinsertions/${change.before?.id ?? change.after?.id ?? ''}`;
      const inSubnets = [...model.referring('virtual-network', ref)].flatMap((network) =>
        (model.virtualNetworks.get(network)?.subnets ?? [])
          .filter(({ serviceInsertion }) => serviceInsertion === ref)
          .flatMap((subnet) => [...model.interfacesInSubnet(subnet.ref)]),
      );
      return [...model.referring('network-interface', ref), ...inSubnets];
    }
    default:
      return [];
  }
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
