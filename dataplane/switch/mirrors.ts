/**
 * Mirrors of a switch: those of its ports and those whose collector is here, each with a number below MIRRORS_MAX, so that a flow names
 * the ones that get copies by a word of bits. Ports hold on to a mirror by its id, whether it has arrived or not; a mirror that goes, or
 * changes, makes their flows be decided anew.
 *
 * For the forwarder it is arrays by number: where copies go. Called by realiser (changes), configured-ports (who has them), tables (place), forwarder and mirror-copies (reads).
 */
import { type IpPrefixWords, ipPrefixFromBytes, ipWordsFromBytes } from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { VNI_MAX } from '../../packet/vxlan.ts';
import type { Mirror, MirrorRule, PortRange, Prefix } from '../../schema/southbound/messages.ts';
import { addressSet } from '../engine/address-set.ts';
import type { Epochs } from '../engine/epochs.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { KnownHosts } from '../engine/known-hosts.ts';
import { equals, type Predicate } from '../engine/predicate.ts';
import { mirrorGroups, NO_MIRROR } from '../layers/mirror.ts';
import type { PortMirror } from '../layers/port-policy.ts';
import { peerGroup, peerRule } from '../layers/tunnel.ts';
import { MIRRORS_MAX, PEERS_MAX } from '../limits.ts';
import type { TunnelPeers } from '../port/tunnel-peers.ts';
import type { HostState, PortRecord } from './network-state.ts';
import type { PortRegistry } from './port-registry.ts';

/** The collector is not at another host. */
export const NO_PEER = -1;
/** The segment is no mirror's whose collector is here. */
export const NO_MIRROR_SEGMENT = -1;

const PORT_MAX = 0xffff;
const HAS_PORTS: readonly number[] = [IpProtocol.TCP, IpProtocol.UDP];

export interface MirrorsParts {
  readonly epochs: Epochs;
  readonly ports: PortRegistry;
  readonly peers: TunnelPeers;
  readonly touch: (key: string) => void;
}

export class Mirrors {
  /** By number: the collector's host as the frame I/O knows it, or NO_PEER. */
  readonly peers: Int32Array = new Int32Array(MIRRORS_MAX).fill(NO_PEER);
  /** By number: network identifier of copies on their way to that host. */
  readonly segments: Uint32Array = new Uint32Array(MIRRORS_MAX);
  /** By number: port of a collector that is here, or NO_PORT. */
  readonly collectors: Uint32Array = new Uint32Array(MIRRORS_MAX).fill(NO_PORT);
  /** Largest inner IP packet that fits a tunnel, bytes. */
  innerMtu = 0;
  readonly #parts: MirrorsParts;
  readonly #byId = new Map<string, LiveMirror>();
  readonly #bySlot: (LiveMirror | undefined)[] = new Array(MIRRORS_MAX).fill(undefined);
  /** Numbers of mirrors whose collector is here, by network identifier. */
  readonly #local = new Map<number, number>();
  /** What each port holds on to. */
  readonly #held = new Map<PortRecord, readonly LiveMirror[]>();

  constructor(parts: MirrorsParts) {
    this.#parts = parts;
  }

