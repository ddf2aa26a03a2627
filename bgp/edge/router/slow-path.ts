/**
 * The slow path: what becomes of the first packet of a flow, or of the first one after a change. Its steps, in this order:
 *
 *   1 source       may it come from here (RFC 1812 §5.3.7, RFC 3704)?
 *   2 translation  of the source: its own public address, else a port of a pool (nat44/); plain packets keep theirs
 *   3 destination  a public address becomes whose it is: hairpinning is nothing but both steps on one packet (RFC 4787 REQ-9)
 *   4 way          into a virtual network by its mapping, else by the forwarding table to a neighbour
 *
 * An answer to a known flow is translated back to what that flow was: so it leaves from the public address and port that were addressed, also
 * where several lead to the same inside, and an infrastructure address that was reached as itself answers as itself.
 *
 * The outcome is one composition of header actions (dataplane/engine/header-action) with the epoch cells of all that was asked; the router
 * remembers it per flow. Decides, and makes mappings; sends nothing. Called by router.ts and explain.ts.
 */
import { type IpWords, ipv4Words, isIpv4Words } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import { ALWAYS_CURRENT, type EpochCell } from '../../../dataplane/engine/epochs.ts';
import { type FlowScope, inboundScope, outboundScope } from '../../../dataplane/engine/flow-id.ts';
import type { FlowView } from '../../../dataplane/engine/flow-view.ts';
import {
  type Composition,
  clearComposition,
  fold,
  type HeaderAction,
  newComposition,
} from '../../../dataplane/engine/header-action.ts';
import type { UnreachableCodes } from '../../../dataplane/engine/icmp-error.ts';
import { isMartianDestination, isMartianSource } from '../../../dataplane/engine/martians.ts';
import { Drop } from '../../../packet/drop.ts';
import { EtherType } from '../../../packet/ethernet.ts';
import { type FlowKey, newFlowKey } from '../../../packet/flow-key.ts';
import * as icmp from '../../../packet/icmp.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import { type MappingIndex, NO_MAPPING } from '../nat44/mapping-table.ts';
import { type InsideTuple, isTranslatable, NatRefusal } from '../nat44/nat44.ts';
import { chooseHop, RouteSource } from './fib.ts';
import { type Neighbour, NeighbourState } from './neighbours.ts';
import { type Domain, PLAIN_DOMAIN, type SegmentOwner } from './networks.ts';
import type { RouterState } from './router-state.ts';

/** Where a packet has come in. */
export interface Ingress {
  /** Number of the link; OVERLAY_LINK for tunnelled packets. */
  readonly link: number;
  readonly kind: 'overlay' | 'provider' | 'outside';
  /** Of a tunnelled packet. */
  readonly segment: SegmentOwner | undefined;
}

/** What the sender of a packet that is refused may be told: a kind of destination unreachable. */
export const Refused = { SILENTLY: 0, NET: 1, HOST: 2, PROHIBITED: 3, PROTOCOL: 4 } as const;
export type Refused = (typeof Refused)[keyof typeof Refused];

/** What the sender is told. */
export const UNREACHABLE_CODES: Readonly<Record<Refused, UnreachableCodes>> = {
  [Refused.SILENTLY]: { ipv4: 0, ipv6: 0 },
  [Refused.NET]: { ipv4: icmp.Unreachable.NET, ipv6: 0 },
  [Refused.HOST]: { ipv4: icmp.Unreachable.HOST, ipv6: 3 },
  [Refused.PROHIBITED]: { ipv4: icmp.Unreachable.ADMINISTRATIVELY_PROHIBITED, ipv6: 1 },
  [Refused.PROTOCOL]: { ipv4: icmp.Unreachable.PROTOCOL, ipv6: 1 },
};

/** Positions of a flow's epoch cells: the two mappings are found again by them with every packet. */
export const SOURCE_MAPPING_CELL = 0;
export const TARGET_MAPPING_CELL = 1;
const FIRST_FREE_CELL = 2;

