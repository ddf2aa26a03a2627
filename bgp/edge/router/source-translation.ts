/**
 * Step 2 of the slow path: with which source address and port a packet leaves. A virtual network's by a public address that is its interface's own,
 * else by a port of a pool (nat44/); infrastructure of the provider network by a pool that is for it; everything else as it is.
 * Called by slow-path.ts.
 */
import { ipv4Words } from '../../../base/ip-words.ts';
import { Drop } from '../../../packet/drop.ts';
import { EtherType } from '../../../packet/ethernet.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import * as icmp from '../../../packet/icmp.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import { type MappingIndex, NO_MAPPING } from '../nat44/mapping-table.ts';
import { type InsideTuple, isTranslatable, NatRefusal } from '../nat44/nat44.ts';
import { type Decision, Refused, SOURCE_MAPPING_CELL } from './decision.ts';
import { PLAIN_DOMAIN, type SegmentOwner } from './networks.ts';
import type { RouterState } from './router-state.ts';

/** IP protocols whose checksum covers addresses and which are not translated: DCCP, UDP-Lite. */
export const COVERED_PROTOCOLS: readonly number[] = [33, 136];

export class SourceTranslation {
  readonly #state: RouterState;
  readonly #decision: Decision;

  constructor(state: RouterState, decision: Decision) {
    this.#state = state;
    this.#decision = decision;
  }

