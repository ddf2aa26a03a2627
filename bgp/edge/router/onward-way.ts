/**
 * Step 4 of the slow path: where a packet goes on, its destination translated. Into a virtual network by its mapping and a tunnel, else by the
 * forwarding table, of whose next hops the flow's hash chooses one, to a neighbour. Called by slow-path.ts.
 */
import type { IpWords } from '../../../base/ip-words.ts';
import { inboundScope } from '../../../dataplane/engine/flow-id.ts';
import { Drop } from '../../../packet/drop.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import { type Decision, OUTSIDE_SCOPE, PROVIDER_SCOPE, Refused } from './decision.ts';
import { chooseHop, RouteSource } from './fib.ts';
import { NeighbourState } from './neighbours.ts';
import type { Domain } from './networks.ts';
import type { RouterState } from './router-state.ts';

export class OnwardWay {
  readonly #state: RouterState;
  readonly #decision: Decision;

  constructor(state: RouterState, decision: Decision) {
    this.#state = state;
    this.#decision = decision;
  }

  /** Into a virtual network. */
  toNetwork(domain: Domain, inside: IpWords, resourceRef: string): Drop {
    const { verdict } = this.#decision;
    const { networks, settings } = this.#state;
    this.#decision.dependOn(domain.cell);
    const location = networks.location(domain, ...inside);
    const segment = location === undefined ? undefined : networks.subnet(location.subnetId);
    if (location === undefined || segment === undefined) {
      verdict.refused = Refused.HOST;
      return this.#decision.refuse(
        Drop.NoMapping,
        'way',
        'no attached interface has it',
        resourceRef,
      );
    }
    const mtu = this.#state.overlayMtu;
    verdict.reverseScope = inboundScope(segment.vni);
    verdict.egressLink = this.#state.overlayLink;
    this.#decision.tell('way', 'through a tunnel to its host', location.resourceRef);
    this.#decision.fold({
      ethernet: { dst: location.mac, src: settings.mac },
      ttl: 'decrement',
      outer: { kind: 'push', peer: location.peer, vni: segment.vni, mtu },
      fit: mtu,
    });
    return Drop.None;
  }

  /** By the forwarding table. */
  route(): Drop {
    const { verdict } = this.#decision;
    const { key } = verdict;
    const state = this.#state;
    const destination: IpWords = [key.dst0, key.dst1, key.dst2, key.dst3];
    if (state.isOwn(destination)) {
      return this.#decision.refuse(
        Drop.NotForUs,
        'way',
        'the router itself, which talks BGP alone',
      );
    }
    this.#decision.dependOn(state.fib.cellOf(...destination));
    const found = state.fib.lookup(...destination);
    if (found === undefined) {
      verdict.refused = Refused.NET;
      return this.#decision.refuse(Drop.NoRoute, 'way', 'no route leads there');
    }
    const isTenant = this.#decision.ingress.kind === 'overlay';
    if (isTenant && found.source !== RouteSource.LEARNED && state.isProvider(destination)) {
      return this.#decision.prohibit(Drop.InfrastructureProtected, 'the provider network itself');
    }
    const { hops } = found.group;
    const { nowSec } = this.#decision.circumstances;
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
    const { verdict } = this.#decision;
    const state = this.#state;
    const link = state.link(linkNumber);
    if (link === undefined) return this.#unreachable();
    if (link.kind === 'outside' && linkNumber === this.#decision.ingress.link) {
      verdict.refused = Refused.NET;
      return this.#decision.refuse(Drop.HairpinLoop, 'way', 'back to where it has come from');
    }
    const neighbour = state.neighbours.lookup(
      linkNumber,
      words,
      isGateway,
      this.#decision.circumstances.nowSec,
    );
    if (neighbour === undefined)
      return this.#decision.refuse(Drop.NeighborQueueFull, 'way', 'too many');
    if (neighbour.state === NeighbourState.FAILED) return this.#unreachable();
    this.#decision.dependOn(neighbour.cell);
    verdict.egressLink = linkNumber;
    verdict.nextHop = words;
    verdict.reverseScope = link.kind === 'provider' ? PROVIDER_SCOPE : OUTSIDE_SCOPE;
    if (neighbour.state === NeighbourState.INCOMPLETE) verdict.awaits = neighbour;
    this.#decision.tell('way', `${link.name}, ${isGateway ? 'by a next hop' : 'on the link'}`);
    verdict.composition.port = linkNumber;
    this.#decision.fold({
      ethernet: { dst: neighbour.mac, src: link.mac },
      ttl: 'decrement',
      fit: link.mtu,
    });
    return Drop.None;
  }

  #unreachable(): Drop {
    this.#decision.verdict.refused = Refused.HOST;
    return this.#decision.refuse(Drop.NeighborUnresolved, 'way', 'no next hop answers');
  }
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
