/**
 * The shape of a compiler node, after OVN's incremental engine. A node owns one kind of goal-state resource and splits its
 * work into units (one server, one virtual network, one interface). `handle` says which units a change can alter, or
 * 'unhandled': then every unit of the node is compiled again: correct by construction, slower. `compile` is a pure function
 * of the model. A property test holds that both ways lead to the same goal states.
 */
import type { UnitOutput } from '../goal-state/goal-states.ts';
import type { ModelChange, ModelView } from './model.ts';

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
  /** Of the provider network, bytes; what is offered to VMs is this less the 50 bytes of VXLAN over IPv4. */
  readonly providerMtu: number;
}

export const DEFAULT_SETTINGS: CompilerSettings = { providerMtu: 1500 };

/** Outer Ethernet 14, IPv4 20, UDP 8, VXLAN 8 (RFC 7348 §5). */
export const VXLAN_OVERHEAD_LEN = 50;
/** RFC 7348 §8. */
export const VXLAN_PORT = 4789;

export function hostScope(serverId: string): string {
  return `host/${serverId}`;
}

export function virtualNetworkScope(instanceId: string): string {
  return `vnet/${instanceId}`;
}

/** The target that realises a server: its switch. */
export function hostTarget(serverId: string): string {
  return `host/${serverId}`;
}
