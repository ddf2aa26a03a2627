/**
 * Second chance: whose is a TCP connection that this mux has not seen begin? Another mux has, under the tables of that time. Only hosts know: each remembers the
 * connections of its backends. So the mux sends the packet where the table says with a mark (packet/ask-mark.ts): a host that does not know the
 * connection returns it, and the mux asks the next member of the pool, in the order of groups.ts, until somebody keeps it. The flow memory
 * holds how far it is, so that the packets behind go where the first one has been kept (docs/design/0027).
 *
 *   not known here ──► home, step 0 ──returned──► next step … ──kept──► goes on there, with the mark
 *                                                        └──everybody has returned it──► home, without the mark: its VM answers with RST
 *
 * Which flows are asked about: those whose SYN has not been seen here; those that have been silent here for FLOW_QUIET_SEC, since they may have ended and begun
 * anew by another mux meanwhile. State of an entry of the flow memory, 32 bits:
 *
 *   bit 0  CLOSING (flow-memory.ts) · 1  ASKING · 2 … 12  step · 13 … 31  home + 1, or 0: none
 *
 * Results are in `target` and `step`, so that nothing is allocated. Called by forwarder.ts.
 */
import { assert } from '../../../base/assert.ts';
import { NONE } from '../../../base/lpm.ts';
import { Drop } from '../../../packet/drop.ts';
import { BACKENDS_PER_POOL_MAX } from '../../hashing/limits.ts';
import {
  FLOW_QUIET_SEC,
  SEARCH_SETTLE_SEC,
  SEARCHES_PER_ADDRESS_PER_SEC_MAX,
  SEARCHES_PER_SEC_MAX,
} from '../../limits.ts';
import type { AddressCounters } from './address-counters.ts';
import { CLOSING, type FlowMemory, type FlowPlace, RESET } from './flow-memory.ts';
import { type Group, MEMBERS_STEP, NO_STEP } from './groups.ts';
import type { MuxTables } from './mux-tables.ts';
import type { Target } from './targets.ts';

/** Of the state, what the search leaves alone. */
const ENDING = CLOSING | RESET;
const ASKING = 4;
const STEP_SHIFT = 3;
const STEP_BITS = 10;
const STEP_MASK = (1 << STEP_BITS) - 1;
const HOME_SHIFT = STEP_SHIFT + STEP_BITS;
const HOME_MAX = (1 << (32 - HOME_SHIFT)) - 2;

export class BackendSearch {
  /** Who gets the packet at hand; NONE: nobody is there. */
  target: Target = NONE;
  /** What its mark says; NO_STEP: it has none, whoever gets it keeps it. */
  step: number = NO_STEP;
  /** Of its entry in the flow memory. */
  state = 0;
  readonly #tables: MuxTables;
  readonly #memory: FlowMemory;
  readonly #counters: AddressCounters;
  readonly #budget: SearchBudget;

  constructor(parts: {
    readonly tables: MuxTables;
    readonly memory: FlowMemory;
    readonly addressCounters: AddressCounters;
    readonly addressesMax: number;
    readonly targetsMax: number;
  }) {
    assert(parts.targetsMax <= HOME_MAX, 'a target fits the bits of home');
    assert(MEMBERS_STEP + BACKENDS_PER_POOL_MAX <= STEP_MASK, 'a step fits its bits');
    this.#tables = parts.tables;
    this.#memory = parts.memory;
    this.#counters = parts.addressCounters;
    this.#budget = new SearchBudget(parts.addressesMax);
  }

  /** A connection of which nothing is known: where its search begins. */
  begin(group: Group, row: number, nowSec: number): void {
    const home = group.current(row);
    const next = group.stepAfter(0, row, home, nowSec);
    if (home !== NONE) {
      this.target = home;
      // Where nobody else could have it there is nothing to ask.
      this.step = next === NO_STEP ? NO_STEP : 0;
    } else {
      this.target = next === NO_STEP ? NONE : group.askedAt(next, row, home, nowSec);
      this.step = next;
    }
    this.state = this.step === NO_STEP ? 0 : askingState(home, this.step);
  }

  /** As begin, but somebody has been asked: its step. State of the connection's entry. */
  resume(group: Group, row: number, step: number, nowSec: number): number {
    const home = group.current(row);
    this.target = group.askedAt(step, row, home, nowSec);
    if (this.target === NONE) this.target = home;
    return askingState(home, Math.min(step, STEP_MASK));
  }

