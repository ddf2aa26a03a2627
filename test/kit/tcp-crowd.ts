/**
 * A program that stands for tens of thousands of TCP connections that stay open and mostly say nothing (RFC 9293), or for the servers that they
 * are to: one process, little for each connection.
 *
 *   node tcp-crowd.js serve FIRST_PORT PORTS                     answers with whatever comes; for each line on standard input prints CrowdServed
 *   node tcp-crowd.js open NAME ADDRESS FIRST_PORT PORTS EACH    opens EACH connections to each of the server's PORTS; once all are open, and for each
 *                                                                line on standard input after all have been asked, prints CrowdReport
 *
 * NAME is one letter: what a connection says when it is asked, so that the server knows whose it is. Started by tcp-clients.ts.
 */
import net from 'node:net';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';

export interface CrowdReport {
  readonly open: number;
  /** Of those, how many have answered the last question; 0 before the first. */
  readonly answered: number;
  /** That have failed or ended, by reason. */
  readonly ended: Readonly<Record<string, number>>;
}

export interface CrowdServed {
  readonly open: number;
  /** By address of the client, then by its name: its ports in ascending order. */
  readonly ports: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

/** Being opened, or asked and not answered yet, at once, of one process. */
const WINDOW = 128;
/** For a repetition that waited for seconds: TCP doubles its wait each time (RFC 6298 §5.5). */
const ANSWER_PATIENCE = millis(60_000);
const LOOK_INTERVAL = millis(20);
const READ_BUFFER = Buffer.alloc(64);

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function serve(firstPort: number, ports: number): Promise<void> {
  let open = 0;
  const seen = new Map<string, Map<string, Set<number>>>();
  const note = (socket: net.Socket, name: string): void => {
    const { remoteAddress = '', remotePort = 0 } = socket;
    const byName = seen.get(remoteAddress) ?? new Map<string, Set<number>>();
    seen.set(remoteAddress, byName.set(name, (byName.get(name) ?? new Set()).add(remotePort)));
  };
  const accept = (socket: net.Socket): void => {
    open += 1;
    let isKnown = false;
    socket.on('error', () => socket.destroy()); // the client's end reports it
    socket.on('close', () => {
      open -= 1;
    });
    socket.on('data', (data) => {
      if (!isKnown) note(socket, data.toString('latin1', 0, 1));
      isKnown = true;
      socket.write(data);
    });
  };
  for (let port = firstPort; port < firstPort + ports; port += 1) {
    const server = net.createServer({ noDelay: true }, accept);
    await new Promise<void>((resolve) => {
      server.listen({ port, host: '0.0.0.0', backlog: 4096 }, resolve);
    });
  }
  process.stdout.write('ready\n');
  const ascending = (one: Set<number>) => [...one].sort((a, b) => a - b);
  createInterface({ input: process.stdin }).on('line', () => {
    const served = [...seen].map(([address, byName]) => [
      address,
      Object.fromEntries([...byName].map(([name, one]) => [name, ascending(one)])),
    ]);
    print({ open, ports: Object.fromEntries(served) } satisfies CrowdServed);
  });
}

interface Member {
  readonly socket: net.Socket;
  isOpen: boolean;
  answers: number;
}

class Crowd {
  readonly #members: Member[] = [];
  readonly #ended: Record<string, number> = {};
  #asked = 0;
  #answered = 0;

  /** Resolves when it is open, or has failed. */
  open(host: string, port: number): Promise<void> {
    return new Promise((resolve) => {
      const onread = { buffer: READ_BUFFER, callback: () => this.#hear(member) };
      const socket = net.connect({ host, port, noDelay: true, onread });
      const member: Member = { socket, isOpen: false, answers: 0 };
      this.#members.push(member);
      const end = (reason: string): void => {
        if (!member.isOpen && member.answers < 0) return;
        member.isOpen = false;
        member.answers = -1;
        this.#ended[reason] = (this.#ended[reason] ?? 0) + 1;
        socket.destroy();
        resolve();
      };
      socket.on('connect', () => {
        member.isOpen = true;
        resolve();
      });
      socket.on('error', (error) => end('code' in error ? String(error.code) : error.message));
      socket.on('end', () => end('end'));
    });
  }

  #hear(member: Member): boolean {
    if (member.answers < this.#asked) this.#answered += 1;
    member.answers = this.#asked;
    return true;
  }

  /** Asks all that are open; resolves when all of those that still are have answered, or ANSWER_PATIENCE later. */
  async ask(name: string): Promise<void> {
    this.#asked += 1;
    this.#answered = 0;
    const open = this.#members.filter(({ isOpen }) => isOpen);
    const deadline = systemClock.now() + ANSWER_PATIENCE;
    let asked = 0;
    for (const { socket } of open) {
      while (asked - this.#answered >= WINDOW && systemClock.now() < deadline) {
        await sleep(systemClock, millis(1));
      }
      socket.write(name);
      asked += 1;
    }
    const isSilent = ({ isOpen, answers }: Member) => isOpen && answers < this.#asked;
    while (open.some(isSilent) && systemClock.now() < deadline) {
      await sleep(systemClock, LOOK_INTERVAL);
    }
  }

  report(): CrowdReport {
    const open = this.#members.filter(({ isOpen }) => isOpen).length;
    return { open, answered: this.#answered, ended: this.#ended };
  }
}

async function open(
  name: string,
  server: { readonly host: string; readonly firstPort: number; readonly ports: number },
  each: number,
): Promise<void> {
  const { host, firstPort, ports } = server;
  const crowd = new Crowd();
  let next = 0;
  const opener = async (): Promise<void> => {
    for (let index = next++; index < ports * each; index = next++) {
      await crowd.open(host, firstPort + (index % ports));
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, opener));
  print(crowd.report());
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async () => {
    await crowd.ask(name);
    print(crowd.report());
  });
  lines.on('close', () => process.exit(0));
}

const [, , verb, ...args] = process.argv;
const numbers = args.map(Number);
if (verb === 'serve') await serve(numbers[0] ?? 0, numbers[1] ?? 0);
else if (verb === 'open') {
  const [name = '', host = ''] = args;
  await open(name, { host, firstPort: numbers[2] ?? 0, ports: numbers[3] ?? 0 }, numbers[4] ?? 0);
}
