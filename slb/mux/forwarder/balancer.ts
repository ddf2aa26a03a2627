/**
 * Which backend a packet to a virtual address goes to: leased port? else flow memory, else the rule's table, or, of a TCP connection that has begun
 * elsewhere, whoever is asked next (backend-search.ts). Writes the flow memory. Results are in `target`, `step` and `hash`, so that nothing is
 * allocated. Called by forwarder.ts; answers.ts asks what would be.
 */
import { NONE } from '../../../base/lpm.ts';
import { Drop } from '../../../packet/drop.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as tcp from '../../../packet/tcp.ts';
import { rowOf } from '../../hashing/distribution.ts';
import { TABLE_SEED } from '../../hashing/maglev.ts';
import {
  FLOW_QUIET_SEC,
  TCP_CLOSING_SEC,
  TCP_RESET_SEC,
  UDP_FLOW_IDLE_SEC,
  UNCONFIRMED_IDLE_SEC,
} from '../../limits.ts';
import type { AddressCounters } from './address-counters.ts';
import { BackendSearch, isAsking } from './backend-search.ts';
import { CLOSING, type FlowMemory, type FlowPlace, NO_FLOW, RESET } from './flow-memory.ts';
import { NO_STEP } from './groups.ts';
import type { MuxTables, TableLimits } from './mux-tables.ts';
import type { Target } from './targets.ts';
import type { Rule } from './virtual-addresses.ts';

/** How a target was found. */
export const Via = {
  NOTHING: 0,
  LEASE: 1,
  MEMORY: 2,
  CURRENT_TABLE: 3,
  /** The table names nobody: members are asked. */
  SEARCH: 4,
} as const;
export type Via = (typeof Via)[keyof typeof Via];

export interface BalancerParts {
  readonly tables: MuxTables;
  readonly memory: FlowMemory;
  /** Of virtual addresses. */
  readonly addressCounters: AddressCounters;
  readonly limits: TableLimits;
}

export class Balancer {
  /** Who gets the packet at hand. */
  target: Target = NONE;
  /** What its mark says (packet/ask-mark.ts); NO_STEP: it has none. */
  step: number = NO_STEP;
  /** Of its flow. */
  hash = 0;
  readonly #tables: MuxTables;
  readonly #memory: FlowMemory;
  readonly #search: BackendSearch;
  readonly #addressCounters: AddressCounters;
  readonly #binding = { target: 0, targetGeneration: 0, rule: 0, ruleGeneration: 0 };
  #nowSec = 0;

  constructor(parts: BalancerParts) {
    this.#tables = parts.tables;
    this.#memory = parts.memory;
    this.#addressCounters = parts.addressCounters;
    this.#search = new BackendSearch({ ...parts, ...parts.limits });
  }

