/**
 * The shape of a compiler node, after OVN's incremental engine. A node owns one kind of goal-state resource and splits its
 * work into units (one server, one virtual network, one interface). `handle` says which units a change can alter, or
 * 'unhandled': then every unit of the node is compiled again: correct by construction, slower. `compile` is a pure function
 * of the model. A property test holds that both ways lead to the same goal states.
 */
import type { UnitOutput } from '../goal-state/goal-states.ts';
import type { AddressBytes } from './address-bytes.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';

export interface CompilerNode {
  /** Also the prefix of its units' names in GoalStates. */
  readonly name: string;
  /** Judged on the model after the change; `change` knows what was before. */
  handle(change: ModelChange, model: ModelView): Iterable<string> | 'unhandled';
  units(model: ModelView): Iterable<string>;
  compile(unit: string, model: ModelView, settings: CompilerSettings): UnitOutput;
}

/** What does not come from the northbound. */
export interface CompilerSettings {
  /** Of the provider network, bytes; what is offered to VMs is this less what VXLAN adds, see overlayMtu. */
  readonly providerMtu: number;
  /** What load balancers say of time (idle times, intervals of probes) is divided by this: 1, but in tests that would wait for minutes. */
  readonly hasten: number;
}

export const DEFAULT_SETTINGS: CompilerSettings = { providerMtu: 1500, hasten: 1 };

/** Whole seconds, at least one. */
export function hastened(sec: number, { hasten }: CompilerSettings): number {
  return hasten === 1 ? sec : Math.max(1, Math.round(sec / hasten));
}

/** Inner Ethernet 14, VXLAN 8, UDP 8 (RFC 7348 §5), and the outer IP header. */
const VXLAN_IPV4_OVERHEAD_LEN = 50;
const VXLAN_IPV6_OVERHEAD_LEN = 70;
/** RFC 7348 §8. */
export const VXLAN_PORT = 4789;

/** The northbound counts bandwidth in Mbit/s, goal state in kbit/s. */
export const KBPS_PER_MBPS = 1_000;

/** What a VM's packets may measure so that they fit the provider network, in which its host has this address. */
export function overlayMtu(providerMtu: number, providerAddress: AddressBytes): number {
  const isIpv4 = providerAddress.length === 4;
  return providerMtu - (isIpv4 ? VXLAN_IPV4_OVERHEAD_LEN : VXLAN_IPV6_OVERHEAD_LEN);
}

export function hostScope(serverId: string): string {
  return `host/${serverId}`;
}

export function virtualNetworkScope(instanceId: string): string {
  return `vnet/${instanceId}`;
}

export function accessControlListScope(instanceId: string): string {
  return `acl/${instanceId}`;
}

export function routeTableScope(instanceId: string): string {
  return `routetable/${instanceId}`;
}

export function mirrorScope(instanceId: string): string {
  return `mirror/${instanceId}`;
}

export function edgeScope(edgeId: string): string {
  return `edge/${edgeId}`;
}

export function muxScope(muxId: string): string {
  return `mux/${muxId}`;
}

/** Virtual addresses of a public load balancer: for muxes, edges, and the hosts of its backends. */
export function vipScope(balancerInstanceId: string): string {
  return `vips/${balancerInstanceId}`;
}

/** Its pools and their health: for muxes, and the hosts of its backends. */
export function poolScope(balancerInstanceId: string): string {
  return `pools/${balancerInstanceId}`;
}

/** Ports that its backends use outbound: for muxes. */
export function snatScope(balancerInstanceId: string): string {
  return `snat/${balancerInstanceId}`;
}

/** Internal load balancers of a virtual network, with their pools and health: for hosts whose interfaces may talk to them. */
export function internalBalancingScope(vnetInstanceId: string): string {
  return `internal/${vnetInstanceId}`;
}

/** Virtual addresses that muxes announce. */
export const ANNOUNCEMENT_SCOPE = 'announcements';

export function muxTarget(muxId: string): string {
  return `mux/${muxId}`;
}

/** Public addresses, which every edge knows. */
export const PUBLIC_SCOPE = 'public';

export function edgeTarget(edgeId: string): string {
  return `edge/${edgeId}`;
}

/** The target that realises a server: its switch. */
export function hostTarget(serverId: string): string {
  return `host/${serverId}`;
}
