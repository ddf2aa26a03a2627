/**
 * Load balancing at a port: what its nat layer does to packets to and from virtual addresses (Ananta, SIGCOMM 2013, §3.4.1: the host agent).
 *
 *   from a mux      client → VIP:port      becomes   client → DIP:backend port, at the backend that the mux has chosen by MAC address
 *   to an internal  CA → VIP:port          becomes   CA → DIP:backend port, at a backend chosen here; where that is the sender itself,
 *   one                                              VIP → DIP:backend port, delivered to it again
 *   answers                                          what their requests have become, the other way round
 *
 * With floating addresses nothing is rewritten: the packet only goes to the backend. The table of translations is the flow table: each port's pair
 * of a flow has its key before and behind the layers (engine/flow-memory), so that what a flow has become is read there, and a flow
 * that has to be decided again (a backend has come, gone or changed its state) stays at its backend as long as it may. Answers are judged by
 * what serves their requests.
 *
 * Routes count for the virtual address, not for the backend behind it: an address that a route sends to an appliance is translated behind the
 * appliance. Answers of public addresses go back out by an edge router whatever the routes say, as their requests have come.
 *
 * Called by layers/nat.
 */
import { equalIpWords, formatIpWords, type IpWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { Direction } from '../engine/direction.ts';
import type { Group } from '../engine/group.ts';
import type { HeaderAction } from '../engine/header-action.ts';
import type { Packet } from '../engine/packet.ts';
import { deny, type Rule, type Steering } from '../engine/rule.ts';
import { type BalancingRule, type Frontend, type NetworkFrontends, ruleOf } from './frontends.ts';
import type { Backend } from './pools.ts';
import type { Selection } from './selection.ts';

/** What a port's translations are made of. */
export interface BalancedPort {
  /** Addresses of its own. */
  readonly addresses: readonly { readonly address: IpWords; readonly segment: number }[];
  readonly routes: Group;
  /** Virtual addresses of its network. */
  readonly own: NetworkFrontends;
  /** The same, and those of the networks it is peered with, by routing domain. */
  readonly frontends: ReadonlyMap<number, NetworkFrontends>;
  readonly isMux: (address: IpWords) => boolean;
  /** Routing domains of the port's own network and of the Internet. */
  readonly ownDomain: number;
  readonly internetDomain: number;
}

export class Translation {
  readonly #port: BalancedPort;
  readonly #wayBack: Rule;

  constructor(port: BalancedPort) {
    this.#port = port;
    this.#wayBack = {
      id: 'back to the Internet as the request has come',
      resourceRef: '',
      priority: 0,
      predicates: [],
      action: { kind: 'allow', steering: { domain: port.internetDomain } },
    };
  }

  /** The rule for a packet that the port sends; undefined: it has nothing to do with virtual addresses. */
  outbound(packet: Packet): Rule | undefined {
    if (packet.isReply) return this.#answer(packet, Direction.OUTBOUND);
    const { key } = packet;
    if (this.#internalAt(dstOf(key)) === undefined) return undefined;
    const route = this.#port.routes.find(packet);
    if (route.action.kind !== 'allow' || route.action.steering?.nextHop !== undefined) {
      return undefined;
    }
    const domain = route.action.steering?.domain ?? this.#port.ownDomain;
    const frontend = this.#port.frontends.get(domain)?.at(key.dst0, key.dst1, key.dst2, key.dst3);
    if (frontend?.isInternal !== true) return undefined;
    const rule = ruleOf(frontend, key.protocol, key.dstPort);
    if (rule === undefined) return refused(frontend, 'not served', Drop.VirtualPortUnserved);
    if (rule.selection === undefined) return pending(rule);
    const kept = packet.isKnown ? this.#kept(rule.selection, rule, packet) : undefined;
    const backend = kept ?? rule.selection.choose(key, rule.distribution);
    if (backend === undefined) return noBackend(rule);
    const why =
      kept === undefined ? `chosen of ${rule.selection.candidates.length}` : 'as its flow before';
    return this.#toBackend(rule, backend, packet, why, { domain, route });
  }

  /** The rule for a packet that the port is sent. */
  inbound(packet: Packet): Rule | undefined {
    if (packet.isReply) return this.#answer(packet, Direction.INBOUND);
    const { key, outerSource } = packet;
    if (!this.#port.isMux(outerSource)) return undefined;
    const frontend = this.#port.own.at(key.dst0, key.dst1, key.dst2, key.dst3);
    if (frontend === undefined || frontend.isInternal) return NO_ADDRESS;
    const rule = ruleOf(frontend, key.protocol, key.dstPort);
    if (rule === undefined) return refused(frontend, 'not served', Drop.VirtualPortUnserved);
    if (rule.selection === undefined) return pending(rule);
    for (const own of this.#port.addresses) {
      const backend = rule.selection.backend(formatIpWords(own.address));
      if (backend === undefined || own.segment !== packet.vni) continue;
      return this.#toBackend(rule, backend, packet, 'chosen by a mux');
    }
    return refused(frontend, 'no backend of the rule', Drop.VirtualPortUnserved);
  }

  #internalAt(address: IpWords): Frontend | undefined {
    for (const frontends of this.#port.frontends.values()) {
      const frontend = frontends.atWords(address);
      if (frontend?.isInternal === true) return frontend;
    }
    return undefined;
  }

  #anyAt(address: IpWords): Frontend | undefined {
    return this.#port.own.atWords(address) ?? this.#internalAt(address);
  }

  /** The backend that the packet's flow goes to, if it may stay there. */
  #kept(selection: Selection, rule: BalancingRule, packet: Packet): Backend | undefined {
    const { beyond, beyondMac, key } = packet;
    // Of a flow that is not rewritten the station that it goes to is known.
    const backend = rule.isFloating
      ? selection.backendWithMac(beyondMac)
      : selection.backend(formatIpWords(dstOf(beyond)));
    const port = rule.isFloating || rule.backendPort === 0 ? key.dstPort : rule.backendPort;
    const isAsBefore = backend !== undefined && beyond.dstPort === port;
    return isAsBefore && selection.mayStay(key, backend) ? backend : undefined;
  }

  #toBackend(
    rule: BalancingRule,
    backend: Backend,
    packet: Packet,
    why: string,
    routed?: Pick<Steering, 'domain' | 'route'>,
  ): Rule {
    const { address, name, resourceRef } = backend;
    const port = rule.backendPort === 0 ? packet.key.dstPort : rule.backendPort;
    const isItself =
      routed !== undefined &&
      this.#port.addresses.some((own) => equalIpWords(own.address, address));
    const id = rule.isFloating
      ? `to backend ${name} (${resourceRef}) as it is, ${why}`
      : `to backend ${name}:${port} (${resourceRef}), ${why}`;
    if (rule.isFloating && isItself) return refused(rule.frontend, id, Drop.HairpinLoop);
    const header: HeaderAction = rule.isFloating
      ? {}
      : {
          ip: { dst: address, ...(isItself && { src: rule.frontend.address }) },
          transport: { dstPort: port },
        };
    const steering: Steering = {
      ...routed,
      ...(routed !== undefined && { nextHop: address }),
      ...(isItself && { mayReturn: true }),
    };
    return decided(rule, id, { kind: 'allow', header, steering });
  }

  /** What answers a packet that has been translated is translated back, as long as somebody serves its request. */
  #answer(packet: Packet, direction: Direction): Rule | undefined {
    if (!packet.isKnown) return undefined;
    const { key, beyond } = packet;
    const isOutbound = direction === Direction.OUTBOUND;
    const isSame = isSameWay(key, beyond);
    if (isSame && isOutbound && this.#internalAt(dstOf(key)) !== undefined) {
      return this.#toItself(packet);
    }
    const frontend = this.#anyAt(srcOf(beyond));
    if (frontend === undefined) return isSame ? undefined : NO_ADDRESS;
    if (isSame && frontend.isInternal) return undefined;
    const rule = ruleOf(frontend, key.protocol, beyond.srcPort);
    if (rule === undefined) return refused(frontend, 'not served', Drop.VirtualPortUnserved);
    if (rule.selection === undefined) return pending(rule);
    if (!isSame && rule.selection.backend(formatIpWords(srcOf(key))) === undefined) {
      return refused(frontend, 'from no backend of the rule', Drop.VirtualPortUnserved);
    }
    const header: HeaderAction = isSame ? {} : differenceOf(key, beyond);
    const isOut = isOutbound && !frontend.isInternal;
    const steering = isOut
      ? { domain: this.#port.internetDomain, route: this.#wayBack }
      : undefined;
    const id = `as ${formatIpWords(srcOf(beyond))}:${beyond.srcPort}, which its request was for`;
    return decided(rule, id, { kind: 'allow', header, ...(steering && { steering }) });
  }

  /** The answer to a packet that the port has sent to itself. */
  #toItself({ key }: Packet): Rule {
    return {
      id: 'back to the port itself',
      resourceRef: '',
      priority: 0,
      predicates: [],
      action: {
        kind: 'allow',
        steering: { nextHop: srcOf(key), mayReturn: true, route: BY_ITSELF },
      },
    };
  }
}

