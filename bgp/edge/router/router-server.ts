/**
 * The router process' side of its socket: one agent at a time, whose requests go to the worker. When the agent is gone without having ended the router,
 * forwarding goes on for the next one, for a limited time. Called by main.ts.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../../../base/clock.ts';
import { messageOf, SdnError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { NumberedRequest } from '../../../dataplane/port/worker-protocol.ts';
import { ROUTER_ALONE_MAX } from '../limits.ts';
import type { RouterLink } from './router-handle.ts';
import { FrameReader, frameOf, ROUTER_PROTOCOL, type RouterHello } from './router-wire.ts';
import type { Request, WorkerMessage } from './worker-protocol.ts';

export interface RouterServerOptions {
  /** Claimed: nobody listens there. */
  readonly socketPath: string;
  readonly link: RouterLink;
  /** What the router was started with, for an agent that wants another. */
  readonly options: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The router has been ended by its agent, or has been alone for too long. */
  onEnd(): void;
}

export class RouterServer {
  readonly #options: RouterServerOptions;
  readonly #server: Server;
  #agent: Socket | undefined;
  #wasServed = false;
  #alone: Timer | undefined;

  constructor(options: RouterServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  get hasAgent(): boolean {
    return this.#agent !== undefined;
  }

  /** Resolves when agents may connect. */
  listen(): Promise<void> {
    this.#waitAlone();
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.socketPath, () => resolve());
    });
  }

  #serve(socket: Socket): void {
    const { log, options } = this.#options;
    // One that has not noticed its own end yet gives way to the next.
    this.#agent?.destroy();
    this.#agent = socket;
    this.#alone?.cancel();
    const hello: RouterHello = {
      protocol: ROUTER_PROTOCOL,
      options,
      pid: process.pid,
      wasServed: this.#wasServed,
    };
    this.#wasServed = true;
    socket.write(frameOf(hello));
    const reader = new FrameReader();
    socket.on('data', (piece) => {
      try {
        for (const message of reader.push(piece)) void this.#answer(socket, message as never);
      } catch (thrown) {
        log.error({ err: thrown }, 'the agent is not understood');
        socket.destroy();
      }
    });
    socket.on('error', (cause) => log.debug({ err: cause }, 'the agent’s connection'));
    socket.on('close', () => {
      if (this.#agent !== socket) return;
      this.#agent = undefined;
      log.warn({}, 'the agent has gone; forwarding goes on');
      this.#waitAlone();
    });
  }

  async #answer(socket: Socket, { number, request }: NumberedRequest<Request>): Promise<void> {
    const { link, log } = this.#options;
    const reply = (message: WorkerMessage): void => {
      if (!socket.destroyed) socket.write(frameOf(message));
    };
    if (request.kind === 'close') {
      await link.close();
      this.#agent = undefined;
      socket.end(frameOf({ kind: 'result', number, value: true }), () => this.#end());
      return;
    }
    try {
      reply({ kind: 'result', number, value: await link.request(request) });
    } catch (thrown) {
      if (!(thrown instanceof SdnError)) log.error({ err: thrown }, 'a request has failed');
      const code = thrown instanceof SdnError ? thrown.code : 'SDN_EDGE_INTERNAL';
      const remedy = thrown instanceof SdnError ? thrown.remedy : undefined;
      reply({ kind: 'fault', number, fault: { code, message: messageOf(thrown), remedy } });
    }
  }

  #waitAlone(): void {
    const { clock, log, link } = this.#options;
    this.#alone = clock.after(ROUTER_ALONE_MAX, () => {
      log.error({}, 'no agent has come back: forwarding ends');
      void link.close().finally(() => this.#end());
    });
  }

  #end(): void {
    this.#server.close();
    this.#options.onEnd();
  }
}
