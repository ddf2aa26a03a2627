/**
 * Neighbours: which MAC address an IP address has on a link — ARP (RFC 826), IPv6 Neighbour Discovery (RFC 4861 §7). In user space, because the
 * frames are: the kernel's table is about addresses that the kernel talks to, and asking it for another address means sending a packet.
 *
 *   INCOMPLETE ──answer──► REACHABLE ──NEIGHBOUR_REACHABLE_SEC──► PROBED ──answer──► REACHABLE
 *        └── no answer NEIGHBOUR_TRIES_MAX times ──► FAILED ◄──┘      FAILED ──answer──► REACHABLE
 *
 * Every known neighbour is asked again and again, used or not, so that a next hop that has died is seen within a few seconds, without a
 * routing protocol too. One that nobody has looked up for NEIGHBOUR_UNUSED_SEC is forgotten. The first frames to an unresolved
 * neighbour wait with it. Each has an epoch cell: flows notice when its MAC changes or it fails.
 * Pure but for what `ask` sends. Called by slow-path.ts, router.ts.
 */
import { assert } from '../../../base/assert.ts';
import type { IpWords } from '../../../base/ip-words.ts';
import type { Mac } from '../../../base/mac.ts';
import type { EpochCell, Epochs } from '../../../dataplane/engine/epochs.ts';
import {
  GATEWAY_REACHABLE_SEC,
  NEIGHBOUR_FAILED_SEC,
  NEIGHBOUR_FAILED_UNUSED_SEC,
  NEIGHBOUR_PENDING_FRAMES_MAX,
  NEIGHBOUR_REACHABLE_SEC,
  NEIGHBOUR_TRIES_MAX,
  NEIGHBOUR_UNUSED_SEC,
  NEIGHBOURS_MAX,
  PENDING_BYTES_MAX,
} from '../limits.ts';

export const NeighbourState = { INCOMPLETE: 0, REACHABLE: 1, PROBED: 2, FAILED: 3 } as const;
export type NeighbourState = (typeof NeighbourState)[keyof typeof NeighbourState];
export const NEIGHBOUR_STATE_NAMES = ['incomplete', 'reachable', 'probed', 'failed'] as const;

/** A frame that waits: with what the router must know to take it up again. */
export interface PendingFrame {
  readonly device: number;
  /** Network identifier, of a tunnelled frame that has shed its outer header; else 0. */
  readonly vni: number;
  /** virtio_net_hdr and frame. */
  readonly bytes: Uint8Array;
}

export interface Neighbour {
  readonly link: number;
  readonly words: IpWords;
  readonly cell: EpochCell;
  state: NeighbourState;
  mac: Mac;
  /** When its present state began, when it was asked last, when it was looked up last. */
  sinceSec: number;
  usedSec: number;
  tries: number;
  /** A next hop of routes: asked often, so that its flows soon take another. */
  isGateway: boolean;
  pending: PendingFrame[];
}

export interface NeighbourEvents {
  /** Sends a request for the address; `mac`: to it alone. */
  ask(link: number, words: IpWords, mac: Mac | undefined): void;
  /** It will not be resolved: whoever sent the frames may be told. */
  failed(neighbour: Neighbour, frames: readonly PendingFrame[]): void;
}

export class Neighbours {
  readonly #byKey = new Map<string, Neighbour>();
  readonly #epochs: Epochs;
  readonly #events: NeighbourEvents;
  #pendingBytes = 0;

  constructor(epochs: Epochs, events: NeighbourEvents) {
    this.#epochs = epochs;
    this.#events = events;
  }

  /** Bytes of frames that wait for somebody's MAC address. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The neighbour with the address, asked for if it is not known; undefined: there are too many. */
  lookup(link: number, words: IpWords, isGateway: boolean, nowSec: number): Neighbour | undefined {
    const key = keyOf(link, words);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.usedSec = nowSec;
      known.isGateway ||= isGateway;
      return known;
    }
    if (this.#byKey.size >= NEIGHBOURS_MAX) return undefined;
    const neighbour: Neighbour = {
      link,
      words,
      cell: this.#epochs.allocate(),
      state: NeighbourState.INCOMPLETE,
      mac: 0,
      sinceSec: nowSec,
      usedSec: nowSec,
      tries: 1,
      isGateway,
      pending: [],
    };
    this.#byKey.set(key, neighbour);
    this.#events.ask(link, words, undefined);
    return neighbour;
  }

