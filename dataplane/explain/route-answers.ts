/**
 * Answers about routes: those of a port's subnets, and the one that counts for a destination, found by the very lookup that forwards. What
 * goes to the virtual router or to a platform address never meets a route (layers/services), and the answer says so.
 *
 * Whether policy lets a packet take the way is another question: trace. Called by answers.
 */
import { SdnError } from '../../base/errors.ts';
import {
  equalIpWords,
  formatIpPrefixWords,
  formatIpWords,
  type IpWords,
  ipv4Words,
  isIpv4Words,
  isMulticastWords,
  parseIpWords,
} from '../../base/ip-words.ts';
import { DROP_NAMES } from '../../packet/drop.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { EffectiveRouteRow } from '../../schema/southbound/diagnostics/routes.ts';
import type { PortAddress } from '../layers/port-policy.ts';
import type { EffectiveRoute } from '../layers/route.ts';
import { METADATA_ADDRESS, PLATFORM_ADDRESS } from '../layers/services.ts';
import { ROUTER_LINK_LOCAL } from '../service/port-settings.ts';
import type { ConfiguredPort, Subnet } from '../switch/network-state.ts';
import { dropWords } from './drop-words.ts';

export function answerEffectiveRoutes(
  port: ConfiguredPort,
  { limit }: Question<'effectiveRoutes'>,
): Answer<'effectiveRoutes'> {
  const subnets = new Set(port.policy.addresses.map((own) => subnetOf(port, own)));
  let left = limit;
  return {
    subnets: [...subnets].map(({ resourceRef, routes: { effective, pending } }) => {
      const routes = effective.slice(0, left).map(rowOf);
      left -= routes.length;
      return {
        resourceRef,
        ...(pending !== undefined && { pending }),
        routes,
        total: effective.length,
      };
    }),
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
    throw invalid(`${ends.destination} is never routed: it is multicast or broadcast`);
  }
  const { routes } = subnetOf(port, source);
  const found = routes.routeFor(destination);
  if (found === undefined) {
    const { pending } = routes;
    return { ...ends, nextHopType: 'None', ...(pending !== undefined && { pending }) };
  }
  const route = rowOf(found);
  const { nextHopType, nextHopAddress } = route;
  return { ...ends, nextHopType, ...(nextHopAddress !== undefined && { nextHopAddress }), route };
}

function rowOf({
  origin,
  prefix,
  nextHopType,
  nextHop,
  resourceRef,
  isActive,
  action,
}: EffectiveRoute): EffectiveRouteRow {
  const isPeering = origin === 'system' && nextHopType === 'VNetPeering';
  return {
    prefix: formatIpPrefixWords(prefix),
    origin: isPeering ? 'Peering' : ORIGIN_NAMES[origin],
    nextHopType,
    ...(nextHop !== undefined && { nextHopAddress: formatIpWords(nextHop) }),
    resourceRef,
    isActive,
    ...(action.kind === 'deny' && {
      drop: { reason: DROP_NAMES[action.drop] ?? '', ...dropWords(action.drop) },
    }),
  };
}

const ORIGIN_NAMES = { user: 'User', bgp: 'BGP', system: 'System' } as const;

function subnetOf({ network }: ConfiguredPort, { segment, resourceRef }: PortAddress): Subnet {
  const found = [...network.subnets].find(({ vni }) => vni === segment);
  if (found !== undefined) return found;
  throw new SdnError('SDN_SWITCH_PORT_UNKNOWN', `the switch does not know ${resourceRef}’s subnet`);
}

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

/** What layers/services keeps from being routed: multicast and broadcast. */
function isUnroutable(words: IpWords): boolean {
  if (!isIpv4Words(words)) return isMulticastWords(words);
  return words[3] >>> 28 === 0xe || words[3] === 0xffff_ffff;
}

function invalid(message: string): SdnError {
  return new SdnError('SDN_QUESTION_INVALID', message);
}
