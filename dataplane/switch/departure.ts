/**
 * How a packet leaves whose transposition is known: rewritten, metered, to a port or through a tunnel, with copies for mirrors. One that is too old
 * or too big does not: it is cut, or its sender is told. Called by forwarder for every frame; allocates only for errors and fragments.
 */
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import {
  completeChecksum,
  emitFragment,
  fragmentAt,
  fragmentCount,
  fragmentStride,
  fragmentVnetAt,
} from '../engine/fragmentation.ts';
import { type Composition, METERED, NO_PORT, Note } from '../engine/header-action.ts';
import {
  Applied,
  type Frame,
  NO_TRANSPOSITION,
  packetBytes,
  type TranspositionId,
  type Transpositions,
} from '../engine/transposition.ts';
import { Service } from '../layers/services.ts';
import { IDLE_RESETS_PER_BURST_MAX, PROBES_PER_BURST_MAX } from '../limits.ts';
import type { FrameIo } from '../port/frame-io.ts';
import { type Answers, NO_ROOM } from './answers.ts';
import type { BurstState } from './burst-state.ts';
import type { Counters } from './counters.ts';
import type { MirrorCopies } from './mirror-copies.ts';
import type { SwitchTables } from './tables.ts';
import type { TransmitQueue } from './transmit-queue.ts';

interface DepartureParts {
  readonly io: FrameIo;
  readonly tables: SwitchTables;
  readonly transpositions: Transpositions;
  readonly counters: Counters;
  readonly answers: Answers;
  readonly queue: TransmitQueue;
  readonly copies: MirrorCopies;
  readonly burst: BurstState;
}

export class Departure {
  readonly #io: FrameIo;
  readonly #tables: SwitchTables;
  readonly #transpositions: Transpositions;
  readonly #counters: Counters;
  readonly #answers: Answers;
  readonly #queue: TransmitQueue;
  readonly #copies: MirrorCopies;
  readonly #burst: BurstState;
  readonly #frame: Frame;
  readonly #key: FlowKey;
  readonly #tunnel = { peer: 0, vni: 0, hash: 0 };

  constructor(parts: DepartureParts) {
    this.#io = parts.io;
    this.#tables = parts.tables;
    this.#transpositions = parts.transpositions;
    this.#counters = parts.counters;
    this.#answers = parts.answers;
    this.#queue = parts.queue;
    this.#copies = parts.copies;
    this.#burst = parts.burst;
    this.#frame = parts.burst.frame;
    this.#key = parts.burst.key;
  }

  /** Sends the frame at hand, which has come in at the port, as the transposition says; `hash` spreads flows over paths. */
  transmit(port: number, id: TranspositionId, hash: number): Drop {
    const transpositions = this.#transpositions;
    if ((transpositions.notes(id) & Note.MIRRORED) === 0) return this.#dispatch(port, id, hash);
    const frame = this.#frame;
    const copies = this.#copies;
    const sent = transpositions.mirrorsSent(id);
    copies.keep(sent, frame, packetBytes(frame, this.#key));
    const drop = this.#dispatch(port, id, hash);
    if (drop !== Drop.None) return drop;
    // As a small integer, which costs no allocation to hand on; the descriptor takes it modulo 2^32.
    const spread = hash | 0;
    if (sent !== 0) copies.sendKept(sent, port, spread);
    const received = transpositions.mirrorsReceived(id);
    if (received !== 0) copies.send(received, transpositions.port(id), spread, frame);
    return Drop.None;
  }

  /** Forwards a packet that is no part of a flow. */
  transmitOnce(port: number, composition: Composition): Drop {
    const id = this.#transpositions.intern(composition);
    if (id === NO_TRANSPOSITION) return Drop.FlowTableFull;
    const drop = this.transmit(port, id, 0);
    this.#transpositions.release(id);
    return drop;
  }

  /** The frame itself, edited and queued. */
  #dispatch(port: number, id: TranspositionId, hash: number): Drop {
    const frame = this.#frame;
    const applied = this.#transpositions.apply(id, frame, this.#key);
    if (applied === Applied.TO_FRAGMENT) return this.#cut(port, id, hash);
    if (applied !== Applied.DONE) return this.#cannotGoOn(port, applied, id);
    this.#meter(port, id);
    const egress = this.#transpositions.port(id);
    if (egress !== NO_PORT) return this.#queue.emit(egress, frame.at, frame.end, frame.vnetAt);
    return this.#queue.emitTunnel(this.#tunnelOf(id, hash), frame.at, frame.end, frame.vnetAt);
  }

  #meter(port: number, id: TranspositionId): void {
    const notes = this.#transpositions.notes(id);
    if ((notes & METERED) === 0) return;
    this.#counters.metered(port, (notes & Note.BILLED) !== 0, this.#frame.end - this.#frame.at);
  }

  #tunnelOf(id: TranspositionId, hash: number): { peer: number; vni: number; hash: number } {
    const tunnel = this.#tunnel;
    tunnel.peer = this.#transpositions.peer(id);
    tunnel.vni = this.#transpositions.vni(id);
    tunnel.hash = hash;
    return tunnel;
  }

  /** The packet is longer than the tunnel takes and may be cut: edited as a whole, then sent in fragments, all of them or none. */
  #cut(port: number, id: TranspositionId, hash: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const mtu = this.#transpositions.mtu(id);
    const count = fragmentCount(frame.view, key, mtu);
    if (count === 0) return this.#cannotGoOn(port, Applied.TOO_BIG, id);
    // Whatever else the burst may send has its descriptors.
    const others = PROBES_PER_BURST_MAX + IDLE_RESETS_PER_BURST_MAX;
    const reserved = this.#burst.waiting + others + this.#copies.descriptorsMax;
    if (this.#queue.count + count + reserved > this.#io.txMax) return Drop.FragmentsLimited;
    const block = this.#answers.take(count * fragmentStride(mtu));
    if (block === NO_ROOM) return Drop.FragmentsLimited;
    const applied = this.#transpositions.apply(id, frame, key, true);
    if (applied !== Applied.DONE) return this.#cannotGoOn(port, applied, id);
    completeChecksum(frame, key);
    this.#meter(port, id);
    const tunnel = this.#tunnelOf(id, hash);
    for (let index = 0; index < count; index += 1) {
      const at = fragmentAt(block, index, mtu);
      const end = emitFragment(frame, this.#io.bytes, key, mtu, index, at);
      const drop = this.#queue.emitTunnel(tunnel, at, end, fragmentVnetAt(at));
      if (drop !== Drop.None) return drop;
    }
    return Drop.None;
  }

  /** The packet ends here; its sender is told why, if that is allowed. */
  #cannotGoOn(port: number, applied: Applied, id: TranspositionId): Drop {
    const isExpired = applied === Applied.TTL_EXPIRED;
    const servicePort = this.#tables.ports.at(port)?.configured?.service;
    if (servicePort !== undefined) {
      const answers = this.#answers;
      const error = isExpired ? Service.TIME_EXCEEDED : Service.FRAGMENTATION_NEEDED;
      const about = { frame: this.#frame, key: this.#key, port: servicePort, index: port };
      const mtu = this.#transpositions.mtu(id);
      if (answers.reportError(error, about, mtu, this.#burst.nowSec)) {
        this.#queue.emit(port, answers.at, answers.end, answers.vnetAt);
      }
    }
    return isExpired ? Drop.TtlExpired : Drop.FrameTooBig;
  }
}
