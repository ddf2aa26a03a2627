/**
 * What two OPENs agree on — RFC 5492 and the RFC of each capability — and whether the peer may be a peer at all (RFC 4271 §6.2). Pure.
 *
 * Called by machine.ts. A capability counts when both sides offer it; graceful restart (RFC 4724) counts by what the peer says alone.
 */
import {
  AddPathMode,
  Afi,
  type Capability,
  encode,
  type Family,
  type GracefulRestartFamily,
  Role,
  Safi,
} from '../message/capability.ts';
import {
  NotificationCode,
  type NotificationFault,
  notificationFault,
  OpenSubcode,
} from '../message/notification.ts';
import type { OpenRepr } from '../message/open.ts';

export interface NegotiatedFamily extends Family {
  readonly addPathReceive: boolean;
  readonly addPathSend: boolean;
  /** RFC 8950: IPv4 prefixes with an IPv6 next hop. */
  readonly extendedNextHop: boolean;
}

export interface PeerGracefulRestart {
  readonly restarting: boolean;
  /** N bit on both sides: routes are kept through NOTIFICATION as well (RFC 8538 §3). */
  readonly notification: boolean;
  readonly restartTimeSec: number;
  readonly families: readonly GracefulRestartFamily[];
}

export type LongLivedFamily = GracefulRestartFamily & { readonly staleTimeSec: number };

export interface Negotiated {
  readonly peerOpen: OpenRepr;
  readonly isInternal: boolean;
  readonly fourOctetAs: boolean;
  readonly families: readonly NegotiatedFamily[];
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** Undefined unless both offered it. */
  readonly gracefulRestart: PeerGracefulRestart | undefined;
  /** Per family, how long the peer's routes may be kept after graceful restart has failed (RFC 9494); none unless both offered it. */
  readonly longLived: readonly LongLivedFamily[];
  /** The role that the peer plays (RFC 9234), undefined unless both said so. */
  readonly peerRole: number | undefined;
}

export function negotiate(local: OpenRepr, peer: OpenRepr): Negotiated {
  const both = (kind: Capability['kind']): boolean => has(local, kind) && has(peer, kind);
  return {
    peerOpen: peer,
    isInternal: local.asn === peer.asn,
    fourOctetAs: both('four-octet-as'),
    families: commonFamilies(local, peer),
    routeRefresh: both('route-refresh'),
    enhancedRouteRefresh: both('enhanced-route-refresh'),
    extendedMessage: both('extended-message'),
    gracefulRestart: gracefulRestart(local, peer),
    longLived: longLived(local, peer),
    peerRole: has(local, 'role') ? find(peer, 'role')?.role : undefined,
  };
}

export interface Expectations {
  /** Undefined: any AS (a dynamic neighbour). */
  readonly peerAsn: number | undefined;
  /** RFC 9234 §4.2 strict mode: a peer without a role is refused. */
  readonly roleRequired: boolean;
}

/** Why this peer cannot be one, or undefined (RFC 4271 §6.2, RFC 6286 §2.2, RFC 9234 §4.2, RFC 5492 §5). */
export function refusal(
  local: OpenRepr,
  peer: OpenRepr,
  expected: Expectations,
): NotificationFault | undefined {
  if (expected.peerAsn !== undefined && expected.peerAsn !== peer.asn) {
    const detail = `AS ${expected.peerAsn} is configured, the peer is AS ${peer.asn}`;
    return openFault(OpenSubcode.BadPeerAs, detail);
  }
  // RFC 6286 §2.1: unique within an AS only.
  if (peer.asn === local.asn && peer.bgpIdentifier === local.bgpIdentifier) {
    return openFault(OpenSubcode.BadBgpIdentifier, 'it is that of this side, in the same AS');
  }
  if (!isRolePair(local, peer, expected.roleRequired)) {
    const detail = `this side is ${roleOf(local)}, the peer ${roleOf(peer)}`;
    return openFault(OpenSubcode.RoleMismatch, detail);
  }
  if (commonFamilies(local, peer).length === 0) {
    const detail = `this side has ${familyNames(local)}, the peer ${familyNames(peer)}`;
    return openFault(OpenSubcode.UnsupportedCapability, detail, wantedFamilies(local));
  }
  return undefined;
}

/** RFC 5492 §5: the capabilities that the peer would have to have. */
function wantedFamilies(local: OpenRepr): Uint8Array {
  const wanted = familiesOf(local).map((family) => ({ kind: 'multiprotocol', ...family }) as const);
  return Uint8Array.from(wanted.flatMap((each) => [...encode(each)]));
}

const AFI_NAMES: Readonly<Record<number, string>> = { [Afi.Ipv4]: 'IPv4', [Afi.Ipv6]: 'IPv6' };

function familyNames(open: OpenRepr): string {
  return familiesOf(open)
    .map(({ afi, safi }) =>
      safi === Safi.Unicast && afi in AFI_NAMES ? `${AFI_NAMES[afi]} unicast` : `${afi}/${safi}`,
    )
    .join(' and ');
}