  /** Where a TCP segment or datagram to the virtual address goes. */
  balance(address: number, key: FlowKey, nowSec: number): Drop {
    this.#nowSec = nowSec;
    const { addresses } = this.#tables;
    const isSyn = isOpening(key);
    if (isSyn) this.#addressCounters.syn(address);
    const memory = this.#memory;
    const hash = memory.hash(address, key);
    this.hash = hash;
    const leaseholder = addresses.leaseholder(address, key.protocol, key.dstPort);
    if (leaseholder !== NONE) return this.#goes(leaseholder, NO_STEP);
    let place = memory.find(hash, address, key, this.#nowSec);
    if (place === NO_FLOW || !this.#isInForce(place, key)) {
      return this.#choose(address, key, place);
    }
    const step = isGoingOn(key) ? this.#search.goOn(place, this.#quietSec(place, key)) : NO_STEP;
    if (!isSyn && !memory.isConfirmed(place)) {
      const isShared = this.#mayConfirm(address);
      if (isShared) place = memory.confirm(place, this.#nowSec);
    }
    this.#touch(place, key);
    return this.#goes(memory.target(place), step);
  }

  /** A host has returned a segment with a mark that tells `step`: its connection is not there. */
  goFurther(address: number, key: FlowKey, step: number, nowSec: number): Drop {
    this.#nowSec = nowSec;
    if (!isGoingOn(key)) return Drop.NotForUs;
    const memory = this.#memory;
    const { addresses } = this.#tables;
    this.hash = memory.hash(address, key);
    let place = memory.find(this.hash, address, key, nowSec);
    if (place !== NO_FLOW && !this.#isInForce(place, key)) {
      return this.#choose(address, key, place);
    }
    const rule =
      place === NO_FLOW ? addresses.rule(address, key.protocol, key.dstPort) : memory.rule(place);
    const group = rule === NONE ? undefined : addresses.group(rule);
    if (group === undefined) return Drop.VirtualPortUnknown;
    const row = this.#rowOf(key, rule);
    const search = this.#search;
    if (place === NO_FLOW) {
      // It has given way to others meanwhile: the mark says how far the search is.
      const state = search.resume(group, row, step, nowSec);
      if (search.target === NONE) return Drop.NoLiveBackend;
      place = this.#remember(address, key, place, rule, search.target);
      memory.setState(place, state);
    }
    const drop = search.goFurther(place, address, group, row, step, nowSec);
    return drop === Drop.None ? this.#goes(search.target, search.step) : drop;
  }

  /**
   * Where an ICMP error goes: as the flow does that it tells of, whose key is `about`. `returned`: the step of a host that knows no such flow, or
   * NO_STEP.
   */
  passError(address: number, about: FlowKey, returned: number, nowSec: number): Drop {
    this.hash = this.#memory.hash(address, about);
    const { target, rule, step } = this.explain(address, about, nowSec);
    if (target === NONE) return Drop.IcmpErrorUnrelated;
    if (returned === NO_STEP) return this.#goes(target, step);
    const group = rule === NONE ? undefined : this.#tables.addresses.group(rule);
    if (group === undefined) return Drop.IcmpErrorUnrelated;
    const row = this.#rowOf(about, rule);
    const next = group.stepAfter(returned, row, target, nowSec);
    if (next === NO_STEP) return Drop.IcmpErrorUnrelated;
    const limited = this.#search.mayAsk(next, address, nowSec);
    return limited === Drop.None
      ? this.#goes(group.askedAt(next, row, target, nowSec), next)
      : limited;
  }

  /** Where a packet with this key, of a virtual address, would go now, and whether its host is asked to return it; changes nothing. */
  explain(
    address: number,
    key: FlowKey,
    nowSec: number,
  ): { target: Target; via: Via; rule: Rule; step: number } {
    const memory = this.#memory;
    const { addresses } = this.#tables;
    const leaseholder = addresses.leaseholder(address, key.protocol, key.dstPort);
    if (leaseholder !== NONE) {
      return { target: leaseholder, via: Via.LEASE, rule: NONE, step: NO_STEP };
    }
    const place = memory.find(memory.hash(address, key), address, key, nowSec);
    const rule = addresses.rule(address, key.protocol, key.dstPort);
    if (place !== NO_FLOW && this.#isInForce(place, key)) {
      const step = isAsking(memory.state(place)) ? 0 : NO_STEP;
      return { target: memory.target(place), via: Via.MEMORY, rule, step };
    }
    const group = rule === NONE ? undefined : addresses.group(rule);
    if (group === undefined) return { target: NONE, via: Via.NOTHING, rule, step: NO_STEP };
    const row = this.#rowOf(key, rule);
    if (!isGoingOn(key)) {
      return { target: group.current(row), via: Via.CURRENT_TABLE, rule, step: NO_STEP };
    }
    const search = this.#search;
    search.begin(group, row, nowSec);
    const via = search.step > 0 ? Via.SEARCH : Via.CURRENT_TABLE;
    return { target: search.target, via, rule, step: search.step };
  }

  /** A flow that is not remembered, or not as it is now: `place` is where it was, or NO_FLOW. */
  #choose(address: number, key: FlowKey, place: FlowPlace): Drop {
    const memory = this.#memory;
    const { addresses } = this.#tables;
    const rule = addresses.rule(address, key.protocol, key.dstPort);
    if (rule === NONE) return Drop.VirtualPortUnknown;
    const group = addresses.group(rule);
    if (group === undefined) return Drop.NoLiveBackend;
    const row = this.#rowOf(key, rule);
    const search = this.#search;
    const isSought = isGoingOn(key) && this.#mayBeElsewhere(place, key);
    if (isSought) search.begin(group, row, this.#nowSec);
    const target = isSought ? search.target : group.current(row);
    if (target === NONE) return Drop.NoLiveBackend;
    const remembered = this.#remember(address, key, place, rule, target);
    memory.setState(remembered, isSought ? search.state : 0);
    return this.#goes(target, isSought ? search.step : NO_STEP);
  }

  /** The flow's place from now on. */
  #remember(
    address: number,
    key: FlowKey,
    place: FlowPlace,
    rule: Rule,
    target: Target,
  ): FlowPlace {
    const memory = this.#memory;
    const binding = this.#binding;
    binding.target = target;
    binding.targetGeneration = this.#tables.targets.generation(target);
    binding.rule = rule;
    binding.ruleGeneration = this.#tables.addresses.generation(rule);
    if (place === NO_FLOW) {
      const deadlineSec = this.#nowSec + UNCONFIRMED_IDLE_SEC;
      return memory.note(this.hash, address, key, binding, this.#nowSec, deadlineSec);
    }
    memory.rebind(place, binding);
    this.#touch(place, key);
    return place;
  }

  /** May the connection be at another backend than the one that it was remembered for? Not if that one has left the pool. */
  #mayBeElsewhere(place: FlowPlace, key: FlowKey): boolean {
    if (place === NO_FLOW) return true;
    const memory = this.#memory;
    const { addresses } = this.#tables;
    return (
      addresses.generation(memory.rule(place)) !== memory.ruleGeneration(place) ||
      isAsking(memory.state(place)) ||
      this.#quietSec(place, key) >= FLOW_QUIET_SEC
    );
  }

  /** Does the flow go on as it was? */
  #isInForce(place: FlowPlace, key: FlowKey): boolean {
    const memory = this.#memory;
    const { addresses, targets } = this.#tables;
    const target = memory.target(place);
    if (targets.generation(target) !== memory.targetGeneration(place)) return false;
    if (addresses.generation(memory.rule(place)) !== memory.ruleGeneration(place)) return false;
    // Datagrams leave a backend that is down.
    if (key.protocol === IpProtocol.UDP) return !targets.isDown(target);
    // A SYN is repeated to whom it went. After the end of a connection it begins another, which goes where new ones go.
    if (!isOpening(key)) return true;
    const state = memory.state(place);
    const hasEnded = (state & (CLOSING | RESET)) !== 0;
    return targets.isOpen(target) && !hasEnded && !isAsking(state);
  }

