/**
 * Dual stack: a virtual subnet has one prefix, so an interface with an address of each family is in two subnets, which
 * `dualStackSubnet` pairs — MS-NCNBI §3.1.5.18.2. The pairing holds as soon as one of the two refers to the other, because two PUTs of
 * subnets cannot refer to each other at once; it is one to one whichever of them says it.
 *
 * Called by the descriptors of virtualNetworks and networkInterfaces, on trees as they will be.
 */
import { type IpFamily, parseIpPrefix } from '../../../base/ip.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import { VirtualSubnetSchema } from '../../../schema/northbound/virtual-networks.ts';
import type { DesiredState } from '../../model/desired-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { ReadContext, ResourceNode, WriteContext } from '../resource-type.ts';

/** A subnet, stored or about to be. */
interface Subnet {
  readonly ref: string;
  readonly key: string;
  readonly properties: JsonObject;
}

/** What is wrong with the pairs among the subnets of one virtual network, or taken away from under interfaces. */
export function pairingFaults(
  subnets: readonly ResourceNode[],
  context: WriteContext,
): FaultDetail[] {
  const byKey = new Map(subnets.map((subnet) => [subnet.key, subnet]));
  const partners = partnersOf(subnets);
  const faults = subnets.flatMap((subnet) => [
    ...partnerFaults(subnet, byKey),
    ...manyPartnersFaults(subnet, partners),
  ]);
  const before = context.previous?.children ?? [];
  return [...faults, ...dissolvedFaults(before, partners, context)];
}

function partnerFaults(subnet: Subnet, byKey: ReadonlyMap<string, Subnet>): FaultDetail[] {
  const key = partnerKey(subnet);
  if (key === undefined) return [];
  const partner = byKey.get(key);
  if (partner === undefined) {
    const message = `dualStackSubnet of ${subnet.ref} is not in its virtual network`;
    return [detail('VirtualNetworkMismatch', message, subnet.ref)];
  }
  if (familyOf(partner) !== familyOf(subnet)) return [];
  const message = `${subnet.ref} and its dualStackSubnet are of one family; one is IPv4, the other IPv6`;
  return [detail('InvalidSubnet', message, subnet.ref)];
}

function manyPartnersFaults(
  { key, ref }: Subnet,
  partners: ReadonlyMap<string, ReadonlySet<string>>,
): FaultDetail[] {
  const own = [...(partners.get(key) ?? [])];
  if (own.length <= 1) return [];
  const message = `${ref} is paired with ${own.join(' and ')}; dualStackSubnet is one to one`;
  return [detail('InvalidSubnet', message, ref)];
}

/** Pairs that the write undoes although an interface has an address in each. */
function dissolvedFaults(
  before: readonly Subnet[],
  partners: ReadonlyMap<string, ReadonlySet<string>>,
  { desired }: ReadContext,
): FaultDetail[] {
  return [...partnersOf(before)].flatMap(([key, previous]) =>
    [...previous].flatMap((partner) => {
      if (key > partner || partners.get(key)?.has(partner) === true) return [];
      const user = interfaceInBoth(key, partner, desired);
      if (user === undefined) return [];
      const message = `${key} and ${partner} stay paired while ${user} is in both`;
      return [detail('InUseSubnetCannotBeUpdated', message, key)];
    }),
  );
}

function interfaceInBoth(a: string, b: string, desired: DesiredState): string | undefined {
  const inA = new Set(interfacesIn(a, desired));
  return [...interfacesIn(b, desired)].find((key) => inA.has(key));
}

function* interfacesIn(subnetKey: string, desired: DesiredState): Iterable<string> {
  for (const { from } of desired.referrers(subnetKey)) {
    if (from.type === 'networkinterfaces/ipconfigurations') yield from.treeKey;
  }
}

/**
 * An interface with addresses of both families has them in paired subnets. `configurations` are those of `node`, as they will be.
 */
export function familyFaults(
  node: ResourceNode,
  configurations: readonly ResourceNode[],
  { desired }: ReadContext,
): FaultDetail[] {
  const subnets = configurations.flatMap((configuration) => {
    const { subnet } = typed(IpConfigurationSchema, configuration);
    const found = subnet && desired.byRef(subnet.resourceRef);
    return found?.type === 'virtualnetworks/subnets' ? [found] : [];
  });
  const ipv4 = subnets.filter((one) => familyOf(one) === 4);
  const isPaired = (ipv6: Subnet) =>
    ipv4.some((one) => partnerKey(one) === ipv6.key || partnerKey(ipv6) === one.key);
  const unpaired = subnets.find((one) => familyOf(one) === 6 && !isPaired(one));
  if (ipv4.length === 0 || unpaired === undefined) return [];
  const message =
    `${node.ref} has addresses of both families, but ${unpaired.ref} and none of its IPv4 ` +
    "subnets are each other's dualStackSubnet";
  return [detail('InvalidSubnet', message, node.ref)];
}

function partnersOf(subnets: readonly Subnet[]): Map<string, ReadonlySet<string>> {
  const partners = new Map<string, Set<string>>();
  const add = (key: string, partner: string) => {
    partners.set(key, (partners.get(key) ?? new Set()).add(partner));
  };
  for (const subnet of subnets) {
    const partner = partnerKey(subnet);
    if (partner === undefined) continue;
    add(subnet.key, partner);
    add(partner, subnet.key);
  }
  return partners;
}

function partnerKey(subnet: Subnet): string | undefined {
  const { dualStackSubnet } = typed(VirtualSubnetSchema, subnet);
  return dualStackSubnet === undefined ? undefined : refKey(dualStackSubnet.resourceRef);
}

function familyOf(subnet: Subnet): IpFamily | undefined {
  return parseIpPrefix(typed(VirtualSubnetSchema, subnet).addressPrefix)?.family;
}
