/**
 * A program that runs inside VMs: many flows at once, and what each of them loses.
 *
 *   node flow-probe.js serve ADDRESS PORT          answers each datagram, and each byte of TCP, with itself; prints a ready line
 *   node flow-probe.js flows ADDRESS PORT UDP TCP  so many flows of datagrams, one every 20 ms, and so many connections; prints a ready
 *                                                  line, and for each line on standard input a FlowReport
 *
 * Started by tests in namespaces.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { FLOW_UNANSWERED_MAX } from './limits.ts';

export interface UdpFlow {
  /** Of this end. */
  readonly port: number;
  readonly sent: number;
  readonly answered: number;
  /** Sent more than LATE ago and not answered. */
  readonly lost: number;
}

export interface FlowReport {
  readonly udp: readonly UdpFlow[];
  /** Bytes of each connection that have come back; −1: it has ended. */
  readonly tcp: readonly number[];
}

const INTERVAL = millis(20);
/** Answers that are under way count as lost after this time, unless they still come. */
const LATE = millis(2000);
/** Then a datagram leaves room for another. */
const GIVEN_UP = millis(200);

function serve(address: string, port: number): void {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  net
    .createServer((connection) => {
      connection.on('error', () => connection.destroy());
      connection.pipe(connection);
    })
    .listen(port, address, () => {
      socket.bind(port, address, () => process.stdout.write('{"event":"ready"}\n'));
    });
}

class DatagramFlow {
  readonly #socket = dgram.createSocket('udp4');
  /** When each unanswered datagram was sent. */
  readonly #waiting = new Map<number, number>();
  #sent = 0;
  #answered = 0;

  constructor(address: string, port: number) {
    this.#socket.on('message', (message) => {
      if (!this.#waiting.delete(message.readUInt32BE(0))) return;
      this.#answered += 1;
    });
    this.#socket.connect(port, address);
    // A closed port, or no way there for now: the datagram is lost, as it should count.
    this.#socket.on('error', () => undefined);
  }

  send(): void {
    const now = systemClock.now();
    const open = [...this.#waiting.values()].filter((sentAt) => now - sentAt < GIVEN_UP);
    if (open.length >= FLOW_UNANSWERED_MAX) return;
    const message = Buffer.alloc(32);
    message.writeUInt32BE(this.#sent);
    this.#waiting.set(this.#sent, now);
    this.#sent += 1;
    this.#socket.send(message);
  }

  report(): UdpFlow {
    const now = systemClock.now();
    return {
      port: this.#socket.address().port,
      sent: this.#sent,
      answered: this.#answered,
      lost: [...this.#waiting.values()].filter((sentAt) => now - sentAt > LATE).length,
    };
  }
}

class Connection {
  readonly #socket: net.Socket;
  #answered = 0;
  #hasEnded = false;

  constructor(address: string, port: number) {
    this.#socket = net.connect(port, address);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', ({ length }) => {
      this.#answered += length;
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#hasEnded = true;
    });
  }

  send(): void {
    if (!this.#hasEnded && this.#socket.writableLength === 0) this.#socket.write('x');
  }

  report(): number {
    return this.#hasEnded ? -1 : this.#answered;
  }
}

async function flows(address: string, port: number, udp: number, tcp: number): Promise<void> {
  const datagrams = Array.from({ length: udp }, () => new DatagramFlow(address, port));
  const connections = Array.from({ length: tcp }, () => new Connection(address, port));
  const all = [...datagrams, ...connections];
  const turn = (): void => {
    for (const each of all) each.send();
    systemClock.after(INTERVAL, turn);
  };
  systemClock.after(INTERVAL, turn);
  process.stdout.write('{"event":"ready"}\n');
  for await (const _ of createInterface({ input: process.stdin })) {
    const report: FlowReport = {
      udp: datagrams.map((flow) => flow.report()),
      tcp: connections.map((connection) => connection.report()),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
  process.exit(0);
}

const [, , verb, first = '', second = '', third = '', fourth = ''] = process.argv;
if (verb === 'serve') serve(first, Number(second));
else if (verb === 'flows') await flows(first, Number(second), Number(third), Number(fourth));
