/**
 * The host's end of a guest's command line: lines over the guest's second serial port, which QEMU offers as a unix socket
 * (fabric/qemu/guest/weft-agent is the other end and documents the protocol). QEMU takes one client at a time, and lines sent
 * while nobody listened are lost: so a client says hello and the agent repeats what it knows.
 *
 * Supported: readiness, the guest's address, commands with their output and exit status, stopping a command. Omitted: standard
 * input of a command, a terminal (that is what the console is for).
 * Called by guest and by `weft vm exec`.
 */
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type Clock, sleep } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { below, systemRng } from '../../base/rng.ts';
import { type Millis, millis } from '../../base/units.ts';
import { AGENT_COMMAND_BYTES_MAX, AGENT_COMMANDS_MAX } from './limits.ts';

const POLL = millis(50);
const HELLO_EVERY_MS = 500;

export interface GuestAgent {
  /** True once the agent has spoken, false when `timeout` is over. */
  ready(timeout: Millis, clock: Clock): Promise<boolean>;
  /** `10.0.0.4/24`, as DHCP gave it; undefined when `timeout` is over. */
  address(timeout: Millis, clock: Clock): Promise<string | undefined>;
  /** Runs shell text in the guest; resolves with its exit status. `onLine` gets each line of output as it comes. */
  run(command: string, onLine: (line: string) => void): RunningCommand;
  close(): void;
}

export interface RunningCommand {
  /** Exit status 0 … 255. Rejects when the guest goes away first. */
  readonly exit: Promise<number>;
  stop(): void;
}

/** What a line of the agent says; undefined for anything it would not say. */
export type AgentMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'output'; readonly id: number; readonly text: string }
  | { readonly kind: 'exit'; readonly id: number; readonly status: number };

export function parseAgentLine(line: string): AgentMessage | undefined {
  const text = line.replace(/\r$/, '');
  if (text === 'ready') return { kind: 'ready' };
  const address = /^address (\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2})$/.exec(text)?.[1];
  if (address !== undefined) return { kind: 'address', address };
  const output = /^out (\d{1,9}) (.*)$/.exec(text);
  if (output !== null) return { kind: 'output', id: Number(output[1]), text: output[2] ?? '' };
  const exit = /^exit (\d{1,9}) (\d{1,3})$/.exec(text);
  if (exit !== null) return { kind: 'exit', id: Number(exit[1]), status: Number(exit[2]) };
  return undefined;
}

export async function connectAgent(path: string): Promise<GuestAgent> {
  const socket = await connected(path);
  return agentOver(socket);
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

interface Waiting {
  readonly onLine: (line: string) => void;
  readonly resolve: (status: number) => void;
  readonly reject: (fault: Error) => void;
}

function agentOver(socket: Socket): GuestAgent {
  const running = new Map<number, Waiting>();
  let isReady = false;
  let address: string | undefined;
  // Not from 1: output of a former connection's command may still be on its way.
  let nextId = below(systemRng, 1_000_000) * 100;
  let isClosed = false;

  createInterface({ input: socket }).on('line', (line) => {
    const message = parseAgentLine(line);
    switch (message?.kind) {
      case 'ready':
        isReady = true;
        break;
      case 'address':
        isReady = true;
        address = message.address;
        break;
      case 'output':
        running.get(message.id)?.onLine(message.text);
        break;
      case 'exit':
        running.get(message.id)?.resolve(message.status);
        running.delete(message.id);
        break;
      case undefined:
        break; // boot noise, or the rest of a line cut by a reconnect
    }
  });
  socket.on('error', () => undefined); // 'close' follows
  socket.on('close', () => {
    isClosed = true;
    for (const { reject } of running.values()) reject(gone());
    running.clear();
  });

  const say = (line: string): void => {
    if (!isClosed) socket.write(`${line}\n`);
  };
  const until = async (done: () => boolean, timeout: Millis, clock: Clock): Promise<boolean> => {
    const deadline = clock.now() + timeout;
    let helloAt = 0;
    while (!done()) {
      const now = clock.now();
      if (isClosed || now >= deadline) return false;
      if (now >= helloAt) {
        say('hello');
        helloAt = now + HELLO_EVERY_MS;
      }
      await sleep(clock, POLL);
    }
    return true;
  };

  return {
    ready: (timeout, clock) => until(() => isReady, timeout, clock),
    async address(timeout, clock) {
      await until(() => address !== undefined, timeout, clock);
      return address;
    },
    run(command, onLine) {
      const text = Buffer.from(command, 'utf8');
      if (text.length > AGENT_COMMAND_BYTES_MAX) {
        throw refused(
          `the command has ${text.length} bytes, at most ${AGENT_COMMAND_BYTES_MAX} fit`,
        );
      }
      if (running.size >= AGENT_COMMANDS_MAX) {
        throw refused(`${AGENT_COMMANDS_MAX} commands are running in the guest already`);
      }
      const id = nextId++;
      const exit = new Promise<number>((resolve, reject) => {
        running.set(id, { onLine, resolve, reject });
        if (isClosed) reject(gone());
      });
      say(`run ${id} ${text.toString('base64')}`);
      return { exit, stop: () => say(`kill ${id}`) };
    },
    close: () => socket.destroy(),
  };
}

function refused(message: string): SdnError {
  return new SdnError('SDN_GUEST_COMMAND', message, {
    remedy: 'Put a longer script into the guest by its console.',
  });
}

function gone(): SdnError {
  return new SdnError('SDN_GUEST_GONE', 'the guest ended', {
    remedy: 'Start it again: weft vm run NAME --nic NIC --qemu',
  });
}
