/**
 * Asking forwarders — the recursive side of 168.63.129.16: questions that no network here answers go to the resolvers of the host's
 * settings, over UDP with retries, over TCP where an answer does not fit (RFC 7766). Answers are kept for as long as they say.
 *
 * Against forged answers (RFC 5452): each try has a socket of its own, hence a random source port, connected to the forwarder; a random
 * identifier; and an answer counts only with the question that was asked. The same question asked twice at a time is sent once.
 * Called by dns-server.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { Query } from './dns-answers.ts';
import { DnsCache } from './dns-cache.ts';
import * as message from './dns-message.ts';
import { frameLength, MessageStream } from './dns-stream.ts';
import {
  DNS_FORWARDERS_MAX,
  DNS_OUTSTANDING_MAX,
  DNS_TRIES_MAX,
  DNS_TRY_TIMEOUT,
  DNS_UDP_BYTES_MAX,
} from './limits.ts';

export interface DnsForwarderOptions {
  /** Addresses, most preferred first. */
  forwarders(): readonly string[];
  readonly clock: Clock;
  readonly rng: Rng;
  /** UDP and TCP port of the forwarders; default 53. */
  readonly port?: number;
}

export type Forwarded =
  /** The answer, with an identifier of its own. */
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'none'; readonly reason: 'no-forwarder' | 'too-many' | 'unreachable' };

export interface ForwarderCounters {
  readonly asked: number;
  readonly fromCache: number;
  readonly retried: number;
  readonly overTcp: number;
  readonly unanswered: number;
  readonly refused: number;
}

const RECURSION_DESIRED = 0x0100;
const CHECKING_DISABLED = 0x0010;
const SERVER_FAILURE = 2;
const REFUSED = 5;

export class DnsForwarder {
  readonly #options: DnsForwarderOptions;
  readonly #cache: DnsCache;
  readonly #outstanding = new Map<string, Promise<Forwarded>>();
  readonly counters: { -readonly [Name in keyof ForwarderCounters]: number } = {
    asked: 0,
    fromCache: 0,
    retried: 0,
    overTcp: 0,
    unanswered: 0,
    refused: 0,
  };

  constructor(options: DnsForwarderOptions) {
    this.#options = options;
    this.#cache = new DnsCache(options.clock);
  }

