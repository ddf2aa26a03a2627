/**
 * Where a mux sends packets: a slot per member of a pool (as one probe sees it) and per holder of leased ports, with the transposition that takes a
 * packet there (dataplane/engine/transposition): TTL, MAC addresses, tunnel. A backend that moves to another host keeps its slot, and so its
 * flows. A slot that is given back has another generation from then on, by which flows notice. Called by groups.ts, leases.ts and forwarder.ts.
 */
import { assert } from '../../../base/assert.ts';
import { NONE } from '../../../base/lpm.ts';
import {
  clearComposition,
  NO_PORT,
  newComposition,
  Op,
} from '../../../dataplane/engine/header-action.ts';
import {
  NO_TRANSPOSITION,
  type TranspositionId,
  type Transpositions,
} from '../../../dataplane/engine/transposition.ts';
import type { TunnelPeers } from '../../../dataplane/port/tunnel-peers.ts';

/** Index of a slot; NONE: no target. */
export type Target = number;

export interface Way {
  /** PA of the host, 4 or 16 bytes; empty: attached nowhere. */
  readonly host: Uint8Array;
  readonly vni: number;
  readonly mac: number;
}

interface Slot {
  readonly way: Way;
  readonly peer: number;
}

/** Peer of what is attached nowhere, which no packet is sent to. */
const NOWHERE = NONE;

export class Targets {
  readonly #hosts: TunnelPeers;
  readonly #transpositions: Transpositions;
  readonly #capacity: number;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #free: Target[] = [];
  readonly #transposition: Uint32Array;
  readonly #generation: Uint32Array;
  readonly #isDown: Uint8Array;
  readonly #isDraining: Uint8Array;
  readonly #flows: Int32Array;
  readonly #packets: Float64Array;
  readonly #bytes: Float64Array;
  readonly #composition = newComposition();
  #srcMac = 0;
  #mtu = 0;

  constructor(hosts: TunnelPeers, transpositions: Transpositions, capacity: number) {
    this.#hosts = hosts;
    this.#transpositions = transpositions;
    this.#capacity = capacity;
    this.#transposition = new Uint32Array(capacity);
    this.#generation = new Uint32Array(capacity);
    this.#isDown = new Uint8Array(capacity);
    this.#isDraining = new Uint8Array(capacity);
    this.#flows = new Int32Array(capacity);
    this.#packets = new Float64Array(capacity);
    this.#bytes = new Float64Array(capacity);
  }

  get count(): number {
    return this.#slots.length - this.#free.length;
  }

