/**
 * ARP and Neighbour Discovery with the routers and hosts on the links: hears where they are, asks for those that are looked for, answers for the
 * public addresses that this router translates, and keeps the frames that have waited. Who is known is neighbours.ts; messages are
 * neighbour-messages.ts. Called by router.ts.
 */
import { type IpWords, isIpv4Words, networkOf, prefixHasWords } from '../../../base/ip-words.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { NO_ROOM, type Scratch } from '../../../dataplane/port/scratch.ts';
import type { TransmitQueue } from '../../../dataplane/port/transmit-queue.ts';
import { Drop } from '../../../packet/drop.ts';
import { type Link, ownAddress } from './links.ts';
import { emitAnswer, emitRequest, type Heard, MESSAGE_BYTES_MAX } from './neighbour-messages.ts';
import type { PendingFrame } from './neighbours.ts';
import type { RouterState } from './router-state.ts';

const NO_FRAMES: readonly PendingFrame[] = [];

interface Request {
  readonly link: number;
  readonly words: IpWords;
  readonly mac: number | undefined;
}

export class NeighbourExchange {
  readonly #io: FrameIo;
  readonly #state: RouterState;
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  /** To be sent with this round. */
  #requests: Request[] = [];
  /** Frames that have waited for a neighbour which is resolved now, and for one which does not answer. */
  #resumed: PendingFrame[] = [];
  #failed: PendingFrame[] = [];

  constructor(io: FrameIo, state: RouterState, scratch: Scratch, queue: TransmitQueue) {
    this.#io = io;
    this.#state = state;
    this.#scratch = scratch;
    this.#queue = queue;
  }

  /** A neighbour is to be asked for (neighbours.ts). */
  ask(link: number, words: IpWords, mac: number | undefined): void {
    this.#requests.push({ link, words, mac });
  }

  /** A neighbour does not answer: those who have sent to it are to hear so. */
  failed(frames: readonly PendingFrame[]): void {
    this.#failed.push(...frames);
  }

  /** Notes who says where it is, and answers for public addresses. */
  hear(link: Link, { drop, sender, target }: Heard, nowSec: number): Drop {
    if (drop !== Drop.None) return drop;
    const { neighbours } = this.#state;
    if (sender !== undefined) {
      this.#resumed.push(...neighbours.learn(link.number, sender.words, sender.mac, nowSec));
    }
    if (target === undefined || sender === undefined || !this.#answersFor(link, target)) {
      return Drop.None;
    }
    const to = this.#scratch.take(MESSAGE_BYTES_MAX);
    if (to === NO_ROOM) return Drop.RateLimited;
    const { view } = this.#io;
    this.#queue.emitOwn(link.number, to, emitAnswer(view, link.mac, target, sender, to));
    return Drop.None;
  }

  /** The frames that are to be taken up again, each once. */
  takeWaiting(): readonly PendingFrame[] {
    if (this.#resumed.length === 0 && this.#failed.length === 0) return NO_FRAMES;
    const frames = [...this.#resumed, ...this.#failed];
    this.#resumed = [];
    this.#failed = [];
    return frames;
  }

  sendRequests(): void {
    if (this.#requests.length === 0) return;
    const requests = this.#requests;
    this.#requests = [];
    for (const { link: number, words, mac } of requests) {
      const link = this.#state.link(number);
      const own = link === undefined ? undefined : sourceFor(link, words);
      const to = this.#scratch.take(MESSAGE_BYTES_MAX);
      if (link === undefined || own === undefined || to === NO_ROOM) continue;
      const asker = { mac: link.mac, words: own };
      this.#queue.emitOwn(number, to, emitRequest(this.#io.view, asker, words, mac, to));
    }
  }

  /** A public address within a network of the link, which nobody there has. */
  #answersFor(link: Link, target: IpWords): boolean {
    const { networks, nat } = this.#state;
    if (this.#state.isOwn(target)) return false;
    const isOnLink = link.addresses.some((own) => prefixHasWords(networkOf(own), target));
    if (!isOnLink) return false;
    if (networks.insideOf(...target) !== undefined) return true;
    return isIpv4Words(target) && nat.isPublic(target[3]);
  }
}

/** The link's address in the network that `words` is of, else any of the family. */
function sourceFor(link: Link, words: IpWords): IpWords | undefined {
  const near = link.addresses.find((own) => prefixHasWords(networkOf(own), words));
  return near?.words ?? ownAddress(link, isIpv4Words(words));
}
