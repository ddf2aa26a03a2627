/**
 * The unified flow table (VFP, NSDI 2017 §5.1): flow → header transposition, for every port and direction of one switch.
 *
 *   entry 2k    what the flow's initiator sends      entry 2k+1   what answers it (the paired reverse flow)
 *
 * A pair belongs to one port: one of its entries is what the port sends, the other what it is sent; the initiator is whichever was seen
 * first, so each port has its own view of which side asks and which answers. Both entries are made together, share one state and
 * one timer and go together, so a pair is known by its number k and needs no links. The reverse entry is made unresolved; its
 * first packet resolves it. How entries are stored and found is flow-entries.ts.
 *
 * A packet between two ports of this switch concerns two pairs. The sender's entry holds the transposition of the whole way and a link to
 * the receiver's entry, with the generation of that pair: so the packet costs one lookup, is counted at both and moves the state
 * of both on; and when the receiver's pair goes, the sender's entry is no longer current.
 *
 * How long a pair lives and which one goes when there is no room is flow-pairs.ts; without room the new flow is refused and its packet
 * dropped as Drop.FlowTableFull.
 *
 * Nothing here allocates after construction, and nothing throws for want of room. Called by dataplane/switch.
 */
import { assert } from '../../base/assert.ts';
import type { Mac } from '../../base/mac.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { ALWAYS_CURRENT, CELLS_MAX, type EpochCell, type Epochs } from './epochs.ts';
import {
  DOUBLES,
  Double,
  FlowEntries,
  type FlowIndex,
  NO_FLOW,
  PAIR_STATE_MASK,
  STRIDE,
  Word,
} from './flow-entries.ts';
import { type FlowScope, INBOUND_SCOPE, reverseKey } from './flow-id.ts';
import { FlowPairs, type FlowTableLimits } from './flow-pairs.ts';
import { FlowState, hasEnded, isOpening, STATE_FLAGS } from './flow-state.ts';
import { FLOW_COUNTS, FlowCount, FlowStatistics } from './flow-statistics.ts';
import { type FlowView, flowView } from './flow-view.ts';
import type { IdleLimit } from './rule.ts';
import {
  type Frame,
  NO_TRANSPOSITION,
  type TranspositionId,
  type Transpositions,
} from './transposition.ts';

/** What a flow was resolved to. */
export interface FlowBinding {
  readonly transposition: TranspositionId;
  /** CELLS_MAX epoch cells it depends on. */
  readonly cells: Uint32Array;
  /** The receiving port's entry, if the receiver is a port of this switch whose entry was not the one looked up. */
  readonly link: FlowIndex;
  /** The frame it was resolved for. */
  readonly frame: Frame;
}

/** Told of the flows that it watches, before what they have counted is gone. */
export interface FlowWatcher {
  /** The entry is about to count from zero. */
  onCleared(flow: FlowIndex): void;
  /** The flow is about to be forgotten; it is watched no longer. */
  onRemoved(flow: FlowIndex): void;
}

/** Asked about connections whose ends are to be told that they are over, when they have been idle for their time. */
export interface FlowEnder {
  /** Seconds that the flow shall be kept for, and asked about again; 0: it may be forgotten. */
  keepSec(flow: FlowIndex, nowSec: number): number;
}

/** Where a frame has the upper two and the lower four octets of its source MAC. */
const MAC_HIGH_AT = 6;
const MAC_LOW_AT = 8;

export class FlowTable {
  readonly #entries: FlowEntries;
  /** Those of #entries. */
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #pairs: FlowPairs;
  #watcher: FlowWatcher | undefined;
  #ender: FlowEnder | undefined;
  readonly #transpositions: Transpositions;
  readonly #epochs: Epochs;
  readonly #statistics: FlowStatistics;

