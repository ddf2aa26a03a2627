/**
 * Tells the sender of a packet that cannot go on what is wrong with it, if that is allowed (RFC 1812 §4.3.2, RFC 4443 §2.4), the way the packet
 * came: by its link, or through a tunnel to the host of the virtual network's interface. Called by departure.ts.
 */
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
  EDGE_ICMP_ERRORS_PER_SEC_MAX,
  EDGE_ICMP_ERRORS_PER_SENDER_PER_SEC_MAX,
} from '../limits.ts';
import { type Link, ownAddress } from './links.ts';
import type { RouterState } from './router-state.ts';

/** Descriptors of a round that are left to the packets themselves. */
const TX_RESERVE = 64;

export class ErrorReporter {
  readonly #state: RouterState;
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  readonly #budget = new ErrorBudget({
    perSecMax: EDGE_ICMP_ERRORS_PER_SEC_MAX,
    perSenderPerSecMax: EDGE_ICMP_ERRORS_PER_SENDER_PER_SEC_MAX,
  });

  constructor(state: RouterState, scratch: Scratch, queue: TransmitQueue) {
    this.#state = state;
    this.#scratch = scratch;
    this.#queue = queue;
  }

  /** `vni`: of a packet that came through a tunnel. */
  report(
    frame: Frame,
    key: FlowKey,
    from: { readonly link: number; readonly vni: number },
    fault: Fault,
    nowSec: number,
  ): void {
    const { view, at } = frame;
    if (!mayReport(view, at, key)) return;
    const own = this.#state.links.find(({ number }) => number === from.link);
    const source = this.#source(own, key.etherType === ethernet.EtherType.IPV4);
    if (source === undefined || !this.#queue.hasRoomFor(TX_RESERVE)) return;
    if (!this.#budget.take(key, nowSec)) return;
    const to = this.#scratch.take(ERROR_FRAME_BYTES_MAX);
    if (to === NO_ROOM) return;
    if (own !== undefined) {
      const addressing = { dstMac: ethernet.src(view, at), srcMac: own.mac, from: source };
      this.#queue.emitOwn(own.number, to, emitError(view, key, fault, addressing, to));
      return;
    }
    const { networks, settings } = this.#state;
    const domain = networks.segment(from.vni)?.domain;
    if (domain === undefined) return;
    const sender = networks.location(domain, key.src0, key.src1, key.src2, key.src3);
    const segment = sender === undefined ? undefined : networks.subnet(sender.subnetId);
    if (sender === undefined || segment === undefined) return;
    const addressing = { dstMac: sender.mac, srcMac: settings.mac, from: source };
    const end = emitError(view, key, fault, addressing, to);
    this.#queue.emitOwnTunnel(sender.peer, segment.vni, to, end);
  }

  /** The router's address: of the link the packet came by, else of the outside, else any of the family. */
  #source(own: Link | undefined, isIpv4: boolean) {
    const { links } = this.#state;
    const outside = links.find(({ kind }) => kind === 'outside');
    return (
      (own === undefined ? undefined : ownAddress(own, isIpv4)) ??
      (outside === undefined ? undefined : ownAddress(outside, isIpv4)) ??
      links.map((link) => ownAddress(link, isIpv4)).find((words) => words !== undefined)
    );
  }
}