  #rowOf(key: FlowKey, rule: Rule): number {
    return rowOf(key, this.#tables.addresses.distribution(rule), TABLE_SEED);
  }

  #mayConfirm(address: number): boolean {
    return this.#tables.flowsOf(address) < this.#tables.flowsPerAddressMax;
  }

  #touch(place: FlowPlace, key: FlowKey): void {
    const memory = this.#memory;
    let state = isOpening(key) ? 0 : memory.state(place) & ~RESET;
    if (memory.isConfirmed(place)) {
      if ((key.tcpFlags & tcp.Flag.FIN) !== 0) state |= CLOSING;
      if ((key.tcpFlags & tcp.Flag.RST) !== 0) state |= RESET;
    }
    memory.touch(place, this.#nowSec + this.#idleSec(place, key, state), state);
  }

  /** For how long a flow may be silent until it is forgotten. */
  #idleSec(place: FlowPlace, key: FlowKey, state: number): number {
    const memory = this.#memory;
    if (!memory.isConfirmed(place)) return UNCONFIRMED_IDLE_SEC;
    if (key.protocol === IpProtocol.UDP) return UDP_FLOW_IDLE_SEC;
    if ((state & RESET) !== 0) return TCP_RESET_SEC;
    if ((state & CLOSING) !== 0) return TCP_CLOSING_SEC;
    return this.#tables.addresses.idleSec(memory.rule(place));
  }

  /** For how long the flow has been silent. */
  #quietSec(place: FlowPlace, key: FlowKey): number {
    const memory = this.#memory;
    const idleSec = this.#idleSec(place, key, memory.state(place));
    return this.#nowSec - (memory.deadlineSec(place) - idleSec);
  }

  #goes(target: Target, step: number): Drop {
    this.target = target;
    this.step = step;
    return Drop.None;
  }
}

/** Does a TCP connection begin with it? */
function isOpening(key: FlowKey): boolean {
  return (
    key.protocol === IpProtocol.TCP &&
    (key.tcpFlags & (tcp.Flag.SYN | tcp.Flag.ACK)) === tcp.Flag.SYN
  );
}

/** Is it of a TCP connection that has begun? */
function isGoingOn(key: FlowKey): boolean {
  return key.protocol === IpProtocol.TCP && !isOpening(key);
}
