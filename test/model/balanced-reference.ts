/**
 * Reference model of load balancing on the host: what its specification (docs/pipeline.md, docs/design/0025) says must become of requests to virtual
 * addresses, of connections that leave by leased ports, and of their answers. The slow and obvious way: every request is written down with what has
 * become of it, and nothing is shared with dataplane/ or slb/. Where a backend is free to be chosen, any of those that may be is right; which one it was
 * is written down, and from then on it is the only one, as long as it may be. What routing and mapping make of a packet is the model's of the switch
 * (reference.ts): a request to an internal address goes the way of a packet straight to the backend. Called by balanced-comparison.
 */
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { HealthState } from '../../schema/southbound/messages.ts';
import { type Address, isIpv6 } from './address.ts';
import {
  BACKEND_PORT,
  type Balancer,
  EDGE,
  internalAddress,
  leasedFrom,
  MUX,
  type Place,
  placesOf,
  publicAddress,
  SERVED_PORT,
} from './balanced-plan.ts';
import { type PacketSpec, PROTOCOL } from './frame.ts';
import { routeOf } from './policy.ts';
import { type DropName, fromPort, fromTunnel, type Verdict } from './reference.ts';
import { HOSTS } from './tenancy.ts';
import { networkOf, type World } from './world.ts';

/** A request, and what it was when it reached its receiver or left. */
export interface Path {
  readonly kind: 'straight' | 'internal' | 'public' | 'outbound';
  readonly asker: Place | undefined;
  /** The virtual address', of `internal` and `public`; the asker's, of `outbound`. */
  readonly balancer: Balancer;
  /** Undefined: outside. */
  readonly backend: Place | undefined;
  readonly asked: PacketSpec;
  readonly became: PacketSpec;
  /** It was refused since: then its backend may be forgotten, or not. */
  readonly isDoubtful: boolean;
}

/** What may become of a packet, each with what is to be written down then. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly path?: Omit<Path, 'asked' | 'became' | 'isDoubtful'>;
}

const SYN = 0x02;
const ACK = 0x10;

/** What a VM may get for what it asks. `srcPort`: the port that it really left with. */
export function asks(
  world: World,
  balancers: readonly Balancer[],
  asker: Place,
  packet: PacketSpec,
  known: { readonly path: Path | undefined; readonly srcPort: number; readonly isFree: boolean },
): readonly Outcome[] {
  const own = balancers.find(({ tenant }) => tenant.nics.includes(asker.nic));
  const port = world.ports.find(({ id }) => id === asker.nic.id);
  const network = port && networkOf(world, port);
  if (own === undefined || network === undefined) return [refused('PortUnknown')];
  const isSix = isIpv6(packet.dst);
  const hop = routeOf(packet.dst, network, undefined);
  const asked = balancers.find((one) => internalAddress(one, isSix) === packet.dst);
  const isSeen =
    asked === own || (hop.kind === 'peering' && hop.peering.allowAccess && asked !== undefined);
  if (asked !== undefined && isSeen) return balanced(world, asked, asker, packet, known);
  if (hop.kind === 'internet') return [leaves(own, asker, packet, known)];
  const target = balancers
    .flatMap((balancer) => placesOf(balancer).map((place) => ({ balancer, place })))
    .find(({ place }) => place.address === packet.dst);
  const verdict = fromPort(world, asker.nic.id, withSrcPort(packet, known));
  if (target === undefined) return [{ verdict }];
  const { balancer, place } = target;
  return [{ verdict, path: { kind: 'straight', asker, balancer, backend: place } }];
}

/** Only where its answers could not be told from another flow's has a request another source port. */
function withSrcPort(
  packet: PacketSpec,
  { srcPort, isFree }: { readonly srcPort: number; readonly isFree: boolean },
): PacketSpec {
  return isFree ? packet : { ...packet, segment: { ...packet.segment, srcPort } };
}

