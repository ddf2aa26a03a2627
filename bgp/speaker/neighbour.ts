/**
 * One neighbour of a speaker: its session on one side, its rows in the tables and its place in the update groups on the other. RFC 4271 §9.
 *
 * What it is told: UPDATEs go through import policy into the tables; what the tables decide comes back by the update group when the socket
 * has room. Graceful restart as the receiving side (RFC 4724 §4.2, RFC 8538), maximum prefixes (RFC 4486), refresh both ways (RFC 2918, 7313).
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import {
  BGP_PORT,
  COMPLAINTS_MAX,
  CONNECT_RETRY_TIME,
  HOLD_TIME,
  IDLE_HOLD_TIME,
  IDLE_HOLD_TIME_MAX,
  OPEN_WAIT_TIME,
  SEND_HOLD_TIME,
  STALE_TIME_MAX,
} from '../limits.ts';
import { Afi, Role } from '../message/capability.ts';
import { MessageType } from '../message/framing.ts';
import { PREFIX_STRIDE, type PrefixBatch, PrefixField } from '../message/nlri.ts';
import {
  CeaseSubcode,
  NotificationCode,
  type NotificationFault,
  notificationFault,
} from '../message/notification.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import * as routeRefresh from '../message/route-refresh.ts';
import { RefreshSubtype } from '../message/route-refresh.ts';
import * as update from '../message/update.ts';
import { dependsOnPrefix, evaluate } from '../policy/policy.ts';
import { AttributeBlockCache } from '../rib/attribute-blocks.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { PathSource } from '../rib/decision.ts';
import { type ExportSource, type ExportTarget, mayExport, transform } from '../rib/export.ts';
import { NONE } from '../rib/prefix-table.ts';
import type { Member, UpdateGroup } from '../rib/update-group.ts';
import type { SessionFailure } from '../session/failure.ts';
import type { Negotiated } from '../session/negotiation.ts';
import { Session } from '../session/session.ts';
import type { Transport } from '../session/transport.ts';
import type { WorkQueue } from '../session/work-queue.ts';
import { type ImportContext, importRoute } from './import.ts';
import { bytesOfAddress, type CheckedNeighbour, openFor } from './options.ts';
import type { FamilyRib } from './rib.ts';

/** What a neighbour needs of its speaker. */
export interface NeighbourHost {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly transport: Transport;
  readonly asn: number;
  readonly bgpIdentifier: number;
  readonly clusterId: number;
  readonly attributes: AttributeTable;
  /** By AFI. */
  rib(afi: number): FamilyRib;
  sourceOf(peer: number): ExportSource;
  /** A number that stands for this policy object in the key of update groups. */
  policyNumber(policy: object): number;
  isRestarting(): boolean;
  /** Routes wait to be decided. */
  onRoutes(): void;
  onStateChange(neighbour: Neighbour): void;
}

export interface RouteCounts {
  updateReceivedCount: number;
  withdrawalReceivedCount: number;
  updateSentCount: number;
  withdrawalSentCount: number;
}

interface Channel {
  readonly rib: FamilyRib;
  readonly key: string;
  readonly group: UpdateGroup;
  readonly member: Member;
  /** A refresh was asked for: EoRR is owed at the end of the walk (RFC 7313 §4). */
  owesEndOfRefresh: boolean;
}

export class Neighbour implements ExportSource, PathSource {
  readonly number: number;
  readonly isLocal = false;
  readonly session: Session;
  readonly routeCounts: Readonly<Record<number, RouteCounts>> = {
    [Afi.Ipv4]: routeCounts(),
    [Afi.Ipv6]: routeCounts(),
  };
  readonly complaints: string[] = [];
  malformedUpdateCount = 0;
  readonly #host: NeighbourHost;
  #checked: CheckedNeighbour;
  #channels: Channel[] = [];
  readonly #blocks = new Map<string, AttributeBlockCache>();
  /** Paths in the table, by AFI. */
  readonly #counts = new Map<number, number>();
  #staleTimer: Timer | undefined;
  #restartTimer: Timer | undefined;
  #bgpIdentifier = 0;
  #peerAsn = 0;
  readonly #worker = (): boolean => this.#takeTurn();

