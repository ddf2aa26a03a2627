/**
 * Counters of every virtual address: what comes and goes as of a link, and what only an address has. A packet to a virtual address that does not go
 * on is counted here, any other at the link it came by. Called by forwarder.ts and balancer.ts (count), answers.ts (reads).
 */
import { LinkCounters, type LinkCounts } from '../../../dataplane/port/link-counters.ts';

/** TCP segments that begin a connection. */
const SYNS = 0;
/** Packets that a host has returned, since their connection is not there. */
const RETURNED = 1;
/** Connections that no backend knows, and that go by the table. */
const UNCLAIMED = 2;
const STRIDE = 3;

export interface AddressCounts extends LinkCounts {
  readonly syns: number;
  readonly returned: number;
  readonly unclaimed: number;
}

export class AddressCounters {
  readonly #frames: LinkCounters;
  readonly #words: Float64Array;

  /** Of so many addresses, numbered from 0. */
  constructor(addresses: number) {
    this.#frames = new LinkCounters(addresses);
    this.#words = new Float64Array(addresses * STRIDE);
  }

  received(address: number, bytes: number): void {
    this.#frames.received(address, bytes);
  }

  sent(address: number, bytes: number): void {
    this.#frames.sent(address, bytes);
  }

  dropped(address: number, drop: number): void {
    this.#frames.dropped(address, drop);
  }

  syn(address: number): void {
    this.#count(address * STRIDE + SYNS);
  }

  returned(address: number): void {
    this.#count(address * STRIDE + RETURNED);
  }

  unclaimed(address: number): void {
    this.#count(address * STRIDE + UNCLAIMED);
  }

  frames(address: number): number {
    return this.#frames.frames(address);
  }

  syns(address: number): number {
    return this.#words[address * STRIDE + SYNS] ?? 0;
  }

  /** The number is somebody else's from now on. */
  clear(address: number): void {
    this.#frames.clear(address);
    this.#words.fill(0, address * STRIDE, (address + 1) * STRIDE);
  }

  read(address: number): AddressCounts {
    const at = address * STRIDE;
    return {
      ...this.#frames.read(address),
      syns: this.syns(address),
      returned: this.#words[at + RETURNED] ?? 0,
      unclaimed: this.#words[at + UNCLAIMED] ?? 0,
    };
  }

  #count(at: number): void {
    this.#words[at] = (this.#words[at] ?? 0) + 1;
  }
}
