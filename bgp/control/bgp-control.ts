/**
 * BGP of a role: goal state's routers, peers and policy maps become a speaker and its neighbours, and what the speaker learns becomes routes of
 * whoever forwards. A peer that changes is told to the speaker by itself, so that no other session notices. Only another AS number, router
 * identifier or IPv6 address to listen on means another speaker, and with it new sessions.
 *
 * One router per role is supported; a second one is refused. Originated networks are announced as they stand in goal state, and beside them what the
 * role itself wants announced. Next hops are reachable where they are on a link of the role's. Called by the agents of edge and mux.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpPrefixWords,
  type IpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
  isIpv4Words,
  networkOf,
  parseIpPrefixWords,
  parseIpWords,
  prefixHasWords,
} from '../../base/ip-words.ts';
import type { Logger } from '../../base/log.ts';
import { seconds } from '../../base/units.ts';
import {
  type BgpPeer,
  type BgpRouter,
  PeerFamily,
  type PolicyMap,
  type Resource,
  type ResourceError,
} from '../../schema/southbound/messages.ts';
import type { MonitorOptions } from '../bmp/monitor.ts';
import type { Policy } from '../policy/policy.ts';
import { type PolicyMapEntry, policyOfMap } from '../policy/policy-map.ts';
import type { Speaker, SpeakerOptions } from '../speaker/contract.ts';
import type { FamilyName, PeerOptions } from '../speaker/options.ts';
import type { LearnedRoute } from './learned-route.ts';
import {
  BFD_INTERVAL_MS,
  BFD_MULTIPLIER,
  RESTART_CHECK_INTERVAL,
  ROUTES_COLLECTED_MS,
  ROUTES_PER_CHANGE_MAX,
} from './limits.ts';
import { MrtFiles } from './mrt-files.ts';

export interface BgpControlOptions {
  createSpeaker(options: SpeakerOptions): Speaker;
  /** Brings routes into force; absent: nobody here forwards by them. */
  learn?(routes: readonly LearnedRoute[]): Promise<void>;
  /** Whoever forwards has done so before this process, by routes that it keeps until it is told to forget those that were not told again. */
  readonly isRestarting?: boolean;
  forget?(): Promise<number>;
  /**
   * Announce IPv6 prefixes with the IPv4-mapped form of an IPv4 address as next hop, on links without an IPv6 address; for peers that take that. Default:
   * such prefixes are not announced there.
   */
  readonly hasMappedNextHops?: boolean;
  /** What neighbours say may go to stations (BMP) and files (MRT); absent: goal state that asks for it is refused. */
  readonly exports?: { readonly systemName: string; readonly mrtDirectory: string };
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of a role's goal state, what is BGP's. */
export function isBgpResource({ bgpRouter, bgpPeer, policyMap }: Resource): boolean {
  return bgpRouter !== undefined || bgpPeer !== undefined || policyMap !== undefined;
}

const FAULT_CODE = 'PolicyConfigurationFailure';
/** Paths used side by side. */
const MULTIPATH = 16;

export class BgpControl {
  readonly #options: BgpControlOptions;
  readonly #routers = new Map<string, BgpRouter>();
  readonly #peers = new Map<string, BgpPeer>();
  readonly #maps = new Map<string, PolicyMap>();
  #speaker: Speaker | undefined;
  #identity = '';
  /** By key of the peer: its address, and what the speaker was told. */
  readonly #applied = new Map<string, { readonly address: string; readonly told: string }>();
  readonly #announced = new Set<string>();
  #dynamic = '[]';
  #connected: readonly (readonly IpPrefixWords[])[] = [];
  /** What the role announces beside the router's networks. */
  #own: ReadonlySet<string> = new Set();
  /** Prefixes that have changed and that the router has not been told. */
  readonly #changed = new Set<string>();
  readonly #installed = new Set<string>();
  #flush: Timer | undefined;
  /**
   * RFC 4724 §4.1, after an own restart: routes of before are in force (stale) until the speaker, which hears everybody first (deferring), has
   * decided anew, and neighbours that it need not wait for, since they have restarted themselves, have told everything too.
   */
  #restart: 'stale' | 'deferring' | 'decided' | 'over';
  /** When routes of before go at the latest, by the clock. */
  #forgetAt = 0;
  readonly #mrt: MrtFiles | undefined;
  /** What the speaker was told of its stations. */
  #monitoring = '';