  constructor(number: number, checked: CheckedNeighbour, host: NeighbourHost) {
    this.number = number;
    this.#checked = checked;
    this.#host = host;
    this.#peerAsn = checked.options.asn ?? 0;
    const { options } = checked;
    const holdTimeSec = options.holdTimeSec ?? HOLD_TIME / 1000;
    this.session = new Session({
      clock: host.clock,
      work: host.work,
      transport: host.transport,
      config: {
        isPassive: options.isPassive === true,
        connectRetryTime: CONNECT_RETRY_TIME,
        holdTime: seconds(holdTimeSec),
        idleHoldTime: IDLE_HOLD_TIME,
        idleHoldTimeMax: IDLE_HOLD_TIME_MAX,
        openWaitTime: OPEN_WAIT_TIME,
        sendHoldTime: SEND_HOLD_TIME,
      },
      target: {
        remoteAddress: options.address,
        remotePort: options.port ?? BGP_PORT,
        localAddress: options.localAddress,
      },
      expectations: {
        peerAsn: options.asn,
        roleRequired: options.isRoleRequired === true,
      },
      localOpen: () =>
        openFor(checked, {
          asn: host.asn,
          bgpIdentifier: host.bgpIdentifier,
          restarting: host.isRestarting(),
        }),
      updateContext: (negotiated) => this.#updateContext(negotiated),
      events: {
        onEstablished: (negotiated) => this.#up(negotiated),
        onUpdate: (received) => this.#update(received),
        onRefresh: (refresh) => this.#refresh(refresh),
        onDown: (failure, negotiated) => this.#down(failure, negotiated),
        onSendable: () => this.wake(),
        onStateChange: () => host.onStateChange(this),
      },
    });
  }

  get checked(): CheckedNeighbour {
    return this.#checked;
  }

  get isExternal(): boolean {
    return this.#peerAsn !== this.#host.asn;
  }

  get isClient(): boolean {
    return this.#checked.options.isReflectorClient === true;
  }

  get bgpIdentifier(): number {
    return this.#bgpIdentifier;
  }

  get asn(): number {
    return this.#peerAsn;
  }

  get address(): readonly number[] {
    return this.#checked.words;
  }

  /** Paths of that family it has in the table, refused ones too. */
  pathCount(afi: number): number {
    return this.#counts.get(afi) ?? 0;
  }

  announcedCount(afi: number): number {
    const channel = this.#channels.find((each) => each.rib.afi === afi);
    return channel === undefined ? 0 : channel.group.announcedCount(channel.member);
  }

