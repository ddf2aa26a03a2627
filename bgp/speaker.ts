/**
 * A BGP-4 speaker as a library — RFC 4271 — for whoever must tell or learn routes: the edge, the load balancer's muxes, tenant gateways.
 *
 *   const speaker = createSpeaker({ clock, asn: 64512, routerId: '192.0.2.1', listen: { addresses: ['0.0.0.0'] } });
 *   speaker.setNeighbour({ address: '192.0.2.2', asn: 64513, importPolicy: 'accept-all', exportPolicy: 'accept-all' });
 *   await speaker.start();
 *   speaker.announce({ prefix: '203.0.113.7/32' });
 *
 * The essay. Neighbours (speaker/neighbour.ts) put what they hear into one table per family (rib/route-table.ts), where a route is a row of
 * integers; the table decides changed prefixes in slices; update groups (rib/update-group.ts) turn decisions into messages, once for all
 * neighbours that are told the same; each neighbour takes them when its socket has room. Nothing in this folder knows what routes are for:
 * `onRoutes` tells the owner which prefixes have another best route, `route` and `explain` say which and why.
 *
 * Changing one neighbour leaves all others alone. Policies are data (policy/policy.ts); without one an external neighbour gives and gets
 * nothing (RFC 8212). Omitted: MD5 and TTL security (see session/tcp-transport.ts), confederations, more families than IPv4 and IPv6 unicast,
 * ADD-PATH toward the peer.
 */
import { assert, defined } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import {
  formatIpPrefixWords,
  formatIpWords,
  ipWordsFromBytes,
  parseIpWords,
} from '../base/ip-words.ts';
import { BGP_PORT, DYNAMIC_NEIGHBOURS_MAX, MULTIPATH_MAX, NEIGHBOURS_MAX } from './limits.ts';
import { Afi } from './message/capability.ts';
import { MessageType } from './message/framing.ts';
import {
  CeaseSubcode,
  NotificationCode,
  type NotificationFault,
  notificationFault,
  shutdownCommunication,
} from './message/notification.ts';
import { Origin, type PathAttributes } from './message/path-attributes.ts';
import { AttributeTable } from './rib/attribute-table.ts';
import type { PathSource, StepName } from './rib/decision.ts';
import type { ExportSource } from './rib/export.ts';
import { NONE } from './rib/prefix-table.ts';
import { type FailureWords, failureWords } from './session/failure.ts';
import { type Listener, matchingPrefix, startListener } from './session/listener.ts';
import type { State } from './session/state.ts';
import type { MessageCounter } from './session/statistics.ts';
import { tcpTransport } from './session/tcp-transport.ts';
import type { Transport } from './session/transport.ts';
import { WorkQueue } from './session/work-queue.ts';
import { Neighbour, type NeighbourHost, type RouteCounts } from './speaker/neighbour.ts';
import {
  bytesOfAddress,
  checkAsn,
  checkNeighbour,
  type DynamicNeighbourOptions,
  type NeighbourOptions,
  prefixOf,
  routerIdOf,
} from './speaker/options.ts';
import { FamilyRib } from './speaker/rib.ts';

