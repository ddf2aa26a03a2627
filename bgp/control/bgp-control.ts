/**
 * BGP of a role: goal state's routers, peers and policy maps become a speaker and its neighbours, and what the speaker learns becomes routes of
 * whoever forwards. A peer that changes is told to the speaker by itself, so that no other session notices. Only another AS number, router
 * identifier or IPv6 address to listen on means another speaker, and with it new sessions.
 *
 * One router per role is supported; a second one is refused. Originated networks are announced as they stand in goal state, and beside them what the
 * role itself wants announced. Next hops are reachable where they are on a link of the role's. Called by the agents of edge and mux.
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpPrefixWords,
  type IpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
  isIpv4Words,
} from '../../base/ip-words.ts';
import type { Logger } from '../../base/log.ts';
import type {
  BgpPeer,
  BgpRouter,
  PolicyMap,
  Resource,
  ResourceError,
} from '../../schema/southbound/messages.ts';
import type { MonitorOptions } from '../bmp/monitor.ts';
import type { Speaker, SpeakerOptions } from '../speaker/contract.ts';
import type { PeerOptions } from '../speaker/options.ts';
import { ConnectedLinks } from './connected-links.ts';
import { MrtFiles } from './mrt-files.ts';
import { peerOptionsOf, rangeOf, refused } from './peer-options.ts';
import { type Forwarding, RouteFeed } from './route-feed.ts';

export interface BgpControlOptions extends Forwarding {
  createSpeaker(options: SpeakerOptions): Speaker;
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
  readonly #links = new ConnectedLinks();
  /** What the role announces beside the router's networks. */
  #own: ReadonlySet<string> = new Set();
  readonly #feed: RouteFeed;
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
    this.#feed = new RouteFeed({ ...options, speaker: () => this.#speaker });
  }

  /** Are routes of before the process' start still in force? */
  get isRestarting(): boolean {
    return this.#feed.isRestarting;
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
    this.#links.set(links);
    this.#speaker?.nextHopsChanged();
    this.#feed.allChanged();
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
    if (router === undefined) this.#feed.decided();
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
    this.#feed.close();
    await this.#speaker?.stop(reason);
    await this.#mrt?.close();
    this.#speaker = undefined;
  }

  async #ensureSpeaker(router: BgpRouter | undefined): Promise<void> {
    const id = router === undefined ? undefined : ipWordsFromBytes(router.routerId);
    const addresses = this.#links.listenAddresses;
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
    const restartSec = this.#feed.isStale ? this.#patienceSec(router.id) : 0;
    const speaker = this.#options.createSpeaker({
      clock,
      isRestarting: restartSec > 0,
      selectionDeferralSec: restartSec,
      onRestarted: () => this.#feed.decided(),
      asn: router.asNumber,
      routerId: formatIpWords(id),
      listen: { addresses },
      multipath: { external: MULTIPATH, internal: MULTIPATH },
      nextHopCost: (nextHop) => this.#links.costOf(nextHop),
      onRoutes: (prefixes) => this.#feed.changed(prefixes),
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
    this.#feed.speakerStarted(restartSec);
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

  /**
   * How long neighbours are waited for after a restart: as long as the most patient of them was told to wait for this router, which none
   * has asked to without gracefulRestartSec. Then nobody counts on routes of before.
   */
  #patienceSec(routerId: string): number {
    const own = [...this.#peers.values()].filter((peer) => peer.routerId === routerId);
    return own.reduce((most, { gracefulRestartSec }) => Math.max(most, gracefulRestartSec), 0);
  }

  async #stopSpeaker(): Promise<void> {
    this.#feed.speakerStops();
    const speaker = this.#speaker;
    this.#speaker = undefined;
    this.#identity = '';
    this.#applied.clear();
    this.#announced.clear();
    this.#dynamic = '[]';
    await speaker?.stop('the router has another configuration');
    this.#feed.allChanged();
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
    const wanted: WantedPeer[] = [];
    for (const [key, peer] of this.#peers) {
      if (peer.routerId !== routerId) continue;
      try {
        const options = peerOptionsOf(peer, this.#maps);
        const range = rangeOf(peer);
        if (range === undefined) wanted.push({ key, words: addressOf(peer), options });
        else ranges.push({ key, prefix: range, options });
      } catch (thrown) {
        if (!(thrown instanceof SdnError)) throw thrown;
        errors.push({ key, code: FAULT_CODE, message: messageOf(thrown) });
      }
    }
    const refusedKeys = new Set(errors.map(({ key }) => key));
    this.#retire(wanted, refusedKeys);
    for (const each of wanted) {
      try {
        this.#setPeer(each);
      } catch (thrown) {
        if (!(thrown instanceof SdnError)) throw thrown;
        errors.push({ key: each.key, code: FAULT_CODE, message: messageOf(thrown) });
      }
    }
    const entries = ranges.map(({ prefix, options }) => ({ prefix, ...options }));
    const dynamic = JSON.stringify(entries);
    if (dynamic !== this.#dynamic) {
      this.#speaker?.setDynamicNeighbours(entries);
      this.#dynamic = dynamic;
    }
    return errors;
  }

  /**
   * Removes the neighbours that nobody wants any more. A neighbour belongs to its address: where a peer of another name has that now, it goes on as that
   * one's. What a refused peer was told before stays in force.
   */
  #retire(wanted: readonly WantedPeer[], refusedKeys: ReadonlySet<string>): void {
    const owners = new Map(wanted.map(({ key, words }) => [formatIpWords(words), key]));
    const told = [...this.#applied];
    this.#applied.clear();
    for (const [key, neighbour] of told) {
      const owner = owners.get(neighbour.address) ?? (refusedKeys.has(key) ? key : undefined);
      if (owner === undefined) this.#speaker?.removeNeighbour(neighbour.address);
      else this.#applied.set(owner, neighbour);
    }
  }

  #setPeer({ key, words, options }: WantedPeer): void {
    const address = formatIpWords(words);
    const told = JSON.stringify(options);
    const before = this.#applied.get(key);
    if (before?.told === told) return;
    const nextHops = this.#links.nextHopsToward(words, this.#options.hasMappedNextHops === true);
    this.#speaker?.setNeighbour({ address, ...options, ...nextHops });
    this.#applied.set(key, { address, told });
  }
}

/** A peer at an address of its own. */
interface WantedPeer {
  readonly key: string;
  readonly words: IpWords;
  readonly options: PeerOptions;
}

function addressOf(peer: BgpPeer): IpWords {
  const words = ipWordsFromBytes(peer.address);
  if (words === undefined) throw refused('the peer has no address');
  return words;
}
