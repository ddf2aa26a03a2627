/**
 * One neighbour of a speaker: its session on one side, what it has announced (rib-in.ts) and what it is told (rib-out.ts) on the other.
 * RFC 4271 §9. Here is decided what the session's ups and downs mean for its routes: graceful restart as the receiving side (RFC 4724 §4.2, RFC 8538), maximum prefixes (RFC 4486), refresh both ways (RFC 2918, 7313).
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { type Millis, millis, seconds } from '../../base/units.ts';
import type { Bfd } from '../bfd/bfd.ts';
import type { Monitor } from '../bmp/monitor.ts';
import type { MonitoredPeer } from '../bmp/monitored-peer.ts';
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
import { Outcome } from '../message/attribute-decoder.ts';
import { Afi } from '../message/capability.ts';
import {
  CeaseSubcode,
  isForGood,
  NotificationCode,
  type NotificationFault,
  notificationFault,
} from '../message/notification.ts';
import type * as routeRefresh from '../message/route-refresh.ts';
import { RefreshSubtype } from '../message/route-refresh.ts';
import * as update from '../message/update.ts';
import { BgpState, type MrtSession } from '../mrt/record.ts';
import type { UpdateLog } from '../mrt/update-log.ts';
import { AttributeBlockCache } from '../rib/attribute-blocks.ts';
import type { PathSource } from '../rib/decision.ts';
import type { ExportSource } from '../rib/export.ts';
import type { SessionFailure } from '../session/failure.ts';
import type { LongLivedFamily, Negotiated } from '../session/negotiation.ts';
import { Session } from '../session/session.ts';
import type { Transport } from '../session/transport.ts';
import type { ImportContext } from './import.ts';
import { type CheckedNeighbour, openFor } from './options.ts';
import { RibIn, type RibInHost, type RibInOwner } from './rib-in.ts';
import {
  type ExportContext,
  RibOut,
  type RibOutHost,
  type RibOutOwner,
  sendRefresh,
} from './rib-out.ts';
import { newRouteCounts, type RouteCounts } from './route-counts.ts';

/** What a neighbour needs of its speaker. */
export interface NeighbourHost extends RibInHost, RibOutHost {
  readonly clock: Clock;
  readonly transport: Transport;
  /** Undefined: nobody reads what neighbours say. */
  readonly updateLog: UpdateLog | undefined;
  /** Undefined: no station listens, ever. */
  readonly monitor: Monitor | undefined;
  /** Undefined: no neighbour asks for it. */
  readonly bfd: Bfd | undefined;
  isRestarting(): boolean;
  onUp(neighbour: Neighbour, negotiated: Negotiated): void;
  onEndOfRib(neighbour: Neighbour, afi: number): void;
  onStateChange(neighbour: Neighbour): void;
}

export class Neighbour implements ExportSource, PathSource, RibInOwner, RibOutOwner {
  readonly number: number;
  readonly isLocal = false;
  readonly session: Session;
  readonly routeCounts: Readonly<Record<number, RouteCounts>> = {
    [Afi.Ipv4]: newRouteCounts(),
    [Afi.Ipv6]: newRouteCounts(),
  };
  readonly complaints: string[] = [];
  malformedUpdateCount = 0;
  treatedAsWithdrawCount = 0;
  readonly #host: NeighbourHost;
  #checked: CheckedNeighbour;
  readonly #ribIn: RibIn;
  readonly #ribOut: RibOut;
  /** How UPDATEs of the present session are read. */
  #context: { readonly negotiated: Negotiated; readonly update: update.UpdateContext } | undefined;
  #staleTimer: Timer | undefined;
  #restartTimer: Timer | undefined;
  #bgpIdentifier = 0;
  #peerAsn = 0;
  #wasUp = false;
  /** Families of which it has told everything, since the session is up (End-of-RIB). */
  readonly #complete = new Set<number>();
  /** Of the present or the last session. */
  #ownAddress: Uint8Array | undefined;
  /** The message that is being dealt with, where somebody wants it. */
  #message: Uint8Array | undefined;