  /** Port of the collector that a tunnelled copy with this identifier is for, NO_PORT while it has no device; else NO_MIRROR_SEGMENT. */
  collectorOf(segment: number): number {
    if (this.#local.size === 0) return NO_MIRROR_SEGMENT;
    const slot = this.#local.get(segment);
    return slot === undefined ? NO_MIRROR_SEGMENT : (this.collectors[slot] ?? NO_PORT);
  }

  /** Does the host of the provider address at `words[at]` send copies with this identifier? `collectorOf` knows the identifier. */
  isSource(segment: number, words: Uint32Array, at: number): boolean {
    const mirror = this.#bySlot[this.#local.get(segment) ?? NO_SLOT];
    return mirror?.sources?.has(words, at) === true;
  }

  get hasAny(): boolean {
    return this.#byId.size > 0;
  }

  /** Of all there are, the ones that have not arrived included. */
  ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** Brings a mirror into force; a string is the reason why not. `isTaken` says whether an identifier is a subnet's. */
  set(
    settings: Mirror,
    host: HostState | undefined,
    isTaken: (segment: number) => boolean,
  ): string | undefined {
    const { id, segment, providerAddress } = settings;
    if (host === undefined) return 'this host’s own settings have not arrived';
    const rules = rulesOf(settings.rules);
    if (typeof rules === 'string') return rules;
    if (!Number.isInteger(segment) || segment < 1 || segment > VNI_MAX) {
      return `network identifier ${segment} is none of 1 … ${VNI_MAX}`;
    }
    if (isTaken(segment) || this.#isOfAnother(segment, id)) {
      return `network identifier ${segment} is in use`;
    }
    const isNowhere = providerAddress.length === 0;
    if (!isNowhere && ipWordsFromBytes(providerAddress) === undefined) {
      return 'provider address is malformed';
    }
    const sources = sourcesOf(settings.sourceProviderAddresses);
    if (typeof sources === 'string') return sources;
    const isHere = providerAddress.join() === host.providerAddress.join();
    const mirror = this.#ensure(id);
    const slot = mirror.slot === NO_SLOT ? this.#bySlot.indexOf(undefined) : mirror.slot;
    if (slot === NO_SLOT) {
      this.#collect(mirror);
      return `the switch has no room for more than ${MIRRORS_MAX} mirrors`;
    }
    // The new peer is taken before the old one is given back: a mirror that stays keeps the peer's number.
    const isRemote = !isNowhere && !isHere;
    const peer = isRemote ? this.#parts.peers.acquire(providerAddress) : NO_PEER;
    if (peer === undefined) {
      this.#collect(mirror);
      return 'the switch has no room for another host';
    }
    this.#withdraw(mirror);
    this.innerMtu = host.innerMtu;
    mirror.settings = settings;
    mirror.slot = slot;
    mirror.remote = isRemote ? providerAddress : undefined;
    mirror.sources = isHere ? sources : undefined;
    mirror.groups = mirrorGroups({
      resourceRef: settings.resourceRef,
      rules,
      bit: (1 << slot) >>> 0,
    });
    this.#bySlot[slot] = mirror;
    this.peers[slot] = peer;
    this.segments[slot] = segment;
    if (isHere) this.#local.set(segment, slot);
    this.#announce(mirror);
    return undefined;
  }

  remove(id: string): void {
    const mirror = this.#byId.get(id);
    if (mirror?.settings === undefined) return;
    this.#withdraw(mirror);
    mirror.settings = undefined;
    this.#announce(mirror);
    for (const { id: port } of mirror.ports) this.#parts.touch(`port/${port}`);
    this.#collect(mirror);
  }

  /** The mirrors that copy the port's packets from now on, in place of those that have done so far; empty: the port goes. */
  hold(port: PortRecord, ids: readonly string[]): readonly PortMirror[] {
    const before = this.#held.get(port) ?? [];
    const now = [...new Set(ids)].map((id) => this.#ensure(id));
    for (const mirror of before) mirror.ports.delete(port);
    for (const mirror of now) mirror.ports.add(port);
    if (now.length > 0) this.#held.set(port, now);
    else this.#held.delete(port);
    for (const mirror of before) this.#collect(mirror);
    return now;
  }

  /** Why packets of the port are not copied as its settings say; undefined: they are. */
  pendingOf(port: PortRecord): string | undefined {
    const missing = this.#held.get(port)?.find(({ settings }) => settings === undefined);
    return missing && `mirror ${missing.id} has not arrived`;
  }

  /** Finds the collectors' ports again: some may have come or gone. */
  place(): void {
    const { ports } = this.#parts;
    this.collectors.fill(NO_PORT);
    for (const slot of this.#local.values()) {
      const id = this.#bySlot[slot]?.settings?.collectorPortId;
      const record = id === undefined ? undefined : ports.get(id);
      if (record?.isAttached === true) this.collectors[slot] = record.index;
    }
  }

  #isOfAnother(segment: number, id: string): boolean {
    return this.#bySlot.some((other) => other?.settings?.segment === segment && other.id !== id);
  }

  #ensure(id: string): LiveMirror {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const mirror = new LiveMirror(id);
    this.#byId.set(id, mirror);
    return mirror;
  }

