/**
 * Second chance, the host's part (docs/design/0027): a mux marks packets of connections that it has not seen begin (packet/ask-mark.ts). The host takes the mark off
 * when it is believed, and gives the packet back with it if no port here knows the connection: the mux then asks elsewhere. What the host
 * returns it neither judges nor remembers. A connection that has ended is not known: another may have its addresses and ports by now.
 *
 * Called by switch/forwarder; allocates nothing.
 */
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import * as askMark from '../../packet/ask-mark.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import { isOpening } from '../engine/flow-state.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import type { Frame } from '../engine/transposition.ts';
import { type Muxes, NO_PEER } from './muxes.ts';

export class SecondChance {
  readonly #muxes: Muxes;
  readonly #flows: FlowTable;
  #peer = NO_PEER;
  #step = 0;

  constructor(muxes: Muxes, flows: FlowTable) {
    this.#muxes = muxes;
    this.#flows = flows;
  }

  /** Tunnel to the mux that asks about the frame at hand; NO_PEER: nobody does. */
  get peer(): number {
    return this.#peer;
  }

  /** A frame has come out of a tunnel; `words` has its outer source at `source`. */
  begin(frame: Frame, words: Uint32Array, source: number): void {
    this.#peer = NO_PEER;
    const { view, at, end } = frame;
    if (!askMark.isMarked(view, at, end)) return;
    const peer = this.#muxes.peerAt(words, source);
    if (peer === NO_PEER) return;
    this.#peer = peer;
    this.#step = askMark.step(view, at);
    ethernet.setSrc(view, at, VIRTUAL_ROUTER_MAC);
  }

  /** Is the packet, whose flow has this entry here, to go back to the mux? `key`: of the packet, or of the flow that an ICMP error is about. */
  isUnknown(flow: FlowIndex, key: FlowKey): boolean {
    if (this.#peer === NO_PEER) return false;
    if (key.protocol !== IpProtocol.TCP || isOpening(key.tcpFlags)) return false;
    return flow === NO_FLOW || this.#flows.hasEnded(flow);
  }

  /** The frame as the mux has sent it. */
  restore(frame: Frame): void {
    askMark.write(frame.view, frame.at, this.#step);
  }
}
