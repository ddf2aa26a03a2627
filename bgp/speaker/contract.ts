/** What a speaker is made from, what it does and what it tells: the interface of ../speaker.ts, which has the essay. */
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { BfdTransport } from '../bfd/transport.ts';
import type { MonitorOptions } from '../bmp/monitor.ts';
import type { StationStatus } from '../bmp/station.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import type { UpdateLog } from '../mrt/update-log.ts';
import type { StepName } from '../rib/decision.ts';
import type { Transport } from '../session/transport.ts';
import type { DynamicNeighbourOptions, NeighbourOptions } from './options.ts';
import type { AdvertisedRoute, ReceivedRoute, RouteTrace } from './route-views.ts';
import type { NeighbourStatus } from './status.ts';

export interface SpeakerOptions {
  readonly clock: Clock;
  readonly asn: number;
  /** As an IPv4 address. */
  readonly routerId: string;
  /** Undefined: only connects, never answers. */
  readonly listen?: { readonly addresses: readonly string[]; readonly port?: number };
  /** The kernel's TCP unless another is given. */
  readonly transport?: Transport;
  /** Gets every message of every neighbour as MRT (RFC 6396). */
  readonly updateLog?: UpdateLog;
  /** Stations that hear what neighbours say (RFC 7854); with none, `setMonitoring` may name some later. */
  readonly monitor?: MonitorOptions;
  /** Without one no neighbour can ask for BFD. */
  readonly bfdTransport?: BfdTransport;
  /** Default: the kernel's. */
  readonly rng?: Rng;
  /** Default: the router identifier (RFC 4456 §7). */
  readonly clusterId?: string;
  /** Paths used side by side; default 1. */
  readonly multipath?: { readonly external?: number; readonly internal?: number };
  readonly compareMedAcrossAs?: boolean;
  /**
   * This process took over from one whose forwarding goes on (RFC 4724 §4.1): OPENs say so, and nothing is decided or told before all neighbours
   * have told everything, `restarted` is called, or selectionDeferralSec are over.
   */
  readonly isRestarting?: boolean;
  readonly selectionDeferralSec?: number;
  /** The first decisions after a restart are complete: what was forwarded before and has no route now is to go. */
  onRestarted?(): void;
  /** Cost of a next hop, undefined where it cannot be reached; default: all can, at the same cost. */
  nextHopCost?(nextHop: Uint8Array): number | undefined;
  /** Prefixes whose best route is another one now, or none. */
  onRoutes?(prefixes: readonly string[]): void;
  onNeighbour?(address: string): void;
}

/** A route of this speaker's own. */
export interface LocalRoute {
  readonly prefix: string;
  /** Default: this speaker itself. */
  readonly nextHop?: string;
  readonly med?: number;
  readonly localPref?: number;
  /** `asn * 65536 + value`. */
  readonly communities?: readonly number[];
}

export interface Route {
  readonly prefix: string;
  /** Of the best path first, then of those used beside it. */
  readonly nextHops: readonly string[];
  readonly attributes: PathAttributes;
  /** Undefined: this speaker's own. */
  readonly neighbour: string | undefined;
}

export interface ExplainedRoute {
  readonly neighbour: string | undefined;
  readonly attributes: PathAttributes | undefined;
  readonly isBest: boolean;
  readonly isMultipath: boolean;
  readonly isStale: boolean;
  /** The step of the decision that it lost by, or why it took no part. */
  readonly lostBy: StepName | 'refused by import policy' | 'next hop unreachable' | undefined;
}

export interface Speaker {
  /** Binds the listener and starts all neighbours; rejects when an address cannot be bound. */
  start(): Promise<void>;
  /** Every neighbour hears why (RFC 9003); routes go. */
  stop(reason?: string): Promise<void>;
  readonly ports: readonly number[];
  /** Adds a neighbour or changes it. Policies, limits and next hops change without touching its session; other changes restart that one alone. */
  setNeighbour(options: NeighbourOptions): void;
  removeNeighbour(address: string): void;
  /** Replaces the prefixes whose addresses may connect unannounced. */
  setDynamicNeighbours(entries: readonly DynamicNeighbourOptions[]): void;
  /** Ends and starts the session of one neighbour. */
  resetNeighbour(address: string): void;
  /** Asks the neighbour for all its routes again (RFC 2918); false where it cannot. */
  refreshNeighbour(address: string): boolean;
  announce(route: LocalRoute): void;
  /** False when it was not announced. */
  withdraw(prefix: string): boolean;
  route(prefix: string): Route | undefined;
  /** Best routes of both families. */
  routes(): Iterable<Route>;
  explain(prefix: string): readonly ExplainedRoute[];
  /** Everything neighbours have said, as an MRT file in pieces (RFC 6396 TABLE_DUMP_V2), made as they are taken. */
  tableDump(): Iterable<Uint8Array>;
  /** Everything a neighbour has announced, refused or not. */
  received(address: string): Iterable<ReceivedRoute>;
  /** Everything a neighbour has been told. */
  advertised(address: string): Iterable<AdvertisedRoute>;
  /** Why each path of a prefix is or is not used, and each neighbour is or is not told of it. */
  trace(prefix: string): RouteTrace;
  neighbours(): readonly NeighbourStatus[];
  monitoringStations(): readonly StationStatus[];
  /** Other stations, no session of a neighbour the worse for it; only for a speaker that was made with `monitor`. */
  setMonitoring(options: MonitorOptions): void;
  /** Next hops may have come or gone: everything is decided anew. */
  nextHopsChanged(): void;
  /** Nobody is waited for any longer after a restart (RFC 4724 §4.1). */
  restarted(): void;
  readonly counts: {
    readonly prefixes: number;
    readonly paths: number;
    readonly attributeSets: number;
  };
}