function balanced(
  world: World,
  balancer: Balancer,
  asker: Place,
  packet: PacketSpec,
  known: { readonly path: Path | undefined; readonly srcPort: number; readonly isFree: boolean },
): readonly Outcome[] {
  if (packet.segment.dstPort !== SERVED_PORT) return [refused('VirtualPortUnserved')];
  const { allowed, mayFail } = backendsFor(balancer, packet, known.path);
  const outcomes = allowed.map((backend): Outcome => {
    const translated = withSrcPort(
      {
        ...packet,
        dst: backend.address,
        segment: { ...packet.segment, dstPort: BACKEND_PORT },
      },
      known,
    );
    const path = { kind: 'internal', asker, balancer, backend } as const;
    if (backend.address !== asker.address) {
      return { verdict: fromPort(world, asker.nic.id, translated), path };
    }
    // It reaches itself: as the virtual address, so that its answer comes back here.
    const itself = { ...translated, src: packet.dst, dstMac: asker.nic.mac };
    return { verdict: { kind: 'deliver', portId: asker.nic.id, packet: itself }, path };
  });
  return mayFail ? [...outcomes, refused('VirtualAddressWithoutBackend')] : outcomes;
}

/** Those that a request may go to: the one that it goes to already, as long as it may stay there, else whoever gets new ones. */
function backendsFor(
  balancer: Balancer,
  packet: PacketSpec,
  path: Path | undefined,
): { readonly allowed: readonly Place[]; readonly mayFail: boolean } {
  const { members, draining, states } = balancer;
  const all = placesOf(balancer).filter(
    ({ address }) => isIpv6(address) === isIpv6(packet.dst) && members.has(address),
  );
  const ready = all.filter(({ address }) => !draining.has(address));
  const inState = (state: HealthState) =>
    ready.filter(({ address }) => states.get(address) === state);
  const up = inState(HealthState.HEALTH_UP);
  const candidates = up.length > 0 ? up : inState(HealthState.HEALTH_LOST);
  const before = all.find(({ address }) => address === path?.backend?.address);
  if (before === undefined) return { allowed: candidates, mayFail: candidates.length === 0 };
  const isTcp = packet.segment.protocol === PROTOCOL.TCP;
  const isOpening = (packet.segment.flags & (SYN | ACK)) === SYN;
  const isDown = states.get(before.address) === HealthState.HEALTH_DOWN;
  const stays = candidates.includes(before) || (isTcp ? !isOpening : !isDown);
  if (path?.isDoubtful === true) {
    return { allowed: [...candidates, before], mayFail: candidates.length === 0 };
  }
  return stays
    ? { allowed: [before], mayFail: false }
    : { allowed: candidates, mayFail: candidates.length === 0 };
}

/** To the outside, by an edge router: from a leased port, or as it is. */
function leaves(
  own: Balancer,
  asker: Place,
  packet: PacketSpec,
  known: { readonly path: Path | undefined; readonly srcPort: number },
): Outcome {
  const from = leasedFrom(own, asker.address);
  const isLeased = from !== undefined;
  const kept = known.path?.became.segment.srcPort;
  const inLease = isLeased && known.srcPort >= from && known.srcPort < from + 8;
  if (isLeased && (!inLease || (kept !== undefined && kept !== known.srcPort))) {
    return refused('SnatPortsExhausted'); // never right here: it says that the port is not
  }
  const translated = isLeased
    ? {
        ...packet,
        src: publicAddress(own, isIpv6(packet.src)),
        segment: { ...packet.segment, srcPort: known.srcPort },
      }
    : packet;
  return {
    verdict: toEdge(asker, translated),
    path: { kind: 'outbound', asker, balancer: own, backend: undefined },
  };
}

function toEdge({ vni }: Place, packet: PacketSpec): Verdict {
  const sent = { ...packet, dstMac: EDGE.mac, srcMac: VIRTUAL_ROUTER_MAC, ttl: packet.ttl - 1 };
  return { kind: 'tunnel', host: EDGE.address, vni, packet: sent, mtu: 1450 };
}