  /** May a flow be sent there? Not, if it is known not to answer. */
  mayUse(link: number, words: IpWords, nowSec: number): boolean {
    const known = this.#byKey.get(keyOf(link, words));
    if (known === undefined) return true;
    known.usedSec = nowSec;
    return known.state !== NeighbourState.FAILED;
  }

  /** Keeps a frame until the neighbour is resolved; false: there is no room. */
  hold(neighbour: Neighbour, frame: PendingFrame): boolean {
    assert(neighbour.state === NeighbourState.INCOMPLETE, 'an unresolved neighbour');
    const isFull = neighbour.pending.length >= NEIGHBOUR_PENDING_FRAMES_MAX;
    if (isFull || this.#pendingBytes + frame.bytes.length > PENDING_BYTES_MAX) return false;
    neighbour.pending.push(frame);
    this.#pendingBytes += frame.bytes.length;
    return true;
  }

  /**
   * Somebody says that the address is at `mac`: noted if the address is known here already (RFC 826, packet reception). Returns the frames
   * that have waited for it.
   */
  learn(link: number, words: IpWords, mac: Mac, nowSec: number): readonly PendingFrame[] {
    const known = this.#byKey.get(keyOf(link, words));
    if (known === undefined) return [];
    const isNews = known.state === NeighbourState.FAILED || known.mac !== mac;
    known.state = NeighbourState.REACHABLE;
    known.mac = mac;
    known.sinceSec = nowSec;
    known.tries = 0;
    if (isNews) this.#epochs.bump(known.cell);
    return this.#takePending(known);
  }

  /** Once a second. */
  tick(nowSec: number): void {
    for (const [key, neighbour] of this.#byKey) {
      const age = nowSec - neighbour.sinceSec;
      switch (neighbour.state) {
        case NeighbourState.REACHABLE:
          if (nowSec - neighbour.usedSec >= NEIGHBOUR_UNUSED_SEC) this.#forget(key, neighbour);
          else if (age >= reachableSec(neighbour)) {
            neighbour.state = NeighbourState.PROBED;
            neighbour.tries = 0;
            this.#askAgain(neighbour, nowSec);
          }
          break;
        case NeighbourState.INCOMPLETE:
        case NeighbourState.PROBED:
          this.#askAgain(neighbour, nowSec);
          break;
        case NeighbourState.FAILED:
          if (nowSec - neighbour.usedSec >= NEIGHBOUR_FAILED_UNUSED_SEC) {
            this.#forget(key, neighbour);
          } else if (age >= NEIGHBOUR_FAILED_SEC) {
            neighbour.sinceSec = nowSec;
            this.#events.ask(neighbour.link, neighbour.words, undefined);
          }
          break;
      }
    }
  }

  /** A link has gone: so have its neighbours. */
  removeLink(link: number): void {
    for (const [key, neighbour] of this.#byKey) {
      if (neighbour.link === link) this.#forget(key, neighbour);
    }
  }

  *all(): Generator<Neighbour> {
    yield* this.#byKey.values();
  }

  #askAgain(neighbour: Neighbour, nowSec: number): void {
    if (neighbour.tries >= NEIGHBOUR_TRIES_MAX) {
      const frames = this.#takePending(neighbour);
      neighbour.state = NeighbourState.FAILED;
      neighbour.sinceSec = nowSec;
      this.#epochs.bump(neighbour.cell);
      this.#events.failed(neighbour, frames);
      return;
    }
    neighbour.tries += 1;
    const mac = neighbour.state === NeighbourState.PROBED ? neighbour.mac : undefined;
    this.#events.ask(neighbour.link, neighbour.words, mac);
  }

  #takePending(neighbour: Neighbour): readonly PendingFrame[] {
    const { pending } = neighbour;
    neighbour.pending = [];
    for (const { bytes } of pending) this.#pendingBytes -= bytes.length;
    return pending;
  }

  #forget(key: string, neighbour: Neighbour): void {
    this.#takePending(neighbour);
    this.#epochs.release(neighbour.cell);
    this.#byKey.delete(key);
  }
}

function reachableSec({ isGateway }: Neighbour): number {
  return isGateway ? GATEWAY_REACHABLE_SEC : NEIGHBOUR_REACHABLE_SEC;
}

function keyOf(link: number, words: IpWords): string {
  return `${link} ${words[0]} ${words[1]} ${words[2]} ${words[3]}`;
}
