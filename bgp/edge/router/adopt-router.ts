/**
 * The way of the edge's agent to its router process: one that runs already is taken over with everything it holds, its devices, translations and flows,
 * and has forwarded all the time; else one is started. So the agent may crash and start anew while packets pass (RFC 4724, §4.1: the
 * forwarding state is preserved). A router of another protocol, or with other options, is ended first. The other end is router-server.ts.
 *
 * Called by bgp/edge/main.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Clock, sleep } from '../../../base/clock.ts';
import { messageOf, SdnError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { millis } from '../../../base/units.ts';
import { RequestBook } from '../../../dataplane/port/request-book.ts';
import { ROUTER_ANSWER_TIMEOUT, ROUTER_START_TIMEOUT } from '../limits.ts';
import { ROUTER_ERRORS } from './router-errors.ts';
import { type RouterLink, routerHandle } from './router-handle.ts';
import { FrameReader, frameOf, ROUTER_PROTOCOL, type RouterHello } from './router-wire.ts';
import type { RouterOptions, StartRouter } from './start-router.ts';
import type { Request, Results } from './worker-protocol.ts';

export interface RouterPlace {
  /** Of the edge, for the router's log. */
  readonly id: string;
  readonly socketPath: string;
  /** Gets what the router process writes. */
  readonly logPath: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const POLL = millis(20);

export function adoptingRouter(place: RouterPlace): StartRouter {
  return async (options) => {
    const { hasOffload, natTimeouts, onFailed } = options;
    const wanted = JSON.stringify({ hasOffload, natTimeouts });
    const found = await connectTo(place, onFailed);
    if (found !== undefined) {
      const { protocol, options: has, pid } = found.hello;
      if (protocol === ROUTER_PROTOCOL && has === wanted) {
        place.log.info({ pid }, 'the router that runs is taken over');
        return routerHandle(found);
      }
      place.log.warn({ pid, protocol, options: has }, 'the router that runs is another: it ends');
      await found.end();
    }
    return routerHandle(await startProcess(place, wanted, onFailed));
  };
}

async function startProcess(
  place: RouterPlace,
  options: string,
  onFailed: RouterOptions['onFailed'],
): Promise<RouterLink> {
  const { id, socketPath, logPath, clock } = place;
  const log = openSync(logPath, 'a', 0o600);
  const program = fileURLToPath(new URL('./main.js', import.meta.url));
  const args = [program, '--id', id, '--socket', socketPath, '--options', options];
  // A session of its own: what is sent to the agent's group is not for the router.
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'ignore', log] });
  closeSync(log);
  const ended = endOf(child);
  let end: string | undefined;
  void ended.then((how) => {
    end = how;
  });
  const deadline = clock.now() + ROUTER_START_TIMEOUT;
  while (end === undefined && clock.now() < deadline) {
    const link = await connectTo(place, onFailed);
    if (link !== undefined) {
      child.unref();
      return link;
    }
    await sleep(clock, POLL);
  }
  child.kill('SIGKILL');
  throw new SdnError(
    'SDN_EDGE_ROUTER',
    `the router process has not started: ${end ?? 'no answer'}`,
    {
      remedy: `its log says why: ${logPath}`,
    },
  );
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (cause) => resolve(cause.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code ?? 'unknown'}`));
  });
}

/** Undefined: nobody listens there. */
async function connectTo(
  { socketPath, clock }: RouterPlace,
  onFailed: RouterOptions['onFailed'],
): Promise<SocketLink | undefined> {
  const socket = connect(socketPath);
  const isConnected = await new Promise<boolean>((resolve, reject) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED') resolve(false);
      else reject(unreachable(socketPath, messageOf(cause)));
    });
  });
  if (!isConnected) return undefined;
  const link = new SocketLink(socket, clock, onFailed);
  if (await link.greeted) return link;
  socket.destroy();
  throw unreachable(socketPath, 'it does not answer');
}

function unreachable(socketPath: string, why: string): SdnError {
  return new SdnError('SDN_EDGE_ROUTER', `the router process at ${socketPath}: ${why}`, {
    remedy: `end the process that listens there (ss -xlp), or remove the file`,
  });
}

class SocketLink implements RouterLink {
  /** False: it has not said what it is in time. */
  readonly greeted: Promise<boolean>;
  hello: RouterHello = { protocol: 0, options: '', pid: 0, wasServed: false };
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #isOver: Promise<void>;
  readonly #requests = new RequestBook<Request, Results>(ROUTER_ERRORS);
  #state: 'greeting' | 'running' | 'closing' | 'dead' = 'greeting';

  constructor(socket: Socket, clock: Clock, onFailed: RouterOptions['onFailed']) {
    this.#socket = socket;
    this.#clock = clock;
    this.#isOver = new Promise((resolve) => socket.once('close', () => resolve()));
    const reader = new FrameReader();
    this.greeted = new Promise((resolve) => {
      const timer = clock.after(ROUTER_ANSWER_TIMEOUT, () => resolve(false));
      socket.on('data', (piece) => {
        for (const message of reader.push(piece)) {
          if (this.#state !== 'greeting') this.#requests.answered(message as never);
          else {
            this.hello = message as RouterHello;
            this.#state = 'running';
            timer.cancel();
            resolve(true);
          }
        }
      });
      socket.on('close', () => {
        const was = this.#state;
        this.#state = 'dead';
        timer.cancel();
        resolve(false);
        this.#requests.fail();
        if (was === 'running') onFailed(new Error('the router process has ended'));
      });
    });
    socket.on('error', () => undefined); // "close" follows
  }

  get isHealthy(): boolean {
    return this.#state === 'running';
  }

  get isAdopted(): boolean {
    return this.hello.wasServed;
  }

  get pid(): number {
    return this.hello.pid;
  }

  request<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
  ): Promise<Results[Kind]> {
    if (this.#state !== 'running') return Promise.reject(ROUTER_ERRORS.notRunning());
    return this.#requests.ask<Kind>(request, (numbered) => {
      this.#socket.write(frameOf(numbered));
    });
  }

  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    const closed = this.request({ kind: 'close' });
    this.#state = 'closing';
    await closed;
    await this.#isOver;
  }

  /** Whatever protocol it speaks, and whether it still answers or not. */
  async end(): Promise<void> {
    void this.close().catch(() => undefined);
    const timer = this.#clock.after(ROUTER_ANSWER_TIMEOUT, () => {
      process.kill(this.hello.pid, 'SIGKILL');
    });
    await this.#isOver;
    timer.cancel();
  }
}
