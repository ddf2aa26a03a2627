/**
 * The slow path: what becomes of the first packet of a flow, or of the first one after a change. Its steps, in this order:
 *
 *   1 source       may it come from here (RFC 1812 §5.3.7, RFC 3704)?
 *   2 translation  of the source: its own public address, else a port of a pool (nat44/); plain packets keep theirs
 *   3 destination  a public address becomes whose it is: hairpinning is nothing but both steps on one packet (RFC 4787 REQ-9); a load
 *                  balancer's stays, and goes to a mux
 *   4 way          into a virtual network by its mapping, else by the forwarding table to a neighbour
 *
 * An answer to a known flow is translated back to what that flow was: so it leaves from the public address and port that were addressed, also
 * where several lead to the same inside, and an infrastructure address that was reached as itself answers as itself.
 *
 * The outcome is one composition of header actions (dataplane/engine/header-action) with the epoch cells of all that was asked; the router
 * remembers it per flow. Decides, and makes mappings; sends nothing. Called by router.ts and explain.ts.
 */
import { type IpWords, ipv4Words, isIpv4Words } from '../../../base/ip-words.ts';
import { isMartianDestination, isMartianSource } from '../../../dataplane/engine/martians.ts';
import { Drop } from '../../../packet/drop.ts';
import { EtherType } from '../../../packet/ethernet.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import { type MappingIndex, NO_MAPPING } from '../nat44/mapping-table.ts';
import { isTranslatable } from '../nat44/nat44.ts';
import {
  type Circumstances,
  Decision,
  type Explain,
  type Ingress,
  Refused,
  TARGET_MAPPING_CELL,
  type Verdict,
} from './decision.ts';
import { RouteSource } from './fib.ts';
import { type Domain, PLAIN_DOMAIN } from './networks.ts';
import { OnwardWay } from './onward-way.ts';
import type { RouterState } from './router-state.ts';
import { COVERED_PROTOCOLS, isRequest, SourceTranslation } from './source-translation.ts';
import type { VirtualAddress } from './virtual-addresses.ts';

export class SlowPath {
  readonly #state: RouterState;
  readonly #decision = new Decision();
  readonly #source: SourceTranslation;
  readonly #way: OnwardWay;

  constructor(state: RouterState) {
    this.#state = state;
    this.#source = new SourceTranslation(state, this.#decision);
    this.#way = new OnwardWay(state, this.#decision);
  }

  /** Decides about a packet with this key. The result is good until the next call. */
  decide(ingress: Ingress, key: FlowKey, circumstances: Circumstances, explain?: Explain): Verdict {
    const { verdict } = this.#decision;
    this.#decision.begin(ingress, key, circumstances, explain);
    this.#decision.dependOn(this.#state.configCell);
    verdict.drop = this.#steps();
    return verdict;
  }

  #steps(): Drop {
    const source = this.#checkSource();
    if (source !== Drop.None) return source;
    const { key } = this.#decision.verdict;
    const isTransit = this.#decision.ingress.kind === 'overlay';
    const virtual = this.#state.networks.virtual(key.dst0, key.dst1, key.dst2, key.dst3);
    const target = virtual === undefined ? this.#publicTarget() : undefined;
    const translated = isTransit
      ? this.#source.tenant(this.#decision.ingress.segment)
      : this.#source.plain(target !== undefined || virtual !== undefined);
    if (translated !== Drop.None) return translated;
    if (virtual !== undefined) return this.#toMux(virtual);
    if (target !== undefined) return this.#toPublic(target);
    if (isMartianDestination(key)) return Drop.MartianDestination;
    return this.#way.route();
  }

  #checkSource(): Drop {
    const { key } = this.#decision.verdict;
    const state = this.#state;
    const { kind, segment } = this.#decision.ingress;
    if (isMartianSource(key))
      return this.#decision.refuse(Drop.MartianSource, 'source', 'no host has it');
    if (segment !== undefined) {
      const { domain } = segment;
      this.#decision.dependOn(domain.cell);
      const virtual = state.networks.virtual(key.src0, key.src1, key.src2, key.src3);
      if (virtual !== undefined && virtual.domain === domain) {
        const text = 'a backend that answers, or goes out, as its load balancer';
        this.#decision.tell('source', text, virtual.resourceRef);
        return Drop.None;
      }
      const own = state.networks.location(domain, key.src0, key.src1, key.src2, key.src3);
      if (own === undefined) {
        return this.#decision.refuse(
          Drop.InnerSourceImplausible,
          'source',
          'nobody of the network has it',
        );
      }
      this.#decision.tell('source', 'an interface of the network', own.resourceRef);
      return Drop.None;
    }
    const source: IpWords = [key.src0, key.src1, key.src2, key.src3];
    if (state.isOwn(source)) {
      return this.#decision.refuse(Drop.MartianSource, 'source', 'it is the router’s own');
    }
    if (kind === 'provider') return Drop.None;
    const isOurs = this.#isPublic(source) || state.isProvider(source);
    return isOurs
      ? this.#decision.refuse(Drop.MartianSource, 'source', 'it is inside, but comes from outside')
      : Drop.None;
  }

  /** Step 4 to a load balancer's address: only by what muxes have announced. */
  #toMux({ resourceRef }: VirtualAddress<Domain>): Drop {
    const { key } = this.#decision.verdict;
    const state = this.#state;
    this.#decision.tell('destination', 'a load balancer’s address', resourceRef);
    const found = state.fib.lookup(key.dst0, key.dst1, key.dst2, key.dst3);
    const isMux =
      found?.source === RouteSource.LEARNED &&
      found.group.hops.every(({ link }) => state.link(link)?.kind === 'provider');
    if (isMux) return this.#way.route();
    this.#decision.dependOn(state.fib.cellOf(key.dst0, key.dst1, key.dst2, key.dst3));
    this.#decision.verdict.refused = Refused.HOST;
    return this.#decision.refuse(Drop.NoRoute, 'way', 'no mux announces it', resourceRef);
  }

  /** Step 3: whose the destination is, if it is a public address. */
  #publicTarget(): PublicTarget | undefined {
    const { key } = this.#decision.verdict;
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
    const { verdict } = this.#decision;
    if (domain === undefined) {
      if (port !== undefined) {
        return this.#decision.refuse(
          Drop.NatNoMapping,
          'destination',
          'no mapping of a shared address',
        );
      }
      verdict.refused = Refused.HOST;
      const text = 'a public address that nobody has';
      return this.#decision.refuse(Drop.PublicAddressUnbound, 'destination', text, resourceRef);
    }
    if (port === undefined && COVERED_PROTOCOLS.includes(verdict.key.protocol)) {
      return this.#decision.refuseProtocol();
    }
    verdict.targetMapping = mapping;
    if (mapping !== NO_MAPPING) {
      verdict.composition.cells[TARGET_MAPPING_CELL] = this.#state.mappingCell(mapping);
    }
    const transport = port === undefined ? undefined : { dstPort: port };
    this.#decision.fold({ ip: { dst: inside }, ...(transport !== undefined && { transport }) });
    if (domain === 'plain') {
      this.#decision.tell('destination', 'an address of the provider network');
      return this.#way.route();
    }
    if (verdict.domain === PLAIN_DOMAIN) verdict.domain = domain.number;
    return this.#way.toNetwork(domain, inside, resourceRef);
  }

  #isPublic(words: IpWords): boolean {
    const { networks, nat } = this.#state;
    if (networks.insideOf(...words) !== undefined) return true;
    if (networks.virtual(...words) !== undefined) return true;
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