  /** Inner source address and largest inner packet, bytes, of everything sent from now on. */
  configure(srcMac: number, mtu: number): void {
    if (srcMac === this.#srcMac && mtu === this.#mtu) return;
    this.#srcMac = srcMac;
    this.#mtu = mtu;
    for (const [target, slot] of this.#slots.entries()) {
      if (slot !== undefined) this.#lead(target, slot);
    }
  }

  /** A slot that leads there; NONE: there are too many, or too many hosts. */
  acquire(way: Way): Target {
    const target = this.#free.pop() ?? this.#slots.length;
    if (target >= this.#capacity) return NONE;
    const peer = this.#acquireHost(way);
    if (peer === undefined) {
      if (target < this.#slots.length) this.#free.push(target);
      return NONE;
    }
    const slot = { way, peer };
    this.#slots[target] = slot;
    this.#isDown[target] = 0;
    this.#isDraining[target] = 0;
    this.#flows[target] = 0;
    this.#packets[target] = 0;
    this.#bytes[target] = 0;
    this.#lead(target, slot);
    return target;
  }

  /** The slot leads somewhere else from now on; false: it still leads where it did, since there are too many hosts. */
  redirect(target: Target, way: Way): boolean {
    const before = this.#slots[target];
    assert(before !== undefined, 'a target in use');
    if (isSameWay(before.way, way)) return true;
    const peer = this.#acquireHost(way);
    if (peer === undefined) return false;
    this.#releaseHost(before.way);
    const slot = { way, peer };
    this.#slots[target] = slot;
    this.#lead(target, slot);
    return true;
  }

  /** Gives a slot back; flows that it is remembered for are of nobody from now on. */
  release(target: Target): void {
    const slot = this.#slots[target];
    assert(slot !== undefined, 'a target in use');
    this.#releaseHost(slot.way);
    const id = this.#transposition[target] ?? NO_TRANSPOSITION;
    if (id !== NO_TRANSPOSITION) this.#transpositions.release(id);
    this.#transposition[target] = NO_TRANSPOSITION;
    this.#generation[target] = this.generation(target) + 1;
    this.#slots[target] = undefined;
    this.#free.push(target);
  }

  setState(target: Target, isDown: boolean, isDraining: boolean): void {
    this.#isDown[target] = isDown ? 1 : 0;
    this.#isDraining[target] = isDraining ? 1 : 0;
  }

  /** NO_TRANSPOSITION: attached nowhere. */
  transposition(target: Target): TranspositionId {
    return this.#transposition[target] ?? NO_TRANSPOSITION;
  }

  isAttached(target: Target): boolean {
    return this.transposition(target) !== NO_TRANSPOSITION;
  }

  generation(target: Target): number {
    return this.#generation[target] ?? 0;
  }

  /** Its probe says so; established TCP connections go on. */
  isDown(target: Target): boolean {
    return this.#isDown[target] === 1;
  }

  /** May it get new connections? */
  isOpen(target: Target): boolean {
    return this.#isDown[target] === 0 && this.#isDraining[target] === 0;
  }

  /** Flows that are remembered for the slot have become more or fewer. */
  countFlows(target: Target, generation: number, change: number): void {
    if (this.#generation[target] !== generation) return;
    this.#flows[target] = (this.#flows[target] ?? 0) + change;
  }

  sent(target: Target, bytes: number): void {
    this.#packets[target] = (this.#packets[target] ?? 0) + 1;
    this.#bytes[target] = (this.#bytes[target] ?? 0) + bytes;
  }

  read(target: Target): { flows: number; packets: number; bytes: number } {
    return {
      flows: this.#flows[target] ?? 0,
      packets: this.#packets[target] ?? 0,
      bytes: this.#bytes[target] ?? 0,
    };
  }

  way(target: Target): Way | undefined {
    return this.#slots[target]?.way;
  }

  /** References that the slots hold. For tests. */
  get references(): number {
    return this.#transposition.reduce((sum, id) => sum + (id === NO_TRANSPOSITION ? 0 : 1), 0);
  }

  /** Where a target is attached nowhere, nothing is sent. */
  #acquireHost({ host }: Way): number | undefined {
    return host.length === 0 ? NOWHERE : this.#hosts.acquire(host);
  }

  #releaseHost({ host }: Way): void {
    if (host.length > 0) this.#hosts.release(host);
  }

  #lead(target: Target, { way, peer }: Slot): void {
    const before = this.#transposition[target] ?? NO_TRANSPOSITION;
    const composition = this.#composition;
    clearComposition(composition);
    composition.ops = Op.DST_MAC | Op.SRC_MAC | Op.TTL | Op.PUSH;
    composition.dstMac = way.mac;
    composition.srcMac = this.#srcMac;
    composition.port = NO_PORT;
    composition.peer = peer;
    composition.vni = way.vni;
    composition.mtu = this.#mtu;
    const isAttached = way.host.length > 0;
    const id = isAttached ? this.#transpositions.intern(composition) : NO_TRANSPOSITION;
    // One more than there are targets: the old one is given back after the new one is there.
    assert(!isAttached || id !== NO_TRANSPOSITION, 'as many transpositions as targets');
    this.#transposition[target] = id;
    if (before !== NO_TRANSPOSITION) this.#transpositions.release(before);
  }
}

function isSameWay(a: Way, b: Way): boolean {
  return (
    a.vni === b.vni &&
    a.mac === b.mac &&
    a.host.length === b.host.length &&
    a.host.every((byte, at) => byte === b.host[at])
  );
}
