/**
 * RouterCore: one edge router over any FrameIo — state, flow table, router and counters put together. Knows no threads and opens no devices, so
 * that the same router runs in a worker over interfaces and in a test over memory.
 *
 *   core.forward(n) → number of descriptors to send with the next exchange; between two of them: configure, apply, learn, age
 *
 * Called by router-loop.ts and by tests.
 */
import type { Clock } from '../../../base/clock.ts';
import type { IpWords } from '../../../base/ip-words.ts';
import type { Rng } from '../../../base/rng.ts';
import { FlowTable } from '../../../dataplane/engine/flow-table.ts';
import { FragmentTable } from '../../../dataplane/engine/fragment-table.ts';
import { Transpositions } from '../../../dataplane/engine/transposition.ts';
import { DeviceLosses, type DeviceOfLink } from '../../../dataplane/port/device-losses.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { LinkCounters } from '../../../dataplane/port/link-counters.ts';
import type { Resource, ResourceError } from '../../../schema/southbound/messages.ts';
import type { LearnedRoute } from '../../control/learned-route.ts';
import {
  EDGE_FLOW_ACCOUNTS,
  EDGE_FLOWS_MAX,
  EDGE_FLOWS_PER_DOMAIN_MAX,
  EDGE_LINKS_MAX,
  NAT_EXPIRY_BURST,
  NAT_ICMP_IDLE_SEC,
  NAT_TCP_ESTABLISHED_IDLE_SEC,
  NAT_TCP_TRANSITORY_IDLE_SEC,
  NAT_UDP_IDLE_SEC,
} from '../limits.ts';
import type { NatTimeouts } from '../nat44/mapping-table.ts';
import type { PortLease } from '../nat44/port-lease.ts';
import type { Link } from './links.ts';
import { Router } from './router.ts';
import { type RouterSettings, RouterState, type StaticGateway } from './router-state.ts';

export const NAT_TIMEOUTS: NatTimeouts = {
  tcpEstablishedSec: NAT_TCP_ESTABLISHED_IDLE_SEC,
  tcpTransitorySec: NAT_TCP_TRANSITORY_IDLE_SEC,
  udpSec: NAT_UDP_IDLE_SEC,
  icmpSec: NAT_ICMP_IDLE_SEC,
};

export interface RouterCoreParts {
  readonly io: FrameIo;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Default: those of limits.ts. */
  readonly natTimeouts?: NatTimeouts;
  readonly natMappingsMax?: number;
  readonly flowsMax?: number;
  /** A block of ports has been leased, or has come back. */
  onPortLease?(lease: PortLease): void;
}

export class RouterCore {
  /** Of the tunnels and of every interface. */
  readonly counters: LinkCounters = new LinkCounters(EDGE_LINKS_MAX + 1);
  readonly state: RouterState;
  readonly flows: FlowTable;
  readonly transpositions: Transpositions;
  readonly #router: Router;
  readonly #clock: Clock;
  readonly #room = new Uint32Array(NAT_EXPIRY_BURST);
  #tickSec: number;
  readonly #losses: DeviceLosses;
  #devices: readonly DeviceOfLink[] = [];

  constructor(parts: RouterCoreParts) {
    const { io, clock, rng, flowsMax = EDGE_FLOWS_MAX } = parts;
    this.#losses = new DeviceLosses(io, this.counters);
    this.#clock = clock;
    const startSec = this.nowSec;
    this.#tickSec = startSec;
    this.state = new RouterState({
      rng,
      nowSec: startSec,
      natTimeouts: parts.natTimeouts ?? NAT_TIMEOUTS,
      ...(parts.natMappingsMax !== undefined && { natMappingsMax: parts.natMappingsMax }),
      neighbourEvents: {
        ask: (link, words, mac) => this.#router.ask(link, words, mac),
        failed: (_neighbour, frames) => this.#router.failed(frames),
      },
      setPeer: (peer, address, udpPort) => io.setPeer(peer, address, udpPort),
      onPortLease: (lease) => parts.onPortLease?.(lease),
    });
    // Both directions of every flow may have their own, and packets of no remembered flow need one more.
    this.transpositions = new Transpositions(flowsMax * 2 + 2);
    this.flows = new FlowTable({
      limits: {
        flowsMax,
        flowsPerOwnerMax: Math.min(flowsMax, EDGE_FLOWS_PER_DOMAIN_MAX),
        ownersMax: EDGE_FLOW_ACCOUNTS,
      },
      transpositions: this.transpositions,
      epochs: this.state.epochs,
      seed: rng.uint32(),
      startSec,
    });
    this.#router = new Router({
      io,
      state: this.state,
      flows: this.flows,
      transpositions: this.transpositions,
      fragments: new FragmentTable(rng.uint32()),
      counters: this.counters,
    });
  }

  /** Seconds of the clock, by which everything ages. */
  get nowSec(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  get slowPackets(): number {
    return this.#router.slowPackets;
  }

  /** Fragments that wait for the first one of their datagram. For tests. */
  get heldFragments(): number {
    return this.#router.heldFragments;
  }

  /** Settings and links from now on; `overlay` is the frame I/O's number of the tunnels' port, or NONE. */
  configure(change: {
    readonly settings: RouterSettings;
    readonly links: readonly Link[];
    readonly gateways: readonly StaticGateway[];
    readonly overlay: number;
  }): void {
    const { settings, links, gateways, overlay } = change;
    this.state.configure(settings, links, gateways);
    this.#router.bind(links, overlay);
    this.#devices = [
      [this.state.overlayLink, overlay] as const,
      ...links.map(({ number, device }) => [number, device] as const),
    ].filter(([, device]) => device >= 0);
  }

  apply(upserts: readonly Resource[], removes: readonly string[]): readonly ResourceError[] {
    return this.state.apply(upserts, removes, this.nowSec);
  }

  /** Takes away every resource whose key is not named; returns how many. */
  keep(keys: readonly string[]): number {
    return this.state.keep(keys);
  }

  /** Routes that BGP has chosen, or that are gone. */
  learn(routes: readonly LearnedRoute[]): void {
    this.state.learn(routes);
  }

  isOnLink(words: IpWords): boolean {
    return this.state.fib.connectedLink(words) >= 0;
  }

  forward(received: number): number {
    const { nowSec } = this;
    if (nowSec !== this.#tickSec) this.#tick(nowSec);
    return this.#router.forward(received, nowSec);
  }

  /** Forgets what has been idle for its time. True: there is more to do at once. */
  age(): boolean {
    const { nowSec } = this;
    const hasMoreFlows = this.flows.expire(nowSec, this.#room);
    const hasMoreMappings = this.state.nat.expire(nowSec, this.#room);
    return hasMoreFlows || hasMoreMappings;
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    this.flows.checkInvariants();
    this.transpositions.checkInvariants(this.flows.references);
    this.state.nat.checkInvariants();
  }

  #tick(nowSec: number): void {
    this.#tickSec = nowSec;
    this.state.neighbours.tick(nowSec);
    this.#losses.collect(this.#devices);
  }
}
