/**
 * What a port remembers of a packet's flow, written into the packet before the port's layers see it: which side it is of, and what the flow's
 * packets have been turned into so far. A layer that translates keeps no table of its own: the two keys of a pair are its table.
 * Called by dataplane/switch for packets, by dataplane/explain for questions.
 */
import { type FlowIndex, NO_FLOW } from './flow-entries.ts';
import type { FlowTable } from './flow-table.ts';
import type { Packet } from './packet.ts';

/** `flow`: the packet's entry among the flows of the port at hand; NO_FLOW: it has none. */
export function recallFlow(flows: FlowTable, flow: FlowIndex, packet: Packet): void {
  packet.isKnown = flow !== NO_FLOW;
  packet.isReply = packet.isKnown && flows.isReply(flow);
  if (!packet.isKnown) return;
  flows.readBeyond(flow, packet.beyond);
  packet.beyondMac = flows.beyondMac(flow);
}
