/**
 * Adj-RIB-Out — RFC 4271 §3.2: what one neighbour is told. For each family of its session it is a member of the update group of all neighbours
 * that are told the same, and takes its messages when its socket has room. Called by neighbour.ts.
 */
import { Afi, Role, Safi } from '../message/capability.ts';
import { MessageType } from '../message/framing.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import * as routeRefresh from '../message/route-refresh.ts';
import { RefreshSubtype } from '../message/route-refresh.ts';
import * as update from '../message/update.ts';
import { dependsOnPrefix, evaluate } from '../policy/policy.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import { type ExportSource, type ExportTarget, mayExport, transform } from '../rib/export.ts';
import type { Member } from '../rib/group-member.ts';
import { NONE } from '../rib/prefix-table.ts';
import type { UpdateGroup } from '../rib/update-group.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { Session } from '../session/session.ts';
import type { WorkQueue } from '../session/work-queue.ts';
import { ExportCache, UNKNOWN } from './export-cache.ts';
import { bytesOfAddress, type CheckedNeighbour } from './options.ts';
import type { FamilyRib } from './rib.ts';
import type { RouteCounts } from './route-counts.ts';

/** The neighbour that is told. */
export interface RibOutOwner {
  /** In the tables. */
  readonly number: number;
  readonly checked: CheckedNeighbour;
  readonly session: Session;
  readonly isExternal: boolean;
  readonly isClient: boolean;
  /** By AFI. */
  readonly routeCounts: Readonly<Record<number, RouteCounts>>;
}

/** What telling needs of the speaker. */
export interface RibOutHost {
  readonly work: WorkQueue;
  readonly asn: number;
  readonly bgpIdentifier: number;
  readonly clusterId: number;
  readonly attributes: AttributeTable;
  /** By AFI. */
  rib(afi: number): FamilyRib;
  sourceOf(peer: number): ExportSource;
  /** A number that stands for this policy object in the key of update groups. */
  policyNumber(policy: object): number;
}

interface Channel {
  readonly rib: FamilyRib;
  readonly key: string;
  readonly group: UpdateGroup;
  readonly member: Member;
  readonly target: ExportTarget;
  /**
   * Whether the neighbour has asked for everything again: it is to begin, it is on its way, or it has been asked for once more meanwhile. However
   * often a neighbour asks, one is on its way and one is to come.
   */
  refresh: 'none' | 'due' | 'running' | 'again';
}

export class RibOut {
  readonly #owner: RibOutOwner;
  readonly #host: RibOutHost;
  #channels: Channel[] = [];
  readonly #worker = (): boolean => this.#takeTurn();

  constructor(owner: RibOutOwner, host: RibOutHost) {
    this.#owner = owner;
    this.#host = host;
  }

  announcedCount(afi: number): number {
    const channel = this.#channels.find((each) => each.rib.afi === afi);
    return channel === undefined ? 0 : channel.group.announcedCount(channel.member);
  }

  /** Attribute sets that the neighbour has been told of a prefix; none while its session is down. */
  toldOf(afi: number, prefix: number): readonly number[] {
    const channel = this.#channels.find((each) => each.rib.afi === afi);
    return channel === undefined ? [] : channel.group.toldOf(channel.member, prefix);
  }

  /** What decides what it is told; undefined while its session is down or has not the family. */
  exportContext(afi: number): ExportContext | undefined {
    const target = this.#channels.find((each) => each.rib.afi === afi)?.target;
    return target && { target, policy: this.#policy() };
  }

  #policy(): CheckedPolicy {
    const { checked, isExternal } = this.#owner;
    return checked.options.exportPolicy ?? (isExternal ? 'none' : 'accept-all');
  }

