/**
 * Hierarchical timing wheel (Varghese and Lauck 1987, scheme 7): many timers, of which most are cancelled or moved before they fire,
 * at O(1) each. A timer is an index below `capacity` that the caller already has (a flow, a lease), so the wheel keeps only
 * typed arrays: schedule, cancel and advance allocate nothing and call nothing back.
 *
 * Four levels of 64 slots. A timer due within 64 ticks lies in the slot of its tick; further ones lie in coarser slots and move down
 * when time reaches them. What a tick is (a second, a millisecond) is the caller's business. Called by dataplane/engine/flow-pairs and bgp/edge/nat44.
 */
import { assert } from './assert.ts';

const SLOT_BITS = 6;
const SLOTS = 1 << SLOT_BITS;
const SLOT_MASK = SLOTS - 1;
const LEVELS = 4;
/** Ticks ahead that the wheel can place exactly; a timer beyond waits in the last slot and is placed again from there. */
const HORIZON_TICKS = 2 ** (SLOT_BITS * LEVELS);
const NONE = -1;
const TICK_MAX = 0xffff_ffff;

export class TimerWheel {
  readonly #head = new Int32Array(LEVELS * SLOTS).fill(NONE);
  readonly #next: Int32Array;
  readonly #prev: Int32Array;
  /** Slot a timer lies in, NONE when it is not scheduled. */
  readonly #slot: Int16Array;
  readonly #deadline: Uint32Array;
  /** The last tick that has been dealt with completely. */
  #tick: number;
  #count = 0;

  constructor(capacity: number, startTick = 0) {
    this.#next = new Int32Array(capacity);
    this.#prev = new Int32Array(capacity);
    this.#slot = new Int16Array(capacity).fill(NONE);
    this.#deadline = new Uint32Array(capacity);
    this.#tick = startTick;
  }

  /** Timers scheduled. */
  get count(): number {
    return this.#count;
  }

  isScheduled(timer: number): boolean {
    return (this.#slot[timer] ?? NONE) !== NONE;
  }

  /** Lets `timer` fire once time reaches `deadlineTick`, at the earliest one tick from now; moves it if it was scheduled. */
  schedule(timer: number, deadlineTick: number): void {
    assert(timer >= 0 && timer < this.#slot.length, 'a timer is an index below the capacity');
    assert(deadlineTick <= TICK_MAX, 'a tick fits 32 bits');
    this.cancel(timer);
    this.#deadline[timer] = Math.max(deadlineTick, this.#tick + 1);
    this.#place(timer, this.#tick + 1);
    this.#count += 1;
  }

  cancel(timer: number): void {
    if (!this.isScheduled(timer)) return;
    this.#unlink(timer);
    this.#count -= 1;
  }

  /**
   * Moves time on to `nowTick` and writes the timers that fell due to `expired`, earlier ones first; returns their number. When
   * `expired` is full, time stands still where it is and the rest comes with the next call: the work of one call is bounded.
   */
  advance(nowTick: number, expired: Uint32Array): number {
    assert(nowTick <= TICK_MAX, 'a tick fits 32 bits');
    let found = 0;
    while (this.#tick < nowTick) {
      if (this.#count === 0) {
        this.#tick = nowTick;
        break;
      }
      const tick = this.#tick + 1;
      this.#cascade(tick);
      for (;;) {
        const timer = this.#head[tick & SLOT_MASK] ?? NONE;
        if (timer === NONE) break;
        if (found === expired.length) return found;
        this.cancel(timer);
        expired[found++] = timer;
      }
      this.#tick = tick;
    }
    return found;
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    let reached = 0;
    for (let slot = 0; slot < LEVELS * SLOTS; slot += 1) {
      let before = NONE;
      for (let timer = this.#headOf(slot); timer !== NONE; timer = this.#next[timer] ?? NONE) {
        reached += 1;
        assert(this.#slot[timer] === slot, 'a timer knows its slot');
        assert(this.#prev[timer] === before, 'the list is linked both ways');
        assert((this.#deadline[timer] ?? 0) > this.#tick, 'no timer is overdue');
        before = timer;
      }
    }
    assert(reached === this.#count, 'count counts the timers');
  }

  /** Moves down what lies in the coarser slots that begin with this tick. */
  #cascade(tick: number): void {
    let digits = tick;
    for (let level = 1; level < LEVELS; level += 1) {
      if ((digits & SLOT_MASK) !== 0) return;
      digits >>>= SLOT_BITS;
      const slot = level * SLOTS + (digits & SLOT_MASK);
      let timer = this.#headOf(slot);
      this.#head[slot] = NONE;
      while (timer !== NONE) {
        const next = this.#next[timer] ?? NONE;
        this.#place(timer, tick);
        timer = next;
      }
    }
  }

  /** Links a timer into the slot of its deadline, as seen from `tick`, the next one to be dealt with. */
  #place(timer: number, tick: number): void {
    const deadline = Math.min(this.#deadline[timer] ?? 0, tick + HORIZON_TICKS - SLOTS);
    const ahead = deadline - tick;
    let level = 0;
    while (level < LEVELS - 1 && ahead >= 2 ** (SLOT_BITS * (level + 1))) level += 1;
    const slot = level * SLOTS + ((deadline >>> (SLOT_BITS * level)) & SLOT_MASK);
    const head = this.#headOf(slot);
    this.#slot[timer] = slot;
    this.#next[timer] = head;
    this.#prev[timer] = NONE;
    if (head !== NONE) this.#prev[head] = timer;
    this.#head[slot] = timer;
  }

  #unlink(timer: number): void {
    const next = this.#next[timer] ?? NONE;
    const prev = this.#prev[timer] ?? NONE;
    if (next !== NONE) this.#prev[next] = prev;
    if (prev !== NONE) this.#next[prev] = next;
    else this.#head[this.#slot[timer] ?? 0] = next;
    this.#slot[timer] = NONE;
  }

  #headOf(slot: number): number {
    return this.#head[slot] ?? NONE;
  }
}
