/**
 * The life of a flow in the unified flow table, both directions together: whose it is, which state it is in (flow-state.ts), when it has been
 * idle for long enough to be forgotten, and which one goes first when there is no room.
 *
 * Bounded twice: pairs in all, and pairs per port. When either is reached the port's own first evictable pair goes (pair-lists.ts), else
 * (table full) the first evictable one of anybody, else there is no room. A port that floods therefore pushes out its own
 * half-open flows first.
 *
 * A timer is set once and not moved by every packet: when it fires, what the pair's entries say of their last use decides whether
 * the pair has been idle or the timer is set again. Nothing here allocates after construction. Called by flow-table.
 */
import { assert } from '../../base/assert.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import {
  type FlowEntries,
  PAIR_IDLE_SEC_MAX,
  PAIR_IDLE_SHIFT,
  PAIR_OWNER_MASK,
  PAIR_OWNER_SHIFT,
  PAIR_RESETS,
  PAIR_STATE_MASK,
  PAIR_WATCHED,
  STRIDE,
  Word,
} from './flow-entries.ts';
import { FlowState, hasEnded, idleSecMax, isHalfOpen, nextState } from './flow-state.ts';
import { FlowCount, type FlowStatistics } from './flow-statistics.ts';
import { Evictable, PairLists } from './pair-lists.ts';
import type { IdleLimit } from './rule.ts';

export interface FlowTableLimits {
  /** Flows, each with its reverse, in all and per owner. */
  readonly flowsMax: number;
  readonly flowsPerOwnerMax: number;
  /** Owners are numbered below this. */
  readonly ownersMax: number;
}

export class FlowPairs {
  readonly #limits: FlowTableLimits;
  readonly #statistics: FlowStatistics;
  /** Those of the entries: pair k has the entries 2k and 2k + 1. */
  readonly #words: Uint32Array;
  /** Pairs each owner may have. */
  readonly #ownedMax: Uint32Array;
  readonly #lists: PairLists;
  readonly #wheel: TimerWheel;

  constructor(parts: {
    readonly limits: FlowTableLimits;
    readonly entries: FlowEntries;
    readonly statistics: FlowStatistics;
    readonly startSec: number;
  }) {
    const { flowsMax, flowsPerOwnerMax, ownersMax } = parts.limits;
    this.#limits = parts.limits;
    this.#statistics = parts.statistics;
    this.#words = parts.entries.words;
    assert(ownersMax <= PAIR_OWNER_MASK + 1, 'an owner’s number fits its bits');
    this.#ownedMax = new Uint32Array(ownersMax).fill(flowsPerOwnerMax);
    this.#lists = new PairLists(flowsMax, ownersMax, parts.entries.neighbours);
    this.#wheel = new TimerWheel(flowsMax, parts.startSec);
  }

  /** Pairs in use. */
  get count(): number {
    return this.#lists.count;
  }

  isUsed(pair: number): boolean {
    return this.#lists.isUsed(pair);
  }

  /** Every pair in use, or every one of one owner. For people, not for packets. */
  *used(owner?: number): Generator<number> {
    const lists = this.#lists;
    if (owner !== undefined) {
      for (let pair = lists.firstOwned(owner); pair >= 0; pair = lists.nextOwned(pair)) yield pair;
      return;
    }
    for (let pair = 0; pair < lists.usedMax; pair += 1) if (lists.isUsed(pair)) yield pair;
  }

  /** The owner's oldest pair; −1 without any. */
  firstOf(owner: number): number {
    return this.#lists.firstOwned(owner);
  }

  /** Bounds the pairs of one owner; undefined: by the limit of all. What it already has stays. */
  setOwnerLimit(owner: number, pairsMax: number | undefined): void {
    this.#ownedMax[owner] = pairsMax ?? this.#limits.flowsPerOwnerMax;
  }

  /** May the owner have one more? */
  hasRoom(owner: number): boolean {
    return !this.#isOwnerFull(owner) && this.count < this.#limits.flowsMax;
  }

  /** The pair that has to go for the owner to have one more; −1 if none may. */
  victimFor(owner: number): number {
    const own = this.#lists.victimOf(owner);
    return own >= 0 || this.#isOwnerFull(owner) ? own : this.#lists.victim();
  }

  /** A new pair, half-open and watched by nobody. The caller has made sure of room. */
  add(owner: number, protocol: number, nowSec: number): number {
    const pair = this.#lists.add(owner);
    this.#statistics.add(owner, FlowCount.CREATED, 1);
    this.#statistics.add(owner, FlowCount.CURRENT, 1);
    this.#statistics.add(owner, FlowCount.HALF_OPEN, 1);
    this.#write(pair, Word.PAIR, (owner << PAIR_OWNER_SHIFT) | FlowState.HALF_OPEN);
    this.#wheel.schedule(pair, nowSec + idleSecMax(protocol, FlowState.HALF_OPEN));
    return pair;
  }

  remove(pair: number): void {
    const owner = this.owner(pair);
    this.#wheel.cancel(pair);
    this.#statistics.add(owner, FlowCount.CURRENT, -1);
    if (isHalfOpen(this.state(pair))) this.#statistics.add(owner, FlowCount.HALF_OPEN, -1);
    this.#lists.remove(pair, owner);
    this.setWatched(pair, false);
    this.renew(pair);
  }

