/** What is different in the model, in terms that nodes understand. Made by model.ts and compiler.ts, read by every node's `handle`. */
import type { DocumentOf, Kind } from './document.ts';
import type { Ref } from './ref.ts';

/** One document that differs. At least one of before and after is there, of one kind and id. */
export type DocumentChange<K extends Kind = Kind> = {
  readonly [P in K]: {
    readonly kind: P;
    readonly before?: DocumentOf<P>;
    readonly after?: DocumentOf<P>;
  };
}[K];

export interface InterfaceChange extends DocumentChange<'network-interface'> {
  /** Pools and inboundNatRules that have got their first backend in a virtual subnet, or lost their last one. */
  readonly respread: readonly Ref[];
}

/** Kinds whose change is the documents before and after, and nothing else. */
export type PlainKind = Exclude<Kind, 'network-interface'>;

/** Of what is no document. */
export type ObservedChange =
  | { readonly kind: 'placement'; readonly interfaceInstanceId: string }
  /** A learned address is had by another interface; who had it and who has it. */
  | { readonly kind: 'holder'; readonly interfaceInstanceIds: readonly string[] }
  /** A probe says something else of a backend. */
  | { readonly kind: 'health'; readonly probeId: string }
  /** A virtual address is announced or is so no more, or is kept although desired state has it no more. */
  | { readonly kind: 'announcement'; readonly vipId: string }
  /** Ports of a virtual address are leased otherwise, to or from these (balancing-state.ts, LeasedPorts). */
  | { readonly kind: 'snat'; readonly vipId: string; readonly holders: readonly string[] };

export type ModelChange = DocumentChange<PlainKind> | InterfaceChange | ObservedChange;
