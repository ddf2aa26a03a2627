/**
 * The answer to a write with `?whatIf=true`: what it would change, for every packet, not for samples of them. Nothing has been changed when
 * it is given. Made by controller/what-if, shown by the command line.
 */

/** A set of packets: each whose every field is in one of the field's ranges. A field that is not there may be anything. */
export interface PacketSet {
  readonly family: 'IPv4' | 'IPv6';
  /** TCP, UDP, ICMP, ICMPv6, or numbers and ranges of numbers. */
  readonly protocols?: readonly string[];
  /** Prefixes, or ranges `first-last`. */
  readonly sources?: readonly string[];
  /** Numbers and ranges `first-last`. */
  readonly sourcePorts?: readonly string[];
  readonly destinations?: readonly string[];
  readonly destinationPorts?: readonly string[];
}

/** Disjoint; `omitted` is how many more such sets there are. */
export interface PacketSets {
  readonly packets: readonly PacketSet[];
  readonly omitted: number;
}

/**
 * What changes at one ipConfiguration in one direction. Access control is stateful: the packets are those that open a flow; answers follow
 * it, and flows that are open and no longer allowed end.
 */
export interface FlowChange {
  readonly networkInterface: string;
  readonly ipConfiguration: string;
  readonly address: string;
  readonly direction: 'Inbound' | 'Outbound';
  readonly allowed: PacketSets;
  readonly denied: PacketSets;
}

/** Where packets to some addresses go next. */
export interface NextHop {
  readonly type:
    | 'VnetLocal'
    | 'VNetPeering'
    | 'VirtualAppliance'
    | 'VirtualNetworkGateway'
    | 'Internet'
    | 'None';
  /** Address of an appliance. */
  readonly address?: string;
  /** A peering that leads there. */
  readonly peering?: string;
  /** What put the route there. */
  readonly source: 'Default' | 'User';
}

/** Packets of a subnet to these destinations, all that are meant and no others, go elsewhere. */
export interface RouteChange {
  readonly subnet: string;
  readonly destinations: readonly string[];
  readonly before: NextHop;
  readonly after: NextHop;
}

/** Something switches are told that comes, goes or becomes another. */
export interface GoalChange {
  readonly kind: string;
  readonly resourceRef: string;
  /** Of an address mapping. */
  readonly address?: string;
  readonly change: 'Added' | 'Removed' | 'Changed';
}

export interface WhatIfAnswer {
  /** Status that the write itself would be answered with; 204: there is nothing to delete. */
  readonly status: number;
  readonly flows: readonly FlowChange[];
  readonly flowsOmitted: number;
  readonly routes: readonly RouteChange[];
  readonly routesOmitted: number;
  readonly goals: readonly GoalChange[];
  readonly goalsOmitted: number;
}