  constructor(parts: {
    readonly limits: FlowTableLimits;
    readonly transpositions: Transpositions;
    readonly epochs: Epochs;
    /** Random: nobody outside shall be able to choose colliding flows. */
    readonly seed: number;
    /** Now; time is counted in seconds. */
    readonly startSec: number;
    /** Default: its own. */
    readonly statistics?: FlowStatistics;
  }) {
    const { flowsMax, ownersMax } = parts.limits;
    this.#transpositions = parts.transpositions;
    this.#epochs = parts.epochs;
    this.#entries = new FlowEntries(flowsMax * 2, parts.seed);
    this.#words = this.#entries.words;
    this.#doubles = this.#entries.doubles;
    this.#statistics =
      parts.statistics ?? new FlowStatistics(new Float64Array(ownersMax * FLOW_COUNTS));
    this.#pairs = new FlowPairs({
      limits: parts.limits,
      entries: this.#entries,
      statistics: this.#statistics,
      startSec: parts.startSec,
    });
  }

  /** Flows in the table, each with its reverse. */
  get count(): number {
    return this.#pairs.count;
  }

  /** What has become of the flows of each port. */
  get statistics(): FlowStatistics {
    return this.#statistics;
  }

  /** Bounds the flows of one owner; undefined: by the limit of all. What it already has stays. */
  setOwnerLimit(owner: number, flowsMax: number | undefined): void {
    this.#pairs.setOwnerLimit(owner, flowsMax);
  }

  setWatcher(watcher: FlowWatcher): void {
    this.#watcher = watcher;
  }

  setEnder(ender: FlowEnder): void {
    this.#ender = ender;
  }

  /** The watcher is told what becomes of the flow. */
  watch(flow: FlowIndex): void {
    this.#pairs.setWatched(flow >> 1, true);
  }

  unwatch(flow: FlowIndex): void {
    this.#pairs.setWatched(flow >> 1, false);
  }

  hash(scope: FlowScope, key: FlowKey): number {
    return this.#entries.hash(scope, key);
  }

  /** The entry of this key in this scope; `hash` is that of both. */
  find(hash: number, scope: FlowScope, key: FlowKey): FlowIndex {
    return this.#entries.find(hash, scope, key);
  }

  /**
   * As find, for a packet with the key's TCP flags: if the side that used to answer opens a connection of its own where the old one has
   * ended, the old one is forgotten. Its packets are no answers any more and must be judged as requests.
   */
  findFor(hash: number, scope: FlowScope, key: FlowKey): FlowIndex {
    const flow = this.#entries.find(hash, scope, key);
    if (flow === NO_FLOW || !this.isSuperseded(flow, key)) return flow;
    this.remove(flow);
    return NO_FLOW;
  }

  /** As findFor, but forgets nothing. */
  peekFor(hash: number, scope: FlowScope, key: FlowKey): FlowIndex {
    const flow = this.#entries.find(hash, scope, key);
    return flow === NO_FLOW || this.isSuperseded(flow, key) ? NO_FLOW : flow;
  }

  /** Does the packet open a connection of the side that used to answer, where the old one has ended? */
  isSuperseded(flow: FlowIndex, key: FlowKey): boolean {
    return isOpening(key.tcpFlags) && this.isReply(flow) && hasEnded(this.#pairs.state(flow >> 1));
  }

  /** Does the packet open a connection anew where that of its flow has ended? Then it is decided anew. */
  isReopened(flow: FlowIndex, key: FlowKey): boolean {
    return isOpening(key.tcpFlags) && hasEnded(this.#pairs.state(flow >> 1));
  }

  /** Is the connection over? Its addresses and ports may be another's by now. */
  hasEnded(flow: FlowIndex): boolean {
    return hasEnded(this.#pairs.state(flow >> 1));
  }

  /** The entry whose answers have the key `reverse` in this scope, wherever its own packets have come by so far. */
  findAnswered(scope: FlowScope, reverse: FlowKey): FlowIndex {
    const answer = this.find(this.hash(scope, reverse), scope, reverse);
    return answer === NO_FLOW ? NO_FLOW : answer ^ 1;
  }

  /**
   * May the entry's transposition be applied to this frame, or must the flow be resolved (again)? Not if something it was resolved
   * against has changed, or if the frame's source MAC is another than that which was resolved.
   */
  isCurrent(flow: FlowIndex, frame: Frame): boolean {
    const words = this.#words;
    const base = flow * STRIDE;
    const link = words[base + Word.LINK] ?? 0;
    return (
      words[base + Word.TRANSPOSITION] !== NO_TRANSPOSITION &&
      words[base + Word.EPOCH] === this.#epochs.sum(words, base + Word.CELLS) &&
      words[base + Word.SRC_MAC_LOW] === frame.view.getUint32(frame.at + MAC_LOW_AT) &&
      words[base + Word.SRC_MAC_HIGH] === frame.view.getUint16(frame.at + MAC_HIGH_AT) &&
      (link === 0 ||
        words[(link - 1) * STRIDE + Word.GENERATION] === words[base + Word.LINK_GENERATION])
    );
  }

  /** Tells a pair from others that had or will have its number, or one of its keys. */
  generation(flow: FlowIndex): number {
    return this.#pairs.generation(flow >> 1);
  }

  transposition(flow: FlowIndex): TranspositionId {
    return this.#words[flow * STRIDE + Word.TRANSPOSITION] ?? NO_TRANSPOSITION;
  }

  /** Packets that the entry has counted. */
  packets(flow: FlowIndex): number {
    return this.#doubles[flow * DOUBLES + Double.PACKETS] ?? 0;
  }

  bytes(flow: FlowIndex): number {
    return this.#doubles[flow * DOUBLES + Double.BYTES] ?? 0;
  }

  /** True for the reverse entry: its packets answer a flow that the other side opened. */
  isReply(flow: FlowIndex): boolean {
    return (flow & 1) === 1;
  }

  /** Writes the key that a packet of the entry has beyond its port's layers, as it has gone so far: the key of its answers, turned round. */
  readBeyond(flow: FlowIndex, into: FlowKey): void {
    this.#entries.readKey(flow ^ 1, into);
    reverseKey(into, into);
  }

  /** Writes the entry's key. */
  readKey(flow: FlowIndex, into: FlowKey): void {
    this.#entries.readKey(flow, into);
  }

  /** Of the flow's entries the one of what its port sends; NO_FLOW: its port only forwards. */
  sentEntry(flow: FlowIndex): FlowIndex {
    for (const entry of [flow, flow ^ 1]) {
      if ((this.#words[entry * STRIDE + Word.SCOPE] ?? 0) < INBOUND_SCOPE) return entry;
    }
    return NO_FLOW;
  }

  /** Destination MAC address that the entry's packets are given; 0: none. */
  beyondMac(flow: FlowIndex): Mac {
    return this.#transpositions.dstMac(this.transposition(flow));
  }

  /** The cell at `position` of those that the entry was bound with. */
  cell(flow: FlowIndex, position: number): EpochCell {
    return this.#words[flow * STRIDE + Word.CELLS + position] ?? ALWAYS_CURRENT;
  }

  /** Port whose flow it is. */
  owner(flow: FlowIndex): number {
    return this.#pairs.owner(flow >> 1);
  }

  /** Counts a packet and moves the flow's state on, here and at the port that receives it. */
  touch(flow: FlowIndex, bytes: number, tcpFlags: number, nowSec: number): void {
    this.#touchOne(flow, bytes, tcpFlags, nowSec);
    const link = this.#words[flow * STRIDE + Word.LINK] ?? 0;
    if (link !== 0) this.#touchOne(link - 1, bytes, tcpFlags, nowSec);
  }

  #touchOne(flow: FlowIndex, bytes: number, tcpFlags: number, nowSec: number): void {
    const words = this.#words;
    const doubles = this.#doubles;
    const base = flow * STRIDE;
    const at = flow * DOUBLES;
    doubles[at + Double.PACKETS] = (doubles[at + Double.PACKETS] ?? 0) + 1;
    doubles[at + Double.BYTES] = (doubles[at + Double.BYTES] ?? 0) + bytes;
    words[base + Word.LAST_USED] = nowSec;
    const state = (words[base + Word.PAIR] ?? 0) & PAIR_STATE_MASK;
    if ((tcpFlags & STATE_FLAGS) !== 0 || state < FlowState.ESTABLISHED) {
      this.#pairs.advance(flow >> 1, tcpFlags, this.isReply(flow), nowSec);
    }
  }

  /**
   * Makes a flow and its unresolved reverse. `reverse` is the key of the answer, in the scope it will come by. Returns the
   * initiator's entry, or NO_FLOW when there is no room (Drop.FlowTableFull).
   */
  insert(flow: {
    readonly scope: FlowScope;
    readonly key: FlowKey;
    readonly reverseScope: FlowScope;
    readonly reverse: FlowKey;
    readonly owner: number;
    readonly nowSec: number;
  }): FlowIndex {
    // An entry of either key that is left from a flow that has since changed its way is superseded.
    this.#removeKey(flow.scope, flow.key);
    this.#removeKey(flow.reverseScope, flow.reverse);
    if (!this.#makeRoom(flow.owner)) {
      this.#statistics.add(flow.owner, FlowCount.REFUSED, 1);
      return NO_FLOW;
    }
    const pair = this.#pairs.add(flow.owner, flow.key.protocol, flow.nowSec);
    this.#addEntry(pair * 2, flow.scope, flow.key, flow.nowSec);
    this.#addEntry(pair * 2 + 1, flow.reverseScope, flow.reverse, flow.nowSec);
    return pair * 2;
  }

  /** Remembers what the entry's packets resolve to. Takes over the caller's reference to the transposition. */
  bind(flow: FlowIndex, binding: FlowBinding): void {
    const words = this.#words;
    const base = flow * STRIDE;
    const old = this.transposition(flow);
    words[base + Word.TRANSPOSITION] = binding.transposition;
    if (old !== NO_TRANSPOSITION) this.#transpositions.release(old);
    for (let index = 0; index < CELLS_MAX; index += 1) {
      words[base + Word.CELLS + index] = binding.cells[index] ?? 0;
    }
    words[base + Word.EPOCH] = this.#epochs.sum(binding.cells, 0);
    const { link } = binding;
    words[base + Word.LINK] = link === NO_FLOW ? 0 : link + 1;
    words[base + Word.LINK_GENERATION] = link === NO_FLOW ? 0 : this.generation(link);
    const { view, at } = binding.frame;
    words[base + Word.SRC_MAC_HIGH] = view.getUint16(at + MAC_HIGH_AT);
    words[base + Word.SRC_MAC_LOW] = view.getUint32(at + MAC_LOW_AT);
  }

  /** How the flow ends when it is idle, once it is established. */
  setIdleLimit(flow: FlowIndex, limit: IdleLimit, nowSec: number): void {
    this.#pairs.setIdleLimit(flow >> 1, limit, nowSec);
  }

  /** Second of the flow's last packet, in either direction. */
  lastUsedSec(flow: FlowIndex): number {
    return this.#pairs.lastUsedSec(flow >> 1);
  }

  /** Moves the other entry of a pair to the scope and key its packets come by from now on: its port's policy or subnet has changed. */
  moveCounterpart(flow: FlowIndex, scope: FlowScope, key: FlowKey, nowSec: number): void {
    const counterpart = flow ^ 1;
    const hash = this.hash(scope, key);
    const base = counterpart * STRIDE;
    if (this.#words[base + Word.SCOPE] === scope && this.#words[base + Word.HASH] === hash) return;
    this.#removeKey(scope, key);
    if (this.#pairs.isWatched(flow >> 1)) this.#watcher?.onCleared(counterpart);
    this.#entries.remove(counterpart);
    const transposition = this.transposition(counterpart);
    if (transposition !== NO_TRANSPOSITION) this.#transpositions.release(transposition);
    this.#addEntry(counterpart, scope, key, nowSec);
    this.#pairs.renew(flow >> 1);
  }

  /** Forgets a flow and its reverse. */
  remove(flow: FlowIndex): void {
    const pair = flow >> 1;
    if (this.#pairs.isWatched(pair)) this.#watcher?.onRemoved(pair * 2);
    for (const entry of [pair * 2, pair * 2 + 1]) {
      const transposition = this.transposition(entry);
      if (transposition !== NO_TRANSPOSITION) this.#transpositions.release(transposition);
      this.#words[entry * STRIDE + Word.TRANSPOSITION] = NO_TRANSPOSITION;
      this.#entries.remove(entry);
    }
    this.#pairs.remove(pair);
  }

  /** Forgets every flow of an owner that has gone. */
  removeOwner(owner: number): void {
    const pairs = this.#pairs;
    for (let pair = pairs.firstOf(owner); pair >= 0; pair = pairs.firstOf(owner)) {
      this.remove(pair * 2);
    }
  }

  /**
   * Forgets flows that have been idle for their time; `room` bounds the work and is overwritten. True if it was not enough and there is
   * more to do at once.
   */
  expire(nowSec: number, room: Uint32Array): boolean {
    const due = this.#pairs.due(nowSec, room);
    for (let index = 0; index < due; index += 1) {
      const pair = room[index] ?? 0;
      if (!this.#pairs.isIdle(pair, nowSec)) continue;
      const isReset = this.#pairs.endsWithReset(pair);
      const keptSec = isReset ? (this.#ender?.keepSec(pair * 2, nowSec) ?? 0) : 0;
      if (keptSec > 0) {
        this.#pairs.postpone(pair, nowSec + keptSec);
        continue;
      }
      this.#count(pair, FlowCount.EXPIRED);
      this.remove(pair * 2);
    }
    return due === room.length;
  }

  /** Every entry, or every one of one owner, read out. For people, not for packets. */
  *views(owner?: number): Generator<FlowView> {
    for (const pair of this.#pairs.used(owner)) {
      yield this.viewOf(pair * 2);
      yield this.viewOf(pair * 2 + 1);
    }
  }

  /** One entry, read out. */
  viewOf(flow: FlowIndex): FlowView {
    return flowView(this.#entries, this.#pairs, flow);
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    const indexed = this.#entries.checkInvariants((entry) => this.#pairs.isUsed(entry >> 1));
    assert(indexed === this.count * 2, 'both entries of each flow are indexed');
    this.#pairs.checkInvariants();
  }

  /** References to transpositions that the table holds. For tests. */
  get references(): number {
    let count = 0;
    for (const pair of this.#pairs.used()) {
      if (this.transposition(pair * 2) !== NO_TRANSPOSITION) count += 1;
      if (this.transposition(pair * 2 + 1) !== NO_TRANSPOSITION) count += 1;
    }
    return count;
  }

  /** Room for one more flow of the owner, if need be by forgetting another. */
  #makeRoom(owner: number): boolean {
    if (this.#pairs.hasRoom(owner)) return true;
    const victim = this.#pairs.victimFor(owner);
    if (victim < 0) return false;
    this.#count(victim, FlowCount.EVICTED);
    this.remove(victim * 2);
    return true;
  }

  #count(pair: number, what: FlowCount): void {
    this.#statistics.add(this.#pairs.owner(pair), what, 1);
  }

  #removeKey(scope: FlowScope, key: FlowKey): void {
    const known = this.find(this.hash(scope, key), scope, key);
    if (known !== NO_FLOW) this.remove(known);
  }

  /** A fresh, unresolved entry. */
  #addEntry(entry: FlowIndex, scope: FlowScope, key: FlowKey, nowSec: number): void {
    this.#entries.add(entry, scope, key);
    this.#words[entry * STRIDE + Word.TRANSPOSITION] = NO_TRANSPOSITION;
    this.#words[entry * STRIDE + Word.LAST_USED] = nowSec;
  }
}
