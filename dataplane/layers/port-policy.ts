/**
 * What the layers of one port are built from: the port's own part of goal state, resolved to numbers, and the tables it shares with
 * every other port of its virtual network. Written by switch/tables, read by the layers.
 */
import type { IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import type { Group, PrefixGroup } from '../engine/group.ts';
import type { FloatingAddress } from '../load-balancing/backend-ports.ts';
import type { NetworkFrontends } from '../load-balancing/frontends.ts';
import type { NetworkLeases } from '../load-balancing/leases.ts';

export interface PortPolicy {
  /** Of the network interface. */
  readonly resourceRef: string;
  readonly mac: Mac;
  /** True: the port may send with any source MAC address (nested virtualisation, appliances). */
  readonly macSpoofing: boolean;
  /** The port forwards for others: it may send and be sent what is not its own. */
  readonly ipForwarding: boolean;
  /** True: the sender fields of ARP and ND are not checked. */
  readonly arpGuardOff: boolean;
  /** True: the port may answer DHCP requests of others. */
  readonly dhcpGuardOff: boolean;
  /** Undefined: the port speaks with its own addresses only. */
  readonly learning: Learning | undefined;
  /** Addresses it shares with other ports, which it has while it speaks with them. */
  readonly learnable: readonly PortAddress[];
  /** Decides about billed and unbilled egress; undefined: nobody asks. */
  readonly meter: Group | undefined;
  /** The lists of its security tags, in the order of evaluation outbound. */
  readonly tagLists: readonly TagList[];
  /** Those that copy its packets, in order of priority. */
  readonly mirrors: readonly PortMirror[];
  /** Virtual addresses that it may answer as; undefined: it is no backend that is sent what is for one. */
  readonly floating: readonly FloatingAddress[] | undefined;
  /** Primary first. */
  readonly addresses: readonly PortAddress[];
  readonly network: NetworkGroups;
}

/** A list that applies to every address of the port, because it carries a security tag. */
export interface TagList {
  readonly securityTagRef: string;
  readonly list: AccessList;
}

/** One IP configuration. */
export interface PortAddress {
  readonly resourceRef: string;
  readonly address: IpWords;
  /** VXLAN network identifier of its subnet. */
  readonly segment: number;
  readonly gateway: IpWords;
  readonly accessLists: AddressLists;
}

/** Which of the addresses that a port shares with others it may speak with now. */
export interface Learning {
  /**
   * Segment that the address belongs to if the port may speak with it; undefined: it is none of those it shares, or another port has it.
   * Who has it does not matter to a claim: in ARP and ND a VM says that the address is its own from now on.
   */
  segmentOf(
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    how: 'traffic' | 'claim',
  ): number | undefined;
}

/** The access control lists that apply to an address; undefined: none does. */
export interface AddressLists {
  readonly interface: AccessList | undefined;
  readonly subnet: AccessList | undefined;
}

/** A compiled access control list. Its groups are replaced when the list changes: ask for them with every packet. */
export interface AccessList {
  readonly outbound: Group;
  readonly inbound: Group;
}

/** Marks the packets that a mirror copies. Its groups are replaced when the mirror changes: ask for them with every packet. */
export interface PortMirror {
  readonly sent: Group;
  readonly received: Group;
}

/** Groups shared by all ports of a virtual network: one change reaches them all. */
export interface NetworkGroups {
  /** By the segment a packet comes from: the routes of that subnet. */
  readonly routes: Group;
  /** By the routing domain a packet goes to: whether the peering lets it. */
  readonly peerings: Group;
  /** By next hop: where each customer address of this network is. */
  readonly mappings: PrefixGroup;
  /** By routing domain: the mappings of this network and of those it is peered with. */
  readonly domains: Group;
  /** Virtual addresses of this network; by routing domain, also of those it is peered with. */
  readonly own: NetworkFrontends;
  readonly frontends: ReadonlyMap<number, NetworkFrontends>;
  /** Ports of public addresses that its ports may leave by. */
  readonly leases: NetworkLeases;
  /** Is it the provider address of a mux? */
  readonly isMux: (address: IpWords) => boolean;
  /** Does nothing leave from it, or to it, by a leased port? */
  readonly isExempt: (address: IpWords) => boolean;
}
