/**
 * How a packet leaves whose transposition is known: rewritten, by a link or through a tunnel. One that is too old or too big does not: its sender is
 * told, or it is cut. One frame and one key, the router's, are what it is about. Called by router.ts; allocates nothing but for errors and
 * fragments.
 */
import {
  completeChecksum,
  emitFragment,
  fragmentAt,
  fragmentCount,
  fragmentStride,
  fragmentVnetAt,
} from '../../../dataplane/engine/fragmentation.ts';
import { NO_PORT } from '../../../dataplane/engine/header-action.ts';
import type { Fault } from '../../../dataplane/engine/icmp-error.ts';
import {
  Applied,
  type Frame,
  type TranspositionId,
  type Transpositions,
} from '../../../dataplane/engine/transposition.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { NO_ROOM, type Scratch } from '../../../dataplane/port/scratch.ts';
import type { TransmitQueue } from '../../../dataplane/port/transmit-queue.ts';
import { Drop } from '../../../packet/drop.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import { Refused, UNREACHABLE_CODES, type Verdict } from './decision.ts';
import { ErrorReporter } from './error-reporter.ts';
import type { RouterState } from './router-state.ts';

interface DepartureParts {
  readonly io: FrameIo;
  readonly state: RouterState;
  readonly transpositions: Transpositions;
  readonly scratch: Scratch;
  readonly queue: TransmitQueue;
  /** The frame at hand and its parse result. */
  readonly frame: Frame;
  readonly key: FlowKey;
}

export class Departure {
  readonly #io: FrameIo;
  readonly #transpositions: Transpositions;
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  readonly #errors: ErrorReporter;
  readonly #frame: Frame;
  readonly #key: FlowKey;
  #nowSec = 0;

  constructor(parts: DepartureParts) {
    this.#io = parts.io;
    this.#transpositions = parts.transpositions;
    this.#scratch = parts.scratch;
    this.#queue = parts.queue;
    this.#errors = new ErrorReporter(parts.state, parts.scratch, parts.queue);
    this.#frame = parts.frame;
    this.#key = parts.key;
  }

  /** A burst begins. */
  begin(nowSec: number): void {
    this.#nowSec = nowSec;
  }

  /** Sends the frame as the transposition says. It came by that link, and with that network identifier through a tunnel. */
  transmit(id: TranspositionId, link: number, vni: number, hash: number): Drop {
    const frame = this.#frame;
    const applied = this.#transpositions.apply(id, frame, this.#key);
    if (applied !== Applied.DONE) return this.#cannotGoOn(applied, id, link, vni, hash);
    return this.#emit(id, hash, frame.at, frame.end, frame.vnetAt);
  }

  /** Tells the frame's sender why it was refused, unless that is nobody's business. */
  refuse(link: number, vni: number, { refused }: Verdict): void {
    if (refused === Refused.SILENTLY) return;
    this.#report(link, vni, { kind: 'unreachable', codes: UNREACHABLE_CODES[refused] });
  }

  #emit(id: TranspositionId, hash: number, at: number, end: number, vnetAt: number): Drop {
    const transpositions = this.#transpositions;
    const port = transpositions.port(id);
    if (port !== NO_PORT) return this.#queue.emit(port, at, end, vnetAt);
    const peer = transpositions.peer(id);
    return this.#queue.emitTunnel(peer, transpositions.vni(id), hash, at, end, vnetAt);
  }

  /** The packet is too old, or too big: its sender is told, or it is cut. */
  #cannotGoOn(
    applied: Applied,
    id: TranspositionId,
    link: number,
    vni: number,
    hash: number,
  ): Drop {
    if (applied === Applied.TTL_EXPIRED) {
      this.#report(link, vni, { kind: 'expired' });
      return Drop.TtlExpired;
    }
    if (applied !== Applied.TO_FRAGMENT) {
      this.#report(link, vni, { kind: 'too-big', mtu: this.#transpositions.mtu(id) });
      return Drop.FrameTooBig;
    }
    // In two steps: whole as it leaves, then cut.
    const whole = this.#transpositions.apply(id, this.#frame, this.#key, true);
    if (whole !== Applied.DONE) {
      this.#report(link, vni, { kind: 'expired' });
      return Drop.TtlExpired;
    }
    return this.#cut(id, hash);
  }

  #cut(id: TranspositionId, hash: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const mtu = this.#transpositions.mtu(id);
    const count = fragmentCount(frame.view, key, mtu);
    if (count === 0) return Drop.FrameTooBig;
    const block = this.#scratch.take(count * fragmentStride(mtu));
    if (block === NO_ROOM || !this.#queue.hasRoomFor(count)) return Drop.FragmentsLimited;
    completeChecksum(frame, key);
    for (let index = 0; index < count; index += 1) {
      const at = fragmentAt(block, index, mtu);
      const end = emitFragment(frame, this.#io.bytes, key, mtu, index, at);
      const drop = this.#emit(id, hash, at, end, fragmentVnetAt(at));
      if (drop !== Drop.None) return drop;
    }
    return Drop.None;
  }

  /** Tells the sender of the frame at hand what is wrong with it, the way it came. */
  #report(link: number, vni: number, fault: Fault): void {
    this.#errors.report(this.#frame, this.#key, { link, vni }, fault, this.#nowSec);
  }
}