  #announce({ ports }: LiveMirror): void {
    for (const { cell } of ports) this.#parts.epochs.bump(cell);
  }

  /** Takes the mirror out of the forwarder's sight. */
  #withdraw(mirror: LiveMirror): void {
    const { slot, remote, settings } = mirror;
    if (slot === NO_SLOT) return;
    this.#bySlot[slot] = undefined;
    this.peers[slot] = NO_PEER;
    this.collectors[slot] = NO_PORT;
    if (settings !== undefined && this.#local.get(settings.segment) === slot) {
      this.#local.delete(settings.segment);
    }
    if (remote !== undefined) this.#parts.peers.release(remote);
    mirror.slot = NO_SLOT;
    mirror.remote = undefined;
    mirror.sources = undefined;
    mirror.groups = NO_MIRROR;
  }

  #collect(mirror: LiveMirror): void {
    if (mirror.settings === undefined && mirror.ports.size === 0) this.#byId.delete(mirror.id);
  }
}

const NO_SLOT = -1;

class LiveMirror implements PortMirror {
  readonly id: string;
  readonly ports: Set<PortRecord> = new Set();
  /** Undefined: it has not arrived, or not in a form that can be used. */
  settings: Mirror | undefined;
  slot = NO_SLOT;
  /** Address of the collector's host, if that is another. */
  remote: Uint8Array | undefined;
  /** Hosts that send copies here, if the collector is here. */
  sources: KnownHosts | undefined;
  groups: PortMirror = NO_MIRROR;

  constructor(id: string) {
    this.id = id;
  }

  get sent(): PortMirror['sent'] {
    return this.groups.sent;
  }
  get received(): PortMirror['received'] {
    return this.groups.received;
  }
}

/** The other hosts that copies come from. */
function sourcesOf(addresses: readonly Uint8Array[]): KnownHosts | string {
  if (addresses.length > PEERS_MAX) return `copies come from more than ${PEERS_MAX} hosts`;
  const hosts = peerGroup();
  for (const address of addresses) {
    const words = ipWordsFromBytes(address);
    if (words === undefined) return 'a source’s provider address is malformed';
    hosts.set({ words, len: 128 }, peerRule(words));
  }
  return new KnownHosts(hosts);
}

function rulesOf(rules: readonly MirrorRule[]): Predicate[][] | string {
  const compiled: Predicate[][] = [];
  for (const rule of rules) {
    const predicates = predicatesOf(rule);
    if (typeof predicates === 'string') return predicates;
    compiled.push(predicates);
  }
  return compiled;
}

function predicatesOf(rule: MirrorRule): Predicate[] | string {
  const { protocol, sourcePorts, destinationPorts } = rule;
  if (!Number.isInteger(protocol) || protocol < 0 || protocol > 0xff) {
    return `protocol ${protocol} is none of 0 … 255`;
  }
  const hasPorts = sourcePorts !== undefined || destinationPorts !== undefined;
  if (hasPorts && protocol !== 0 && !HAS_PORTS.includes(protocol)) {
    return `protocol ${protocol} has no ports`;
  }
  const sources = addressPredicate('srcAddress', rule.sources);
  if (typeof sources === 'string') return sources;
  const destinations = addressPredicate('dstAddress', rule.destinations);
  if (typeof destinations === 'string') return destinations;
  for (const range of [sourcePorts, destinationPorts]) {
    if (range !== undefined && !isPortRange(range)) return 'a port range is malformed';
  }
  return [
    ...sources,
    ...destinations,
    ...protocolPredicate(protocol, hasPorts),
    ...portPredicate('srcPort', sourcePorts),
    ...portPredicate('dstPort', destinationPorts),
  ];
}

/** A rule about ports of any protocol is one about TCP and UDP. */
function protocolPredicate(protocol: number, hasPorts: boolean): Predicate[] {
  if (protocol !== 0) return [equals('protocol', protocol)];
  if (!hasPorts) return [];
  return [{ field: 'protocol', anyOf: HAS_PORTS.map((number) => ({ from: number, to: number })) }];
}

function addressPredicate(
  field: 'srcAddress' | 'dstAddress',
  prefixes: readonly Prefix[],
): Predicate[] | string {
  if (prefixes.length === 0) return [];
  const parsed: IpPrefixWords[] = [];
  for (const { address, len } of prefixes) {
    const prefix = ipPrefixFromBytes(address, len);
    if (prefix === undefined) return 'an address prefix is malformed';
    parsed.push(prefix);
  }
  return [{ field, set: addressSet(parsed) }];
}

function portPredicate(field: 'srcPort' | 'dstPort', range: PortRange | undefined): Predicate[] {
  return range === undefined ? [] : [{ field, from: range.from, to: range.to }];
}

function isPortRange({ from, to }: PortRange): boolean {
  return (
    Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= PORT_MAX
  );
}
