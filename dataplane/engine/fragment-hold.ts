/**
 * Fragments as they come from a network that may change their order: those whose datagram's first one is known (fragment-table.ts) go on with its ports,
 * those that come before it are kept for a moment, in case it is close behind. Senders send the first one
 * first, but a network may deliver them otherwise (RFC 791 §3.2, RFC 8200 §4.5). Where packets enter from such a network, the edge router and the
 * muxes, they wait here, and go on in the order of their arrival as soon as the first one has gone; behind those two, order is kept.
 *
 * What waits is bounded, whoever sends it: FRAGMENTS_HELD_MAX frames in one piece of memory, FRAGMENT_HELD_SEC_MAX seconds. The oldest gives way.
 * What is lost so, or is longer than FRAGMENT_HELD_BYTES_MAX, is the caller's to count, as FragmentWithoutFirst. Nothing is allocated.
 *
 *   EMPTY ──arrive──► WAITING ──its first fragment arrives──► DUE ──take──► EMPTY
 *                        └── its place or its time is over: lost ──► EMPTY
 *
 * Called by bgp/edge/router and slb/mux/forwarder.
 */
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { VNET_HEADER_LEN } from '../../packet/vnet-header.ts';
import { FRAGMENT_HELD_BYTES_MAX, FRAGMENT_HELD_SEC_MAX, FRAGMENTS_HELD_MAX } from '../limits.ts';
import { DATAGRAM_WORDS, isOfDatagram, writeDatagram } from './datagram-words.ts';
import type { FlowScope } from './flow-id.ts';
import type { FragmentTable } from './fragment-table.ts';
import type { Frame } from './transposition.ts';

const STRIDE = 16;
/** Words of a place: its state, what identifies the datagram, whose the frame is, its bytes, and the second it came in. */
const STATE = 0;
const DATAGRAM = 1;
const OWNER = DATAGRAM + DATAGRAM_WORDS;
const TAG = OWNER + 1;
const LEN = OWNER + 2;
const SINCE = OWNER + 3;

const EMPTY = 0;
const WAITING = 1;
const DUE = 2;

const PLACE_BYTES = VNET_HEADER_LEN + FRAGMENT_HELD_BYTES_MAX;

/** What becomes of a fragment. `KNOWN`: its key has the ports of its datagram; `LOST`: it is too long to wait. */
export const Arrival = { KNOWN: 0, HELD: 1, LOST: 2 } as const;
export type Arrival = (typeof Arrival)[keyof typeof Arrival];

/** A frame that goes on. */
export interface HeldFrame {
  /** As given to `arrive`. */
  owner: number;
  tag: number;
}

export class FragmentHold {
  readonly #words = new Uint32Array(FRAGMENTS_HELD_MAX * STRIDE);
  readonly #bytes = new Uint8Array(FRAGMENTS_HELD_MAX * PLACE_BYTES);
  readonly #table: FragmentTable;
  /** The ring that frames are in. */
  readonly #ring: Uint8Array;
  readonly #onLost: (owner: number) => void;
  /** Where the next one is kept, and where the next one that is due is looked for: the oldest comes first. */
  #next = 0;
  #waiting = 0;
  #due = 0;

  /** `onLost`: a frame of this owner is not waited for any longer. */
  constructor(table: FragmentTable, ring: Uint8Array, onLost: (owner: number) => void) {
    this.#table = table;
    this.#ring = ring;
    this.#onLost = onLost;
  }

  /** Frames that are here. */
  get count(): number {
    return this.#waiting + this.#due;
  }

