/**
 * The way to the Internet: an edge router (HostSettings.edges) that packets are tunnelled to, under the network identifier of the sender's
 * subnet, so that the edge knows whose they are. Which of several a flow takes is decided by its hash (rendezvous hashing: when one goes, only its
 * flows move). The edge's MAC address is the destination within the tunnel, the virtual router's the source, the TTL one less.
 *
 * What an edge brings comes from outside: never from an address that the receiver's network, or a peered one, has. One table for the switch; routes
 * lead to it as to a routing domain of its own. Called by switch/realiser (fills), layers/vnet (finds), switch/plausible-sources (asks).
 */
import { equalIpWords, formatIpWords, type IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { Group } from '../engine/group.ts';
import type { Packet } from '../engine/packet.ts';
import { deny, type Rule } from '../engine/rule.ts';

/** Routing domain of the Internet; networks have numbers from 1 on. */
export const INTERNET_DOMAIN = 0x4000_0000;
/** No subnet's network identifier, since these have 24 bits: so the packet crosses subnets. */
const INTERNET_SEGMENT = 0x100_0000;

export interface Edge {
  readonly address: IpWords;
  readonly mac: Mac;
  readonly peer: number;
  readonly resourceRef: string;
  /** Largest packet within its tunnel, bytes. */
  readonly mtu: number;
}

const NO_EDGE: Rule = {
  id: 'no edge router',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: deny(Drop.InternetUnavailable),
};

const GOLDEN = 0x9e37_79b1;

export class Internet implements Group {
  readonly name = 'edges';
  #edges: readonly Edge[] = [];
  /** By edge and network identifier. */
  readonly #rules = new Map<Edge, Map<number, Rule>>();

  get isAvailable(): boolean {
    return this.#edges.length > 0;
  }

  /** Replaces the edges. */
  set(edges: readonly Edge[]): void {
    this.#edges = edges;
    this.#rules.clear();
    for (const edge of edges) this.#rules.set(edge, new Map());
  }

  find(packet: Packet): Rule {
    const edge = this.#choose(packet.key);
    return edge === undefined ? NO_EDGE : this.#ruleOf(edge, packet.segment);
  }

  rules(): Rule[] {
    return [...[...this.#rules.values()].flatMap((rules) => [...rules.values()]), NO_EDGE];
  }

  /** Is it the provider address of an edge? */
  isEdge(address: IpWords): boolean {
    return this.edgeAt(address) !== undefined;
  }

  edgeAt(address: IpWords): Edge | undefined {
    return this.#edges.find((edge) => equalIpWords(edge.address, address));
  }

  #choose(key: FlowKey): Edge | undefined {
    let best: Edge | undefined;
    let bestScore = -1;
    const flow = spreadOf(key);
    for (const edge of this.#edges) {
      const score = mix(mix(flow, edge.address[3]), edge.address[1]) >>> 0;
      if (score <= bestScore) continue;
      best = edge;
      bestScore = score;
    }
    return best;
  }

  #ruleOf(edge: Edge, segment: number): Rule {
    const known = this.#rules.get(edge)?.get(segment);
    if (known !== undefined) return known;
    const { address, mac, peer, mtu, resourceRef } = edge;
    const rule: Rule = {
      id: `to the Internet by edge ${formatIpWords(address)}`,
      resourceRef,
      priority: 0,
      predicates: [],
      action: {
        kind: 'allow',
        header: { ethernet: { dst: mac }, outer: { kind: 'push', peer, vni: segment, mtu } },
        steering: { nextSegment: INTERNET_SEGMENT },
      },
    };
    this.#rules.get(edge)?.set(segment, rule);
    return rule;
  }
}

/** The same for every packet of a flow. */
function spreadOf(key: FlowKey): number {
  const addresses = mix(mix(key.src3, key.dst3), key.src1 ^ key.dst1);
  return mix(mix(addresses, (key.srcPort << 16) | key.dstPort), key.protocol);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, GOLDEN);
  return mixed ^ (mixed >>> 15);
}
