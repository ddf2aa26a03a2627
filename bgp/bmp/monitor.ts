/**
 * BMP — RFC 7854: stations elsewhere hear what every neighbour of this speaker says, as it comes. Each station has a session of its own (station.ts)
 * and is told the same; without one that is connected, nothing is copied and nothing is encoded.
 *
 * An UPDATE without faults goes on as it came. What one with faults has come to (RFC 7606) is encoded anew, because a station cannot know what
 * this speaker made of it; so are routes that go without a word of the peer, when it has told everything again and not them (RFC 4724, RFC 7313).
 * With its session a peer's routes are gone for the stations (§4.9), even where graceful restart keeps them here.
 *
 * Called by the speaker and its neighbours.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { parseIpWords } from '../../base/ip-words.ts';
import { type Millis, seconds } from '../../base/units.ts';
import { BMP_STATIONS_MAX, BMP_STATISTICS_TIME, BMP_STATISTICS_TIME_MIN } from '../limits.ts';
import type { UpdateRepr } from '../message/update.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { RouteTable } from '../rib/route-table.ts';
import type { SessionFailure } from '../session/failure.ts';
import type { Transport } from '../session/transport.ts';
import type { WorkQueue } from '../session/work-queue.ts';
import * as message from './message.ts';
import { type MonitoredPeer, routesOfRows, routesOfUpdate } from './monitored-peer.ts';
import { Station, type StationAddress, type StationStatus } from './station.ts';
import { TableDump } from './table-dump.ts';

export interface MonitorOptions {
  /** What stations know this speaker by. */
  readonly systemName: string;
  readonly stations: readonly StationAddress[];
  /** Between two Statistics Reports of each peer; default 60. */
  readonly statisticsSec?: number;
}

export interface MonitorHost {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly transport: Transport;
  readonly attributes: AttributeTable;
  readonly tables: readonly RouteTable[];
}

const FAREWELL = message.termination(message.TerminationReason.AdministrativelyClosed);
const DESCRIPTION = 'Weft BGP speaker';

export class Monitor {
  readonly #host: MonitorHost;
  #stations: readonly Station[] = [];
  #statisticsTime: Millis = BMP_STATISTICS_TIME;
  #isRunning = false;
  /** Those whose session is up, by number. */
  readonly #peers = new Map<number, MonitoredPeer>();
  #timer: Timer | undefined;

  constructor(host: MonitorHost, options: MonitorOptions) {
    this.#host = host;
    this.configure(options);
  }

  /** Other stations from now on; those that stay notice nothing. */
  configure(options: MonitorOptions): void {
    const statisticsTime = statisticsTimeOf(options);
    const targets = checkedStations(options);
    const leaving = new Set(this.#stations);
    this.#stations = targets.map((target) => {
      const known = this.#stations.find(({ status: { address, port } }) => {
        return address === target.address && port === target.port;
      });
      if (known !== undefined) leaving.delete(known);
      return known ?? this.#station(target, options.systemName);
    });
    for (const station of leaving) station.stop(FAREWELL);
    for (const station of this.#stations) {
      if (this.#isRunning && station.status.state === 'stopped') station.start();
    }
    if (statisticsTime === this.#statisticsTime) return;
    this.#statisticsTime = statisticsTime;
    if (this.#isRunning) this.#reportLater();
  }

  start(): void {
    this.#isRunning = true;
    for (const station of this.#stations) station.start();
    this.#reportLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isRunning = false;
    for (const station of this.#stations) station.stop(FAREWELL);
  }

  status(): readonly StationStatus[] {
    return this.#stations.map(({ status }) => status);
  }

  peerUp(peer: MonitoredPeer): void {
    this.#peers.set(peer.number, peer);
    this.#tell(() => [message.peerUp(peer, peer.upAtMs, peer)]);
  }

  peerDown(number: number, failure: SessionFailure): void {
    const peer = this.#peers.get(number);
    this.#peers.delete(number);
    if (peer === undefined) return;
    this.#tell(() => [message.peerDown(peer, this.#host.clock.wallNow(), failure)]);
  }

  /** `received` is what `bytes`, a whole UPDATE, has come to. */
  update(number: number, bytes: Uint8Array, received: UpdateRepr): void {
    const peer = this.#peers.get(number);
    if (peer === undefined) return;
    this.#tell(() =>
      received.complaints.length > 0
        ? routesOfUpdate(peer, received, this.#host.attributes)
        : [message.routeMonitoring(peer, this.#host.clock.wallNow(), bytes, !peer.fourOctetAs)],
    );
  }

  /** What of a peer is stale is about to go. */
  sweeping(number: number, table: RouteTable): void {
    const peer = this.#peers.get(number);
    if (peer === undefined) return;
    this.#tell(() => {
      const withdrawn = table.staleRows(number);
      const announced = new Map<number, readonly number[]>();
      return routesOfRows(peer, table, this.#host.attributes, { announced, withdrawn });
    });
  }

  #station(target: StationAddress, systemName: string): Station {
    const { clock, work, transport, tables, attributes } = this.#host;
    return new Station({
      ...{ clock, work, transport, target },
      greeting: () => [
        message.initiation(systemName, DESCRIPTION),
        ...[...this.#peers.values()].map((peer) => message.peerUp(peer, peer.upAtMs, peer)),
      ],
      dump: () => new TableDump(tables, attributes, this.#peers),
    });
  }

  /** Made only if somebody listens, and once for all. */
  #tell(make: () => readonly Uint8Array[]): void {
    const listening = this.#stations.filter(({ isConnected }) => isConnected);
    if (listening.length === 0) return;
    for (const bytes of make()) for (const station of listening) station.send(bytes);
  }

  #reportLater(): void {
    const { clock } = this.#host;
    this.#timer?.cancel();
    this.#timer = clock.after(
      this.#statisticsTime,
      () => {
        const wallMs = clock.wallNow();
        const peers = [...this.#peers.values()];
        this.#tell(() =>
          peers.map((peer) => message.statisticsReport(peer, wallMs, peer.statistics())),
        );
        this.#reportLater();
      },
      { background: true },
    );
  }
}

function checkedStations({ stations }: MonitorOptions): readonly StationAddress[] {
  if (stations.length > BMP_STATIONS_MAX) {
    throw new SdnError('SDN_BGP_CONFIG', `there are at most ${BMP_STATIONS_MAX} BMP stations`, {
      remedy: 'Have one station pass on what it hears.',
    });
  }
  for (const { address, port } of stations) {
    const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
    if (parseIpWords(address) !== undefined && isPort) continue;
    const what = `${address} port ${port} is no address of a BMP station`;
    throw new SdnError('SDN_BGP_CONFIG', what, {
      remedy: 'Give an IPv4 or IPv6 address and a port from 1 to 65535.',
    });
  }
  return stations;
}

function statisticsTimeOf({ statisticsSec }: MonitorOptions): Millis {
  if (statisticsSec === undefined) return BMP_STATISTICS_TIME;
  if (statisticsSec * 1_000 >= BMP_STATISTICS_TIME_MIN) return seconds(statisticsSec);
  const what = `BMP statistics every ${statisticsSec} s are too many`;
  throw new SdnError('SDN_BGP_CONFIG', what, {
    remedy: `Take at least ${BMP_STATISTICS_TIME_MIN / 1_000} s.`,
  });
}
