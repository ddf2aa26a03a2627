/**
 * The forwarding loop, what the edge's worker spends its life in: exchange frames, take requests between two bursts, forward the burst, and once a
 * second age flows, mappings and neighbours. The devices are opened by whoever makes the loop, so a test runs it over memory.
 * Called by worker.ts.
 */
import { SdnError } from '../../../base/errors.ts';
import { formatIpWords, type IpWords } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { answerTo, type NumberedRequest } from '../../../dataplane/port/worker-protocol.ts';
import { EDGE_LINKS_MAX } from '../limits.ts';
import { answerAbout } from './answers.ts';
import type { Link, LinkSettings } from './links.ts';
import type { RouterCore } from './router-core.ts';
import type { Request, Results, RouterConfiguration, WorkerMessage } from './worker-protocol.ts';

/** Opens what frames come through, on the loop's own FrameIo; throws an SdnError where the system refuses. */
export interface LinkOpener {
  /** `own`: addresses whose packets are the kernel's. */
  openLink(name: string, own: readonly IpWords[]): number;
  openOverlay(address: IpWords, udpPort: number): number;
}

export interface RouterLoopParts {
  readonly io: FrameIo;
  readonly core: RouterCore;
  readonly opener: LinkOpener;
  takeRequests(): readonly NumberedRequest<Request>[];
  post(message: WorkerMessage): void;
}

const TICK_MS = 1000;

interface OpenLink {
  readonly device: number;
  readonly number: number;
  /** What it was opened with. */
  readonly identity: string;
}

export class RouterLoop {
  readonly #parts: RouterLoopParts;
  readonly #links = new Map<string, OpenLink>();
  #overlay: { readonly device: number; readonly identity: string } | undefined;
  #txCount = 0;
  #agedSec = -1;
  #isAgeing = false;
  #isRunning = true;

  constructor(parts: RouterLoopParts) {
    this.#parts = parts;
  }

  /** Runs until a request to close. */
  run(): void {
    while (this.#isRunning) this.turn();
  }

  /** One round. */
  turn(): void {
    const { io, core, post } = this.#parts;
    const received = io.exchange(this.#txCount, this.#isAgeing ? 0 : TICK_MS);
    for (const numbered of this.#parts.takeRequests()) {
      post(answerTo(numbered, (request) => this.#deal(request)));
    }
    if (!this.#isRunning) return;
    this.#txCount = core.forward(received);
    const { nowSec } = core;
    if (nowSec === this.#agedSec && !this.#isAgeing) return;
    this.#agedSec = nowSec;
    this.#isAgeing = core.age();
  }

  #deal(request: Request): Results[keyof Results] {
    const { core, io } = this.#parts;
    switch (request.kind) {
      case 'configure':
        this.#configure(request.configuration);
        return true;
      case 'apply':
        return core.apply(request.upserts, request.removes);
      case 'learn':
        core.learn(request.routes);
        return true;
      case 'keep':
        return core.keep(request.keys);
      case 'relearn':
        core.state.fib.relearn();
        return true;
      case 'forget':
        return core.state.fib.forget();
      case 'ask':
        return answerAbout(core, request.question);
      case 'close':
        io.close();
        this.#isRunning = false;
        return true;
    }
  }

  /** Opens what is new before it closes what is old, so that a refusal leaves everything as it was. */
  #configure({ settings, links, gateways }: RouterConfiguration): void {
    const own = links.flatMap(({ addresses }) => addresses.map(({ words }) => words));
    const opened: number[] = [];
    try {
      const overlay = this.#openOverlay(settings.providerAddress, settings.vxlanPort, opened);
      const next = new Map<string, OpenLink>();
      for (const link of links) next.set(link.name, this.#openLink(link, own, opened, next));
      const closing = [...this.#links.values()]
        .map(({ device }) => device)
        .filter((device) => ![...next.values()].some((open) => open.device === device));
      const before = this.#overlay;
      if (before !== undefined && before.device !== overlay?.device) closing.push(before.device);
      this.#links.clear();
      for (const [name, open] of next) this.#links.set(name, open);
      this.#overlay = overlay;
      this.#parts.core.configure({
        settings,
        gateways,
        overlay: overlay?.device ?? NONE,
        links: links.flatMap((link): Link[] => {
          const open = next.get(link.name);
          return open === undefined ? [] : [{ ...link, number: open.number, device: open.device }];
        }),
      });
      for (const device of closing) this.#parts.io.detach(device);
    } catch (thrown) {
      for (const device of opened) this.#parts.io.detach(device);
      throw thrown;
    }
  }

  #openOverlay(
    address: IpWords | undefined,
    udpPort: number,
    opened: number[],
  ): { readonly device: number; readonly identity: string } | undefined {
    if (address === undefined) return undefined;
    const identity = `${formatIpWords(address)} ${udpPort}`;
    const known = this.#overlay;
    if (known?.identity === identity) return known;
    const device = this.#parts.opener.openOverlay(address, udpPort);
    opened.push(device);
    return { device, identity };
  }

  #openLink(
    { name, mac }: LinkSettings,
    own: readonly IpWords[],
    opened: number[],
    others: ReadonlyMap<string, OpenLink>,
  ): OpenLink {
    const identity = `${mac} ${own.map(formatIpWords).join()}`;
    const known = this.#links.get(name);
    const isGone = known !== undefined && this.#parts.io.isGone(known.device);
    if (known?.identity === identity && !isGone) return known;
    const device = this.#parts.opener.openLink(name, own);
    opened.push(device);
    return { device, identity, number: known?.number ?? this.#freeNumber(others) };
  }

  /** Counters go by it: the smallest that no link has, or has just had. */
  #freeNumber(others: ReadonlyMap<string, OpenLink>): number {
    const taken = new Set(
      [...this.#links.values(), ...others.values()].map(({ number }) => number),
    );
    for (let number = 1; number <= EDGE_LINKS_MAX; number += 1) {
      if (!taken.has(number)) return number;
    }
    throw new SdnError('SDN_EDGE_LINKS', `more than ${EDGE_LINKS_MAX} interfaces`, {
      remedy: 'an edge router has one provider interface and up to 16 outside interfaces',
    });
  }
}
