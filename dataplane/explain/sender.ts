/** What the VM behind a port would fill in of a frame it sends (traced-frame). Called by answers and dataplane/probe. */
import { isIpv4Words, prefixHasWords } from '../../base/ip-words.ts';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { addressKey, type ConfiguredPort } from '../switch/network-state.ts';
import type { Sender } from './traced-frame.ts';

/** It finds its neighbours by ARP or neighbour discovery, everybody else through its router. */
export function senderOf({ policy, network }: ConfiguredPort): Sender {
  const subnetOf = (address: readonly [number, number, number, number]) =>
    [...network.subnets].find(({ prefix }) => prefixHasWords(prefix, address));
  return {
    mac: policy.mac,
    addresses: policy.addresses.map(({ address }) => address),
    nextMac: (source, destination) => {
      const own = subnetOf(source);
      const mapping = network.mappings.get(addressKey(destination));
      const isNeighbor = mapping !== undefined && mapping.subnet === own;
      return isNeighbor && isIpv4Words(source) === isIpv4Words(destination)
        ? mapping.mac
        : VIRTUAL_ROUTER_MAC;
    },
  };
}
