/**
 * A program that stands for many TCP clients, or for the server that they talk to (RFC 9293), in one process.
 *
 *   node tcp-load.js serve NAME PORT                          says NAME to each connection, then answers with whatever comes
 *   node tcp-load.js visit ADDRESS PORT COUNT [FIRST_PORT]    COUNT short connections, from FIRST_PORT on where one is given; prints VisitReport
 *   node tcp-load.js revisit ADDRESS PORT                     short connections until its standard input ends; prints VisitReport. Both
 *                                                             say `visited` on standard error when the first one has succeeded
 *   node tcp-load.js hold ADDRESS PORT COUNT [FIRST_PORT]     opens COUNT connections and talks on each all the time; once all are open, and for
 *                                                             each line on standard input, prints HoldReport: as soon as every open one has
 *                                                             answered what was said after the line, or ANSWER_PATIENCE later
 *
 * Who answers is told by the server's own word, so the far end of each connection is known. Known source ports make what a load balancer does
 * with them the same each time. Started by tcp-clients.ts.
 */
import net from 'node:net';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { visitOnce } from './tcp-visit.ts';

/** Connections by the name of the server that answered, and failures by their reason. */
export interface VisitReport {
  readonly byServer: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
  /** Between two that succeeded, the longest. */
  readonly longestGapMs: number;
}

export interface HoldReport {
  /** Open connections by server. */
  readonly open: Readonly<Record<string, number>>;
  /** Ended ones: `server reason`, e.g. `a ECONNRESET`. */
  readonly ended: Readonly<Record<string, number>>;
  /** Messages that came back. */
  readonly echoes: number;
  /** Open connections by server that have answered a message of after the question. */
  readonly answered: Readonly<Record<string, number>>;
}

/** At once, of one process. */
const WINDOW = 64;
/** For a repetition that waited for seconds: TCP doubles its wait each time (RFC 6298 §5.5). */
const ANSWER_PATIENCE = millis(20_000);
/** Between two messages on a connection. */
const TALK_INTERVAL = millis(200);

function serve(name: string, port: number): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy()); // the client's end reports it
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  server.listen({ port, host: '::', backlog: 4096 }, () =>
    process.stdout.write('{"event":"ready"}\n'),
  );
}

const count = (counts: Record<string, number>, key: string): void => {
  counts[key] = (counts[key] ?? 0) + 1;
};

function reasonOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

async function visit(
  options: { readonly host: string; readonly port: number; readonly firstPort?: number },
  more: (visited: number) => boolean,
): Promise<VisitReport> {
  const { host, port, firstPort } = options;
  const byServer: Record<string, number> = {};
  const failures: Record<string, number> = {};
  let next = 0;
  let lastSuccess = systemClock.now();
  let longestGapMs = 0;
  const worker = async (): Promise<void> => {
    for (let number = next++; more(number); number = next++) {
      try {
        const own = firstPort === undefined ? {} : { localPort: firstPort + number };
        const server = await visitOnce({ host, port, ...own });
        if (Object.keys(byServer).length === 0) process.stderr.write('visited\n');
        count(byServer, server);
        const now = systemClock.now();
        longestGapMs = Math.max(longestGapMs, now - lastSuccess);
        lastSuccess = now;
      } catch (thrown) {
        count(failures, thrown instanceof Error ? reasonOf(thrown) : String(thrown));
      }
    }
  };
  const workers = firstPort === undefined ? REVISITORS : WINDOW;
  await Promise.all(Array.from({ length: workers }, worker));
  return { byServer, failures, longestGapMs };
}

/** A few at once, so that what is measured is the network and not this process. */
const REVISITORS = 4;

interface Held {
  readonly socket: net.Socket;
  server: string;
  sent: number;
  answered: number;
  /** Messages before the last question. */
  asked: number;
  isOpen: boolean;
}

async function hold(
  host: string,
  port: number,
  total: number,
  firstPort: number | undefined,
): Promise<void> {
  const all: Held[] = [];
  const ended: Record<string, number> = {};
  let echoes = 0;
  const open = (index: number): Promise<void> =>
    new Promise((resolve) => {
      const localPort = firstPort === undefined ? {} : { localPort: firstPort + index };
      const socket = net.connect({ host, port, noDelay: true, ...localPort });
      const held: Held = { socket, server: '', sent: 0, answered: 0, asked: 0, isOpen: true };
      all.push(held);
      const finish = (reason: string): void => {
        if (!held.isOpen) return;
        held.isOpen = false;
        count(ended, `${held.server || 'unconnected'} ${reason}`);
        socket.destroy();
        resolve();
      };
      socket.on('error', (error) => finish(reasonOf(error)));
      socket.on('end', () => finish('end'));
      socket.on('data', (data: Buffer) => {
        if (held.server === '') {
          held.server = data.toString().trim();
          resolve();
          return;
        }
        held.answered += data.length;
        echoes += data.length;
      });
    });
  let next = 0;
  const opener = async (): Promise<void> => {
    for (let index = next++; index < total; index = next++) await open(index);
  };
  await Promise.all(Array.from({ length: WINDOW }, opener));
  const report = async (patience: number): Promise<void> => {
    for (const each of all) each.asked = each.sent;
    const deadline = systemClock.now() + patience;
    const isSilent = (each: Held) => each.isOpen && each.answered <= each.asked;
    while (all.some(isSilent) && systemClock.now() < deadline) {
      await sleep(systemClock, TALK_INTERVAL);
    }
    const living = all.filter((each) => each.isOpen);
    const answering = living.filter((each) => each.answered > each.asked);
    const value: HoldReport = {
      open: countBy(living),
      answered: countBy(answering),
      ...{ ended, echoes },
    };
    process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  await report(0);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', () => report(ANSWER_PATIENCE));
  lines.on('close', () => process.exit(0));
  for (;;) {
    for (const each of all) {
      // One octet after another is on its way: what is lost is repeated by TCP, and never more than one.
      if (!each.isOpen || each.answered < each.sent) continue;
      each.sent += 1;
      each.socket.write('.');
    }
    await sleep(systemClock, TALK_INTERVAL);
  }
}

function countBy(all: readonly Held[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { server } of all) count(counts, server);
  return counts;
}

const [, , verb, first = '', second = '', third = '', fourth] = process.argv;
const firstPort = fourth === undefined ? undefined : Number(fourth);
if (verb === 'serve') serve(first, Number(second));
else if (verb === 'hold') await hold(first, Number(second), Number(third), firstPort);
else if (verb === 'visit' || verb === 'revisit') {
  let isOver = false;
  process.stdin.on('end', () => {
    isOver = true;
  });
  if (verb === 'revisit') process.stdin.resume();
  const limit = verb === 'visit' ? Number(third) : Number.POSITIVE_INFINITY;
  const target = {
    host: first,
    port: Number(second),
    ...(firstPort !== undefined && { firstPort }),
  };
  const report = await visit(target, (visited) => visited < limit && !isOver);
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.exit(0);
}