/** What was decided; reused. */
export interface Verdict {
  drop: Drop;
  refused: Refused;
  readonly composition: Composition;
  /** The packet as it leaves. */
  readonly key: FlowKey;
  /** Where answers come in. */
  reverseScope: FlowScope;
  /** Routing domain whose flow it is. */
  domain: number;
  /** Not resolved yet: the packet has to wait for it. */
  awaits: Neighbour | undefined;
  sourceMapping: MappingIndex;
  targetMapping: MappingIndex;
  egressLink: number;
  /** On that link: who is given it. Undefined in a tunnel. */
  nextHop: IpWords | undefined;
}

export interface Circumstances {
  /** The flow that the packet answers: what its initiator sent, as it came in. */
  readonly answers: FlowView | undefined;
  /** May mappings be made? Not for ICMP errors, nor for somebody who only asks. */
  readonly mayMap: boolean;
  readonly nowSec: number;
}

/** A step in words, for whoever asks what would happen to a packet. */
export type Explain = (step: string, text: string, resourceRef?: string) => void;

/** IP protocols whose checksum covers addresses and which are not translated: DCCP, UDP-Lite. */
const COVERED_PROTOCOLS: readonly number[] = [33, 136];

export const PROVIDER_SCOPE: FlowScope = outboundScope(1);
export const OUTSIDE_SCOPE: FlowScope = outboundScope(2);

export function scopeOf({ kind, segment }: Ingress): FlowScope {
  if (segment !== undefined) return inboundScope(segment.vni);
  return kind === 'provider' ? PROVIDER_SCOPE : OUTSIDE_SCOPE;
}

export class SlowPath {
  readonly verdict: Verdict = {
    drop: Drop.None,
    refused: Refused.SILENTLY,
    composition: newComposition(),
    key: newFlowKey(),
    reverseScope: 0,
    domain: PLAIN_DOMAIN,
    awaits: undefined,
    sourceMapping: NO_MAPPING,
    targetMapping: NO_MAPPING,
    egressLink: NONE,
    nextHop: undefined,
  };
  readonly #state: RouterState;
  #nextCell = FIRST_FREE_CELL;
  #ingress: Ingress = { link: NONE, kind: 'outside', segment: undefined };
  #now: Circumstances = { answers: undefined, mayMap: false, nowSec: 0 };
  #explain: Explain | undefined;

  constructor(state: RouterState) {
    this.#state = state;
  }

  /** Decides about a packet with this key. The result is in `verdict`, until the next call. */
  decide(ingress: Ingress, key: FlowKey, circumstances: Circumstances, explain?: Explain): Verdict {
    const { verdict } = this;
    this.#ingress = ingress;
    this.#now = circumstances;
    this.#explain = explain;
    Object.assign(verdict.key, key);
    clearComposition(verdict.composition);
    this.#nextCell = FIRST_FREE_CELL;
    verdict.refused = Refused.SILENTLY;
    verdict.awaits = undefined;
    verdict.sourceMapping = NO_MAPPING;
    verdict.targetMapping = NO_MAPPING;
    verdict.egressLink = NONE;
    verdict.nextHop = undefined;
    verdict.domain = ingress.segment?.domain.number ?? PLAIN_DOMAIN;
    this.#dependOn(this.#state.configCell);
    verdict.drop = this.#steps();
    return verdict;
  }