  /** For a packet of a virtual network: it leaves with a public address, or not at all. */
  tenant(segment: SegmentOwner | undefined): Drop {
    if (segment === undefined) return Drop.VniUnknown;
    const { key } = this.#decision.verdict;
    const { domain } = segment;
    const { networks } = this.#state;
    if (networks.virtual(key.src0, key.src1, key.src2, key.src3) !== undefined) {
      this.#decision.tell('translation', 'none: the address is public');
      return Drop.None;
    }
    const own = networks.outsideOf(domain, key.src0, key.src1, key.src2, key.src3);
    if (own !== undefined) {
      if (COVERED_PROTOCOLS.includes(key.protocol)) return this.#decision.refuseProtocol();
      this.#decision.tell('translation', 'its own public address', own.resourceRef);
      this.#decision.fold({ ip: { src: own.outside } });
      return Drop.None;
    }
    if (key.etherType === EtherType.IPV6) {
      return this.#decision.prohibit(Drop.NatNoPool, 'IPv6 leaves by a public address alone');
    }
    if (this.#isExempt()) {
      return this.#decision.prohibit(
        Drop.NatNoPool,
        'exempt from translation, and no public address',
      );
    }
    return this.#byPort(domain.number, false);
  }

  /** For plain packets: infrastructure goes out by ports of a pool, everything else as it is. */
  plain(isToPublic: boolean): Drop {
    const { key } = this.#decision.verdict;
    const state = this.#state;
    const isCandidate =
      this.#decision.ingress.kind === 'provider' &&
      key.etherType === EtherType.IPV4 &&
      state.isProvider([key.src0, key.src1, key.src2, key.src3]);
    if (!isCandidate) return Drop.None;
    const { answers } = this.#decision.circumstances;
    // It answers somebody who has addressed it as itself.
    if (answers !== undefined && answers.dst[3] === key.src3) return Drop.None;
    const forward = state.nat.table.findInside(PLAIN_DOMAIN, key.src3, key.srcPort, key.protocol);
    if (!state.nat.hasInfrastructurePool && forward === NO_MAPPING) return Drop.None;
    const isInside = !isToPublic && state.isProvider([key.dst0, key.dst1, key.dst2, key.dst3]);
    if (isInside || this.#isExempt()) return Drop.None;
    return this.#byPort(PLAIN_DOMAIN, true);
  }

  #isExempt(): boolean {
    const { key } = this.#decision.verdict;
    return (
      this.#state.isExempt([key.src0, key.src1, key.src2, key.src3]) ||
      this.#state.isExempt([key.dst0, key.dst1, key.dst2, key.dst3])
    );
  }

  #byPort(domain: number, isInfrastructure: boolean): Drop {
    const { verdict } = this.#decision;
    const { key } = verdict;
    const { nat } = this.#state;
    if (!isTranslatable(key.protocol)) return this.#decision.refuseProtocol();
    if (key.protocol === IpProtocol.ICMP && !isRequest(key)) {
      return this.#decision.refuse(
        Drop.NatNoMapping,
        'translation',
        'an answer that nobody has asked for',
      );
    }
    const { src3: inside, srcPort: insidePort, protocol } = key;
    const tuple = { domain, isInfrastructure, inside, insidePort, protocol };
    const addressed = this.#addressedMapping(domain, inside, insidePort);
    const known =
      addressed === NO_MAPPING
        ? nat.table.findInside(domain, inside, insidePort, protocol)
        : addressed;
    const mapping =
      known === NO_MAPPING && this.#decision.circumstances.mayMap
        ? nat.outbound(tuple, this.#decision.circumstances.nowSec)
        : known;
    if (mapping === NO_MAPPING && this.#decision.isExplained) return this.#foretell(tuple);
    if (mapping < 0) return this.#refuseMapping(mapping);
    verdict.sourceMapping = mapping;
    verdict.composition.cells[SOURCE_MAPPING_CELL] = this.#state.mappingCell(mapping);
    nat.table.noteRemote(mapping, Math.imul(key.dst3, 0x9e37_79b1) ^ key.dstPort);
    const outside = ipv4Words(nat.table.outside(mapping));
    this.#decision.tell(
      'translation',
      `to port ${nat.table.outsidePort(mapping)} of a shared address`,
    );
    this.#decision.fold({
      ip: { src: outside },
      transport: { srcPort: nat.table.outsidePort(mapping) },
    });
    return Drop.None;
  }

  /** For whoever only asks: the translation that a packet would get. Which port that is, here 0, is decided when it comes. */
  #foretell(tuple: InsideTuple): Drop {
    const pool = this.#state.nat.poolOf(tuple);
    if (typeof pool === 'number') return this.#refuseMapping(pool);
    const [address = 0] = pool.addresses;
    const count = pool.addresses.length;
    const which = count === 1 ? 'a shared address' : `one of ${count} shared addresses`;
    this.#decision.tell('translation', `to a free port of ${which}`);
    this.#decision.fold({ ip: { src: ipv4Words(address) }, transport: { srcPort: 0 } });
    return Drop.None;
  }

  /** The mapping that the flow which this packet answers had come in by. */
  #addressedMapping(domain: number, inside: number, insidePort: number): MappingIndex {
    const { answers } = this.#decision.circumstances;
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

  #refuseMapping(refusal: number): Drop {
    const { verdict } = this.#decision;
    verdict.refused = Refused.PROHIBITED;
    switch (refusal) {
      case NatRefusal.BLOCKS_SPENT:
        return this.#decision.refuse(
          Drop.NatBlocksSpent,
          'translation',
          'it has all ports it may have',
        );
      case NatRefusal.POOL_EXHAUSTED:
        return this.#decision.refuse(
          Drop.NatPortsExhausted,
          'translation',
          'no block of ports is free',
        );
      case NatRefusal.NO_POOL:
        return this.#decision.refuse(Drop.NatNoPool, 'translation', 'no pool of public addresses');
      case NatRefusal.TABLE_FULL:
        return this.#decision.refuse(Drop.NatTableFull, 'translation', 'too many mappings');
      case NatRefusal.PROTOCOL:
        return this.#decision.refuseProtocol();
      default:
        verdict.refused = Refused.SILENTLY;
        return this.#decision.refuse(Drop.NatNoMapping, 'translation', 'no mapping yet');
    }
  }
}

/** An ICMP query that asks; an answer bears the identifier of who has asked. */
export function isRequest(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  return type === icmp.Type.ECHO_REQUEST || type === icmp.Type.TIMESTAMP_REQUEST;
}
