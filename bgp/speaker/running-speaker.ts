/**
 * The speaker at work: brings neighbours, tables and listener together. The interface it implements, and the essay, are in ../speaker.ts.
 */
import { defined } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { formatIpPrefixWords, formatIpWords, ipAddressBytes } from '../../base/ip-words.ts';
import { systemRng } from '../../base/rng.ts';
import { seconds } from '../../base/units.ts';
import { Bfd } from '../bfd/bfd.ts';
import { Monitor, type MonitorOptions } from '../bmp/monitor.ts';
import type { StationStatus } from '../bmp/station.ts';
import { BGP_PORT, MULTIPATH_MAX, SELECTION_DEFERRAL_TIME } from '../limits.ts';
import { Afi } from '../message/capability.ts';
import {
  CeaseSubcode,
  NotificationCode,
  type NotificationFault,
  notificationFault,
  shutdownCommunication,
} from '../message/notification.ts';
import { tableDump } from '../mrt/table-dump.ts';
import type { UpdateLog } from '../mrt/update-log.ts';
import { AttributeTable } from '../rib/attribute-table.ts';
import type { PathSource } from '../rib/decision.ts';
import type { ExportSource } from '../rib/export.ts';
import { NONE } from '../rib/prefix-table.ts';
import { type Listener, startListener } from '../session/listener.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { PeerSecurity } from '../session/peer-security.ts';
import { tcpTransport } from '../session/tcp-transport.ts';
import type { Transport } from '../session/transport.ts';
import { WorkQueue } from '../session/work-queue.ts';
import { ChosenRoutes } from './chosen-routes.ts';
import type { ExplainedRoute, LocalRoute, Route, Speaker, SpeakerOptions } from './contract.ts';
import { SelectionDeferral } from './deferral.ts';
import { LocalRoutes, locate } from './local-routes.ts';
import type { Neighbour, NeighbourHost } from './neighbour.ts';
import { LOCAL, NeighbourSet } from './neighbour-set.ts';
import {
  checkAsn,
  checkNeighbour,
  type DynamicNeighbourOptions,
  isSameSession,
  type NeighbourOptions,
  type PeerOptions,
  routerIdOf,
  securityOf,
} from './options.ts';
import { FamilyRib } from './rib.ts';
import {
  type AdvertisedRoute,
  type ReceivedRoute,
  type RouteTrace,
  RouteViews,
} from './route-views.ts';
import { type NeighbourStatus, statusOf } from './status.ts';

const LOCAL_SOURCE: ExportSource & PathSource = {
  isLocal: true,
  isExternal: false,
  isClient: false,
  bgpIdentifier: 0,
  address: [],
};

export class RunningSpeaker implements Speaker, NeighbourHost {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly transport: Transport;
  readonly asn: number;
  readonly bgpIdentifier: number;
  readonly clusterId: number;
  readonly attributes: AttributeTable;
  readonly bfd: Bfd | undefined;
  readonly updateLog: UpdateLog | undefined;
  readonly monitor: Monitor | undefined;
  readonly #options: SpeakerOptions;
  readonly #ribs: readonly FamilyRib[];
  readonly #neighbours: NeighbourSet;
  readonly #chosen: ChosenRoutes;
  readonly #views: RouteViews;
  readonly #localRoutes: LocalRoutes;
  readonly #policyNumbers = new WeakMap<object, number>();
  #policyCount = 0;
  #listener: Listener | undefined;
  #isRunning = false;
  #isRestarting: boolean;
  #deferral: SelectionDeferral | undefined;
  readonly #settle = (): boolean => this.#ribs.map((rib) => rib.settle()).includes(true);