  constructor(number: number, checked: CheckedNeighbour, host: NeighbourHost) {
    this.number = number;
    this.#checked = checked;
    this.#host = host;
    this.#peerAsn = checked.options.asn ?? 0;
    this.#ribIn = new RibIn(this, host);
    this.#ribOut = new RibOut(this, host);
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
        sendHoldTime: sendHoldTimeOf(options.sendHoldTimeSec, holdTimeSec),
      },
      target: {
        remoteAddress: options.address,
        remotePort: options.port ?? BGP_PORT,
        localAddress: options.localAddress,
        security: checked.security,
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
          // A session that was lost and comes back has cost this side nothing.
          forwardingState: host.isRestarting() || this.#wasUp,
        }),
      updateContext: (negotiated) => this.#updateContext(negotiated),
      events: {
        onEstablished: (negotiated) => this.#up(negotiated),
        onUpdate: (received) => this.#update(received),
        onRefresh: (refresh) => this.#refresh(refresh),
        ...((host.updateLog !== undefined || host.monitor !== undefined) && {
          onMessage: (message: Uint8Array, negotiated: Negotiated | undefined) => {
            this.#message = message;
            this.#logMessage(message, negotiated);
          },
        }),
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

  get localAsn(): number {
    return this.#host.asn;
  }

  get address(): readonly number[] {
    return this.#checked.words;
  }

  /** Paths of that family it has in the table, refused ones too. */
  pathCount(afi: number): number {
    return this.#ribIn.pathCount(afi);
  }

  /** Has it told everything of that family, since the session is up (End-of-RIB)? */
  isComplete(afi: number): boolean {
    return this.#complete.has(afi);
  }

  announcedCount(afi: number): number {
    return this.#ribOut.announcedCount(afi);
  }

  /** Attribute sets that it has been told of a prefix. */
  toldOf(afi: number, prefix: number): readonly number[] {
    return this.#ribOut.toldOf(afi, prefix);
  }

  exportContext(afi: number): ExportContext | undefined {
    return this.#ribOut.exportContext(afi);
  }

  /** It has routes to send, or may have. */
  wake(): void {
    this.#ribOut.wake();
  }

  /** Other policies and limits; the session stands. */
  reconfigure(checked: CheckedNeighbour): void {
    const before = this.#checked.options.bfd;
    this.#checked = checked;
    this.#watch(JSON.stringify(before) !== JSON.stringify(checked.options.bfd));
    this.#ribIn.reimport();
    const { negotiated } = this.session;
    if (negotiated !== undefined) this.#ribOut.rejoin(negotiated);
  }

  /** Asks for everything again (RFC 2918). False where the peer did not offer it. */
  requestRefresh(): boolean {
    const { negotiated } = this.session;
    if (negotiated?.routeRefresh !== true) return false;
    for (const family of negotiated.families) {
      sendRefresh(this.session, RefreshSubtype.Request, family);
    }
    return true;
  }

  /** Goes for good: routes, session, timers. */
  remove(fault: NotificationFault): void {
    this.#staleTimer?.cancel();
    this.#restartTimer?.cancel();
    this.#host.bfd?.unwatch(this.#checked.options.address);
    this.session.stop(fault);
    this.session.dispose();
    this.#ribOut.leave();
    this.#ribIn.sweepFamilies('all');
  }

  importContext(): ImportContext {
    const { options } = this.#checked;
    const { asn, bgpIdentifier, clusterId } = this.#host;
    return {
      localAsn: asn,
      ownAddress: this.#ownAddress,
      bgpIdentifier,
      clusterId,
      peerAsn: this.#peerAsn,
      isInternal: !this.isExternal,
      peerRole: this.session.negotiated?.peerRole,
      policy: options.importPolicy ?? (this.isExternal ? 'none' : 'accept-all'),
    };
  }

  #up(negotiated: Negotiated): void {
    this.#bgpIdentifier = negotiated.peerOpen.bgpIdentifier;
    this.#peerAsn = negotiated.peerOpen.asn;
    this.#wasUp = true;
    this.#complete.clear();
    const own = parseIpWords(this.session.status.localAddress ?? '');
    this.#ownAddress = own && ipAddressBytes(own);
    this.#logState(BgpState.OpenConfirm, BgpState.Established);
    this.#staleTimer?.cancel();
    this.#staleTimer = undefined;
    for (const afi of this.#ribIn.families()) {
      if (this.pathCount(afi) === 0) continue;
      // RFC 4724 §4.2: what the peer did not preserve goes now, the rest when it has told everything again.
      const kept = [...(negotiated.gracefulRestart?.families ?? []), ...negotiated.longLived];
      const isKept = kept.some((family) => family.afi === afi && family.forwardingState);
      if (isKept) {
        this.#staleTimer ??= this.#host.clock.after(STALE_TIME_MAX, () => {
          this.#staleTimer = undefined;
          for (const each of this.#ribIn.families()) this.#sweepStale(each);
        });
      } else this.#ribIn.sweep(afi, 'all');
    }
    this.#host.monitor?.peerUp(this.#monitored(negotiated));
    this.#ribOut.join(negotiated);
    this.#watch(false);
    this.#host.onUp(this, negotiated);
  }

  #monitored(negotiated: Negotiated): MonitoredPeer {
    const { connection, opens, messageBytesMax } = this.session.machine;
    const { peerAddress, localAddress } = this.#mrtSession();
    const { families, fourOctetAs } = negotiated;
    return {
      number: this.number,
      asn: this.#peerAsn,
      address: peerAddress,
      bgpIdentifier: this.#bgpIdentifier,
      upAtMs: this.#host.clock.wallNow(),
      ...{ families, fourOctetAs, messageBytesMax, localAddress },
      localPort: connection?.localPort ?? 0,
      remotePort: connection?.remotePort ?? 0,
      sentOpen: opens.sent,
      receivedOpen: opens.received,
      statistics: () => ({
        treatedAsWithdrawCount: this.treatedAsWithdrawCount,
        families: families.map(({ afi, safi }) => ({
          ...{ afi, safi },
          routeCount: this.pathCount(afi),
        })),
      }),
    };
  }

  #sweepStale(afi: number): void {
    this.#host.monitor?.sweeping(this.number, this.#host.rib(afi).table);
    this.#ribIn.sweep(afi, 'stale');
  }

  #logMessage(message: Uint8Array, negotiated: Negotiated | undefined): void {
    this.#host.updateLog?.message(this.#mrtSession(), message, {
      wallMs: this.#host.clock.wallNow(),
      // Before the OPENs have met no message has an AS number in two forms.
      fourOctetAs: negotiated?.fourOctetAs ?? true,
      hasPathIds: negotiated?.families.some((family) => family.addPathReceive) ?? false,
    });
  }

  #logState(from: number, to: number): void {
    const { updateLog, clock } = this.#host;
    updateLog?.state(this.#mrtSession(), { from, to, wallMs: clock.wallNow() });
  }

  #mrtSession(): MrtSession {
    const peerAddress = ipAddressBytes(this.#checked.words);
    const { localAddress = '' } = this.session.status;
    const local = parseIpWords(localAddress);
    return {
      peerAsn: this.#peerAsn,
      localAsn: this.#host.asn,
      peerAddress,
      localAddress:
        local === undefined ? new Uint8Array(peerAddress.length) : ipAddressBytes(local),
    };
  }

  /** From the first session on the path is watched, whether the session stands or not; it ends the session when it goes down. */
  #watch(isAnew: boolean): void {
    const { bfd } = this.#host;
    const { address: remoteAddress, bfd: wanted } = this.#checked.options;
    const { localAddress } = this.session.status;
    const isWatched = bfd?.status(remoteAddress) !== undefined;
    if (isWatched && (isAnew || wanted === undefined)) bfd?.unwatch(remoteAddress);
    else if (isWatched) return;
    if (wanted === undefined || localAddress === undefined || localAddress === '') return;
    bfd?.watch({ localAddress, remoteAddress }, wanted, {
      onUp: () => this.#host.onStateChange(this),
      onDown: ({ isOrderly }) => {
        // RFC 5882 §3.2: a peer that stops BFD on purpose says nothing about the path.
        if (isOrderly) this.#host.onStateChange(this);
        else this.session.reset(notificationFault(NotificationCode.Cease, CeaseSubcode.BfdDown));
      },
    });
  }

  #down(failure: SessionFailure, negotiated: Negotiated | undefined): void {
    this.#ribOut.leave();
    if (negotiated === undefined) return;
    this.#complete.clear();
    this.#logState(BgpState.Established, BgpState.Idle);
    this.#host.monitor?.peerDown(this.number, failure);
    const restart = negotiated.gracefulRestart;
    if (restart === undefined || !keepsRoutes(failure, restart.notification)) {
      this.#ribIn.sweepFamilies('all');
      return;
    }
    for (const afi of this.#ribIn.families()) {
      if (restart.families.some((family) => family.afi === afi)) this.#ribIn.markStale(afi);
      else this.#ribIn.sweep(afi, 'all');
    }
    const patience = millis(Math.min(seconds(restart.restartTimeSec), STALE_TIME_MAX));
    this.#staleTimer?.cancel();
    this.#staleTimer = this.#host.clock.after(patience, () => {
      this.#staleTimer = undefined;
      this.#restartFailed(negotiated.longLived);
    });
  }

  /** RFC 9494 §4.2: the restart time is over; what may live on does, until its own time is over. */
  #restartFailed(longLived: readonly LongLivedFamily[]): void {
    const { longLivedStaleSec = 0 } = this.#checked.options;
    let patience = 0;
    for (const afi of this.#ribIn.families()) {
      const offered = longLived.find((family) => family.afi === afi)?.staleTimeSec ?? 0;
      const staleSec = Math.min(offered, longLivedStaleSec);
      if (staleSec === 0) this.#ribIn.sweep(afi, 'all');
      else this.#ribIn.beginLongLived(afi);
      patience = Math.max(patience, staleSec);
    }
    if (patience === 0) return;
    this.#staleTimer = this.#host.clock.after(seconds(patience), () => {
      this.#staleTimer = undefined;
      this.#ribIn.sweepFamilies('all');
    });
  }

  #update(received: update.UpdateRepr): void {
    if (this.#message !== undefined) {
      this.#host.monitor?.update(this.number, this.#message, received);
      this.#message = undefined;
    }
    if (received.complaints.length > 0) {
      this.malformedUpdateCount += 1;
      if (received.outcome === Outcome.TreatAsWithdraw) this.treatedAsWithdrawCount += 1;
      this.complaints.push(...received.complaints);
      this.complaints.splice(0, this.complaints.length - COMPLAINTS_MAX);
    }
    for (const routes of received.routes) {
      this.#ribIn.withdraw(routes.afi, routes.withdrawn);
      const { nextHop } = routes;
      const attributes =
        nextHop === undefined ? received.attributes : { ...received.attributes, nextHop };
      this.#ribIn.announce(routes.afi, routes.announced, attributes);
      if (this.pathCount(routes.afi) > this.#checked.prefixesMax) {
        this.#tooMany(routes);
        return;
      }
    }
    if (received.endOfRib !== undefined) {
      const { afi } = received.endOfRib;
      this.#sweepStale(afi);
      this.#complete.add(afi);
      this.#host.onEndOfRib(this, afi);
    }
    this.#host.onRoutes();
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
    const { families = [] } = this.session.negotiated ?? {};
    if (!families.some((family) => family.afi === afi && family.safi === safi)) return;
    switch (subtype) {
      case RefreshSubtype.Request:
        this.#ribOut.resend({ afi, safi });
        return;
      case RefreshSubtype.BeginningOfRefresh:
        this.#ribIn.markStale(afi);
        return;
      case RefreshSubtype.EndOfRefresh:
        this.#sweepStale(afi);
        return;
      default: // RFC 7313 §5: others are ignored
    }
  }

  #updateContext(negotiated: Negotiated): update.UpdateContext {
    if (this.#context?.negotiated === negotiated) return this.#context.update;
    const { fourOctetAs, isInternal, families } = negotiated;
    const blocks = new AttributeBlockCache();
    const batches = new update.BatchPool();
    const context = { fourOctetAs, isInternal, families, blocks, batches };
    this.#context = { negotiated, update: context };
    return context;
  }
}

/** RFC 9687, in place of one that is configured. */
function sendHoldTimeOf(givenSec: number | undefined, holdTimeSec: number): Millis {
  if (givenSec !== undefined) return seconds(givenSec);
  return millis(Math.max(SEND_HOLD_TIME, 2 * seconds(holdTimeSec)));
}

/** RFC 4724 §4.2, RFC 8538 §3: whether the routes outlive this end of the session. */
function keepsRoutes(failure: SessionFailure, hasNotificationBit: boolean): boolean {
  switch (failure.kind) {
    case 'connection-lost':
      return true;
    case 'connect':
      return false;
    case 'received': {
      const { code, subcode } = failure.notification;
      const isHard =
        code === NotificationCode.Cease &&
        // The path is down, not only the speaker: what it forwarded is lost (RFC 5882 §4.3.2).
        (subcode === CeaseSubcode.HardReset || subcode === CeaseSubcode.BfdDown);
      return hasNotificationBit && !isHard;
    }
    case 'sent':
      return hasNotificationBit && !isForGood(failure.notification);
    default:
      return false;
  }
}
