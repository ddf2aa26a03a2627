/**
 * What the local services need to know of a port (service/port-settings), taken from goal state. Called by configured-ports.
 */
import {
  IPV4_MAPPED_BITS,
  type IpWords,
  ipv4Words,
  isIpv4Words,
  prefixHasWords,
} from '../../base/ip-words.ts';
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { Port } from '../../schema/southbound/messages.ts';
import type { PortAddress, PortPolicy } from '../layers/port-policy.ts';
import type { GuestSettings, Ipv6Settings, PortSettings } from '../service/port-settings.ts';
import * as parse from './goal-parser.ts';
import { addressKey, type Network, type ServicePort, type Subnet } from './network-state.ts';

export function servicePort(goal: Port, policy: PortPolicy, network: Network): ServicePort {
  const ports: Located[] = policy.addresses.flatMap((own) => {
    const subnet = subnetOf(network, own);
    return subnet === undefined ? [] : [{ own, subnet }];
  });
  const primary = ports.find(({ own }) => isIpv4Words(own.address));
  const { learning } = policy;
  const guest: GuestSettings = {
    mac: policy.mac,
    mtu: goal.mtu,
    hostName: goal.hostName,
    domainName: network.dnsDomain,
    macSpoofing: policy.macSpoofing,
    arpGuardOff: policy.arpGuardOff,
    ...(learning !== undefined && {
      mayLearn: (words) => learning.segmentOf(...words, 'claim') !== undefined,
    }),
  };
  const named = parse.addresses(goal.dnsServers);
  const dnsServers = named.length > 0 ? named : network.dnsServers;
  const macIn = (subnets: readonly Subnet[], address: IpWords): Mac => {
    const mapping = network.mappings.get(addressKey(address));
    if (mapping !== undefined && subnets.includes(mapping.subnet)) return mapping.mac;
    // Packets to a virtual address are the router's: it knows the backends.
    const isVirtual = network.groups.own.atWords(address)?.isInternal === true;
    const isHere = isVirtual && subnets.some(({ prefix }) => prefixHasWords(prefix, address));
    return isHere ? VIRTUAL_ROUTER_MAC : 0;
  };
  const own = primary === undefined ? [] : [primary.subnet];
  const all = ports.map(({ subnet }) => subnet);
  return {
    ipv4: primary === undefined ? undefined : ipv4Settings(guest, primary, policy, dnsServers),
    neighborMac: (address) => macIn(own, ipv4Words(address)),
    ipv6: ipv6Settings(guest, ports, dnsServers),
    ipv6NeighborMac: (address) => (isIpv4Words(address) ? 0 : macIn(all, address)),
  };
}

interface Located {
  readonly own: PortAddress;
  readonly subnet: Subnet;
}

function subnetOf(network: Network, own: PortAddress): Subnet | undefined {
  return [...network.subnets].find(
    ({ vni, prefix }) => vni === own.segment && prefixHasWords(prefix, own.address),
  );
}

function ipv4Settings(
  guest: GuestSettings,
  { own, subnet }: Located,
  policy: PortPolicy,
  dnsServers: readonly IpWords[],
): PortSettings {
  return {
    ...guest,
    address: own.address[3],
    addresses: policy.addresses
      .filter(({ address }) => isIpv4Words(address))
      .map(({ address }) => address[3]),
    prefixLen: subnet.prefix.len - IPV4_MAPPED_BITS,
    gateway: own.gateway[3],
    dnsServers: dnsServers.filter(isIpv4Words).map((words) => words[3]),
  };
}

function ipv6Settings(
  guest: GuestSettings,
  ports: readonly Located[],
  dnsServers: readonly IpWords[],
): Ipv6Settings | undefined {
  const addresses = ports
    .filter(({ own }) => !isIpv4Words(own.address))
    .map(({ own, subnet }) => ({
      address: own.address,
      prefix: subnet.prefix,
      gateway: own.gateway,
    }));
  if (addresses.length === 0) return undefined;
  return { ...guest, addresses, dnsServers: dnsServers.filter((words) => !isIpv4Words(words)) };
}