export interface SpeakerOptions {
  readonly clock: Clock;
  readonly asn: number;
  /** As an IPv4 address. */
  readonly routerId: string;
  /** Undefined: only connects, never answers. */
  readonly listen?: { readonly addresses: readonly string[]; readonly port?: number };
  /** The kernel's TCP unless another is given. */
  readonly transport?: Transport;
  /** Default: the router identifier (RFC 4456 §7). */
  readonly clusterId?: string;
  /** Paths used side by side; default 1. */
  readonly multipath?: { readonly external?: number; readonly internal?: number };
  readonly compareMedAcrossAs?: boolean;
  /** This process took over from one whose forwarding goes on (RFC 4724 §4.1); said in OPENs until `restarted` is called. */
  readonly isRestarting?: boolean;
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

export interface NeighbourStatus {
  readonly address: string;
  readonly asn: number;
  readonly isDynamic: boolean;
  readonly state: State['kind'];
  readonly bgpIdentifier: string | undefined;
  /** Why it is or was not up. */
  readonly failure: (FailureWords & { readonly atWall: number }) | undefined;
  readonly families: readonly {
    readonly afi: number;
    readonly received: number;
    readonly announced: number;
  }[];
  readonly malformedUpdateCount: number;
  readonly complaints: readonly string[];
  readonly statistics: NeighbourStatistics;
}

/** In the shape of MS-NCNBI bgpPeers (§3.1.5.17.2.2). */
export interface NeighbourStatistics {
  readonly tcpConnectionEstablished: number | undefined;
  readonly tcpConnectionClosed: number | undefined;
  readonly openMessageStats: MessageCounter;
  readonly notificationMessageStats: MessageCounter;
  readonly keepAliveMessageStats: MessageCounter;
  readonly routeRefreshMessageStats: MessageCounter;
  readonly updateMessageStats: MessageCounter;
  readonly ipv4Route: RouteCounts;
  readonly ipv6Route: RouteCounts;
  readonly lastUpdated: number;
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
  neighbours(): readonly NeighbourStatus[];
  /** Next hops may have come or gone: everything is decided anew. */
  nextHopsChanged(): void;
  /** The restart is over: routes are complete (RFC 4724 §4.1). */
  restarted(): void;
  readonly counts: {
    readonly prefixes: number;
    readonly paths: number;
    readonly attributeSets: number;
  };
}

/** Number of this speaker's own routes in the tables. */
const LOCAL = 0;
const LOCAL_SOURCE: ExportSource & PathSource = {
  isLocal: true,
  isExternal: false,
  isClient: false,
  bgpIdentifier: 0,
  address: [],
};

export function createSpeaker(options: SpeakerOptions): Speaker {
  return new RunningSpeaker(options);
}

class RunningSpeaker implements Speaker, NeighbourHost {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly transport: Transport;
  readonly asn: number;
  readonly bgpIdentifier: number;
  readonly clusterId: number;
  readonly attributes: AttributeTable = new AttributeTable();
  readonly #options: SpeakerOptions;
  readonly #ribs: readonly FamilyRib[];
  readonly #byAddress = new Map<string, Neighbour>();
  /** Those that exist because a prefix allows them. */
  readonly #dynamic = new Set<Neighbour>();
  readonly #byNumber: (Neighbour | undefined)[] = [undefined];
  #dynamicEntries: readonly DynamicNeighbourOptions[] = [];
  readonly #policyNumbers = new WeakMap<object, number>();
  #policyCount = 0;
  #listener: Listener | undefined;
  #isRunning = false;
  #isRestarting: boolean;
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
          onWork: () => {
            for (const neighbour of this.#byAddress.values()) neighbour.wake();
          },
        }),
    );
  }

  get ports(): readonly number[] {
    return this.#listener?.ports ?? [];
  }

  get counts() {
    return {
      prefixes: this.#ribs.reduce((sum, rib) => sum + rib.table.prefixes.count, 0),
      paths: this.#ribs.reduce((sum, rib) => sum + rib.table.pathCount, 0),
      attributeSets: this.attributes.count,
    };
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    const { listen } = this.#options;
    if (listen !== undefined) {
      this.#listener = await startListener({
        transport: this.transport,
        addresses: listen.addresses,
        port: listen.port ?? BGP_PORT,
        sessionOf: (address) => this.#neighbourFor(address)?.session,
      });
    }
    this.#isRunning = true;
    for (const neighbour of this.#byAddress.values()) neighbour.session.start();
  }

  async stop(reason?: string): Promise<void> {
    this.#isRunning = false;
    const data = reason === undefined ? undefined : shutdownCommunication(reason);
    const fault = cease(CeaseSubcode.AdministrativeShutdown, data);
    for (const neighbour of this.#byAddress.values()) neighbour.session.stop(fault);
    await this.#listener?.close();
    this.#listener = undefined;
  }

  setNeighbour(options: NeighbourOptions): void {
    const checked = checkNeighbour(options);
    const address = formatIpWords(checked.words);
    const present = this.#byAddress.get(address);
    if (present !== undefined && isSameSession(present.checked.options, options)) {
      present.reconfigure(checked);
      return;
    }
    if (present !== undefined) this.#remove(address, CeaseSubcode.OtherConfigurationChange);
    this.#add(address, checked);
  }

  removeNeighbour(address: string): void {
    this.#remove(this.#known(address), CeaseSubcode.PeerDeconfigured);
  }

  setDynamicNeighbours(entries: readonly DynamicNeighbourOptions[]): void {
    for (const { prefix } of entries) prefixOf(prefix);
    this.#dynamicEntries = entries;
    for (const neighbour of this.#dynamic) {
      const { address } = neighbour.checked.options;
      if (this.#entryFor(address) === undefined)
        this.#remove(address, CeaseSubcode.PeerDeconfigured);
    }
  }

  resetNeighbour(address: string): void {
    const neighbour = this.#byAddress.get(this.#known(address));
    neighbour?.session.stop(cease(CeaseSubcode.AdministrativeReset));
    neighbour?.session.start();
  }

  refreshNeighbour(address: string): boolean {
    return this.#byAddress.get(this.#known(address))?.requestRefresh() === true;
  }

  announce(route: LocalRoute): void {
    const { table, prefix } = this.#locate(route.prefix, true);
    assert(prefix !== NONE, 'the table has room for local routes');
    const isIpv4 = table.prefixes.afi === Afi.Ipv4;
    const { med, localPref, communities } = route;
    const attributes: PathAttributes = {
      origin: Origin.Igp,
      asPath: [],
      // All zeros: whoever sends it puts itself there.
      nextHop:
        route.nextHop === undefined
          ? new Uint8Array(isIpv4 ? 4 : 16)
          : bytesOfAddress(route.nextHop),
      ...(med !== undefined && { multiExitDisc: med }),
      ...(localPref !== undefined && { localPref }),
      ...(communities !== undefined && {
        communities: [...new Set(communities)].sort((a, b) => a - b),
      }),
    };
    const received = this.attributes.retain(attributes);
    const accepted = this.attributes.retain(attributes);
    table.announce({ prefix, peer: LOCAL, pathId: 0, received, accepted });
    this.onRoutes();
  }

  withdraw(prefixText: string): boolean {
    const { table, prefix } = this.#locate(prefixText, false);
    const isGone = prefix !== NONE && table.withdraw(prefix, LOCAL, 0);
    this.onRoutes();
    return isGone;
  }

  route(prefixText: string): Route | undefined {
    const { rib, prefix } = this.#locate(prefixText, false);
    return prefix === NONE ? undefined : this.#route(rib, prefix);
  }

  *routes(): Iterable<Route> {
    for (const rib of this.#ribs) {
      for (let prefix = 0; prefix < rib.table.prefixes.idEnd; prefix++) {
        const route = this.#route(rib, prefix);
        if (route !== undefined) yield route;
      }
    }
  }

  explain(prefixText: string): readonly ExplainedRoute[] {
    const { table, prefix } = this.#locate(prefixText, false);
    if (prefix === NONE) return [];
    return table.explain(prefix).map(({ path, peer, ...verdict }) => {
      const set = table.acceptedOf(path);
      return {
        ...verdict,
        neighbour: this.#byNumber[peer]?.checked.options.address,
        attributes: set === NONE ? undefined : this.attributes.get(set).attributes,
      };
    });
  }

  neighbours(): readonly NeighbourStatus[] {
    return [...this.#byAddress.values()].map((neighbour) => this.#status(neighbour));
  }

  nextHopsChanged(): void {
    for (const rib of this.#ribs) rib.table.markAll();
    this.onRoutes();
  }

  restarted(): void {
    this.#isRestarting = false;
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

  isRestarting(): boolean {
    return this.#isRestarting;
  }

  onRoutes(): void {
    this.work.add(this.#settle);
  }

  onStateChange(neighbour: Neighbour): void {
    const { address } = neighbour.checked.options;
    this.#options.onNeighbour?.(address);
    const hasEnded = neighbour.session.status.failure !== undefined;
    if (!this.#dynamic.has(neighbour) || !hasEnded) return;
    // Not now: its session is in the middle of a step.
    this.work.add(() => {
      if (neighbour.session.status.state !== 'Established' && this.#dynamic.has(neighbour)) {
        this.#remove(address, CeaseSubcode.PeerDeconfigured);
      }
      return false;
    });
  }

  #sourceOf(peer: number): ExportSource & PathSource {
    return peer === LOCAL ? LOCAL_SOURCE : defined(this.#byNumber[peer], 'the peer of a path');
  }

  #neighbourFor(remoteAddress: string): Neighbour | undefined {
    const words = parseIpWords(remoteAddress);
    if (words === undefined) return undefined;
    const address = formatIpWords(words);
    return this.#byAddress.get(address) ?? this.#addDynamic(address);
  }

  #entryFor(address: string): DynamicNeighbourOptions | undefined {
    const entries = this.#dynamicEntries.map((entry) => ({
      entry,
      prefix: prefixOf(entry.prefix),
    }));
    return matchingPrefix(address, entries)?.entry;
  }

  #addDynamic(address: string): Neighbour | undefined {
    const entry = this.#entryFor(address);
    if (entry === undefined) return undefined;
    const { prefix: _, countMax = DYNAMIC_NEIGHBOURS_MAX, ...peer } = entry;
    if (this.#dynamic.size >= Math.min(countMax, DYNAMIC_NEIGHBOURS_MAX)) return undefined;
    const neighbour = this.#add(address, checkNeighbour({ ...peer, address, isPassive: true }));
    this.#dynamic.add(neighbour);
    return neighbour;
  }

  #add(address: string, checked: ReturnType<typeof checkNeighbour>): Neighbour {
    if (this.#byAddress.size >= NEIGHBOURS_MAX) {
      throw new SdnError('SDN_BGP_CONFIG', `a speaker has at most ${NEIGHBOURS_MAX} neighbours`, {
        remedy: 'Remove some, or divide them among several speakers.',
      });
    }
    const free = this.#byNumber.indexOf(undefined, LOCAL + 1);
    const number = free === -1 ? this.#byNumber.length : free;
    const neighbour = new Neighbour(number, checked, this);
    this.#byNumber[number] = neighbour;
    this.#byAddress.set(address, neighbour);
    if (this.#isRunning) neighbour.session.start();
    return neighbour;
  }

  #remove(address: string, subcode: number): void {
    const neighbour = this.#byAddress.get(address);
    if (neighbour === undefined) return;
    this.#byAddress.delete(address);
    this.#dynamic.delete(neighbour);
    neighbour.remove(cease(subcode));
    this.#byNumber[neighbour.number] = undefined;
  }

  /** The key of a neighbour that must exist. */
  #known(address: string): string {
    const words = parseIpWords(address);
    const key = words === undefined ? address : formatIpWords(words);
    if (this.#byAddress.has(key)) return key;
    throw new SdnError('SDN_BGP_NEIGHBOUR_UNKNOWN', `there is no BGP neighbour ${address}`, {
      remedy: 'Look at the list of neighbours.',
    });
  }

  #locate(text: string, makes: boolean) {
    const { words, len } = prefixOf(text);
    const isIpv4 = !text.includes(':');
    const rib = this.rib(isIpv4 ? Afi.Ipv4 : Afi.Ipv6);
    const { table } = rib;
    const [w0, w1, w2, w3] = isIpv4 ? [words[3], 0, 0, 0] : words;
    const bits = isIpv4 ? len - 96 : len;
    const prefix = makes
      ? table.prefixes.intern(w0, w1, w2, w3, bits)
      : table.prefixes.find(w0, w1, w2, w3, bits);
    return { rib, table, prefix };
  }

  #route(rib: FamilyRib, prefix: number): Route | undefined {
    const { table } = rib;
    const [best, ...beside] = table.used(prefix);
    const set = best === undefined ? NONE : table.acceptedOf(best);
    if (best === undefined || set === NONE) return undefined;
    const nextHops = [best, ...beside].map((path) =>
      formatNextHop(this.attributes.get(table.acceptedOf(path)).attributes.nextHop),
    );
    return {
      prefix: formatIpPrefixWords(table.prefixes.prefix(prefix)),
      nextHops: [...new Set(nextHops)],
      attributes: this.attributes.get(set).attributes,
      neighbour: this.#byNumber[table.peerOf(best)]?.checked.options.address,
    };
  }

  #tell(afi: number, prefixes: readonly number[]): void {
    const { onRoutes } = this.#options;
    if (onRoutes === undefined) return;
    const { table } = this.rib(afi);
    onRoutes(prefixes.map((prefix) => formatIpPrefixWords(table.prefixes.prefix(prefix))));
  }

  #status(neighbour: Neighbour): NeighbourStatus {
    const { session } = neighbour;
    const { state, failure, failedAtWall } = session.status;
    const isKnown = neighbour.bgpIdentifier !== 0;
    return {
      address: neighbour.checked.options.address,
      asn: neighbour.asn,
      isDynamic: this.#dynamic.has(neighbour),
      state,
      bgpIdentifier: isKnown ? formatIpWords([0, 0, 0xffff, neighbour.bgpIdentifier]) : undefined,
      failure:
        failure === undefined ? undefined : { ...failureWords(failure), atWall: failedAtWall ?? 0 },
      families: neighbour.checked.families.map(({ afi }) => ({
        afi,
        received: neighbour.pathCount(afi),
        announced: neighbour.announcedCount(afi),
      })),
      malformedUpdateCount: neighbour.malformedUpdateCount,
      complaints: [...neighbour.complaints],
      statistics: statisticsOf(neighbour, this.clock.wallNow()),
    };
  }
}

