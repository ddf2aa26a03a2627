/**
 * The unified flow table (VFP, NSDI 2017 §5.1): flow → header transposition, for every port and direction of one switch.
 *
 *   entry 2k    what the flow's initiator sends      entry 2k+1   what answers it (the paired reverse flow)
 *
 * Both entries of a pair are made together, share one state and one timer and go together, so a pair is known by its number k and
 * needs no links. The reverse entry is made unresolved; its first packet resolves it. How entries are stored and found is
 * flow-entries.ts.
 *
 * Bounded twice: pairs in all, and pairs per owner (the port whose traffic made it). When either is reached the owner's oldest
 * half-open flow is evicted, else (table full) the oldest half-open flow of anybody, else the new flow is refused and
 * its packet dropped as Drop.FlowTableFull. A port that floods therefore pushes out its own half-open flows first.
 *
 * Nothing here allocates after construction, and nothing throws for want of room. Called by dataplane/switch/forwarder.
 */
import { assert } from '../../base/assert.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { EpochCell, Epochs } from './epochs.ts';
import {
  DOUBLES,
  Double,
  FlowEntries,
  type FlowIndex,
  NO_FLOW,
  STRIDE,
  Word,
} from './flow-entries.ts';
import type { FlowScope } from './flow-id.ts';
import { FlowState, idleSecMax, nextState, STATE_FLAGS } from './flow-state.ts';
import { PairLists } from './pair-lists.ts';
import {
  type Frame,
  NO_TRANSPOSITION,
  type TranspositionId,
  type Transpositions,
} from './transposition.ts';

export interface FlowTableLimits {
  /** Flows, each with its reverse, in all and per owner. */
  readonly flowsMax: number;
  readonly flowsPerOwnerMax: number;
  /** Owners are numbered below this. */
  readonly ownersMax: number;
}

/** What a flow was resolved to. */
export interface FlowBinding {
  readonly transposition: TranspositionId;
  readonly ingressCell: EpochCell;
  readonly egressCell: EpochCell;
  readonly ruleCell: EpochCell;
  /** The frame it was resolved for. */
  readonly frame: Frame;
}

/** Where a frame has the upper two and the lower four octets of its source MAC. */
const MAC_HIGH_AT = 6;
const MAC_LOW_AT = 8;

export class FlowTable {
  readonly #entries: FlowEntries;
  /** Those of #entries. */
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #state: Uint8Array;
  readonly #owner: Uint16Array;
  readonly #lists: PairLists;
  readonly #wheel: TimerWheel;
  readonly #limits: FlowTableLimits;
  readonly #transpositions: Transpositions;
  readonly #epochs: Epochs;
  #evictions = 0;
  #expirations = 0;

  constructor(parts: {
    readonly limits: FlowTableLimits;
    readonly transpositions: Transpositions;
    readonly epochs: Epochs;
    /** Random: nobody outside shall be able to choose colliding flows. */
    readonly seed: number;
    /** Now; time is counted in seconds. */
    readonly startSec: number;
  }) {
    const { flowsMax, ownersMax } = parts.limits;
    this.#limits = parts.limits;
    this.#transpositions = parts.transpositions;
    this.#epochs = parts.epochs;
    this.#entries = new FlowEntries(flowsMax * 2, parts.seed);
    this.#words = this.#entries.words;
    this.#doubles = this.#entries.doubles;
    this.#state = new Uint8Array(flowsMax);
    this.#owner = new Uint16Array(flowsMax);
    this.#lists = new PairLists(flowsMax, ownersMax);
    this.#wheel = new TimerWheel(flowsMax, parts.startSec);
  }

  /** Flows in the table, each with its reverse. */
  get count(): number {
    return this.#lists.count;
  }

  /** Flows that had to go before their time, and that went in time, since the start. */
  get evictions(): number {
    return this.#evictions;
  }
  get expirations(): number {
    return this.#expirations;
  }

  hash(scope: FlowScope, key: FlowKey): number {
    return this.#entries.hash(scope, key);
  }

  /** The entry of this key in this scope; `hash` is that of both. */
  find(hash: number, scope: FlowScope, key: FlowKey): FlowIndex {
    return this.#entries.find(hash, scope, key);
  }

