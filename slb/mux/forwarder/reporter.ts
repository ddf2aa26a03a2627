/**
 * Tells the sender of a packet that cannot go on what is wrong with it (RFC 1812 §4.3.2, RFC 4443 §2.4): too old, or too big for the tunnel. The error
 * goes back to the router that the packet came from. Its source is the mux's own address; where the mux has none of the packet's family, the
 * virtual address, which it speaks for (RFC 4443 §2.2 a). Called by forwarder.ts.
 */
import { type IpWords, isIpv4Words } from '../../../base/ip-words.ts';
import type { Mac } from '../../../base/mac.ts';
import {
  ERROR_FRAME_BYTES_MAX,
  ErrorBudget,
  emitError,
  type Fault,
  mayReport,
} from '../../../dataplane/engine/icmp-error.ts';
import type { Frame } from '../../../dataplane/engine/transposition.ts';
import { NO_ROOM, type Scratch } from '../../../dataplane/port/scratch.ts';
import type { TransmitQueue } from '../../../dataplane/port/transmit-queue.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import {
  MUX_ICMP_ERRORS_PER_SEC_MAX,
  MUX_ICMP_ERRORS_PER_SENDER_PER_SEC_MAX,
} from '../../limits.ts';
import { UPLINK } from './links.ts';

/** Who the mux is on the provider network. */
export interface Identity {
  readonly mac: Mac;
  readonly address: IpWords | undefined;
}

/** Descriptors of a round that are left to the packets themselves. */
const TX_RESERVE = 64;

export class Reporter {
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  readonly #budget = new ErrorBudget({
    perSecMax: MUX_ICMP_ERRORS_PER_SEC_MAX,
    perSenderPerSecMax: MUX_ICMP_ERRORS_PER_SENDER_PER_SEC_MAX,
  });
  #identity: Identity = { mac: 0, address: undefined };

  constructor(scratch: Scratch, queue: TransmitQueue) {
    this.#scratch = scratch;
    this.#queue = queue;
  }

  bind(identity: Identity): void {
    this.#identity = identity;
  }

  report(frame: Frame, key: FlowKey, fault: Fault, nowSec: number): void {
    const { view, at } = frame;
    if (!mayReport(view, at, key) || !this.#queue.hasRoomFor(TX_RESERVE)) return;
    if (!this.#budget.take(key, nowSec)) return;
    const to = this.#scratch.take(ERROR_FRAME_BYTES_MAX);
    if (to === NO_ROOM) return;
    const { mac, address } = this.#identity;
    const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
    const own = address !== undefined && isIpv4Words(address) === isIpv4 ? address : undefined;
    const from = own ?? ([key.dst0, key.dst1, key.dst2, key.dst3] as const);
    const addressing = { dstMac: ethernet.src(view, at), srcMac: mac, from };
    this.#queue.emitOwn(UPLINK, to, emitError(view, key, fault, addressing, to));
  }
}
