/** Which network interface has an address, by what clients have asked for. Called by connectivity and northbound/connectivity-checks. */
import { canonicalIp } from '../../base/ip.ts';
import type { DesiredState, Resource } from '../model/desired-state.ts';
import { treeKeyOf } from '../model/resource-ref.ts';

/** Interfaces that have the address, as text in any spelling, in one of these networks (tree keys), or in any. */
export function addressOwners(
  desired: DesiredState,
  address: string,
  networks?: ReadonlySet<string>,
): Resource[] {
  const sought = canonicalIp(address);
  const owners = new Set<Resource>();
  for (const own of desired.list('networkInterfaces/ipConfigurations').values()) {
    const text = own.properties['privateIPAddress'];
    const has = typeof text === 'string' && canonicalIp(text) === sought;
    if (!has || own.parent === undefined) continue;
    if (networks === undefined || networkKeys(own).some((key) => networks.has(key))) {
      owners.add(own.parent);
    }
  }
  return [...owners];
}

/** Tree keys of the networks that an interface has addresses in. */
export function networksOf(nic: Resource): ReadonlySet<string> {
  return new Set(nic.children.flatMap(networkKeys));
}

function networkKeys({ references }: Resource): string[] {
  return references.flatMap(({ property, to }) => (property === 'subnet' ? treeKeyOf(to) : []));
}
