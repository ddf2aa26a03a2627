/**
 * The DNS server behind 168.63.129.16 — UDP and TCP (RFC 7766) on the service port's address. It knows who asks by the source address
 * (service-addresses.ts), answers names of that VM's own network (dns-answers.ts) and forwards the rest (dns-forwarder.ts). Whoever is no
 * VM is not answered. Before an answer is sent it is made sure that the port's number still is that of the VM that has asked.
 * Called by platform-services.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../../base/log.ts';
import {
  decide,
  ExtendedError,
  failure,
  payloadBytesMax,
  type Query,
  ResponseCode,
} from './dns-answers.ts';
import type { DnsForwarder, Forwarded } from './dns-forwarder.ts';
import * as message from './dns-message.ts';
import { frameLength, MessageStream } from './dns-stream.ts';
import {
  DNS_CONNECTION_IDLE,
  DNS_CONNECTIONS_MAX,
  DNS_CONNECTIONS_PER_PORT_MAX,
  DNS_OUTSTANDING_PER_PORT_MAX,
  DNS_PIPELINE_MAX,
} from './limits.ts';
import { portNumberAt } from './service-addresses.ts';
import type { Asker, ServiceDirectory } from './service-directory.ts';
import { Tally } from './tally.ts';

export interface DnsServerOptions {
  readonly address: string;
  /** UDP and TCP; 0: any, for tests. */
  readonly port: number;
  readonly directory: ServiceDirectory;
  readonly forwarder: DnsForwarder;
  readonly log: Logger;
  /** Number of the port at a remote address; default: service-addresses. */
  readonly portNumberAt?: (remoteAddress: string | undefined) => number | undefined;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #outstanding = new Tally(DNS_OUTSTANDING_PER_PORT_MAX);
  readonly #connections = new Tally(DNS_CONNECTIONS_PER_PORT_MAX);
  readonly #open = new Set<Socket>();
  readonly counters = { queries: 0, answered: 0, forwarded: 0, failed: 0, ignored: 0 };

  private constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#udp = createSocket('udp4');
    this.#tcp = createServer((socket) => this.#accept(socket));
    this.#tcp.maxConnections = DNS_CONNECTIONS_MAX;
  }

  /** Rejects where the address or port cannot be had. */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    const { address, port } = options;
    try {
      await new Promise<void>((resolve, reject) => {
        server.#udp.once('error', reject);
        server.#udp.bind({ address, port, exclusive: true }, resolve);
      });
      await new Promise<void>((resolve, reject) => {
        server.#tcp.once('error', reject);
        server.#tcp.listen({ host: address, port: server.port, exclusive: true }, resolve);
      });
    } catch (thrown) {
      await server.close();
      throw thrown;
    }
    server.#serve();
    return server;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => {
      try {
        this.#udp.close(() => resolve());
      } catch {
        // It was never bound.
        resolve();
      }
    });
    if (this.#tcp.listening) await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #serve(): void {
    const { log } = this.#options;
    this.#udp.on('error', (err) => log.warn({ err }, 'DNS socket'));
    this.#tcp.on('error', (err) => log.warn({ err }, 'DNS listener'));
    this.#udp.on('message', (bytes, { address, port }) => {
      void this.#answer(bytes, address).then((answer) => {
        if (answer === undefined) return;
        const { query } = answer;
        const isShort = answer.bytes.length <= payloadBytesMax(query);
        const sent = isShort ? answer.bytes : short(answer.bytes);
        this.#udp.send(sent, port, address, (err) => {
          if (err !== null) log.debug({ err }, 'DNS answer not sent');
        });
      });
    });
  }

  #accept(socket: Socket): void {
    const { remoteAddress } = socket;
    const number = this.#numberAt(remoteAddress);
    if (number === undefined || !this.#connections.add(number)) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    let waiting = 0;
    const stream = new MessageStream((bytes) => {
      waiting += 1;
      if (waiting >= DNS_PIPELINE_MAX) socket.pause();
      void this.#answer(bytes, remoteAddress).then((answer) => {
        waiting -= 1;
        if (socket.destroyed) return;
        if (answer === undefined) socket.destroy();
        else {
          socket.write(Buffer.concat([frameLength(answer.bytes), answer.bytes]));
          socket.resume();
        }
      });
    });
    socket.setTimeout(DNS_CONNECTION_IDLE, () => socket.destroy());
    socket.on('data', (chunk) => stream.push(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#open.delete(socket);
      this.#connections.remove(number);
    });
  }

  /** Undefined: nobody is to be answered. */
  async #answer(
    bytes: Uint8Array,
    remoteAddress: string | undefined,
  ): Promise<{ readonly bytes: Uint8Array; readonly query: Query | undefined } | undefined> {
    const { directory } = this.#options;
    const number = this.#numberAt(remoteAddress);
    const asker = number === undefined ? undefined : directory.asker(number);
    const decision = asker === undefined ? undefined : decide(bytes, asker.names);
    if (decision === undefined || decision.kind === 'ignore') {
      this.counters.ignored += 1;
      return undefined;
    }
    this.counters.queries += 1;
    if (decision.kind === 'reply') {
      this.counters.answered += 1;
      return decision;
    }
    const { query } = decision;
    const forwarded = await this.#forward(query, number ?? -1);
    if (!this.#isStill(asker, number)) return undefined;
    if (forwarded.kind === 'answer') {
      this.counters.forwarded += 1;
      return { query, bytes: asAnswerTo(query, forwarded.bytes) };
    }
    this.counters.failed += 1;
    return { query, bytes: failure(query, ResponseCode.SERVER_FAILURE, REASONS[forwarded.reason]) };
  }

  async #forward(query: Query, number: number): Promise<Forwarded> {
    if (!this.#outstanding.add(number)) return { kind: 'none', reason: 'too-many' };
    try {
      return await this.#options.forwarder.resolve(query);
    } finally {
      this.#outstanding.remove(number);
    }
  }

  #isStill(asker: Asker | undefined, number: number | undefined): boolean {
    const now = number === undefined ? undefined : this.#options.directory.asker(number);
    return now !== undefined && now.portId === asker?.portId;
  }

  #numberAt(remoteAddress: string | undefined): number | undefined {
    return (this.#options.portNumberAt ?? portNumberAt)(remoteAddress);
  }
}

const REASONS = {
  'no-forwarder': {
    code: ExtendedError.OTHER,
    text: 'no DNS forwarder is configured: set dnsServers of the provider logical subnet',
  },
  'too-many': { code: ExtendedError.NOT_READY, text: 'too many questions at a time' },
  unreachable: { code: ExtendedError.NO_AUTHORITY, text: 'no DNS forwarder has answered' },
} as const;

/** A forwarder's answer as this client's: its identifier, and its question letter for letter. */
function asAnswerTo(query: Query, bytes: Uint8Array): Uint8Array {
  const answer = bytes.slice();
  message.setIdentifier(answer, query.id);
  answer.set(query.question, message.HEADER_LEN);
  return answer;
}

function short(bytes: Uint8Array): Uint8Array {
  return message.truncated(bytes, message.questionEnd(bytes) ?? message.HEADER_LEN);
}