  constructor(options: BgpControlOptions) {
    this.#options = options;
    const { exports, clock, log } = options;
    if (exports !== undefined) {
      const tableDump = () => this.#speaker?.tableDump() ?? [];
      this.#mrt = new MrtFiles({ directory: exports.mrtDirectory, tableDump, clock, log });
    }
    this.#restart = options.isRestarting === true ? 'stale' : 'over';
  }

  /** Are routes of before the process' start still in force? */
  get isRestarting(): boolean {
    return this.#restart !== 'over';
  }

  /** Files that are being written. */
  get mrt(): ReturnType<MrtFiles['status']> {
    return this.#mrt?.status() ?? {};
  }

  get speaker(): Speaker | undefined {
    return this.#speaker;
  }

  /** For the role's status. */
  get sessions(): { readonly bgpPeers: number; readonly bgpEstablished: number } {
    const states = this.#speaker?.neighbours().map(({ state }) => state) ?? [];
    const established = states.filter((state) => state === 'Established');
    return { bgpPeers: states.length, bgpEstablished: established.length };
  }

  /** Peer of goal state behind an address, for whoever reports. */
  peerAt(address: string): BgpPeer | undefined {
    for (const [key, applied] of this.#applied) {
      if (applied.address === address) return this.#peers.get(key);
    }
    return undefined;
  }

  get router(): BgpRouter | undefined {
    return [...this.#routers.values()].find(({ enabled }) => enabled);
  }

  /** The router's links have other addresses: next hops may be reachable that were not, or no more. */
  linksChanged(links: readonly (readonly IpPrefixWords[])[]): void {
    this.#connected = links;
    for (const prefix of this.#installed) this.#changed.add(prefix);
    this.#speaker?.nextHopsChanged();
    this.#collect();
  }

  async apply(upserts: readonly Resource[], removes: readonly string[]): Promise<ResourceError[]> {
    for (const { key, bgpRouter, bgpPeer, policyMap } of upserts) {
      if (bgpRouter !== undefined) this.#routers.set(key, bgpRouter);
      if (bgpPeer !== undefined) this.#peers.set(key, bgpPeer);
      if (policyMap !== undefined) this.#maps.set(key, policyMap);
    }
    for (const key of removes) {
      this.#routers.delete(key);
      this.#peers.delete(key);
      this.#maps.delete(key);
    }
    const enabled = [...this.#routers].filter(([, { enabled: isOn }]) => isOn);
    const errors = enabled.slice(1).map(([key]) => ({
      key,
      code: FAULT_CODE,
      message: 'one BGP router runs here, and there is another already',
    }));
    const [router] = enabled;
    try {
      await this.#ensureSpeaker(router?.[1]);
    } catch (thrown) {
      // What the system refuses, an address that cannot be bound, is no reason to refuse everything else.
      this.#options.log.error({ err: thrown }, 'BGP does not speak');
      return [...errors, { key: router?.[0] ?? '', code: FAULT_CODE, message: messageOf(thrown) }];
    }
    this.#mrt?.configure({
      updates: router?.[1].mrtUpdates === true,
      dumpMinutes: router?.[1].mrtDumpMinutes ?? 0,
    });
    if (router === undefined) this.#restartOver();
    else {
      errors.push(...this.#export(router[0], router[1]));
      this.#announce(router[1]);
      errors.push(...this.#setPeers(router[1].id));
    }
    return errors;
  }

  /** Prefixes that the role announces beside the router's networks from now on, as canonical text; those that are not among them are withdrawn. */
  announce(prefixes: ReadonlySet<string>): void {
    this.#own = prefixes;
    const { router } = this;
    if (router !== undefined) this.#announce(router);
  }

  /** Neighbours hear `reason`. */
  async close(reason: string): Promise<void> {
    this.#flush?.cancel();
    await this.#speaker?.stop(reason);
    await this.#mrt?.close();
    this.#speaker = undefined;
  }

  async #ensureSpeaker(router: BgpRouter | undefined): Promise<void> {
    const id = router === undefined ? undefined : ipWordsFromBytes(router.routerId);
    const addresses = this.#listenAddresses();
    const identity =
      router === undefined || id === undefined
        ? ''
        : `${router.asNumber} ${formatIpWords(id)} ${addresses.join()}`;
    if (identity === this.#identity) return;
    await this.#stopSpeaker();
    if (router === undefined) return;
    if (id === undefined || !isIpv4Words(id)) {
      throw new SdnError('SDN_BGP_CONFIG', 'the BGP router has no router identifier', {
        remedy: 'give it one, written as an IPv4 address',
      });
    }
    const { clock, log } = this.#options;
    const restartSec = this.#restart === 'stale' ? this.#patienceSec(router.id) : 0;
    const speaker = this.#options.createSpeaker({
      clock,
      isRestarting: restartSec > 0,
      selectionDeferralSec: restartSec,
      onRestarted: () => this.#restartOver(),
      asn: router.asNumber,
      routerId: formatIpWords(id),
      listen: { addresses },
      multipath: { external: MULTIPATH, internal: MULTIPATH },
      nextHopCost: (nextHop) => this.#costOf(nextHop),
      onRoutes: (prefixes) => {
        for (const prefix of prefixes) this.#changed.add(prefix);
        this.#collect();
      },
      onNeighbour: (address) => log.info({ address }, 'BGP neighbour has changed'),
      ...(this.#mrt !== undefined && {
        updateLog: this.#mrt.updateLog,
        monitor: { systemName: '', stations: [] },
      }),
    });
    this.#monitoring = '';
    await speaker.start();
    this.#speaker = speaker;
    this.#identity = identity;
    this.#forgetAt = clock.now() + seconds(restartSec);
    if (restartSec > 0) this.#restart = 'deferring';
    else this.#restartOver();
    log.info({ asn: router.asNumber, routerId: formatIpWords(id) }, 'BGP speaks');
  }