  constructor(options: SpeakerOptions) {
    checkAsn(options.asn);
    this.#options = options;
    this.clock = options.clock;
    this.asn = options.asn;
    this.bgpIdentifier = routerIdOf(options.routerId);
    this.clusterId =
      options.clusterId === undefined ? this.bgpIdentifier : routerIdOf(options.clusterId);
    this.transport = options.transport ?? tcpTransport(options.clock);
    this.work = new WorkQueue(options.clock);
    this.updateLog = options.updateLog;
    const { bfdTransport, rng = systemRng } = options;
    this.attributes = new AttributeTable(rng);
    this.bfd = bfdTransport === undefined ? undefined : new Bfd(this.clock, rng, bfdTransport);
    this.#neighbours = new NeighbourSet(this);
    this.#isRestarting = options.isRestarting === true;
    const { multipath = {}, compareMedAcrossAs = false } = options;
    const decision = {
      pathsExternalMax: Math.min(MULTIPATH_MAX, multipath.external ?? 1),
      pathsInternalMax: Math.min(MULTIPATH_MAX, multipath.internal ?? 1),
      compareMedAcrossAs,
    };
    this.#ribs = [Afi.Ipv4, Afi.Ipv6].map(
      (afi) =>
        new FamilyRib({
          afi,
          attributes: this.attributes,
          decision,
          source: (peer) => this.#sourceOf(peer),
          nextHopCost: (nextHop) =>
            options.nextHopCost?.(nextHop) ?? (options.nextHopCost ? undefined : 0),
          onChanged: (prefixes) => this.#tell(afi, prefixes),
          onComplete: () => this.#complete(),
          onWork: () => {
            for (const neighbour of this.#neighbours.all()) neighbour.wake();
          },
          onUnsettled: () => this.onRoutes(),
        }),
    );
    this.#localRoutes = new LocalRoutes(this.attributes, (afi) => this.rib(afi));
    this.#chosen = new ChosenRoutes({
      attributes: this.attributes,
      ribs: this.#ribs,
      addressAt: (peer) => this.#neighbours.addressAt(peer),
    });
    this.#views = new RouteViews({
      attributes: this.attributes,
      ribs: this.#ribs,
      neighbourAt: (peer) => this.#neighbours.at(peer),
      neighbours: () => this.#neighbours.all(),
      sourceOf: (peer) => this.#sourceOf(peer),
    });
    if (options.monitor === undefined) return;
    const tables = this.#ribs.map(({ table }) => table);
    const { clock, work, transport, attributes } = this;
    this.monitor = new Monitor({ clock, work, transport, attributes, tables }, options.monitor);
  }

  get ports(): readonly number[] {
    return this.#listener?.ports ?? [];
  }

  get counts(): Speaker['counts'] {
    return {
      prefixes: this.#ribs.reduce((sum, rib) => sum + rib.table.prefixes.count, 0),
      paths: this.#ribs.reduce((sum, rib) => sum + rib.table.pathCount, 0),
      attributeSets: this.attributes.count,
    };
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    await this.bfd?.start();
    const { listen } = this.#options;
    if (listen !== undefined) {
      this.#listener = await startListener({
        transport: this.transport,
        addresses: listen.addresses,
        port: listen.port ?? BGP_PORT,
        sessionOf: (address) => this.#neighbourFor(address)?.session,
      });
    }
    this.#secure();
    if (this.#isRestarting) this.#defer();
    this.#isRunning = true;
    this.monitor?.start();
    for (const neighbour of this.#neighbours.all()) neighbour.session.start();
  }

  async stop(reason?: string): Promise<void> {
    this.#isRunning = false;
    this.#deferral?.end();
    const data = reason === undefined ? undefined : shutdownCommunication(reason);
    const fault = cease(CeaseSubcode.AdministrativeShutdown, data);
    for (const neighbour of this.#neighbours.all()) neighbour.session.stop(fault);
    this.monitor?.stop();
    await this.bfd?.stop();
    await this.#listener?.close();
    this.#listener = undefined;
  }

  setNeighbour(options: NeighbourOptions): void {
    const checked = checkNeighbour(options);
    this.#checkSecurable(checked.security);
    this.#checkWatchable(options);
    const present = this.#neighbours.get(formatIpWords(checked.words));
    if (present !== undefined && isSameSession(present.checked.options, options)) {
      present.reconfigure(checked);
      return;
    }
    if (present !== undefined) {
      this.#neighbours.remove(present, cease(CeaseSubcode.OtherConfigurationChange));
    }
    const neighbour = this.#neighbours.add(checked);
    this.#secure();
    if (this.#isRunning) neighbour.session.start();
  }

  removeNeighbour(address: string): void {
    this.#neighbours.remove(this.#neighbours.known(address), cease(CeaseSubcode.PeerDeconfigured));
    this.#secure();
  }

  setDynamicNeighbours(entries: readonly DynamicNeighbourOptions[]): void {
    for (const entry of entries) {
      this.#checkSecurable(securityOf(entry));
      this.#checkWatchable(entry);
    }
    for (const neighbour of this.#neighbours.setDynamicEntries(entries)) {
      this.#neighbours.remove(neighbour, cease(CeaseSubcode.PeerDeconfigured));
    }
    this.#secure();
  }

  resetNeighbour(address: string): void {
    const { session } = this.#neighbours.known(address);
    session.stop(cease(CeaseSubcode.AdministrativeReset));
    session.start();
  }

  refreshNeighbour(address: string): boolean {
    return this.#neighbours.known(address).requestRefresh();
  }

  announce(route: LocalRoute): void {
    this.#localRoutes.announce(route);
    this.onRoutes();
  }

  withdraw(prefix: string): boolean {
    const isGone = this.#localRoutes.withdraw(prefix);
    this.onRoutes();
    return isGone;
  }

  route(prefixText: string): Route | undefined {
    const { rib, prefix } = locate((afi) => this.rib(afi), prefixText, false);
    return prefix === NONE ? undefined : this.#chosen.route(rib, prefix);
  }

  routes(): Iterable<Route> {
    return this.#chosen.all();
  }

  explain(prefixText: string): readonly ExplainedRoute[] {
    const { rib, prefix } = locate((afi) => this.rib(afi), prefixText, false);
    return prefix === NONE ? [] : this.#chosen.explain(rib, prefix);
  }

  tableDump(): Iterable<Uint8Array> {
    return tableDump({
      bgpIdentifier: this.bgpIdentifier,
      wallMs: this.clock.wallNow(),
      attributes: this.attributes,
      tables: this.#ribs.map(({ table }) => table),
      peers: [...this.#neighbours.all()].map(
        ({ number, asn, bgpIdentifier, checked, session }) => ({
          ...{ number, asn, bgpIdentifier, address: ipAddressBytes(checked.words) },
          connectedAtMs: session.statistics.tcpConnectionEstablished ?? 0,
        }),
      ),
    });
  }

  received(address: string): Iterable<ReceivedRoute> {
    return this.#views.received(this.#neighbours.known(address));
  }

  advertised(address: string): Iterable<AdvertisedRoute> {
    return this.#views.advertised(this.#neighbours.known(address));
  }

  trace(prefixText: string): RouteTrace {
    const { rib, prefix } = locate((afi) => this.rib(afi), prefixText, false);
    return prefix === NONE ? { paths: [], exports: [] } : this.#views.trace(rib, prefix);
  }

  neighbours(): readonly NeighbourStatus[] {
    return [...this.#neighbours.all()].map((neighbour) =>
      statusOf(neighbour, this.#neighbours.isDynamic(neighbour), this.clock.wallNow(), this.bfd),
    );
  }

  monitoringStations(): readonly StationStatus[] {
    return this.monitor?.status() ?? [];
  }

  setMonitoring(options: MonitorOptions): void {
    defined(this.monitor, 'a speaker that was made with a monitor').configure(options);
  }

  nextHopsChanged(): void {
    for (const rib of this.#ribs) rib.table.markAll();
    this.onRoutes();
  }

  restarted(): void {
    this.#deferral?.end();
  }

  // What neighbours need.

  rib(afi: number): FamilyRib {
    return defined(
      this.#ribs.find((rib) => rib.afi === afi),
      'a family of this speaker',
    );
  }

  sourceOf(peer: number): ExportSource {
    return this.#sourceOf(peer);
  }

  policyNumber(policy: object): number {
    const known = this.#policyNumbers.get(policy);
    if (known !== undefined) return known;
    this.#policyCount += 1;
    this.#policyNumbers.set(policy, this.#policyCount);
    return this.#policyCount;
  }

  onUp(neighbour: Neighbour, negotiated: Negotiated): void {
    this.#deferral?.up(neighbour, negotiated);
  }

  onEndOfRib(neighbour: Neighbour, afi: number): void {
    this.#deferral?.endOfRib(neighbour, afi);
  }

  /** RFC 4724 §4.1: everything is heard before anything is decided. */
  #defer(): void {
    const { selectionDeferralSec } = this.#options;
    for (const rib of this.#ribs) rib.defer();
    this.#deferral = new SelectionDeferral({
      clock: this.clock,
      timeMax:
        selectionDeferralSec === undefined
          ? SELECTION_DEFERRAL_TIME
          : seconds(selectionDeferralSec),
      afis: this.#ribs.map(({ afi }) => afi),
      neighbours: () =>
        [...this.#neighbours.all()].filter((each) => !this.#neighbours.isDynamic(each)),
      onOver: (afi) => {
        this.rib(afi).resume();
        this.onRoutes();
      },
    });
  }

  #complete(): void {
    if (this.#ribs.some((rib) => rib.isHeld)) return;
    this.#deferral = undefined;
    this.#isRestarting = false;
    this.#options.onRestarted?.();
  }

  isRestarting(): boolean {
    return this.#isRestarting;
  }

  onRoutes(): void {
    this.work.add(this.#settle);
  }

  onStateChange(neighbour: Neighbour): void {
    this.#options.onNeighbour?.(neighbour.checked.options.address);
    const hasEnded = neighbour.session.status.failure !== undefined;
    if (!this.#neighbours.isDynamic(neighbour) || !hasEnded) return;
    // Not now: its session is in the middle of a step.
    this.work.add(() => {
      const isOver = neighbour.session.status.state !== 'Established';
      if (isOver && this.#neighbours.isDynamic(neighbour)) {
        this.#neighbours.remove(neighbour, cease(CeaseSubcode.PeerDeconfigured));
      }
      return false;
    });
  }

  #sourceOf(peer: number): ExportSource & PathSource {
    return peer === LOCAL ? LOCAL_SOURCE : this.#neighbours.at(peer);
  }

  /** Keys and distances must be known before the first segment of a peer comes. */
  #secure(): void {
    this.#listener?.secure(this.#neighbours.secured());
  }

  #checkSecurable({ md5Key, hopsMax }: PeerSecurity): void {
    if (this.transport.isSecurable || (md5Key === undefined && hopsMax === undefined)) return;
    const what = 'this speaker’s transport can set neither MD5 keys nor TTL security';
    throw new SdnError('SDN_BGP_CONFIG', what, {
      remedy: 'Give it a transport with socket options, or leave out md5Key and ttlSecurityHops.',
    });
  }

  #checkWatchable({ bfd }: PeerOptions): void {
    if (bfd === undefined || this.bfd !== undefined) return;
    throw new SdnError('SDN_BGP_CONFIG', 'this speaker has no transport for BFD', {
      remedy: 'Give it one, or leave out bfd.',
    });
  }

  #neighbourFor(remoteAddress: string): Neighbour | undefined {
    const found = this.#neighbours.forConnection(remoteAddress);
    if (found?.isNew === true && this.#isRunning) found.neighbour.session.start();
    return found?.neighbour;
  }

  #tell(afi: number, prefixes: readonly number[]): void {
    const { onRoutes } = this.#options;
    if (onRoutes === undefined) return;
    const { table } = this.rib(afi);
    onRoutes(prefixes.map((prefix) => formatIpPrefixWords(table.prefixes.prefix(prefix))));
  }
}

function cease(subcode: number, data?: Uint8Array): NotificationFault {
  return notificationFault(NotificationCode.Cease, subcode, data);
}