  /**
   * May the entry's transposition be applied to this frame, or must the flow be resolved (again)? Not if something it was resolved
   * against has changed, or if the frame's source MAC is another than that which was resolved.
   */
  isCurrent(flow: FlowIndex, frame: Frame): boolean {
    const words = this.#words;
    const base = flow * STRIDE;
    const epoch = this.#epochs.sum(
      words[base + Word.INGRESS_CELL] ?? 0,
      words[base + Word.EGRESS_CELL] ?? 0,
      words[base + Word.RULE_CELL] ?? 0,
    );
    return (
      words[base + Word.TRANSPOSITION] !== NO_TRANSPOSITION &&
      words[base + Word.EPOCH] === epoch &&
      words[base + Word.SRC_MAC_LOW] === frame.view.getUint32(frame.at + MAC_LOW_AT) &&
      words[base + Word.SRC_MAC_HIGH] === frame.view.getUint16(frame.at + MAC_HIGH_AT)
    );
  }

  transposition(flow: FlowIndex): TranspositionId {
    return this.#words[flow * STRIDE + Word.TRANSPOSITION] ?? NO_TRANSPOSITION;
  }

  /** True for the reverse entry: its packets answer a flow that the other side opened. */
  isReply(flow: FlowIndex): boolean {
    return (flow & 1) === 1;
  }

  /** Counts a packet and moves the flow's state on. */
  touch(flow: FlowIndex, bytes: number, tcpFlags: number, nowSec: number): void {
    const doubles = this.#doubles;
    const at = flow * DOUBLES;
    doubles[at + Double.PACKETS] = (doubles[at + Double.PACKETS] ?? 0) + 1;
    doubles[at + Double.BYTES] = (doubles[at + Double.BYTES] ?? 0) + bytes;
    this.#words[flow * STRIDE + Word.LAST_USED] = nowSec;
    const pair = flow >> 1;
    if ((tcpFlags & STATE_FLAGS) !== 0 || this.#state[pair] === FlowState.HALF_OPEN) {
      this.#advanceState(pair, tcpFlags, this.isReply(flow), nowSec);
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
    if (!this.#makeRoom(flow.owner)) return NO_FLOW;
    const pair = this.#lists.add(flow.owner);
    this.#owner[pair] = flow.owner;
    this.#state[pair] = FlowState.HALF_OPEN;
    this.#addEntry(pair * 2, flow.scope, flow.key, flow.nowSec);
    this.#addEntry(pair * 2 + 1, flow.reverseScope, flow.reverse, flow.nowSec);
    this.#wheel.schedule(pair, flow.nowSec + idleSecMax(flow.key.protocol, FlowState.HALF_OPEN));
    return pair * 2;
  }

  /** Remembers what the entry's packets resolve to. Takes over the caller's reference to the transposition. */
  bind(flow: FlowIndex, binding: FlowBinding): void {
    const words = this.#words;
    const base = flow * STRIDE;
    const old = this.transposition(flow);
    words[base + Word.TRANSPOSITION] = binding.transposition;
    if (old !== NO_TRANSPOSITION) this.#transpositions.release(old);
    words[base + Word.INGRESS_CELL] = binding.ingressCell;
    words[base + Word.EGRESS_CELL] = binding.egressCell;
    words[base + Word.RULE_CELL] = binding.ruleCell;
    words[base + Word.EPOCH] = this.#epochs.sum(
      binding.ingressCell,
      binding.egressCell,
      binding.ruleCell,
    );
    const { view, at } = binding.frame;
    words[base + Word.SRC_MAC_HIGH] = view.getUint16(at + MAC_HIGH_AT);
    words[base + Word.SRC_MAC_LOW] = view.getUint32(at + MAC_LOW_AT);
  }

  /**
   * Moves the other entry of a pair to the scope its packets come by from now on: the far end of the flow has moved to another host,
   * or to this one.
   */
  moveCounterpart(flow: FlowIndex, scope: FlowScope, key: FlowKey, nowSec: number): void {
    const counterpart = flow ^ 1;
    const hash = this.hash(scope, key);
    const base = counterpart * STRIDE;
    if (this.#words[base + Word.SCOPE] === scope && this.#words[base + Word.HASH] === hash) return;
    this.#removeKey(scope, key);
    this.#entries.remove(counterpart);
    const transposition = this.transposition(counterpart);
    if (transposition !== NO_TRANSPOSITION) this.#transpositions.release(transposition);
    this.#addEntry(counterpart, scope, key, nowSec);
  }

  /** Forgets a flow and its reverse. */
  remove(flow: FlowIndex): void {
    const pair = flow >> 1;
    for (const entry of [pair * 2, pair * 2 + 1]) {
      const transposition = this.transposition(entry);
      if (transposition !== NO_TRANSPOSITION) this.#transpositions.release(transposition);
      this.#words[entry * STRIDE + Word.TRANSPOSITION] = NO_TRANSPOSITION;
      this.#entries.remove(entry);
    }
    this.#wheel.cancel(pair);
    this.#lists.remove(pair, this.#owner[pair] ?? 0);
  }

  /** Forgets every flow of an owner that has gone. */
  removeOwner(owner: number): void {
    for (let pair = 0; pair < this.#lists.usedMax; pair += 1) {
      if (this.#lists.isUsed(pair) && this.#owner[pair] === owner) this.remove(pair * 2);
    }
  }

  /**
   * Forgets flows that have been idle for their time; `room` bounds the work and is overwritten. True if it was not enough and there is
   * more to do at once.
   */
  expire(nowSec: number, room: Uint32Array): boolean {
    const due = this.#wheel.advance(nowSec, room);
    for (let index = 0; index < due; index += 1) {
      const pair = room[index] ?? 0;
      const deadline = this.#lastUsed(pair) + this.#idleSecMax(pair);
      if (deadline > nowSec) this.#wheel.schedule(pair, deadline);
      else {
        this.#expirations += 1;
        this.remove(pair * 2);
      }
    }
    return due === room.length;
  }

  /** Every entry, read out. For people, not for packets. */
  *views(): Generator<FlowView> {
    for (let pair = 0; pair < this.#lists.usedMax; pair += 1) {
      if (!this.#lists.isUsed(pair)) continue;
      yield this.#viewOf(pair * 2);
      yield this.#viewOf(pair * 2 + 1);
    }
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    const indexed = this.#entries.checkInvariants((entry) => this.#lists.isUsed(entry >> 1));
    assert(indexed === this.count * 2, 'both entries of each flow are indexed');
    assert(this.#wheel.count === this.count, 'each flow has a timer');
    this.#lists.checkInvariants((pair) => ({
      owner: this.#owner[pair] ?? 0,
      isHalfOpen: this.#state[pair] === FlowState.HALF_OPEN,
    }));
    this.#wheel.checkInvariants();
  }

  /** References to transpositions that the table holds. For tests. */
  get references(): number {
    let count = 0;
    for (let pair = 0; pair < this.#lists.usedMax; pair += 1) {
      if (!this.#lists.isUsed(pair)) continue;
      if (this.transposition(pair * 2) !== NO_TRANSPOSITION) count += 1;
      if (this.transposition(pair * 2 + 1) !== NO_TRANSPOSITION) count += 1;
    }
    return count;
  }

  #makeRoom(owner: number): boolean {
    const lists = this.#lists;
    if (lists.ownedCount(owner) >= this.#limits.flowsPerOwnerMax) {
      return this.#evict(lists.oldestHalfOpenOf(owner));
    }
    if (lists.count < this.#limits.flowsMax) return true;
    const own = lists.oldestHalfOpenOf(owner);
    return this.#evict(own >= 0 ? own : lists.oldestHalfOpen());
  }

  #evict(pair: number): boolean {
    if (pair < 0) return false;
    this.#evictions += 1;
    this.remove(pair * 2);
    return true;
  }

  #advanceState(pair: number, tcpFlags: number, isReply: boolean, nowSec: number): void {
    const state = this.#stateOf(pair);
    const next = nextState(state, tcpFlags, isReply);
    if (next === state) return;
    this.#state[pair] = next;
    if (state === FlowState.HALF_OPEN) this.#lists.leaveHalfOpen(pair, this.#owner[pair] ?? 0);
    if (next === FlowState.HALF_OPEN) this.#lists.enterHalfOpen(pair, this.#owner[pair] ?? 0);
    this.#wheel.schedule(pair, nowSec + this.#idleSecMax(pair));
  }

  #stateOf(pair: number): FlowState {
    return FLOW_STATES[this.#state[pair] ?? 0] ?? FlowState.CLOSED;
  }

  #idleSecMax(pair: number): number {
    return idleSecMax(this.#word(pair * 2, Word.KIND) & 0xff, this.#stateOf(pair));
  }

  #lastUsed(pair: number): number {
    return Math.max(this.#word(pair * 2, Word.LAST_USED), this.#word(pair * 2 + 1, Word.LAST_USED));
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

  #word(entry: FlowIndex, at: number): number {
    return this.#words[entry * STRIDE + at] ?? 0;
  }

  #viewOf(flow: FlowIndex): FlowView {
    const words = (at: number) =>
      [0, 1, 2, 3].map((index) => this.#word(flow, at + index)) as [number, number, number, number];
    const at = flow * DOUBLES;
    return {
      flow,
      scope: this.#word(flow, Word.SCOPE),
      src: words(Word.SRC),
      dst: words(Word.DST),
      srcPort: this.#word(flow, Word.PORTS) >>> 16,
      dstPort: this.#word(flow, Word.PORTS) & 0xffff,
      protocol: this.#word(flow, Word.KIND) & 0xff,
      isReply: this.isReply(flow),
      state: this.#stateOf(flow >> 1),
      owner: this.#owner[flow >> 1] ?? 0,
      transposition: this.transposition(flow),
      lastUsedSec: this.#word(flow, Word.LAST_USED),
      packets: this.#doubles[at + Double.PACKETS] ?? 0,
      bytes: this.#doubles[at + Double.BYTES] ?? 0,
    };
  }
}

/** One entry, read out for people. */
export interface FlowView {
  readonly flow: FlowIndex;
  readonly scope: FlowScope;
  readonly src: readonly [number, number, number, number];
  readonly dst: readonly [number, number, number, number];
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
  readonly isReply: boolean;
  readonly state: FlowState;
  readonly owner: number;
  readonly transposition: TranspositionId;
  readonly lastUsedSec: number;
  readonly packets: number;
  readonly bytes: number;
}

const FLOW_STATES: readonly FlowState[] = Object.values(FlowState);