  /** A fragment of any position; `owner` and `tag` are the caller's own. */
  arrive(
    frame: Frame,
    key: FlowKey,
    scope: FlowScope,
    owner: number,
    tag: number,
    nowSec: number,
  ): Arrival {
    if (key.fragment === Fragment.FIRST) {
      this.#table.note(scope, key, nowSec);
      this.#wake(scope, key);
      return Arrival.KNOWN;
    }
    if (this.#table.complete(scope, key, nowSec)) return Arrival.KNOWN;
    if (frame.end - frame.at > FRAGMENT_HELD_BYTES_MAX) return Arrival.LOST;
    const words = this.#words;
    const at = this.#next * STRIDE;
    this.#vacate(at);
    this.#copy(frame);
    words[at + STATE] = WAITING;
    writeDatagram(words, at + DATAGRAM, scope, key);
    words[at + OWNER] = owner;
    words[at + TAG] = tag;
    words[at + LEN] = frame.end - frame.at;
    words[at + SINCE] = nowSec;
    this.#waiting += 1;
    this.#next = (this.#next + 1) % FRAGMENTS_HELD_MAX;
    return Arrival.HELD;
  }

  /** Bytes of the frame that is due and came first; −1: none is. */
  get dueBytes(): number {
    const at = this.#firstDue();
    return at < 0 ? -1 : (this.#words[at + LEN] ?? 0);
  }

  /** Puts that frame at `to`, its virtio_net_hdr right before, and gives its place away. */
  take(to: number, into: HeldFrame): void {
    const at = this.#firstDue();
    if (at < 0) return;
    const words = this.#words;
    const from = (at / STRIDE) * PLACE_BYTES;
    const length = VNET_HEADER_LEN + (words[at + LEN] ?? 0);
    copy(this.#bytes, from, from + length, this.#ring, to - VNET_HEADER_LEN);
    into.owner = words[at + OWNER] ?? 0;
    into.tag = words[at + TAG] ?? 0;
    words[at + STATE] = EMPTY;
    this.#due -= 1;
  }

  /** Gives up those that have waited for too long. */
  expire(nowSec: number): void {
    if (this.#waiting === 0) return;
    const words = this.#words;
    for (let at = 0; at < words.length; at += STRIDE) {
      if (words[at + STATE] !== WAITING) continue;
      if ((words[at + SINCE] ?? 0) + FRAGMENT_HELD_SEC_MAX < nowSec) this.#vacate(at);
    }
  }

  /** The first fragment of a datagram has come: those that have waited for it are due. */
  #wake(scope: FlowScope, key: FlowKey): void {
    if (this.#waiting === 0) return;
    const words = this.#words;
    for (let at = 0; at < words.length; at += STRIDE) {
      if (words[at + STATE] !== WAITING) continue;
      if (!isOfDatagram(words, at + DATAGRAM, scope, key)) continue;
      words[at + STATE] = DUE;
      this.#waiting -= 1;
      this.#due += 1;
    }
  }

  #copy({ at, end, vnetAt }: Frame): void {
    const to = this.#next * PLACE_BYTES;
    copy(this.#ring, vnetAt, vnetAt + VNET_HEADER_LEN, this.#bytes, to);
    copy(this.#ring, at, end, this.#bytes, to + VNET_HEADER_LEN);
  }

  #vacate(at: number): void {
    const words = this.#words;
    if (words[at + STATE] === EMPTY) return;
    if (words[at + STATE] === WAITING) this.#waiting -= 1;
    else this.#due -= 1;
    words[at + STATE] = EMPTY;
    this.#onLost(words[at + OWNER] ?? 0);
  }

  /** In the order of arrival: from the oldest place on. */
  #firstDue(): number {
    if (this.#due === 0) return -1;
    for (let index = 0; index < FRAGMENTS_HELD_MAX; index += 1) {
      const at = ((this.#next + index) % FRAGMENTS_HELD_MAX) * STRIDE;
      if (this.#words[at + STATE] === DUE) return at;
    }
    return -1;
  }
}

/** Octets `at`–`end` of one array to `to` of another, without a view. */
function copy(from: Uint8Array, at: number, end: number, into: Uint8Array, to: number): void {
  for (let i = at; i < end; i += 1) into[to + i - at] = from[i] ?? 0;
}
