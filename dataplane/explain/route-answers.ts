/**
 * Answers about routes: those of a port's subnets, and the one that counts for a destination, found by the very lookup that forwards. What
 * goes to the virtual router or to a platform address never meets a route (layers/services), and the answer says so. A route into a peered
 * network leads nowhere where the peering denies access: the peering is asked as the packet would ask it.
 *
 * Whether policy lets a packet take the way is another question: trace. Called by answers.
 */
import {
  equalIpWords,
  formatIpPrefixWords,
  formatIpWords,
  type IpWords,
  ipv4Words,
  isIpv4Words,
  isMulticastWords,
  parseIpWords,
  prefixHasWords,
} from '../../base/ip-words.ts';
import { DROP_NAMES, type Drop } from '../../packet/drop.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { EffectiveRouteRow } from '../../schema/southbound/diagnostics/routes.ts';
import { newPacket } from '../engine/packet.ts';
import type { PortAddress } from '../layers/port-policy.ts';
import type { EffectiveRoute } from '../layers/route.ts';
import { LINK_LOCAL, METADATA_ADDRESS, PLATFORM_ADDRESS } from '../layers/services.ts';
import { ROUTER_LINK_LOCAL } from '../service/port-settings.ts';
import type { ConfiguredPort, Subnet } from '../switch/network-state.ts';
import { invalid, subnetOf } from './asked-port.ts';
import { dropWords } from './drop-words.ts';

export function answerEffectiveRoutes(
  port: ConfiguredPort,
  { limit }: Question<'effectiveRoutes'>,
): Answer<'effectiveRoutes'> {
  const senders = new Map<Subnet, Sender>();
  for (const own of port.policy.addresses) {
    const subnet = subnetOf(port, own);
    if (!senders.has(subnet)) senders.set(subnet, { port, address: own.address });
  }
  let left = limit;
  return {
    subnets: [...senders].map(
      ([
        {
          resourceRef,
          routes: { effective, pending },
        },
        sender,
      ]) => {
        const routes = effective.slice(0, left).map((own) => rowOf(own, sender));
        left -= routes.length;
        return {
          resourceRef,
          ...(pending !== undefined && { pending }),
          routes,
          total: effective.length,
        };
      },
    ),
  };
}

export function answerNextHop(
  port: ConfiguredPort,
  question: Question<'nextHop'>,
): Answer<'nextHop'> {
  const destination = parseIpWords(question.destination);
  if (destination === undefined) throw invalid(`'${question.destination}' is no address`);
  const source = sourceOf(port, question.source, destination);
  const ends = {
    source: formatIpWords(source.address),
    destination: formatIpWords(destination),
  };
  if (isOwnOfSwitch(port, destination)) return { ...ends, nextHopType: 'VirtualRouter' };
  if (isUnroutable(destination)) {
    throw invalid(`${ends.destination} is never routed: it is multicast, broadcast or link-local`);
  }
  const { routes } = subnetOf(port, source);
  const found = routes.routeFor(destination);
  if (found === undefined) {
    const { pending } = routes;
    return { ...ends, nextHopType: 'None', ...(pending !== undefined && { pending }) };
  }
  const route = rowOf(found, { port, address: source.address });
  const { nextHopType, nextHopAddress } = route;
  return { ...ends, nextHopType, ...(nextHopAddress !== undefined && { nextHopAddress }), route };
}

/** Who follows a route: a port, from an address of its own. */
interface Sender {
  readonly port: ConfiguredPort;
  readonly address: IpWords;
}

function rowOf(route: EffectiveRoute, sender: Sender): EffectiveRouteRow {
  const { origin, prefix, nextHopType, nextHop, resourceRef, isActive } = route;
  const isPeering = origin === 'system' && nextHopType === 'VNetPeering';
  const drop = dropOf(route, sender);
  return {
    prefix: formatIpPrefixWords(prefix),
    origin: isPeering ? 'Peering' : ORIGIN_NAMES[origin],
    nextHopType,
    ...(nextHop !== undefined && { nextHopAddress: formatIpWords(nextHop) }),
    resourceRef,
    isActive,
    ...(drop !== undefined && {
      drop: { reason: DROP_NAMES[drop] ?? '', ...dropWords(drop) },
    }),
  };
}

/** Why packets that follow the route are dropped: by the route itself, or by the peering that it leads over; undefined: they are not. */
function dropOf({ action }: EffectiveRoute, { port, address }: Sender): Drop | undefined {
  if (action.kind === 'deny') return action.drop;
  const domain = action.kind === 'allow' ? action.steering?.domain : undefined;
  if (domain === undefined) return undefined;
  const packet = newPacket();
  [packet.key.src0, packet.key.src1, packet.key.src2, packet.key.src3] = address;
  packet.domain = domain;
  const decided = port.network.groups.peerings.find(packet).action;
  return decided.kind === 'deny' ? decided.drop : undefined;
}

const ORIGIN_NAMES = { user: 'User', bgp: 'BGP', system: 'System' } as const;

/** The address that a packet to `destination` would come from. */
function sourceOf(
  { policy: { addresses } }: ConfiguredPort,
  text: string | undefined,
  destination: IpWords,
): PortAddress {
  const isV4 = isIpv4Words(destination);
  if (text === undefined) {
    const first = addresses.find(({ address }) => isIpv4Words(address) === isV4);
    if (first !== undefined) return first;
    throw invalid(`the interface has no IPv${isV4 ? 4 : 6} address`);
  }
  const wanted = parseIpWords(text);
  const found = addresses.find(({ address }) => wanted && equalIpWords(address, wanted));
  if (found === undefined) throw invalid(`'${text}' is not one of the interface’s addresses`);
  if (isIpv4Words(found.address) === isV4) return found;
  throw invalid('source and destination are of different families');
}

/** The virtual router, and the platform's addresses. */
function isOwnOfSwitch({ policy: { addresses } }: ConfiguredPort, words: IpWords): boolean {
  const own = [...addresses.map(({ gateway }) => gateway), ...PLATFORM];
  return own.some((each) => equalIpWords(each, words));
}

const PLATFORM: readonly IpWords[] = [
  ipv4Words(PLATFORM_ADDRESS),
  ipv4Words(METADATA_ADDRESS),
  ROUTER_LINK_LOCAL,
];

/** What layers/services keeps from being routed: multicast, broadcast, and what never leaves its link. */
function isUnroutable(words: IpWords): boolean {
  if (LINK_LOCAL.some((prefix) => prefixHasWords(prefix, words))) return true;
  if (!isIpv4Words(words)) return isMulticastWords(words);
  return words[3] >>> 28 === 0xe || words[3] === 0xffff_ffff;
}
