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
import { type FlowKey, newFlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { Direction } from '../engine/direction.ts';
import { copyIdentity, reverseKey } from '../engine/flow-id.ts';
import type { HeaderAction } from '../engine/header-action.ts';
import type { Packet } from '../engine/packet.ts';
import { deny, type Rule, type Steering } from '../engine/rule.ts';
import { SOURCE_PORT_TRIES_MAX } from '../limits.ts';
import { type BalancingRule, type Frontend, type NetworkFrontends, ruleOf } from './frontends.ts';
import { type OutboundParts, OutboundTranslation } from './outbound.ts';
import { differenceOf, dstOf, isSameWay, srcOf } from './packet-keys.ts';
import type { Backend } from './pools.ts';
import type { Selection } from './selection.ts';

/** What a port's translations are made of. */
export interface BalancedPort extends OutboundParts {
  /** Addresses of its own. */
  readonly addresses: readonly { readonly address: IpWords; readonly segment: number }[];
  /** Virtual addresses of its network. */
  readonly own: NetworkFrontends;
  /** The same, and those of the networks it is peered with, by routing domain. */
  readonly frontends: ReadonlyMap<number, NetworkFrontends>;
  readonly isMux: (address: IpWords) => boolean;
  /** Routing domain of the port's own network. */
  readonly ownDomain: number;
}

export class Translation {
  readonly #port: BalancedPort;
  readonly #wayBack: Rule;
  readonly #leaving: OutboundTranslation;
  readonly #awaited = newFlowKey();

  constructor(port: BalancedPort) {
    this.#port = port;
    this.#leaving = new OutboundTranslation(port);
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
    if (this.#internalAt(dstOf(key)) === undefined) {
      return this.#leaving.outbound(packet) ?? this.#apart(packet);
    }
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
    if (kept !== undefined) {
      const srcPort = packet.beyond.srcPort;
      return this.#toBackend(rule, kept, packet, 'as before', { domain, route, srcPort });
    }
    if (!rule.selection.isReady) return pending(rule);
    const backend = rule.selection.choose(key, rule.distribution);
    if (backend === undefined) return noBackend(rule);
    const srcPort = this.#freePort(rule, backend, packet);
    if (srcPort === 0) return noPort(rule);
    const why = `chosen of ${rule.selection.candidates.length}`;
    const chosen = this.#toBackend(rule, backend, packet, why, { domain, route, srcPort });
    return { ...chosen, counter: rule.counters.opened };
  }

  /** The rule for a packet that the port is sent. */
  inbound(packet: Packet): Rule | undefined {
    if (packet.isReply) return this.#answer(packet, Direction.INBOUND);
    const { key, outerSource } = packet;
    if (!this.#port.isMux(outerSource)) return undefined;
    const frontend = this.#port.own.at(key.dst0, key.dst1, key.dst2, key.dst3);
    const rule = frontend && ruleOf(frontend, key.protocol, key.dstPort);
    if (rule === undefined) {
      const unasked = this.#leaving.unasked(packet);
      if (unasked !== undefined) return unasked;
    }
    if (frontend === undefined || frontend.isInternal) return NO_ADDRESS;
    if (rule === undefined) return refused(frontend, 'not served', Drop.VirtualPortUnserved);
    if (rule.selection === undefined) return pending(rule);
    for (const own of this.#port.addresses) {
      const backend = rule.selection.backend(formatIpWords(own.address));
      if (backend === undefined || own.segment !== packet.vni) continue;
      const chosen = this.#toBackend(rule, backend, packet, 'chosen by a mux');
      return packet.isKnown ? chosen : { ...chosen, counter: rule.counters.opened };
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
    routed?: Pick<Steering, 'domain' | 'route'> & { readonly srcPort: number },
  ): Rule {
    const { address, name, resourceRef } = backend;
    const port = portOf(rule, packet);
    const isItself = routed !== undefined && this.#isOwn(address);
    const id = rule.isFloating
      ? `to backend ${name} (${resourceRef}) as it is, ${why}`
      : `to backend ${name}:${port} (${resourceRef}), ${why}`;
    if (rule.isFloating && isItself) return refused(rule.frontend, id, Drop.HairpinLoop);
    const header: HeaderAction = rule.isFloating
      ? {}
      : {
          ip: { dst: address, ...(isItself && { src: rule.frontend.address }) },
          transport: {
            dstPort: port,
            ...(routed !== undefined &&
              routed.srcPort !== packet.key.srcPort && { srcPort: routed.srcPort }),
          },
        };
    const steering: Steering = {
      ...(routed !== undefined && { route: routed.route, nextHop: address }),
      ...(routed?.domain !== undefined && { domain: routed.domain }),
      ...(isItself && { mayReturn: true }),
    };
    const forward = decided(rule, id, { kind: 'allow', header, steering });
    return packet.key.protocol === IpProtocol.TCP ? { ...forward, idle: rule.idle } : forward;
  }

  #isOwn(address: IpWords): boolean {
    return this.#port.addresses.some((own) => equalIpWords(own.address, address));
  }

  /**
   * The packet's own source port, unless the port already waits for the same answers from that backend: then another one; 0: none is free. Two flows
   * of one source port may go to one backend by different virtual addresses, or straight.
   */
  #freePort(rule: BalancingRule, backend: Backend, packet: Packet): number {
    const { key } = packet;
    if (rule.isFloating) return key.srcPort;
    const awaited = this.#awaited;
    copyIdentity(key, awaited);
    [awaited.dst0, awaited.dst1, awaited.dst2, awaited.dst3] = backend.address;
    awaited.dstPort = portOf(rule, packet);
    if (this.#isOwn(backend.address)) {
      [awaited.src0, awaited.src1, awaited.src2, awaited.src3] = rule.frontend.address;
    }
    return freePort(awaited, packet);
  }

  /** What goes straight to an address has another source port where its answers could not be told from those of a translated flow. */
  #apart(packet: Packet): Rule | undefined {
    const { key } = packet;
    const hasPorts = key.protocol === IpProtocol.TCP || key.protocol === IpProtocol.UDP;
    const { isKnown, beyond } = packet;
    if (isKnown ? !isFromOtherPort(key, beyond) : !hasPorts || !this.#isBalanced) return undefined;
    copyIdentity(key, this.#awaited);
    const srcPort = isKnown ? beyond.srcPort : freePort(this.#awaited, packet);
    if (srcPort === key.srcPort || srcPort === 0) return undefined;
    return {
      id: `from port ${srcPort}: ${key.srcPort} is that of a flow to the same backend`,
      resourceRef: '',
      priority: 0,
      predicates: [],
      action: { kind: 'allow', header: { transport: { srcPort } } },
    };
  }

  /** Are there internal virtual addresses at all? */
  get #isBalanced(): boolean {
    for (const frontends of this.#port.frontends.values()) if (frontends.size > 0) return true;
    return false;
  }

  /** What answers a packet that has been translated is translated back, as long as somebody serves its request. */
  #answer(packet: Packet, direction: Direction): Rule | undefined {
    if (!packet.isKnown) return undefined;
    const { key, beyond } = packet;
    const isOutbound = direction === Direction.OUTBOUND;
    const isSame = isSameWay(key, beyond);
    const itself = isSame && isOutbound ? this.#internalAt(dstOf(key)) : undefined;
    if (itself !== undefined) {
      return isBackendOf(itself, key)
        ? this.#toItself(packet)
        : refused(itself, 'from no backend of the address', Drop.VirtualPortUnserved);
    }
    const left = isSame || isOutbound ? undefined : this.#leaving.answer(packet);
    if (left !== undefined) return left;
    const frontend = this.#anyAt(srcOf(beyond));
    if (frontend === undefined) {
      if (isSame) return undefined;
      return isSameButPort(key, beyond) ? backToPort(beyond.dstPort) : NO_ADDRESS;
    }
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

/** Is who sends the packet, from this port, a backend of the address? */
function isBackendOf({ rules }: Frontend, key: FlowKey): boolean {
  const name = formatIpWords(srcOf(key));
  for (const { protocol, backendPort, selection } of rules.values()) {
    const isServed = protocol === 0 || protocol === key.protocol;
    const isFrom = backendPort === 0 || backendPort === key.srcPort;
    if (isServed && isFrom && selection?.backend(name) !== undefined) return true;
  }
  return false;
}

function portOf({ backendPort }: BalancingRule, { key }: Packet): number {
  return backendPort === 0 ? key.dstPort : backendPort;
}

/** The source port of `request`, or another one, whose answers the port at hand does not wait for yet; 0: there is none. */
function freePort(request: FlowKey, packet: Packet): number {
  const { srcPort } = request;
  reverseKey(request, request);
  for (let index = 0; index < SOURCE_PORT_TRIES_MAX; index += 1) {
    request.dstPort = index === 0 ? srcPort : DYNAMIC_PORTS + ((srcPort + index * STEP) % STEPS);
    if (!packet.isAwaited(request)) return request.dstPort;
  }
  return 0;
}

/** RFC 6335 §6: dynamic ports begin here. A step that shares no factor with their number. */
const DYNAMIC_PORTS = 49_152;
const STEPS = 16_384;
const STEP = 4_099;

/** The packets are the same but for their source ports. */
function isFromOtherPort(key: FlowKey, beyond: FlowKey): boolean {
  return (
    key.srcPort !== beyond.srcPort &&
    key.dstPort === beyond.dstPort &&
    equalIpWords(srcOf(key), srcOf(beyond)) &&
    equalIpWords(dstOf(key), dstOf(beyond))
  );
}

/** The packets are the same but for their destination ports. */
function isSameButPort(key: FlowKey, beyond: FlowKey): boolean {
  return (
    key.srcPort === beyond.srcPort &&
    equalIpWords(srcOf(key), srcOf(beyond)) &&
    equalIpWords(dstOf(key), dstOf(beyond))
  );
}

function backToPort(dstPort: number): Rule {
  return {
    id: `back to port ${dstPort}`,
    resourceRef: '',
    priority: 0,
    predicates: [],
    action: { kind: 'allow', header: { transport: { dstPort } } },
  };
}

function noPort(rule: BalancingRule): Rule {
  return decided(rule, 'no source port is free', deny(Drop.SnatPortsExhausted));
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
  const drop = deny(Drop.VirtualAddressWithoutBackend);
  return { ...decided(rule, 'no backend that is up', drop), counter: rule.counters.unserved };
}

function pending(rule: BalancingRule): Rule {
  return decided(rule, 'its backends, or their table, have not arrived', deny(Drop.PolicyPending));
}

function decided(rule: BalancingRule, id: string, action: Rule['action']): Rule {
  const { frontend, resourceRef } = rule;
  return { id, resourceRef, priority: 0, predicates: [], action, cell: frontend.cell };
}