  /** There are routes to send, or may be. */
  wake(): void {
    if (this.#channels.length > 0) this.#host.work.add(this.#worker);
  }

  /** The session is up. `before`: what the neighbour has been told in it already, and asked for, by AFI. */
  join(negotiated: Negotiated, before: ReadonlyMap<number, Channel> = new Map()): void {
    const { checked, session, number } = this.#owner;
    const { machine } = session;
    for (const family of negotiated.families) {
      const rib = this.#host.rib(family.afi);
      const target = this.#target(negotiated, family.afi, family.extendedNextHop);
      const packing = {
        fourOctetAs: negotiated.fourOctetAs,
        messageBytesMax: machine.messageBytesMax,
      };
      const pathsMax = family.addPathSend ? (checked.options.addPathSend ?? 1) : 1;
      const policy = this.#policy();
      const policyKey = typeof policy === 'object' ? this.#host.policyNumber(policy) : policy;
      const key = JSON.stringify([
        target,
        [...(target.nextHopSelf ?? [])],
        packing,
        pathsMax,
        policyKey,
      ]);
      const exported = this.#exporter(rib, target, policy);
      const known = before.get(family.afi);
      const joined = rib.join(key, number, { packing, pathsMax, exported }, known?.member.told);
      this.#channels.push({ rib, key, ...joined, target, refresh: known?.refresh ?? 'none' });
    }
    this.wake();
  }

  #target(negotiated: Negotiated, afi: number, extendedNextHop: boolean): ExportTarget {
    const { asn, bgpIdentifier, clusterId } = this.#host;
    const { session, isClient, checked } = this.#owner;
    const { options, nextHops } = checked;
    const local = session.status.localAddress;
    const own = local === undefined || local === '' ? undefined : bytesOfAddress(local);
    const ipv6 = nextHops.ipv6 ?? (own?.length === 16 ? own : undefined);
    const ipv4 = nextHops.ipv4 ?? (own?.length === 4 ? own : undefined);
    return {
      localAsn: asn,
      bgpIdentifier,
      clusterId,
      isInternal: negotiated.isInternal,
      isClient,
      nextHopSelf: afi === Afi.Ipv4 ? (ipv4 ?? (extendedNextHop ? ipv6 : undefined)) : ipv6,
      alwaysNextHopSelf: options.nextHopSelf === true,
      peerRole: negotiated.peerRole ?? impliedRole(options.role),
      takesLongLivedStale: negotiated.longLived.some((family) => family.afi === afi),
    };
  }

