/**
 * Isolation, said without the pipeline: which tenant's VMs a packet of which tenant may ever reach. Nobody else's, unless the sender's
 * network has a peering of its own with theirs that allows access, and, for a source that is not the sender's network's, forwarded traffic.
 * What a third network is peered with does not count. Called by comparison for every frame that leaves.
 */
import { isIn } from './address.ts';
import type { PacketSpec } from './frame.ts';
import { addressSpaceOf, type Tenant } from './tenancy.ts';

/** May what a VM of `from` sends reach one of `to`? A tunnel's packets are those of the tenant whose network identifier they carry. */
export function mayCross(
  from: Tenant,
  to: Tenant,
  packet: PacketSpec,
  tenants: readonly Tenant[],
): boolean {
  if (from === to) return true;
  const peering = from.peerings.find(({ remote }) => tenants[remote] === to);
  if (peering === undefined || !peering.allowAccess) return false;
  const isOwn = addressSpaceOf(from).some((prefix) => isIn(packet.src, prefix));
  return isOwn || peering.allowForwarded;
}
