/**
 * What the local services need to know of a port (service/port-settings), taken from goal state. Called by realiser.
 */
import { IPV4_MAPPED_BITS, ipv4Words, isIpv4Words } from '../../base/ip-words.ts';
import type { Port } from '../../schema/southbound/messages.ts';
import type { PortPolicy } from '../layers/port-policy.ts';
import type { NeighborLookup, PortSettings } from '../service/port-settings.ts';
import * as parse from './goal-parser.ts';
import { addressKey, type Network, type ServicePort } from './network-state.ts';

/** Undefined where the primary address is not IPv4: ARP and DHCPv4 have nothing to say there. */
export function servicePort(
  goal: Port,
  policy: PortPolicy,
  network: Network,
): ServicePort | undefined {
  const primary = policy.addresses[0];
  if (primary === undefined || !isIpv4Words(primary.address)) return undefined;
  const subnet = [...network.subnets].find((candidate) => candidate.vni === primary.segment);
  if (subnet === undefined) return undefined;
  const own = parse.ipv4Addresses(goal.dnsServers);
  const settings: PortSettings = {
    mac: policy.mac,
    address: primary.address[3],
    addresses: policy.addresses
      .filter(({ address }) => isIpv4Words(address))
      .map(({ address }) => address[3]),
    prefixLen: subnet.prefix.len - IPV4_MAPPED_BITS,
    gateway: subnet.gateway[3],
    dnsServers: own.length > 0 ? own : network.dnsServers,
    mtu: goal.mtu,
    hostName: goal.hostName,
    domainName: '',
    macSpoofing: policy.macSpoofing,
  };
  const neighborMac: NeighborLookup = (address) => {
    const mapping = network.mappings.get(addressKey(ipv4Words(address)));
    return mapping !== undefined && mapping.subnet === subnet ? mapping.mac : 0;
  };
  return { settings, neighborMac };
}