  /** A connection that is remembered, and of which `quietSec` ago the last packet has come: it goes on at its target. What its mark says. */
  goOn(place: FlowPlace, quietSec: number): number {
    const memory = this.#memory;
    const state = memory.state(place);
    if (!isAsking(state)) {
      if (quietSec < FLOW_QUIET_SEC) return NO_STEP;
    } else if (stepOf(state) === 0 || quietSec === 0) return stepOf(state);
    // Whoever has kept it is asked first, should it ever be looked for again.
    memory.setState(place, (state & ENDING) | askingState(memory.target(place), 0));
    return 0;
  }

  /** Its host has returned a packet that was marked with `step`: who is asked next. Not Drop.None: the packet ends here. */
  goFurther(
    place: FlowPlace,
    address: number,
    group: Group,
    row: number,
    step: number,
    nowSec: number,
  ): Drop {
    const memory = this.#memory;
    const state = memory.state(place);
    if (!isAsking(state) || stepOf(state) !== step) {
      // Another packet of the connection has been faster.
      this.target = memory.target(place);
      this.step = isAsking(state) ? stepOf(state) : NO_STEP;
      return Drop.None;
    }
    const home = homeOf(state);
    const next = group.stepAfter(step, row, home, nowSec);
    if (next === NO_STEP) return this.#end(place, address, group, row, nowSec);
    const drop = this.mayAsk(next, address, nowSec);
    if (drop !== Drop.None) return drop;
    this.#turnTo(place, group.askedAt(next, row, home, nowSec), askingState(home, next));
    this.step = next;
    return Drop.None;
  }

  /** Those that tables name are asked always, the others within limits. */
  mayAsk(step: number, address: number, nowSec: number): Drop {
    const isWithin = step < MEMBERS_STEP || this.#budget.take(address, nowSec);
    return isWithin ? Drop.None : Drop.BackendSearchDeferred;
  }

  /** Nobody knows the connection. */
  #end(place: FlowPlace, address: number, group: Group, row: number, nowSec: number): Drop {
    const memory = this.#memory;
    if (group.hasChangedWithin(SEARCH_SETTLE_SEC, nowSec)) {
      // Somebody may have been passed over.
      memory.forget(place);
      return Drop.BackendSearchDeferred;
    }
    this.#counters.unclaimed(address);
    const home = homeOf(memory.state(place));
    const target = group.hasMember(home) ? home : group.current(row);
    if (target === NONE) {
      memory.forget(place);
      return Drop.NoLiveBackend;
    }
    this.#turnTo(place, target, 0);
    this.step = NO_STEP;
    return Drop.None;
  }

  #turnTo(place: FlowPlace, target: Target, state: number): void {
    const memory = this.#memory;
    memory.redirect(place, target, this.#tables.targets.generation(target));
    memory.setState(place, (memory.state(place) & ENDING) | state);
    this.target = target;
  }
}

export function isAsking(state: number): boolean {
  return (state & ASKING) !== 0;
}

function stepOf(state: number): number {
  return (state >>> STEP_SHIFT) & STEP_MASK;
}

/** NONE: the search has begun nowhere. */
function homeOf(state: number): Target {
  const home = state >>> HOME_SHIFT;
  return home === 0 ? NONE : home - 1;
}

function askingState(home: Target, step: number): number {
  const first = home === NONE ? 0 : home + 1;
  return (first << HOME_SHIFT) | (step << STEP_SHIFT) | ASKING;
}

/** So many backends a second, of all addresses and of one, that no table has named. */
class SearchBudget {
  readonly #taken: Uint32Array;
  #all = 0;
  #sec = -1;

  constructor(addressesMax: number) {
    this.#taken = new Uint32Array(addressesMax);
  }

  take(address: number, nowSec: number): boolean {
    if (nowSec !== this.#sec) {
      this.#sec = nowSec;
      this.#all = 0;
      this.#taken.fill(0);
    }
    const taken = this.#taken[address] ?? 0;
    if (taken >= SEARCHES_PER_ADDRESS_PER_SEC_MAX || this.#all >= SEARCHES_PER_SEC_MAX) {
      return false;
    }
    this.#taken[address] = taken + 1;
    this.#all += 1;
    return true;
  }
}