  #steps(): Drop {
    const source = this.#checkSource();
    if (source !== Drop.None) return source;
    const { key } = this.verdict;
    const isTransit = this.#ingress.kind === 'overlay';
    const target = this.#publicTarget();
    const translated = isTransit
      ? this.#translateTenant(this.#ingress.segment)
      : this.#translatePlain(target);
    if (translated !== Drop.None) return translated;
    if (target !== undefined) return this.#toPublic(target);
    if (isMartianDestination(key)) return Drop.MartianDestination;
    return this.#route();
  }

  #checkSource(): Drop {
    const { key } = this.verdict;
    const state = this.#state;
    const { kind, segment } = this.#ingress;
    if (isMartianSource(key)) return this.#refuse(Drop.MartianSource, 'source', 'no host has it');
    if (segment !== undefined) {
      const { domain } = segment;
      this.#dependOn(domain.cell);
      const own = state.networks.location(domain, key.src0, key.src1, key.src2, key.src3);
      if (own === undefined) {
        return this.#refuse(Drop.InnerSourceImplausible, 'source', 'nobody of the network has it');
      }
      this.#tell('source', 'an interface of the network', own.resourceRef);
      return Drop.None;
    }
    const source: IpWords = [key.src0, key.src1, key.src2, key.src3];
    if (state.isOwn(source)) {
      return this.#refuse(Drop.MartianSource, 'source', 'it is the router’s own');
    }
    if (kind === 'provider') return Drop.None;
    const isOurs = this.#isPublic(source) || state.isProvider(source);
    return isOurs
      ? this.#refuse(Drop.MartianSource, 'source', 'it is inside, but comes from outside')
      : Drop.None;
  }

  /** Step 2 for a packet of a virtual network: it leaves with a public address, or not at all. */
  #translateTenant(segment: SegmentOwner | undefined): Drop {
    if (segment === undefined) return Drop.VniUnknown;
    const { key } = this.verdict;
    const { domain } = segment;
    const { networks } = this.#state;
    const own = networks.outsideOf(domain, key.src0, key.src1, key.src2, key.src3);
    if (own !== undefined) {
      if (COVERED_PROTOCOLS.includes(key.protocol)) return this.#refuseProtocol();
      this.#tell('translation', 'its own public address', own.resourceRef);
      this.#fold({ ip: { src: own.outside } });
      return Drop.None;
    }
    if (key.etherType === EtherType.IPV6) {
      return this.#prohibit(Drop.NatNoPool, 'IPv6 leaves by a public address alone');
    }
    if (this.#isExempt()) {
      return this.#prohibit(Drop.NatNoPool, 'exempt from translation, and no public address');
    }
    return this.#translateByPort(domain.number, false);
  }

  /** Step 2 for plain packets: infrastructure goes out by ports of a pool, everything else as it is. */
  #translatePlain(target: PublicTarget | undefined): Drop {
    const { key } = this.verdict;
    const state = this.#state;
    const isCandidate =
      this.#ingress.kind === 'provider' &&
      key.etherType === EtherType.IPV4 &&
      state.isProvider([key.src0, key.src1, key.src2, key.src3]);
    if (!isCandidate) return Drop.None;
    const { answers } = this.#now;
    // It answers somebody who has addressed it as itself.
    if (answers !== undefined && answers.dst[3] === key.src3) return Drop.None;
    const forward = state.nat.table.findInside(PLAIN_DOMAIN, key.src3, key.srcPort, key.protocol);
    if (!state.nat.hasInfrastructurePool && forward === NO_MAPPING) return Drop.None;
    const isInside =
      target === undefined && state.isProvider([key.dst0, key.dst1, key.dst2, key.dst3]);
    if (isInside || this.#isExempt()) return Drop.None;
    return this.#translateByPort(PLAIN_DOMAIN, true);
  }

  #isExempt(): boolean {
    const { key } = this.verdict;
    return (
      this.#state.isExempt([key.src0, key.src1, key.src2, key.src3]) ||
      this.#state.isExempt([key.dst0, key.dst1, key.dst2, key.dst3])
    );
  }

  #translateByPort(domain: number, isInfrastructure: boolean): Drop {
    const { verdict } = this;
    const { key } = verdict;
    const { nat } = this.#state;
    if (!isTranslatable(key.protocol)) return this.#refuseProtocol();
    if (key.protocol === IpProtocol.ICMP && !isRequest(key)) {
      return this.#refuse(Drop.NatNoMapping, 'translation', 'an answer that nobody has asked for');
    }
    const { src3: inside, srcPort: insidePort, protocol } = key;
    const tuple = { domain, isInfrastructure, inside, insidePort, protocol };
    const addressed = this.#addressedMapping(domain, inside, insidePort);
    const known =
      addressed === NO_MAPPING
        ? nat.table.findInside(domain, inside, insidePort, protocol)
        : addressed;
    const mapping =
      known === NO_MAPPING && this.#now.mayMap ? nat.outbound(tuple, this.#now.nowSec) : known;
    if (mapping === NO_MAPPING && this.#explain !== undefined) return this.#foretell(tuple);
    if (mapping < 0) return this.#refuseMapping(mapping);
    verdict.sourceMapping = mapping;
    verdict.composition.cells[SOURCE_MAPPING_CELL] = this.#state.mappingCell(mapping);
    nat.table.noteRemote(mapping, Math.imul(key.dst3, 0x9e37_79b1) ^ key.dstPort);
    const outside = ipv4Words(nat.table.outside(mapping));
    this.#tell('translation', `to port ${nat.table.outsidePort(mapping)} of a shared address`);
    this.#fold({ ip: { src: outside }, transport: { srcPort: nat.table.outsidePort(mapping) } });
    return Drop.None;
  }

  /** For whoever only asks: the translation that a packet would get. Which port that is, here 0, is decided when it comes. */
  #foretell(tuple: InsideTuple): Drop {
    const pool = this.#state.nat.poolOf(tuple);
    if (typeof pool === 'number') return this.#refuseMapping(pool);
    const [address = 0] = pool.addresses;
    const count = pool.addresses.length;
    const which = count === 1 ? 'a shared address' : `one of ${count} shared addresses`;
    this.#tell('translation', `to a free port of ${which}`);
    this.#fold({ ip: { src: ipv4Words(address) }, transport: { srcPort: 0 } });
    return Drop.None;
  }

  /** The mapping that the flow which this packet answers had come in by. */
  #addressedMapping(domain: number, inside: number, insidePort: number): MappingIndex {
    const { answers } = this.#now;
    if (answers === undefined) return NO_MAPPING;
    const { table } = this.#state.nat;
    const mapping = table.findOutside(answers.dst[3], answers.dstPort, answers.protocol);
    const isIts =
      mapping !== NO_MAPPING &&
      table.domain(mapping) === domain &&
      table.inside(mapping) === inside &&
      table.insidePort(mapping) === insidePort;
    return isIts ? mapping : NO_MAPPING;
  }

  /** Step 3: whose the destination is, if it is a public address. */
  #publicTarget(): PublicTarget | undefined {
    const { key } = this.verdict;
    const { networks, nat } = this.#state;
    const oneToOne = networks.insideOf(key.dst0, key.dst1, key.dst2, key.dst3);
    if (oneToOne !== undefined) {
      const { domain, inside, resourceRef } = oneToOne;
      return { domain, inside, port: undefined, mapping: NO_MAPPING, resourceRef };
    }
    if (key.etherType !== EtherType.IPV4 || !nat.isPublic(key.dst3)) return undefined;
    const isQuery = key.protocol === IpProtocol.ICMP;
    const port = isQuery ? key.srcPort : key.dstPort;
    const isMappable = isTranslatable(key.protocol) && !(isQuery && isRequest(key));
    const mapping = isMappable ? nat.inbound(key.dst3, port, key.protocol) : NO_MAPPING;
    if (mapping === NO_MAPPING) {
      return { domain: undefined, inside: ipv4Words(0), port: 0, mapping, resourceRef: '' };
    }
    const number = nat.table.domain(mapping);
    return {
      domain: number === PLAIN_DOMAIN ? 'plain' : networks.domainNumbered(number),
      inside: ipv4Words(nat.table.inside(mapping)),
      port: nat.table.insidePort(mapping),
      mapping,
      resourceRef: '',
    };
  }

  #toPublic({ domain, inside, port, mapping, resourceRef }: PublicTarget): Drop {
    const { verdict } = this;
    if (domain === undefined) {
      if (port !== undefined) {
        return this.#refuse(Drop.NatNoMapping, 'destination', 'no mapping of a shared address');
      }
      verdict.refused = Refused.HOST;
      const text = 'a public address that nobody has';
      return this.#refuse(Drop.PublicAddressUnbound, 'destination', text, resourceRef);
    }
    if (port === undefined && COVERED_PROTOCOLS.includes(verdict.key.protocol)) {
      return this.#refuseProtocol();
    }
    verdict.targetMapping = mapping;
    if (mapping !== NO_MAPPING) {
      verdict.composition.cells[TARGET_MAPPING_CELL] = this.#state.mappingCell(mapping);
    }
    const transport = port === undefined ? undefined : { dstPort: port };
    this.#fold({ ip: { dst: inside }, ...(transport !== undefined && { transport }) });
    if (domain === 'plain') {
      this.#tell('destination', 'an address of the provider network');
      return this.#route();
    }
    if (verdict.domain === PLAIN_DOMAIN) verdict.domain = domain.number;
    return this.#toNetwork(domain, inside, resourceRef);
  }

  /** Step 4 into a virtual network. */
  #toNetwork(domain: Domain, inside: IpWords, resourceRef: string): Drop {
    const { verdict } = this;
    const { networks, settings } = this.#state;
    this.#dependOn(domain.cell);
    const location = networks.location(domain, ...inside);
    const segment = location === undefined ? undefined : networks.subnet(location.subnetId);
    if (location === undefined || segment === undefined) {
      verdict.refused = Refused.HOST;
      return this.#refuse(Drop.NoMapping, 'way', 'no attached interface has it', resourceRef);
    }
    const mtu = this.#state.overlayMtu;
    verdict.reverseScope = inboundScope(segment.vni);
    verdict.egressLink = this.#state.overlayLink;
    this.#tell('way', 'through a tunnel to its host', location.resourceRef);
    this.#fold({
      ethernet: { dst: location.mac, src: settings.mac },
      ttl: 'decrement',
      outer: { kind: 'push', peer: location.peer, vni: segment.vni, mtu },
      fit: mtu,
    });
    return Drop.None;
  }

  /** Step 4 by the forwarding table. */
  #route(): Drop {
    const { verdict } = this;
    const { key } = verdict;
    const state = this.#state;
    const destination: IpWords = [key.dst0, key.dst1, key.dst2, key.dst3];
    if (state.isOwn(destination)) {
      return this.#refuse(Drop.NotForUs, 'way', 'the router itself, which talks BGP alone');
    }
    this.#dependOn(state.fib.cellOf(...destination));
    const found = state.fib.lookup(...destination);
    if (found === undefined) {
      verdict.refused = Refused.NET;
      return this.#refuse(Drop.NoRoute, 'way', 'no route leads there');
    }
    const isTenant = this.#ingress.kind === 'overlay';
    if (isTenant && found.source !== RouteSource.LEARNED && state.isProvider(destination)) {
      return this.#prohibit(Drop.InfrastructureProtected, 'the provider network itself');
    }
    const { hops } = found.group;
    const { nowSec } = this.#now;
    const chosen = chooseHop(found.group, spreadOf(key), (index) => {
      const hop = hops[index];
      return (
        hop !== undefined && state.neighbours.mayUse(hop.link, hop.gateway ?? destination, nowSec)
      );
    });
    const hop = hops[chosen];
    if (hop === undefined) return this.#unreachable();
    return this.#toNeighbour(hop.link, hop.gateway ?? destination, hop.gateway !== undefined);
  }

  #toNeighbour(linkNumber: number, words: IpWords, isGateway: boolean): Drop {
    const { verdict } = this;
    const state = this.#state;
    const link = state.link(linkNumber);
    if (link === undefined) return this.#unreachable();
    if (link.kind === 'outside' && linkNumber === this.#ingress.link) {
      verdict.refused = Refused.NET;
      return this.#refuse(Drop.HairpinLoop, 'way', 'back to where it has come from');
    }
    const neighbour = state.neighbours.lookup(linkNumber, words, isGateway, this.#now.nowSec);
    if (neighbour === undefined) return this.#refuse(Drop.NeighborQueueFull, 'way', 'too many');
    if (neighbour.state === NeighbourState.FAILED) return this.#unreachable();
    this.#dependOn(neighbour.cell);
    verdict.egressLink = linkNumber;
    verdict.nextHop = words;
    verdict.reverseScope = link.kind === 'provider' ? PROVIDER_SCOPE : OUTSIDE_SCOPE;
    if (neighbour.state === NeighbourState.INCOMPLETE) verdict.awaits = neighbour;
    this.#tell('way', `${link.name}, ${isGateway ? 'by a next hop' : 'on the link'}`);
    verdict.composition.port = linkNumber;
    this.#fold({
      ethernet: { dst: neighbour.mac, src: link.mac },
      ttl: 'decrement',
      fit: link.mtu,
    });
    return Drop.None;
  }

  #unreachable(): Drop {
    this.verdict.refused = Refused.HOST;
    return this.#refuse(Drop.NeighborUnresolved, 'way', 'no next hop answers');
  }

  #refuseMapping(refusal: number): Drop {
    const { verdict } = this;
    verdict.refused = Refused.PROHIBITED;
    switch (refusal) {
      case NatRefusal.BLOCKS_SPENT:
        return this.#refuse(Drop.NatBlocksSpent, 'translation', 'it has all ports it may have');
      case NatRefusal.POOL_EXHAUSTED:
        return this.#refuse(Drop.NatPortsExhausted, 'translation', 'no block of ports is free');
      case NatRefusal.NO_POOL:
        return this.#refuse(Drop.NatNoPool, 'translation', 'no pool of public addresses');
      case NatRefusal.TABLE_FULL:
        return this.#refuse(Drop.NatTableFull, 'translation', 'too many mappings');
      case NatRefusal.PROTOCOL:
        return this.#refuseProtocol();
      default:
        verdict.refused = Refused.SILENTLY;
        return this.#refuse(Drop.NatNoMapping, 'translation', 'no mapping yet');
    }
  }

  #refuseProtocol(): Drop {
    this.verdict.refused = Refused.PROTOCOL;
    return this.#refuse(Drop.NatProtocolUnsupported, 'translation', 'not of this protocol');
  }

  #prohibit(drop: Drop, text: string): Drop {
    this.verdict.refused = Refused.PROHIBITED;
    return this.#refuse(drop, 'way', text);
  }

  #refuse(drop: Drop, step: string, text: string, resourceRef?: string): Drop {
    this.#tell(step, text, resourceRef);
    return drop;
  }

  #tell(step: string, text: string, resourceRef?: string): void {
    this.#explain?.(step, text, resourceRef);
  }

  #fold(action: HeaderAction): void {
    fold(this.verdict.composition, action, this.verdict.key);
  }

  #dependOn(cell: EpochCell): void {
    const { cells } = this.verdict.composition;
    for (let index = FIRST_FREE_CELL; index < this.#nextCell; index += 1) {
      if (cells[index] === cell) return;
    }
    cells[this.#nextCell] = cell;
    this.#nextCell += 1;
  }

  #isPublic(words: IpWords): boolean {
    const { networks, nat } = this.#state;
    if (networks.insideOf(...words) !== undefined) return true;
    return isIpv4Words(words) && nat.isPublic(words[3]);
  }
}

interface PublicTarget {
  /** Undefined: nobody's. */
  readonly domain: Domain | 'plain' | undefined;
  readonly inside: IpWords;
  /** Undefined: all ports. */
  readonly port: number | undefined;
  readonly mapping: MappingIndex;
  readonly resourceRef: string;
}

/** An ICMP query that asks; an answer bears the identifier of who has asked. */
function isRequest(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  return type === icmp.Type.ECHO_REQUEST || type === icmp.Type.TIMESTAMP_REQUEST;
}

/** What spreads flows over next hops: the same for every packet of a flow, as it leaves. */
function spreadOf(key: FlowKey): number {
  let hash = key.protocol;
  for (const word of [key.src0, key.src1, key.src2, key.src3]) hash = spread(hash, word);
  for (const word of [key.dst0, key.dst1, key.dst2, key.dst3]) hash = spread(hash, word);
  return spread(hash, (key.srcPort << 16) | key.dstPort);
}

function spread(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}

/** No cell at a mapping's position. */
export const NO_MAPPING_CELL: EpochCell = ALWAYS_CURRENT;