  #exporter(rib: FamilyRib, target: ExportTarget, policy: CheckedPolicy) {
    const { attributes: sets } = this.#host;
    const perPrefix = typeof policy === 'object' && dependsOnPrefix(policy);
    const known = new ExportCache(sets);
    const workOut = (attributes: PathAttributes, source: ExportSource, prefix: number) => {
      if (policy === 'none' || !mayExport(attributes, source, target)) return undefined;
      const unchanged = { attributes, weight: 0, isNextHopSet: false, isMedSet: false };
      const result =
        policy === 'accept-all'
          ? unchanged
          : evaluate(policy, { attributes, weight: 0, prefix: rib.table.prefixes.prefix(prefix) });
      return result === undefined ? undefined : transform(result, source, target);
    };
    return (prefix: number, path: number): number => {
      const set = rib.table.acceptedOf(path);
      const source = this.#host.sourceOf(rib.table.peerOf(path));
      const before = perPrefix ? UNKNOWN : known.get(set, source);
      if (before !== UNKNOWN) return before;
      const result = retained(sets, workOut(sets.attributesOf(set), source, prefix));
      if (!perPrefix) known.put(set, source, result);
      return result;
    };
  }

  /** The session is over, or what it sends is about to be worked out anew. */
  leave(): void {
    this.#host.work.remove(this.#worker);
    for (const { rib, key, member } of this.#channels) rib.leave(key, member);
    this.#channels = [];
  }

  /** Policies or next hops are others now: the neighbour is told the difference. */
  rejoin(negotiated: Negotiated): void {
    const before = new Map(this.#channels.map((each) => [each.rib.afi, each]));
    this.leave();
    this.join(negotiated, before);
  }

  /** The neighbour asks for everything again (RFC 2918, RFC 7313 §4). */
  resend({ afi, safi }: { readonly afi: number; readonly safi: number }): void {
    const channel = this.#channels.find((each) => each.rib.afi === afi && safi === 1);
    if (channel === undefined) return;
    channel.refresh = channel.refresh === 'none' || channel.refresh === 'due' ? 'due' : 'again';
    this.wake();
  }

  /** RFC 7313 §4: BoRR, everything, EoRR; to others everything alone. */
  #beginRefresh(channel: Channel): void {
    channel.refresh = 'running';
    channel.member.walkAt = 0;
    if (this.#isRefreshMarked) this.#sendRefresh(channel, RefreshSubtype.BeginningOfRefresh);
  }

  get #isRefreshMarked(): boolean {
    return this.#owner.session.negotiated?.enhancedRouteRefresh === true;
  }

  #sendRefresh({ rib }: Channel, subtype: number): void {
    sendRefresh(this.#owner.session, subtype, { afi: rib.afi, safi: Safi.Unicast });
  }

  /** One batch of one family; true when there is more and room for it. */
  #takeTurn(): boolean {
    const { session, routeCounts } = this.#owner;
    if (!session.canSend) return false; // onSendable wakes again
    const channel = this.#channels.find(hasWork);
    if (channel === undefined) return false;
    const { rib, group, member } = channel;
    // What is told for the first time is told to its end first.
    if (channel.refresh === 'due' && member.walkAt === NONE) this.#beginRefresh(channel);
    const { packed, isWalkOver } = group.next(member);
    if (packed !== undefined) {
      session.machine.sendMessages(MessageType.Update, packed.bytes, packed.messageCount);
      const counts = routeCounts[rib.afi];
      if (counts !== undefined) {
        counts.updateSentCount += packed.announcedCount;
        counts.withdrawalSentCount += packed.withdrawnCount;
      }
    }
    if (isWalkOver) this.#endOfWalk(channel);
    if (!group.hasWork(member)) rib.tidy();
    return this.#channels.some(hasWork);
  }

  #endOfWalk(channel: Channel): void {
    const { refresh } = channel;
    if (refresh === 'running' || refresh === 'again') {
      channel.refresh = refresh === 'again' ? 'due' : 'none';
      if (this.#isRefreshMarked) this.#sendRefresh(channel, RefreshSubtype.EndOfRefresh);
      return;
    }
    const { afi } = channel.rib;
    const isPlain = afi === Afi.Ipv4;
    // RFC 4724 §2: an empty UPDATE, or one with an empty MP_UNREACH_NLRI.
    const attributes = Uint8Array.of(0x80, 15, 3, 0, afi, Safi.Unicast);
    this.#owner.session.machine.send(
      MessageType.Update,
      update.encode(isPlain ? {} : { attributes }),
    );
  }
}

export function sendRefresh(
  session: Session,
  subtype: number,
  { afi, safi }: { readonly afi: number; readonly safi: number },
): void {
  session.machine.send(MessageType.RouteRefresh, routeRefresh.encode({ afi, safi, subtype }));
}

function hasWork({ rib, group, member, refresh }: Channel): boolean {
  return !rib.isHeld && (refresh === 'due' || group.hasWork(member));
}

export interface ExportContext {
  readonly target: ExportTarget;
  /** 'none': RFC 8212. */
  readonly policy: CheckedPolicy;
}

type CheckedPolicy = NonNullable<CheckedNeighbour['options']['exportPolicy']> | 'none';

function retained(sets: AttributeTable, attributes: PathAttributes | undefined): number {
  return attributes === undefined ? NONE : sets.retain(attributes);
}

/** RFC 9234 §5: a configured role counts although the peer says nothing. */
function impliedRole(own: number | undefined): number | undefined {
  switch (own) {
    case Role.Provider:
      return Role.Customer;
    case Role.Customer:
      return Role.Provider;
    case Role.RouteServer:
      return Role.RouteServerClient;
    case Role.RouteServerClient:
      return Role.RouteServer;
    default:
      return own;
  }
}