function statisticsOf(
  { session, routeCounts }: Neighbour,
  lastUpdated: number,
): NeighbourStatistics {
  const { messages, tcpConnectionEstablished, tcpConnectionClosed } = session.statistics;
  return {
    tcpConnectionEstablished,
    tcpConnectionClosed,
    openMessageStats: { ...messages[MessageType.Open] },
    notificationMessageStats: { ...messages[MessageType.Notification] },
    keepAliveMessageStats: { ...messages[MessageType.Keepalive] },
    routeRefreshMessageStats: { ...messages[MessageType.RouteRefresh] },
    updateMessageStats: { ...messages[MessageType.Update] },
    ipv4Route: { ...defined(routeCounts[Afi.Ipv4], 'IPv4 counts') },
    ipv6Route: { ...defined(routeCounts[Afi.Ipv6], 'IPv6 counts') },
    lastUpdated,
  };
}

/** Whether the session can stand: only what it was opened with matters. */
function isSameSession(a: NeighbourOptions, b: NeighbourOptions): boolean {
  const essence = (options: NeighbourOptions): string =>
    JSON.stringify([
      options.asn,
      options.port,
      options.localAddress,
      options.holdTimeSec,
      options.isPassive === true,
      options.families ?? ['ipv4-unicast'],
      options.role,
      options.isRoleRequired === true,
      options.gracefulRestartSec,
      options.addPathReceive === true,
    ]);
  return essence(a) === essence(b);
}

function cease(subcode: number, data?: Uint8Array): NotificationFault {
  return notificationFault(NotificationCode.Cease, subcode, data);
}

function formatNextHop(bytes: Uint8Array): string {
  const words = ipWordsFromBytes(bytes.length === 32 ? bytes.slice(0, 16) : bytes);
  return words === undefined ? '' : formatIpWords(words);
}