  resolve(query: Query): Promise<Forwarded> {
    const key = keyOf(query);
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.counters.fromCache += 1;
      return Promise.resolve({ kind: 'answer', bytes: cached });
    }
    const known = this.#outstanding.get(key);
    if (known !== undefined) return known;
    const forwarders = this.#options.forwarders().slice(0, DNS_FORWARDERS_MAX);
    if (forwarders.length === 0) return Promise.resolve({ kind: 'none', reason: 'no-forwarder' });
    if (this.#outstanding.size >= DNS_OUTSTANDING_MAX) {
      this.counters.refused += 1;
      return Promise.resolve({ kind: 'none', reason: 'too-many' });
    }
    const asked = this.#ask(query, key, forwarders).finally(() => this.#outstanding.delete(key));
    this.#outstanding.set(key, asked);
    return asked;
  }

  /** Forwarders may have changed: what others said counts no more. */
  forget(): void {
    this.#cache.clear();
  }

  async #ask(query: Query, key: string, forwarders: readonly string[]): Promise<Forwarded> {
    this.counters.asked += 1;
    let last: Uint8Array | undefined;
    for (let count = 0; count < DNS_TRIES_MAX; count += 1) {
      if (count > 0) this.counters.retried += 1;
      const forwarder = forwarders[count % forwarders.length] ?? '';
      const bytes = await this.#try(query, forwarder);
      if (bytes === undefined) continue;
      last = bytes;
      const code = message.responseCode(bytes);
      // Another forwarder may know better.
      if ((code === SERVER_FAILURE || code === REFUSED) && forwarders.length > 1) continue;
      break;
    }
    if (last === undefined) {
      this.counters.unanswered += 1;
      return { kind: 'none', reason: 'unreachable' };
    }
    this.#cache.set(key, last);
    return { kind: 'answer', bytes: last };
  }

  async #try(query: Query, forwarder: string): Promise<Uint8Array | undefined> {
    const question = this.#questionOf(query);
    const answer = await this.#overUdp(question, forwarder);
    if (answer === undefined || !message.isTruncated(answer)) return answer;
    this.counters.overTcp += 1;
    return (await this.#overTcp(question, forwarder)) ?? answer;
  }

  #questionOf(query: Query): Uint8Array {
    const { question, edns } = query;
    const opt = edns === undefined ? [] : optRecord(edns.isDnssecOk);
    const flags = RECURSION_DESIRED | (query.isCheckingDisabled ? CHECKING_DISABLED : 0);
    const head = [0, 0, flags >>> 8, flags & 0xff, 0, 1, 0, 0, 0, 0, 0, opt.length === 0 ? 0 : 1];
    const bytes = Uint8Array.of(...head, ...question, ...opt);
    message.setIdentifier(bytes, this.#options.rng.uint32() & 0xffff);
    return bytes;
  }

  #overUdp(question: Uint8Array, forwarder: string): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const socket = createSocket(forwarder.includes(':') ? 'udp6' : 'udp4');
      let isOpen = true;
      const finish = (answer?: Uint8Array) => {
        if (!isOpen) return;
        isOpen = false;
        timer.cancel();
        socket.close();
        resolve(answer);
      };
      const timer = this.#options.clock.after(DNS_TRY_TIMEOUT, finish);
      socket.on('error', () => finish());
      socket.on('message', (bytes) => {
        if (isAnswerTo(question, bytes)) finish(Uint8Array.from(bytes));
      });
      socket.connect(this.#options.port ?? 53, forwarder, () => {
        if (isOpen) socket.send(question, (fault) => fault !== null && finish());
      });
    });
  }

  #overTcp(question: Uint8Array, forwarder: string): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const socket = connect(this.#options.port ?? 53, forwarder);
      const finish = (answer?: Uint8Array) => {
        timer.cancel();
        socket.destroy();
        resolve(answer);
      };
      const timer = this.#options.clock.after(DNS_TRY_TIMEOUT, finish);
      const stream = new MessageStream((bytes) => {
        if (isAnswerTo(question, bytes)) finish(bytes);
      });
      socket.on('error', () => finish());
      socket.on('close', () => finish());
      socket.on('data', (chunk) => stream.push(chunk));
      socket.on('connect', () => socket.write(Buffer.concat([frameLength(question), question])));
    });
  }
}

/** Everything the answer depends on. */
function keyOf(query: Query): string {
  const { question, edns, isCheckingDisabled } = query;
  const name = Buffer.from(question.map(message.lower)).toString('latin1');
  const dnssec = edns === undefined ? 'plain' : `edns${Number(edns.isDnssecOk)}`;
  return `${dnssec}${Number(isCheckingDisabled)}${name}`;
}

function isAnswerTo(question: Uint8Array, answer: Uint8Array): boolean {
  const end = message.questionEnd(answer);
  const asked = message.questionEnd(question);
  return (
    end !== undefined &&
    message.isResponse(answer) &&
    message.identifier(answer) === message.identifier(question) &&
    message.records(answer) !== undefined &&
    message.isSameQuestion(
      question.slice(message.HEADER_LEN, asked),
      answer.slice(message.HEADER_LEN, end),
    )
  );
}

/** RFC 6891 §6.1.2, without options: what a client says in its own is between it and this server. */
function optRecord(isDnssecOk: boolean): number[] {
  const size = [DNS_UDP_BYTES_MAX >>> 8, DNS_UDP_BYTES_MAX & 0xff];
  return [0, 0, message.TYPE_OPT, ...size, 0, 0, isDnssecOk ? 0x80 : 0, 0, 0, 0];
}
