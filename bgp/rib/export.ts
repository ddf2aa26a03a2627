/**
 * What a route becomes on its way out — RFC 4271 §5.1 and §9.1.3, reflection RFC 4456 §8, OTC RFC 9234 §5, well-known communities RFC 1997. Pure.
 *
 * Called by the speaker, once per attribute set and update group where the policy does not look at the prefix.
 */

import * as asPath from '../message/as-path.ts';
import { Role } from '../message/capability.ts';
import { type PathAttributes, WellKnownCommunity } from '../message/path-attributes.ts';
import type { PolicyResult } from '../policy/policy.ts';
import { LOCAL_PREF_DEFAULT } from './attribute-table.ts';

/** What all members of an update group have in common. */
export interface ExportTarget {
  readonly localAsn: number;
  readonly bgpIdentifier: number;
  readonly clusterId: number;
  readonly isInternal: boolean;
  /** RFC 4456: this internal peer is a client of ours. */
  readonly isClient: boolean;
  /** Own address for the family; undefined where there is none that fits. */
  readonly nextHopSelf: Uint8Array | undefined;
  /** Toward internal peers too. */
  readonly alwaysNextHopSelf: boolean;
  /** Role of the peer (RFC 9234). */
  readonly peerRole: number | undefined;
  /** It knows what long-lived stale routes are (RFC 9494 §4.4); others must not be told of them. */
  readonly takesLongLivedStale: boolean;
}

export interface ExportSource {
  readonly isLocal: boolean;
  readonly isExternal: boolean;
  readonly isClient: boolean;
  readonly bgpIdentifier: number;
}

/** Before policy: whether the rules of the protocol let the route go there at all. */
export function mayExport(
  attributes: PathAttributes,
  source: ExportSource,
  target: ExportTarget,
): boolean {
  return exportRefusal(attributes, source, target) === undefined;
}

/** Why the rules of the protocol keep the route back, in words; undefined: it is for the policy to say. */
export function exportRefusal(
  attributes: PathAttributes,
  source: ExportSource,
  target: ExportTarget,
): string | undefined {
  const communities = attributes.communities ?? [];
  if (communities.includes(WellKnownCommunity.NoAdvertise)) return 'its community no-advertise';
  if (communities.includes(WellKnownCommunity.LongLivedStale) && !target.takesLongLivedStale) {
    return 'it is long-lived stale, and the peer does not know what that is (RFC 9494)';
  }
  if (!target.isInternal) {
    if (communities.includes(WellKnownCommunity.NoExport)) return 'its community no-export';
    if (communities.includes(WellKnownCommunity.NoExportSubconfed)) return 'its community local-as';
    return mayLeak(attributes, target.peerRole)
      ? undefined
      : 'its Only-to-Customer attribute: it may go down only (RFC 9234)';
  }
  // §9.2.1: what an internal peer said goes to no other internal peer, unless one of the two is a client (RFC 4456 §6).
  return source.isLocal || source.isExternal || source.isClient || target.isClient
    ? undefined
    : 'an internal peer announced it, and this is another (RFC 4271 §9.2.1)';
}

/** RFC 9234 §5: what came from above or beside goes down only. */
function mayLeak({ onlyToCustomer }: PathAttributes, peerRole: number | undefined): boolean {
  const isUp =
    peerRole === Role.Provider || peerRole === Role.Peer || peerRole === Role.RouteServer;
  return !isUp || onlyToCustomer === undefined;
}

/** After policy. Undefined: there is no next hop to give. */
export function transform(
  { attributes, isNextHopSet, isMedSet }: PolicyResult,
  source: ExportSource,
  target: ExportTarget,
): PathAttributes | undefined {
  const nextHop = nextHopFor(attributes, isNextHopSet, source, target);
  if (nextHop === undefined) return undefined;
  if (!target.isInternal) {
    // §5.1.4: a neighbour's MED is not passed on to another AS.
    return external(attributes, target, nextHop, isMedSet || source.isLocal);
  }
  const isReflected = !source.isLocal && !source.isExternal;
  const { localPref = LOCAL_PREF_DEFAULT } = attributes;
  const internal = { ...attributes, nextHop, localPref };
  if (!isReflected) return internal;
  return {
    ...internal,
    originatorId: attributes.originatorId ?? source.bgpIdentifier,
    clusterList: [target.clusterId, ...(attributes.clusterList ?? [])],
  };
}

type Draft = { -readonly [Key in keyof PathAttributes]: PathAttributes[Key] };

/** Written out, because a full table passes here and a copy of "all but" costs more than the rest: what is not named does not leave the AS. */
function external(
  from: PathAttributes,
  target: ExportTarget,
  nextHop: Uint8Array,
  keepsMed: boolean,
): PathAttributes {
  const asPathOut = asPath.prepend(from.asPath, target.localAsn);
  const to: Draft = { origin: from.origin, asPath: asPathOut, nextHop };
  if (keepsMed && from.multiExitDisc !== undefined) to.multiExitDisc = from.multiExitDisc;
  if (from.atomicAggregate !== undefined) to.atomicAggregate = from.atomicAggregate;
  if (from.aggregator !== undefined) to.aggregator = from.aggregator;
  if (from.communities !== undefined) to.communities = from.communities;
  if (from.extendedCommunities !== undefined) to.extendedCommunities = from.extendedCommunities;
  if (from.largeCommunities !== undefined) to.largeCommunities = from.largeCommunities;
  if (from.unknown !== undefined) to.unknown = from.unknown;
  const isDown =
    target.peerRole === Role.Customer ||
    target.peerRole === Role.Peer ||
    target.peerRole === Role.RouteServerClient;
  const onlyToCustomer = from.onlyToCustomer ?? (isDown ? target.localAsn : undefined);
  if (onlyToCustomer !== undefined) to.onlyToCustomer = onlyToCustomer;
  return to;
}

function nextHopFor(
  attributes: PathAttributes,
  isNextHopSet: boolean,
  source: ExportSource,
  target: ExportTarget,
): Uint8Array | undefined {
  if (isNextHopSet && isGiven(attributes.nextHop)) return attributes.nextHop;
  const keeps = source.isLocal
    ? isGiven(attributes.nextHop)
    : target.isInternal && !target.alwaysNextHopSelf;
  return keeps ? attributes.nextHop : target.nextHopSelf;
}

/** All zeros stand for this speaker itself. */
function isGiven(nextHop: Uint8Array): boolean {
  return nextHop.some((byte) => byte !== 0);
}
