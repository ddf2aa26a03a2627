/**
 * Layer — one concern of the network (anti-spoofing, access control, routing …) with its own groups of rules per direction, so that
 * whoever programs one concern cannot clobber another (VFP, NSDI 2017 §4).
 *
 * Every group of the direction is asked in order, and each must let the packet pass. A *stateful* layer judges a reply by the flow it
 * answers: the other direction's groups are asked, with the packet turned round. "Replies to what was allowed are allowed" then
 * needs no state of its own, and stays true when rules change: a reply is let in exactly as long as its request would be let out.
 *
 * Called by pipeline; built by dataplane/layers.
 */
import { Direction as D, type Direction, opposite } from './direction.ts';
import type { Group } from './group.ts';
import type { Packet } from './packet.ts';

export interface Layer {
  readonly name: string;
  readonly isStateful: boolean;
  readonly outbound: readonly Group[];
  readonly inbound: readonly Group[];
}

/** The groups that judge this packet in this layer. */
export function groupsFor(layer: Layer, direction: Direction, packet: Packet): readonly Group[] {
  const judged = judgesRequest(layer, packet) ? opposite(direction) : direction;
  return judged === D.OUTBOUND ? layer.outbound : layer.inbound;
}

/** True if the layer judges the flow this packet answers instead of the packet. */
export function judgesRequest(layer: Layer, packet: Packet): boolean {
  return layer.isStateful && packet.isReply;
}