  owner(pair: number): number {
    return (this.#read(pair, Word.PAIR) >>> PAIR_OWNER_SHIFT) & PAIR_OWNER_MASK;
  }

  state(pair: number): FlowState {
    return FLOW_STATES[this.#read(pair, Word.PAIR) & PAIR_STATE_MASK] ?? FlowState.RESET;
  }

  /** Grows when the pair's number goes to another flow, or one of its entries to another key. */
  generation(pair: number): number {
    return this.#read(pair, Word.GENERATION);
  }

  /** Whoever is linked to the pair has to resolve its flow again. */
  renew(pair: number): void {
    this.#write(pair, Word.GENERATION, this.generation(pair) + 1);
  }

  isWatched(pair: number): boolean {
    return (this.#read(pair, Word.PAIR) & PAIR_WATCHED) !== 0;
  }

  setWatched(pair: number, isWatched: boolean): void {
    const others = this.#read(pair, Word.PAIR) & ~PAIR_WATCHED;
    this.#write(pair, Word.PAIR, isWatched ? others | PAIR_WATCHED : others);
  }

  /** How the pair ends when it is idle, once it is established; see IdleLimit. */
  setIdleLimit(pair: number, { sec, reset }: IdleLimit, nowSec: number): void {
    assert(sec <= PAIR_IDLE_SEC_MAX, 'an idle time fits its bits');
    const word = this.#read(pair, Word.PAIR);
    const limit = ((sec << PAIR_IDLE_SHIFT) | (reset ? PAIR_RESETS : 0)) >>> 0;
    const others = (word & (PAIR_RESETS - 1)) >>> 0;
    if (word === (others | limit) >>> 0) return;
    this.#write(pair, Word.PAIR, others | limit);
    this.#wheel.schedule(pair, nowSec + this.#idleSecMax(pair));
  }

  /** Is it a connection whose ends are to be told that it is over? */
  endsWithReset(pair: number): boolean {
    return (
      (this.#read(pair, Word.PAIR) & PAIR_RESETS) !== 0 &&
      this.state(pair) === FlowState.ESTABLISHED &&
      (this.#read(pair, Word.KIND) & 0xff) === IpProtocol.TCP
    );
  }

  /** The pair's timer fires again at `atSec`. */
  postpone(pair: number, atSec: number): void {
    this.#wheel.schedule(pair, atSec);
  }

  /** Second of its last packet. */
  lastUsedSec(pair: number): number {
    return this.#lastUsedSec(pair);
  }

  /** Moves the pair's state on by a packet with these TCP flags. */
  advance(pair: number, tcpFlags: number, isReply: boolean, nowSec: number): void {
    const state = this.state(pair);
    const next = nextState(state, tcpFlags, isReply);
    if (next === state) return;
    this.#write(pair, Word.PAIR, (this.#read(pair, Word.PAIR) & ~PAIR_STATE_MASK) | next);
    const owner = this.owner(pair);
    const halfOpen = (isHalfOpen(next) ? 1 : 0) - (isHalfOpen(state) ? 1 : 0);
    if (halfOpen !== 0) this.#statistics.add(owner, FlowCount.HALF_OPEN, halfOpen);
    this.#lists.setEvictable(pair, owner, evictableIn(next));
    this.#wheel.schedule(pair, nowSec + this.#idleSecMax(pair));
  }

  /** Writes the pairs whose timer has fired to `room`, no more than there is room for; returns their number. */
  due(nowSec: number, room: Uint32Array): number {
    return this.#wheel.advance(nowSec, room);
  }

  /** Has the pair, whose timer has fired, been idle for its time? If not, the timer is set again. */
  isIdle(pair: number, nowSec: number): boolean {
    const deadline = this.#lastUsedSec(pair) + this.#idleSecMax(pair);
    if (deadline <= nowSec) return true;
    this.#wheel.schedule(pair, deadline);
    return false;
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    assert(this.#wheel.count === this.count, 'each flow has a timer');
    for (const pair of this.used()) {
      for (const at of [Word.PAIR, Word.GENERATION]) {
        assert(
          this.#word(pair * 2, at) === this.#word(pair * 2 + 1, at),
          'entries of a pair agree',
        );
      }
    }
    this.#lists.checkInvariants((pair) => ({
      owner: this.owner(pair),
      evictable: evictableIn(this.state(pair)),
    }));
    this.#wheel.checkInvariants();
  }

  #isOwnerFull(owner: number): boolean {
    return this.#lists.ownedCount(owner) >= (this.#ownedMax[owner] ?? 0);
  }

  #idleSecMax(pair: number): number {
    const state = this.state(pair);
    const own = this.#read(pair, Word.PAIR) >>> PAIR_IDLE_SHIFT;
    if (own !== 0 && state === FlowState.ESTABLISHED) return own;
    return idleSecMax(this.#read(pair, Word.KIND) & 0xff, state);
  }

  #lastUsedSec(pair: number): number {
    return Math.max(this.#word(pair * 2, Word.LAST_USED), this.#word(pair * 2 + 1, Word.LAST_USED));
  }

  /** What both entries of a pair have alike. */
  #read(pair: number, at: number): number {
    return this.#word(pair * 2, at);
  }

  #write(pair: number, at: number, value: number): void {
    const base = pair * 2 * STRIDE + at;
    this.#words[base] = value;
    this.#words[base + STRIDE] = value;
  }

  #word(entry: number, at: number): number {
    return this.#words[entry * STRIDE + at] ?? 0;
  }
}

function evictableIn(state: FlowState): Evictable {
  if (isHalfOpen(state)) return Evictable.HALF_OPEN;
  return hasEnded(state) ? Evictable.ENDED : Evictable.NEVER;
}

const FLOW_STATES: readonly FlowState[] = Object.values(FlowState);
