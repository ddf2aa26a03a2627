/**
 * What the local services must know of the port that asks: its own identity and what its guest shall be told. Built by the host
 * agent or the switch from goal state; read-only here.
 */
import type { IpPrefixWords, IpWords } from '../../base/ip-words.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';

/** DHCP server identifier, and the platform's resolver: the same address in every virtual network, as in Azure. */
export const PLATFORM_ADDRESS: Ipv4 = 0xa83f_8110; // 168.63.129.16

/** Link-local address of the virtual router in every subnet: fe80::1234:5678:9abc, as in Azure. */
export const ROUTER_LINK_LOCAL: IpWords = [0xfe80_0000, 0, 0x1234, 0x5678_9abc];

/** What holds for the interface whatever the family. */
export interface GuestSettings {
  readonly mac: Mac;
  /** Bytes. */
  readonly mtu: number;
  /** '': none is given. */
  readonly hostName: string;
  /** '': none is given. */
  readonly domainName: string;
  /** The guest may use other MAC addresses than its own. */
  readonly macSpoofing: boolean;
  /** The guest may claim any MAC and IP address in ARP and ND. */
  readonly arpGuardOff?: boolean;
  /** Addresses the guest may claim besides its own; absent: none. */
  readonly mayLearn?: (address: IpWords) => boolean;
}

/** IPv4. */
export interface PortSettings extends GuestSettings {
  /** Of the primary ipConfiguration: what DHCP gives. */
  readonly address: Ipv4;
  /** Every address of the port, the primary one included: what its guest may claim in ARP. */
  readonly addresses: readonly Ipv4[];
  /** Of the subnet. */
  readonly prefixLen: number;
  /** Address of the virtual router in the subnet. */
  readonly gateway: Ipv4;
  /** In order of preference; empty: PLATFORM_ADDRESS. */
  readonly dnsServers: readonly Ipv4[];
}

/** IPv6. */
export interface Ipv6Settings extends GuestSettings {
  /** Every address of the port, primary first; at least one. */
  readonly addresses: readonly Ipv6Address[];
  /** In order of preference; empty: the guest asks over IPv4. */
  readonly dnsServers: readonly IpWords[];
}

export interface Ipv6Address {
  readonly address: IpWords;
  /** Of its subnet. */
  readonly prefix: IpPrefixWords;
  /** Address of the virtual router in the subnet, besides ROUTER_LINK_LOCAL. */
  readonly gateway: IpWords;
}

/** MAC address of the NIC that has `address` in the port's own subnet, the port's own ones included, or the router's for a virtual address; 0 if there is none. */
export type NeighborLookup = (address: Ipv4) => Mac;

/** As NeighborLookup, for IPv6 and any of the port's subnets. */
export type Ipv6NeighborLookup = (address: IpWords) => Mac;