function roleOf(open: OpenRepr): string {
  const role = find(open, 'role')?.role;
  return role === undefined ? 'of no role' : (ROLE_NAMES[role] ?? `of role ${role}`);
}

const ROLE_NAMES: Readonly<Record<number, string>> = {
  [Role.Provider]: 'a provider',
  [Role.RouteServer]: 'a route server',
  [Role.RouteServerClient]: 'a route server’s client',
  [Role.Customer]: 'a customer',
  [Role.Peer]: 'a peer',
};

const COUNTERPART: Readonly<Record<number, Role>> = {
  [Role.Provider]: Role.Customer,
  [Role.Customer]: Role.Provider,
  [Role.RouteServer]: Role.RouteServerClient,
  [Role.RouteServerClient]: Role.RouteServer,
  [Role.Peer]: Role.Peer,
};

function isRolePair(local: OpenRepr, peer: OpenRepr, isRequired: boolean): boolean {
  const ours = find(local, 'role');
  if (ours === undefined || local.asn === peer.asn) return true;
  const theirs = new Set(
    peer.capabilities.flatMap((entry) => (entry.kind === 'role' ? [entry.role] : [])),
  );
  if (theirs.size === 0) return !isRequired;
  const [role] = theirs;
  return theirs.size === 1 && role === COUNTERPART[ours.role];
}

function commonFamilies(local: OpenRepr, peer: OpenRepr): NegotiatedFamily[] {
  const theirs = familiesOf(peer);
  return familiesOf(local)
    .filter((family) => theirs.some((other) => isSameFamily(family, other)))
    .map((family) => {
      const ours = addPathMode(local, family);
      const their = addPathMode(peer, family);
      return {
        ...family,
        addPathReceive: (ours & AddPathMode.Receive) !== 0 && (their & AddPathMode.Send) !== 0,
        addPathSend: (ours & AddPathMode.Send) !== 0 && (their & AddPathMode.Receive) !== 0,
        extendedNextHop: hasExtendedNextHop(local, family) && hasExtendedNextHop(peer, family),
      };
    });
}

/** Without any multiprotocol capability a speaker has IPv4 unicast (RFC 4760 §8). */
function familiesOf(open: OpenRepr): Family[] {
  const families = open.capabilities.flatMap((entry) =>
    entry.kind === 'multiprotocol' ? [{ afi: entry.afi, safi: entry.safi }] : [],
  );
  const unique = families.filter(
    (family, index) => families.findIndex((other) => isSameFamily(family, other)) === index,
  );
  return unique.length > 0 ? unique : [{ afi: Afi.Ipv4, safi: Safi.Unicast }];
}

/** RFC 7911 §4: the last one stands; other values than 1 … 3 are ignored. */
function addPathMode(open: OpenRepr, family: Family): number {
  const modes = open.capabilities
    .flatMap((entry) => (entry.kind === 'add-path' ? entry.families : []))
    .filter((entry) => isSameFamily(entry, family))
    .map((entry) => entry.mode)
    .filter((mode) => mode >= AddPathMode.Receive && mode <= AddPathMode.Both);
  return modes.at(-1) ?? 0;
}

function hasExtendedNextHop(open: OpenRepr, family: Family): boolean {
  return open.capabilities.some(
    (entry) =>
      entry.kind === 'extended-next-hop' &&
      entry.entries.some((each) => isSameFamily(each, family) && each.nextHopAfi === Afi.Ipv6),
  );
}

function gracefulRestart(local: OpenRepr, peer: OpenRepr): PeerGracefulRestart | undefined {
  const ours = find(local, 'graceful-restart');
  const theirs = find(peer, 'graceful-restart');
  if (ours === undefined || theirs === undefined) return undefined;
  const { restarting, restartTimeSec, families } = theirs;
  return {
    restarting,
    restartTimeSec,
    families,
    notification: ours.notification && theirs.notification,
  };
}

/** RFC 9494 §4.2: nothing without graceful restart. */
function longLived(local: OpenRepr, peer: OpenRepr): readonly LongLivedFamily[] {
  const isOffered = has(local, 'long-lived-graceful-restart');
  if (!isOffered || gracefulRestart(local, peer) === undefined) return [];
  return find(peer, 'long-lived-graceful-restart')?.families ?? [];
}

/** RFC 5492 §4: where one is repeated, the last stands. */
function find<K extends Capability['kind']>(
  open: OpenRepr,
  kind: K,
): Extract<Capability, { kind: K }> | undefined {
  return open.capabilities
    .filter((entry): entry is Extract<Capability, { kind: K }> => entry.kind === kind)
    .at(-1);
}

function has(open: OpenRepr, kind: Capability['kind']): boolean {
  return open.capabilities.some((entry) => entry.kind === kind);
}

export function isSameFamily(a: Family, b: Family): boolean {
  return a.afi === b.afi && a.safi === b.safi;
}

function openFault(subcode: number, detail: string, data?: Uint8Array): NotificationFault {
  return notificationFault(NotificationCode.OpenMessage, subcode, data, detail);
}
