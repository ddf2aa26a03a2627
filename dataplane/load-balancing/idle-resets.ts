/**
 * Resets of idle TCP connections (MS-NCNBI §3.1.5.5.5, enableTcpReset): when a connection has been idle for its time, both of its ends are told, each with
 * a reset that it believes: RFC 5961 §3.2 asks for the exact sequence number.
 *
 * No packet's sequence numbers are noted for that. When the time is over the VM here is sent a segment that lies outside of its window, which RFC 9293
 * §3.10.7.4 has it answer with an acknowledgment: SND.NXT and RCV.NXT, as they are now. The answer is taken on its way:
 *
 *   segment outside of the window ──► VM ──► ACK  ─┬─ made a reset with its sequence number, goes on to the other end
 *                                                  └─ a reset with its acknowledgment number, back to the VM
 *
 * A sequence number may lie within the window by chance: then nothing comes back, and a second try uses one from the other half of the numbers. A
 * VM that answers neither gets no reset. Whatever else the connection carries meanwhile means that it is not idle.
 *
 * Called by engine/flow-table (asks), switch/own-frames (sends, and shows what a VM sends).
 */
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as tcp from '../../packet/tcp.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import { reverseKey } from '../engine/flow-id.ts';
import type { FlowEnder, FlowTable } from '../engine/flow-table.ts';
import type { Frame } from '../engine/transposition.ts';
import { IDLE_RESET_WAIT_SEC, IDLE_RESETS_MAX } from '../limits.ts';
import { tcpSegment } from './tcp-segment.ts';

interface Provoked {
  readonly generation: number;
  readonly lastUsedSec: number;
  tries: number;
}

/** Sequence numbers of the tries: no window holds both. */
const SEQUENCES: readonly number[] = [0, 0x8000_0000];

export class IdleResets implements FlowEnder {
  readonly #flows: FlowTable;
  readonly #macOf: (port: number) => Mac | undefined;
  /** By number of the pair. */
  readonly #provoked = new Map<number, Provoked>();
  readonly #due: { readonly port: number; readonly bytes: Uint8Array }[] = [];
  readonly #key = newFlowKey();

  /** `macOf`: of the VM at a port. */
  constructor(flows: FlowTable, macOf: (port: number) => Mac | undefined) {
    this.#flows = flows;
    this.#macOf = macOf;
  }

  get isActive(): boolean {
    return this.#provoked.size > 0;
  }

  keepSec(flow: FlowIndex, _nowSec: number): number {
    const flows = this.#flows;
    const sent = flows.sentEntry(flow);
    const port = flows.owner(flow);
    const mac = this.#macOf(port);
    if (sent === NO_FLOW || mac === undefined) return this.#giveUp(flow);
    const known = this.#provoked.get(flow >> 1);
    const generation = flows.generation(flow);
    const lastUsedSec = flows.lastUsedSec(flow);
    const isSame = known?.generation === generation && known.lastUsedSec === lastUsedSec;
    const provoked = isSame ? known : { generation, lastUsedSec, tries: 0 };
    const sequence = SEQUENCES[provoked.tries];
    if (sequence === undefined || this.#provoked.size >= IDLE_RESETS_MAX) return this.#giveUp(flow);
    provoked.tries += 1;
    this.#provoked.set(flow >> 1, provoked);
    flows.readKey(sent, this.#key);
    reverseKey(this.#key, this.#key);
    const macs = { srcMac: VIRTUAL_ROUTER_MAC, dstMac: mac };
    const segment = { ...macs, sequence, acknowledgment: 0, flags: tcp.Flag.ACK };
    this.#due.push({ port, bytes: tcpSegment(this.#key, segment) });
    return IDLE_RESET_WAIT_SEC;
  }

  /** The next segment for a VM; undefined: there is none. */
  next(): { readonly port: number; readonly bytes: Uint8Array } | undefined {
    return this.#due.shift();
  }

  /**
   * Is the frame, which a VM sends on this flow, the answer that has been provoked? Then it is a reset from now on, in its key as well, and
   * the result is the reset for the VM.
   */
  take(flow: FlowIndex, frame: Frame, key: FlowKey): Uint8Array | undefined {
    const provoked = this.#provoked.get(flow >> 1);
    if (provoked === undefined) return undefined;
    this.#provoked.delete(flow >> 1);
    const flows = this.#flows;
    const isIdle =
      provoked.generation === flows.generation(flow) &&
      provoked.lastUsedSec === flows.lastUsedSec(flow) &&
      flows.sentEntry(flow) === flow;
    if (!isIdle || !isAcknowledgment(frame, key)) return undefined;
    const { view } = frame;
    reverseKey(key, this.#key);
    const back = tcpSegment(this.#key, {
      srcMac: ethernet.dst(view, frame.at),
      dstMac: ethernet.src(view, frame.at),
      sequence: tcp.acknowledgment(view, key.l4At),
      acknowledgment: 0,
      flags: tcp.Flag.RST,
    });
    becomeReset(frame, key);
    return back;
  }

  #giveUp(flow: FlowIndex): number {
    this.#provoked.delete(flow >> 1);
    return 0;
  }
}

/** Nothing but an acknowledgment. */
function isAcknowledgment({ view, vnetAt }: Frame, key: FlowKey): boolean {
  return (
    key.protocol === IpProtocol.TCP &&
    key.tcpFlags === tcp.Flag.ACK &&
    key.fragment === Fragment.NONE &&
    vnetHeader.gsoType(view, vnetAt) === vnetHeader.Gso.NONE &&
    key.l4At + tcp.headerLen(view, key.l4At) === key.l3End
  );
}

const RESET = tcp.Flag.RST | tcp.Flag.ACK;

function becomeReset({ view, vnetAt }: Frame, key: FlowKey): void {
  const bytes = key.l3End - key.l4At;
  const pseudo =
    key.etherType === ethernet.EtherType.IPV6
      ? pseudoIpv6(view, key.l3At, IpProtocol.TCP, bytes)
      : pseudoIpv4(view, key.l3At, IpProtocol.TCP, bytes);
  key.tcpFlags = RESET;
  tcp.setFlags(view, key.l4At, RESET);
  tcp.fillChecksum(view, key.l4At, key.l3End, pseudo);
  vnetHeader.setComplete(view, vnetAt);
}
