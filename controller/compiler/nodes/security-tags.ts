/**
 * Node `security-tags`: the addresses that a tag stands for (MS-NCNBI §3.1.5.31), for each virtual network with an interface that carries
 * it, or is connected with one that has. One unit per securityTag; a network without such an interface has no resource, which is the
 * empty set.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { resourceContent, securityTagKey } from '../../goal-state/resource.ts';
import type { AddressBytes } from '../address-bytes.ts';
import { subnetsReidentified } from '../attachment.ts';
import type { ModelView } from '../model-view.ts';
import { type CompilerNode, virtualNetworkScope } from '../node.ts';
import { connectedPeerings, isRepeered } from '../peering.ts';
import { tagAt, tagRef } from '../policy.ts';
import type { Ref } from '../ref.ts';

export const securityTags: CompilerNode = {
  name: 'security-tags',
  handle(change, model) {
    switch (change.kind) {
      case 'security-tag':
        return [change.before, change.after].flatMap((tag) => tag?.id ?? []);
      case 'network-interface':
        return existing(
          [change.before, change.after].flatMap((found) => found?.securityTags ?? []),
          model,
        );
      case 'virtual-network':
        // Rare, and it concerns every tag that an interface on either side carries.
        if (isRepeered(change)) return 'unhandled';
        return existing(
          subnetsReidentified(change.before, change.after)
            .flatMap((subnet) => [...model.interfacesInSubnet(subnet)])
            .flatMap((id) => model.networkInterfaces.get(id)?.securityTags ?? []),
          model,
        );
      default:
        return [];
    }
  },
  units: (model) => model.securityTags.keys(),
  compile(id, model) {
    const tag = model.securityTags.get(id);
    if (tag === undefined) return NO_OUTPUT;
    const own = addressesByNetwork(tagRef(id), model);
    const published = [...withPeers(own, model)].map(([vnetId, addresses]) => ({
      scope: virtualNetworkScope(vnetId),
      content: resourceContent({
        key: securityTagKey(vnetId, tag.instanceId),
        securityTag: {
          id: tag.instanceId,
          resourceRef: tag.resourceRef,
          vnetId,
          addresses: [...addresses.entries()].sort(byText).map(([, address]) => address),
        },
      }),
    }));
    return { published, subscriptions: [] };
  },
};

/** Ids of those tags that exist. */
function existing(refs: readonly Ref[], model: ModelView): Set<string> {
  return new Set(refs.flatMap((ref) => tagAt(ref, model)?.id ?? []));
}

/** By instanceId of the network, by text of the bytes. */
function addressesByNetwork(tag: Ref, model: ModelView): Map<string, Map<string, AddressBytes>> {
  const byNetwork = new Map<string, Map<string, AddressBytes>>();
  for (const id of model.referring('network-interface', tag)) {
    for (const { subnet, address } of model.networkInterfaces.get(id)?.ipConfigurations ?? []) {
      const network = model.virtualSubnet(subnet)?.network.instanceId;
      if (network === undefined) continue;
      const addresses = byNetwork.get(network) ?? new Map<string, AddressBytes>();
      byNetwork.set(network, addresses.set(Buffer.from(address).toString('hex'), address));
    }
  }
  return byNetwork;
}

/** The tag stands also for the interfaces in networks that are connected, for there its addresses mean the same. */
function withPeers(
  own: ReadonlyMap<string, ReadonlyMap<string, AddressBytes>>,
  model: ModelView,
): Map<string, Map<string, AddressBytes>> {
  const all = new Map([...own].map(([vnetId, addresses]) => [vnetId, new Map(addresses)]));
  for (const [vnetId, addresses] of own) {
    const network = model.byInstanceId(vnetId);
    if (network?.kind !== 'virtual-network') continue;
    for (const { own: peering, remote, back } of connectedPeerings(network, model)) {
      if (!peering.allowAccess || !back.allowAccess) continue;
      const there = all.get(remote.instanceId) ?? new Map<string, AddressBytes>();
      for (const [text, address] of addresses) there.set(text, address);
      all.set(remote.instanceId, there);
    }
  }
  return all;
}

function byText([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