  /** Stations come and go without a session of BGP noticing. */
  #export(key: string, router: BgpRouter): ResourceError[] {
    const { exports } = this.#options;
    const { bmpStations, bmpStatisticsSec, mrtUpdates, mrtDumpMinutes } = router;
    if (exports === undefined) {
      if (bmpStations.length === 0 && !mrtUpdates && mrtDumpMinutes === 0) return [];
      return [{ key, code: FAULT_CODE, message: 'this role exports neither BMP nor MRT' }];
    }
    const options: MonitorOptions = {
      systemName: exports.systemName,
      stations: bmpStations.map(({ address, port }) => {
        const words = ipWordsFromBytes(address);
        return { address: words === undefined ? '' : formatIpWords(words), port };
      }),
      ...(bmpStatisticsSec !== 0 && { statisticsSec: bmpStatisticsSec }),
    };
    const told = JSON.stringify(options);
    if (told === this.#monitoring) return [];
    try {
      this.#speaker?.setMonitoring(options);
      this.#monitoring = told;
      return [];
    } catch (thrown) {
      if (!(thrown instanceof SdnError)) throw thrown;
      return [{ key, code: FAULT_CODE, message: messageOf(thrown) }];
    }
  }

  /** All of IPv4, and every IPv6 address of the links: the kernel binds a port for both families at once only where nobody has it in one. */
  #listenAddresses(): string[] {
    const ipv6 = this.#connected.flatMap((link) =>
      link.filter(({ words }) => !isIpv4Words(words)).map(({ words }) => formatIpWords(words)),
    );
    return ['0.0.0.0', ...ipv6.sort()];
  }

  /**
   * How long neighbours are waited for after a restart: as long as the most patient of them was told to wait for this router, which none
   * has asked to without gracefulRestartSec. Then nobody counts on routes of before.
   */
  #patienceSec(routerId: string): number {
    const own = [...this.#peers.values()].filter((peer) => peer.routerId === routerId);
    return own.reduce((most, { gracefulRestartSec }) => Math.max(most, gracefulRestartSec), 0);
  }

  /** The first decisions have been made, or there is nothing to decide. */
  #restartOver(): void {
    if (this.#restart === 'over') return;
    this.#restart = 'decided';
    this.#collect();
  }

  async #stopSpeaker(): Promise<void> {
    if (this.#restart === 'deferring') this.#restartOver();
    const speaker = this.#speaker;
    this.#speaker = undefined;
    this.#identity = '';
    this.#applied.clear();
    this.#announced.clear();
    this.#dynamic = '[]';
    await speaker?.stop('the router has another configuration');
    for (const prefix of this.#installed) this.#changed.add(prefix);
    this.#collect();
  }

  #announce(router: BgpRouter): void {
    if (this.#speaker === undefined) return;
    const wanted = new Set([
      ...router.networks.flatMap(({ address, len }) => {
        const prefix = ipPrefixFromBytes(address, len);
        return prefix === undefined ? [] : [formatIpPrefixWords(prefix)];
      }),
      ...this.#own,
    ]);
    for (const prefix of this.#announced) {
      if (wanted.has(prefix)) continue;
      this.#speaker.withdraw(prefix);
      this.#announced.delete(prefix);
    }
    for (const prefix of wanted) {
      if (this.#announced.has(prefix)) continue;
      this.#speaker.announce({ prefix });
      this.#announced.add(prefix);
    }
  }

  #setPeers(routerId: string): ResourceError[] {
    const errors: ResourceError[] = [];
    const ranges: {
      readonly key: string;
      readonly prefix: string;
      readonly options: PeerOptions;
    }[] = [];
    const wanted = new Set<string>();
    for (const [key, peer] of this.#peers) {
      if (peer.routerId !== routerId) continue;
      try {
        const options = this.#optionsOf(peer);
        const range = peer.range === undefined ? undefined : rangeOf(peer);
        if (range !== undefined) ranges.push({ key, prefix: range, options });
        else {
          wanted.add(key);
          this.#setPeer(key, peer, options);
        }
      } catch (thrown) {
        if (!(thrown instanceof SdnError)) throw thrown;
        // What it was told before stays in force.
        wanted.add(key);
        errors.push({ key, code: FAULT_CODE, message: messageOf(thrown) });
      }
    }
    for (const [key, { address }] of this.#applied) {
      if (wanted.has(key)) continue;
      this.#speaker?.removeNeighbour(address);
      this.#applied.delete(key);
    }
    const entries = ranges.map(({ prefix, options }) => ({ prefix, ...options }));
    const dynamic = JSON.stringify(entries);
    if (dynamic !== this.#dynamic) {
      this.#speaker?.setDynamicNeighbours(entries);
      this.#dynamic = dynamic;
    }
    return errors;
  }

  #setPeer(key: string, peer: BgpPeer, options: PeerOptions): void {
    const words = ipWordsFromBytes(peer.address);
    if (words === undefined) throw refused('the peer has no address');
    const address = formatIpWords(words);
    const told = JSON.stringify(options);
    const before = this.#applied.get(key);
    if (before?.address === address && before.told === told) return;
    if (before !== undefined && before.address !== address) {
      this.#speaker?.removeNeighbour(before.address);
    }
    this.#speaker?.setNeighbour({ address, ...options, ...this.#nextHopsToward(words) });
    this.#applied.set(key, { address, told });
  }

  #optionsOf(peer: BgpPeer): PeerOptions {
    const importPolicy = this.#policy(peer.importMapId, peer.acceptAllIn);
    const exportPolicy = this.#policy(peer.exportMapId, peer.acceptAllOut);
    const families = peer.families.map((family) => FAMILY_NAMES[family]);
    return {
      ...(peer.asNumber !== 0 && { asn: peer.asNumber }),
      ...(peer.holdTimeSec !== 0 && { holdTimeSec: peer.holdTimeSec }),
      ...(peer.passive && { isPassive: true }),
      ...(families.length > 0 && { families }),
      ...(importPolicy !== undefined && { importPolicy }),
      ...(exportPolicy !== undefined && { exportPolicy }),
      ...(peer.prefixesMax !== 0 && { prefixesMax: peer.prefixesMax }),
      ...(peer.prefixRestartSec !== 0 && { prefixRestartSec: peer.prefixRestartSec }),
      ...(peer.gracefulRestartSec !== 0 && { gracefulRestartSec: peer.gracefulRestartSec }),
      ...(peer.md5Key !== '' && { md5Key: peer.md5Key }),
      ...(peer.ttlSecurityHops !== 0 && { ttlSecurityHops: peer.ttlSecurityHops }),
      ...(peer.bfd && {
        bfd: {
          intervalMs: peer.bfdIntervalMs || BFD_INTERVAL_MS,
          multiplier: peer.bfdMultiplier || BFD_MULTIPLIER,
        },
      }),
      // Inside nobody knows the way to next hops outside but by this router.
      nextHopSelf: true,
      description: peer.resourceRef,
    };
  }

  #policy(mapId: string, acceptsAll: boolean): Policy | 'accept-all' | undefined {
    if (mapId === '') return acceptsAll ? 'accept-all' : undefined;
    const map = this.#maps.get(`policymap/${mapId}`);
    if (map === undefined) throw refused(`the policy map ${mapId} is not here`);
    const entries: unknown = JSON.parse(new TextDecoder().decode(map.entries));
    if (!Array.isArray(entries)) throw refused(`the policy map ${map.resourceRef} is no list`);
    // Its shape was checked by the controller; names and values are checked by policyOfMap.
    return policyOfMap(map.resourceRef, entries as readonly PolicyMapEntry[]);
  }

  /** Own addresses of the link that the peer is on, for routes of the other family than its session. */
  #nextHopsToward(peer: IpWords): { nextHopIpv4?: string; nextHopIpv6?: string } {
    const link = this.#connected.find((addresses) =>
      addresses.some((address) => prefixHasWords(networkOf(address), peer)),
    );
    const own = (isIpv4: boolean) =>
      link?.find(({ words }) => isIpv4Words(words) === isIpv4)?.words;
    const ipv4 = own(true);
    // Where there is none, a peer of Weft's takes the IPv4 address, mapped, as the way for IPv6, too.
    const mapped = this.#options.hasMappedNextHops === true ? ipv4 : undefined;
    const ipv6 = own(false) ?? mapped;
    return {
      ...(ipv4 !== undefined && { nextHopIpv4: formatIpWords(ipv4) }),
      ...(ipv6 !== undefined && { nextHopIpv6: formatIpWords(ipv6) }),
    };
  }

  #costOf(nextHop: Uint8Array): number | undefined {
    const words = ipWordsFromBytes(nextHop);
    if (words === undefined) return undefined;
    const isOnLink = this.#connected.some((addresses) =>
      addresses.some((address) => prefixHasWords(networkOf(address), words)),
    );
    return isOnLink ? 0 : undefined;
  }

  #collect(): void {
    if (this.#flush !== undefined) return;
    if (this.#changed.size === 0 && this.#restart !== 'decided') return;
    const isOnlyWaiting = this.#changed.size === 0 && !this.#mayForget();
    const delay = isOnlyWaiting ? RESTART_CHECK_INTERVAL : ROUTES_COLLECTED_MS;
    this.#flush = this.#options.clock.after(delay, () => {
      void this.#tell();
    });
  }

  #mayForget(): boolean {
    if (this.#options.clock.now() >= this.#forgetAt) return true;
    const neighbours = this.#speaker?.neighbours() ?? [];
    return neighbours.every(
      ({ state, families }) =>
        state !== 'Established' || families.every(({ isComplete }) => isComplete),
    );
  }

  /** Tells the router some of the changed routes; the rest in the next turn. */
  async #tell(): Promise<void> {
    const routes: LearnedRoute[] = [];
    for (const text of this.#changed) {
      if (routes.length >= ROUTES_PER_CHANGE_MAX) break;
      this.#changed.delete(text);
      const prefix = parseIpPrefixWords(text);
      if (prefix === undefined) continue;
      const nextHops = this.#nextHopsOf(text);
      if (nextHops.length > 0) this.#installed.add(text);
      else this.#installed.delete(text);
      routes.push({ prefix, nextHops });
    }
    const { learn, forget, log } = this.#options;
    try {
      if (routes.length > 0) await learn?.(routes);
      if (this.#changed.size === 0 && this.#restart === 'decided' && this.#mayForget()) {
        this.#restart = 'over';
        const gone = await forget?.();
        log.info({ gone }, 'BGP has decided anew after the restart');
      }
    } catch (fault) {
      // Whoever forwards has died, which is reported by itself and ends the process.
      log.debug({ err: fault }, 'routes not told');
    }
    this.#flush = undefined;
    this.#collect();
  }

  #nextHopsOf(prefix: string): readonly IpWords[] {
    const route = this.#speaker?.route(prefix);
    if (route === undefined || route.neighbour === undefined) return [];
    return route.nextHops.map(parseIpWords).filter((words) => words !== undefined);
  }
}

const FAMILY_NAMES: Readonly<Record<PeerFamily, FamilyName>> = {
  [PeerFamily.PEER_IPV4_UNICAST]: 'ipv4-unicast',
  [PeerFamily.PEER_IPV6_UNICAST]: 'ipv6-unicast',
};

function rangeOf({ range }: BgpPeer): string {
  const prefix: IpPrefixWords | undefined =
    range === undefined ? undefined : ipPrefixFromBytes(range.address, range.len);
  if (prefix === undefined) throw refused('the range of peers is no prefix');
  return formatIpPrefixWords(prefix);
}

function refused(message: string): SdnError {
  return new SdnError('SDN_BGP_CONFIG', message);
}