const BY_ITSELF: Rule = {
  id: 'the port itself',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: { kind: 'allow' },
};

function dstOf(key: FlowKey): IpWords {
  return [key.dst0, key.dst1, key.dst2, key.dst3];
}

function srcOf(key: FlowKey): IpWords {
  return [key.src0, key.src1, key.src2, key.src3];
}

/** The packets are the same. */
function isSameWay(a: FlowKey, b: FlowKey): boolean {
  return (
    a.srcPort === b.srcPort &&
    a.dstPort === b.dstPort &&
    equalIpWords(srcOf(a), srcOf(b)) &&
    equalIpWords(dstOf(a), dstOf(b))
  );
}

/** What turns a packet of `from` into one of `to`. */
function differenceOf(from: FlowKey, to: FlowKey): HeaderAction {
  const [src, dst] = [srcOf(to), dstOf(to)];
  return {
    ip: {
      ...(!equalIpWords(srcOf(from), src) && { src }),
      ...(!equalIpWords(dstOf(from), dst) && { dst }),
    },
    transport: {
      ...(from.srcPort !== to.srcPort && { srcPort: to.srcPort }),
      ...(from.dstPort !== to.dstPort && { dstPort: to.dstPort }),
    },
  };
}

const NO_ADDRESS: Rule = {
  id: 'no virtual address',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: deny(Drop.VirtualPortUnserved),
};

function refused(frontend: Frontend, why: string, drop: Drop): Rule {
  return {
    id: `${formatIpWords(frontend.address)}: ${why}`,
    resourceRef: frontend.resourceRef,
    priority: 0,
    predicates: [{ field: 'dstAddress', in: { words: frontend.address, len: 128 } }],
    action: deny(drop),
    cell: frontend.cell,
  };
}

function noBackend(rule: BalancingRule): Rule {
  return decided(rule, 'no backend that is up', deny(Drop.VirtualAddressWithoutBackend));
}

function pending(rule: BalancingRule): Rule {
  return decided(rule, 'its backends have not arrived', deny(Drop.PolicyPending));
}

function decided(rule: BalancingRule, id: string, action: Rule['action']): Rule {
  const { frontend, resourceRef, counter } = rule;
  return { id, resourceRef, priority: 0, predicates: [], action, cell: frontend.cell, counter };
}