  /** It has routes to send, or may have. */
  wake(): void {
    if (this.#channels.length > 0) this.#host.work.add(this.#worker);
  }

  /** Other policies and limits; the session stands. */
  reconfigure(checked: CheckedNeighbour): void {
    this.#checked = checked;
    const { negotiated } = this.session;
    for (const afi of this.#counts.keys()) {
      const { table } = this.#host.rib(afi);
      const verdict = this.#importVerdict(afi);
      table.reimport(this.number, (prefix, received) =>
        verdict(this.#host.attributes.get(received).attributes, prefix),
      );
    }
    this.#host.onRoutes();
    if (negotiated === undefined) return;
    const told = new Map(this.#channels.map((each) => [each.rib.afi, each.member.told]));
    this.#leaveGroups();
    this.#joinGroups(negotiated, told);
  }

  /** Asks for everything again (RFC 2918). False where the peer did not offer it. */
  requestRefresh(): boolean {
    const { negotiated } = this.session;
    if (negotiated?.routeRefresh !== true) return false;
    for (const family of negotiated.families) this.#sendRefresh(RefreshSubtype.Request, family);
    return true;
  }

  /** Goes for good: routes, session, timers. */
  remove(fault: NotificationFault): void {
    this.#staleTimer?.cancel();
    this.#restartTimer?.cancel();
    this.session.stop(fault);
    this.session.dispose();
    this.#leaveGroups();
    this.#sweepAll();
  }

  #up(negotiated: Negotiated): void {
    this.#bgpIdentifier = negotiated.peerOpen.bgpIdentifier;
    this.#peerAsn = negotiated.peerOpen.asn;
    this.#staleTimer?.cancel();
    this.#staleTimer = undefined;
    for (const [afi, count] of this.#counts) {
      if (count === 0) continue;
      // RFC 4724 §4.2: what the peer did not preserve goes now, the rest when it has told everything again.
      const isKept = negotiated.gracefulRestart?.families.some(
        (family) => family.afi === afi && family.forwardingState,
      );
      if (isKept === true) {
        this.#staleTimer ??= this.#host.clock.after(STALE_TIME_MAX, () => this.#sweepStale());
      } else this.#sweep(afi, false);
    }
    this.#joinGroups(negotiated, new Map());
  }

  #down(failure: SessionFailure, negotiated: Negotiated | undefined): void {
    this.#leaveGroups();
    if (negotiated === undefined) return;
    const restart = negotiated.gracefulRestart;
    if (restart === undefined || !keepsRoutes(failure, restart.notification)) {
      this.#sweepAll();
      return;
    }
    for (const afi of this.#counts.keys()) {
      if (restart.families.some((family) => family.afi === afi)) {
        this.#host.rib(afi).table.markStale(this.number);
      } else this.#sweep(afi, false);
    }
    const patience = millis(Math.min(seconds(restart.restartTimeSec), STALE_TIME_MAX));
    this.#staleTimer?.cancel();
    this.#staleTimer = this.#host.clock.after(patience, () => {
      this.#staleTimer = undefined;
      this.#sweepAll();
    });
  }

  #update(received: update.UpdateRepr): void {
    if (received.complaints.length > 0) {
      this.malformedUpdateCount += 1;
      this.complaints.push(...received.complaints);
      this.complaints.splice(0, this.complaints.length - COMPLAINTS_MAX);
    }
    for (const routes of received.routes) {
      this.#withdraw(routes.afi, routes.withdrawn);
      const { nextHop } = routes;
      const attributes =
        nextHop === undefined ? received.attributes : { ...received.attributes, nextHop };
      this.#announce(routes.afi, routes.announced, attributes);
      if (this.pathCount(routes.afi) > this.#checked.prefixesMax) {
        this.#tooMany(routes);
        return;
      }
    }
    if (received.endOfRib !== undefined) this.#sweep(received.endOfRib.afi, true);
    this.#host.onRoutes();
  }

  #withdraw(afi: number, batch: PrefixBatch): void {
    if (batch.count === 0) return;
    const { table } = this.#host.rib(afi);
    let removed = 0;
    const { words } = batch;
    for (let index = 0, at = 0; index < batch.count; index++, at += PREFIX_STRIDE) {
      const len = words[at + PrefixField.LEN] ?? 0;
      const prefix = table.prefixes.find(
        words[at] ?? 0,
        words[at + 1] ?? 0,
        words[at + 2] ?? 0,
        words[at + 3] ?? 0,
        len,
      );
      if (prefix === NONE) continue;
      if (table.withdraw(prefix, this.number, words[at + PrefixField.PATH_ID] ?? 0)) removed += 1;
    }
    this.#count(afi, -removed);
    const counts = this.routeCounts[afi];
    if (counts !== undefined) counts.withdrawalReceivedCount += batch.count;
  }

  #announce(afi: number, batch: PrefixBatch, attributes: PathAttributes): void {
    if (batch.count === 0) return;
    const { table } = this.#host.rib(afi);
    const verdict = this.#importVerdict(afi);
    const { words } = batch;
    let added = 0;
    for (let index = 0, at = 0; index < batch.count; index++, at += PREFIX_STRIDE) {
      const prefix = table.prefixes.intern(
        words[at] ?? 0,
        words[at + 1] ?? 0,
        words[at + 2] ?? 0,
        words[at + 3] ?? 0,
        words[at + PrefixField.LEN] ?? 0,
      );
      if (prefix === NONE) break; // the table is full: the limit of the table, not of this peer
      const outcome = table.announce({
        prefix,
        peer: this.number,
        pathId: words[at + PrefixField.PATH_ID] ?? 0,
        received: this.#host.attributes.retain(attributes),
        accepted: verdict(attributes, prefix),
      });
      if (outcome === 'added') added += 1;
    }
    this.#count(afi, added);
    const counts = this.routeCounts[afi];
    if (counts !== undefined) counts.updateReceivedCount += batch.count;
  }

  /** The accepted set (retained) of a route, NONE when it is refused; worked out once where the prefix does not matter. */
  #importVerdict(afi: number): (attributes: PathAttributes, prefix: number) => number {
    const context = this.#importContext();
    const { attributes: sets } = this.#host;
    const { prefixes } = this.#host.rib(afi).table;
    const { policy } = context;
    const perPrefix = typeof policy === 'object' && dependsOnPrefix(policy);
    let lastFrom: PathAttributes | undefined;
    let last: ReturnType<typeof importRoute>;
    return (attributes, prefix) => {
      if (perPrefix || attributes !== lastFrom) {
        last = importRoute(attributes, prefixes.prefix(prefix), context);
        lastFrom = attributes;
      }
      return last === undefined ? NONE : sets.retain(last.attributes, last.weight);
    };
  }

  #importContext(): ImportContext {
    const { options } = this.#checked;
    const { asn, bgpIdentifier, clusterId } = this.#host;
    return {
      localAsn: asn,
      bgpIdentifier,
      clusterId,
      peerAsn: this.#peerAsn,
      isInternal: !this.isExternal,
      peerRole: this.session.negotiated?.peerRole,
      policy: options.importPolicy ?? (this.isExternal ? 'none' : 'accept-all'),
    };
  }

  #tooMany(family: { readonly afi: number; readonly safi: number }): void {
    const { prefixesMax, options } = this.#checked;
    const data = Uint8Array.of(
      family.afi >>> 8,
      family.afi & 0xff,
      family.safi,
      ...[24, 16, 8, 0].map((shift) => (prefixesMax >>> shift) & 0xff),
    );
    const { Cease } = NotificationCode;
    const { MaximumNumberOfPrefixesReached: reached } = CeaseSubcode;
    this.session.stop(notificationFault(Cease, reached, data));
    if (options.prefixRestartSec === undefined) return;
    this.#restartTimer?.cancel();
    this.#restartTimer = this.#host.clock.after(seconds(options.prefixRestartSec), () =>
      this.session.start(),
    );
  }

  #refresh({ afi, safi, subtype }: routeRefresh.RouteRefreshRepr): void {
    const channel = this.#channels.find((each) => each.rib.afi === afi && safi === 1);
    if (channel === undefined) return;
    switch (subtype) {
      case RefreshSubtype.Request:
        if (this.session.negotiated?.enhancedRouteRefresh === true) {
          this.#sendRefresh(RefreshSubtype.BeginningOfRefresh, { afi, safi });
          channel.owesEndOfRefresh = true;
        }
        channel.member.walkAt = 0;
        this.wake();
        return;
      case RefreshSubtype.BeginningOfRefresh:
        channel.rib.table.markStale(this.number);
        return;
      case RefreshSubtype.EndOfRefresh:
        this.#sweep(afi, true);
        return;
      default: // RFC 7313 §5: others are ignored
    }
  }

  #sendRefresh(subtype: number, { afi, safi }: { readonly afi: number; readonly safi: number }) {
    const body = routeRefresh.encode({ afi, safi, subtype });
    this.session.machine.send(MessageType.RouteRefresh, body);
  }

  #joinGroups(negotiated: Negotiated, told: ReadonlyMap<number, Uint8Array>): void {
    const { machine } = this.session;
    for (const family of negotiated.families) {
      const rib = this.#host.rib(family.afi);
      const target = this.#target(negotiated, family.afi, family.extendedNextHop);
      const packing = {
        fourOctetAs: negotiated.fourOctetAs,
        messageBytesMax: machine.messageBytesMax,
      };
      const policy =
        this.#checked.options.exportPolicy ?? (this.isExternal ? 'none' : 'accept-all');
      const policyKey = typeof policy === 'object' ? this.#host.policyNumber(policy) : policy;
      const key = JSON.stringify([target, [...(target.nextHopSelf ?? [])], packing, policyKey]);
      const exported = this.#exporter(rib, target, policy);
      const joined = rib.join(key, this.number, { packing, exported }, told.get(family.afi));
      this.#channels.push({ rib, key, ...joined, owesEndOfRefresh: false });
    }
    this.wake();
  }

  #target(negotiated: Negotiated, afi: number, extendedNextHop: boolean): ExportTarget {
    const { asn, bgpIdentifier, clusterId } = this.#host;
    const { options, nextHops } = this.#checked;
    const local = this.session.status.localAddress;
    const own = local === undefined || local === '' ? undefined : bytesOfAddress(local);
    const ipv6 = nextHops.ipv6 ?? (own?.length === 16 ? own : undefined);
    const ipv4 = nextHops.ipv4 ?? (own?.length === 4 ? own : undefined);
    return {
      localAsn: asn,
      bgpIdentifier,
      clusterId,
      isInternal: negotiated.isInternal,
      isClient: this.isClient,
      nextHopSelf: afi === Afi.Ipv4 ? (ipv4 ?? (extendedNextHop ? ipv6 : undefined)) : ipv6,
      alwaysNextHopSelf: options.nextHopSelf === true,
      peerRole: negotiated.peerRole ?? impliedRole(options.role),
    };
  }

  #exporter(rib: FamilyRib, target: ExportTarget, policy: CheckedPolicy) {
    const { attributes: sets } = this.#host;
    const perPrefix = typeof policy === 'object' && dependsOnPrefix(policy);
    // By attributes and kind of source: a set that is gone does not keep its result alive.
    const known = new WeakMap<PathAttributes, Map<string, PathAttributes | undefined>>();
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
      const { attributes } = sets.get(rib.table.acceptedOf(path));
      const source = this.#host.sourceOf(rib.table.peerOf(path));
      if (perPrefix) return retained(sets, workOut(attributes, source, prefix));
      const kind = `${source.isLocal} ${source.isExternal} ${source.isClient} ${source.isExternal ? 0 : source.bgpIdentifier}`;
      const byKind = known.get(attributes) ?? new Map<string, PathAttributes | undefined>();
      known.set(attributes, byKind);
      if (!byKind.has(kind)) byKind.set(kind, workOut(attributes, source, prefix));
      return retained(sets, byKind.get(kind));
    };
  }

  #leaveGroups(): void {
    this.#host.work.remove(this.#worker);
    for (const { rib, key, member } of this.#channels) rib.leave(key, member);
    this.#channels = [];
  }

  /** One batch of one family; true when there is more and room for it. */
  #takeTurn(): boolean {
    const { session } = this;
    if (!session.canSend) return false; // onSendable wakes again
    const channel = this.#channels.find(({ group, member }) => group.hasWork(member));
    if (channel === undefined) return false;
    const { rib, group, member } = channel;
    const { packed, isWalkOver } = group.next(member);
    if (packed !== undefined) {
      session.machine.sendMessages(MessageType.Update, packed.bytes, packed.messageCount);
      const counts = this.routeCounts[rib.afi];
      if (counts !== undefined) {
        counts.updateSentCount += packed.announcedCount;
        counts.withdrawalSentCount += packed.withdrawnCount;
      }
    }
    if (isWalkOver) this.#endOfWalk(channel);
    if (!group.hasWork(member)) rib.tidy();
    return this.#channels.some((each) => each.group.hasWork(each.member));
  }

  #endOfWalk(channel: Channel): void {
    const family = { afi: channel.rib.afi, safi: 1 };
    if (channel.owesEndOfRefresh) {
      channel.owesEndOfRefresh = false;
      this.#sendRefresh(RefreshSubtype.EndOfRefresh, family);
      return;
    }
    const isPlain = family.afi === Afi.Ipv4;
    // RFC 4724 §2: an empty UPDATE, or one with an empty MP_UNREACH_NLRI.
    const attributes = Uint8Array.of(0x80, 15, 3, 0, family.afi, family.safi);
    this.session.machine.send(MessageType.Update, update.encode(isPlain ? {} : { attributes }));
  }

  #sweepStale(): void {
    this.#staleTimer = undefined;
    for (const afi of this.#counts.keys()) this.#sweep(afi, true);
  }

  #sweepAll(): void {
    for (const afi of this.#counts.keys()) this.#sweep(afi, false);
  }

  #sweep(afi: number, staleOnly: boolean): void {
    if (this.pathCount(afi) === 0) return;
    this.#count(afi, -this.#host.rib(afi).table.sweep(this.number, staleOnly));
    this.#host.onRoutes();
  }

  #count(afi: number, change: number): void {
    if (change !== 0) this.#counts.set(afi, this.pathCount(afi) + change);
  }

  #updateContext({ fourOctetAs, isInternal, families }: Negotiated): update.UpdateContext {
    const key = `${fourOctetAs} ${isInternal}`;
    const blocks = this.#blocks.get(key) ?? new AttributeBlockCache();
    this.#blocks.set(key, blocks);
    return { fourOctetAs, isInternal, families, blocks };
  }
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

/** RFC 4724 §4.2, RFC 8538 §3: whether the routes outlive this end of the session. */
function keepsRoutes(failure: SessionFailure, hasNotificationBit: boolean): boolean {
  switch (failure.kind) {
    case 'connection-lost':
      return true;
    case 'connect':
      return false;
    case 'received':
    case 'sent': {
      const { code, subcode } = failure.notification;
      const isHard =
        code === NotificationCode.Cease &&
        (subcode === CeaseSubcode.HardReset ||
          subcode === CeaseSubcode.AdministrativeShutdown ||
          subcode === CeaseSubcode.PeerDeconfigured ||
          subcode === CeaseSubcode.MaximumNumberOfPrefixesReached);
      return hasNotificationBit && !isHard;
    }
    default:
      return false;
  }
}

function routeCounts(): RouteCounts {
  return {
    updateReceivedCount: 0,
    withdrawalReceivedCount: 0,
    updateSentCount: 0,
    withdrawalSentCount: 0,
  };
}