/** What a mux brings for a public address, to the backend that it has chosen. */
export function fromMux(balancer: Balancer, backend: Place, packet: PacketSpec): Outcome {
  // Who is no backend at all is not even looked for by its MAC address.
  if (!balancer.members.has(backend.address)) {
    return refused('VirtualPortUnserved', 'DestinationNotLocal');
  }
  if (packet.segment.dstPort !== SERVED_PORT) return refused('VirtualPortUnserved');
  const segment = { ...packet.segment, dstPort: BACKEND_PORT };
  const translated = { ...packet, dst: backend.address, segment };
  return {
    verdict: { kind: 'deliver', portId: backend.nic.id, packet: translated },
    path: { kind: 'public', asker: undefined, balancer, backend },
  };
}

/** An answer, as whoever a request has reached sends it; undefined where it is somebody else's to send. */
export function answerTo({ became, backend, asker }: Path): PacketSpec {
  const { segment, src, dst } = became;
  return {
    ...became,
    srcMac: backend?.nic.mac ?? VIRTUAL_ROUTER_MAC,
    dstMac: backend === undefined ? (asker?.nic.mac ?? 0) : VIRTUAL_ROUTER_MAC,
    ...{ src: dst, dst: src, ttl: 64 },
    segment: {
      ...segment,
      ...{ srcPort: segment.dstPort, dstPort: segment.srcPort, flags: SYN | ACK },
    },
  };
}

export type Entrance =
  | { readonly kind: 'port'; readonly place: Place }
  | { readonly kind: 'tunnel'; readonly source: Address; readonly vni: number };

/** Where an answer comes in to this host. */
export function entranceOf({ backend, asker, became, asked }: Path): Entrance {
  if (backend?.nic.host === 0) return { kind: 'port', place: backend };
  const vni = asker?.vni ?? 0;
  const isTranslated = became.src !== asked.src;
  if (backend === undefined) {
    return { kind: 'tunnel', source: isTranslated ? MUX : EDGE.address, vni };
  }
  return { kind: 'tunnel', source: HOSTS[backend.nic.host ?? 1] ?? '', vni };
}

/** What becomes of it. */
export function answered(world: World, path: Path, answer: PacketSpec): Verdict {
  const { kind, asked, asker, backend, balancer } = path;
  const back = (packet: PacketSpec): PacketSpec => ({
    ...packet,
    ...{ src: asked.dst, dst: asked.src },
    segment: { ...packet.segment, srcPort: asked.segment.dstPort, dstPort: asked.segment.srcPort },
  });
  if (kind === 'outbound') {
    // As a public address of the own network nobody answers but who serves it; a leased port is waited for itself.
    const isOwn = asked.dst === publicAddress(balancer, isIpv6(asked.dst));
    const isAwaited = path.became.src !== asked.src || asked.segment.dstPort === SERVED_PORT;
    if (isOwn && !isAwaited) return refused('VirtualPortUnserved').verdict;
    return { kind: 'deliver', portId: asker?.nic.id ?? '', packet: back(answer) };
  }
  if (backend === undefined) return refused('PortUnknown').verdict;
  const verdict = asMember(world, path, answer, back);
  const isBackend = kind === 'straight' || balancer.members.has(backend.address);
  return isBackend || verdict.kind === 'drop' ? verdict : refused('VirtualPortUnserved').verdict;
}

/** Of somebody who is a backend, or was asked straight. */
function asMember(
  world: World,
  path: Path,
  answer: PacketSpec,
  back: (packet: PacketSpec) => PacketSpec,
): Verdict {
  const { kind, asker, backend } = path;
  if (backend === undefined) return refused('PortUnknown').verdict;
  if (kind === 'public') return toEdge(backend, back(answer));
  if (backend.address === asker?.address) {
    const packet = { ...back(answer), dstMac: asker.nic.mac };
    return { kind: 'deliver', portId: asker.nic.id, packet };
  }
  const entrance = entranceOf(path);
  const verdict =
    entrance.kind === 'port'
      ? fromPort(world, entrance.place.nic.id, answer)
      : fromTunnel(world, entrance, { ...answer, dstMac: asker?.nic.mac ?? 0 });
  return verdict.kind === 'deliver' ? { ...verdict, packet: back(verdict.packet) } : verdict;
}

export function refused(...reasons: readonly DropName[]): Outcome {
  return { verdict: { kind: 'drop', reasons, isReported: false } };
}
