/**
 * One neighbour of a speaker: its session on one side, what it has announced (rib-in.ts) and what it is told (rib-out.ts) on the other.
 * RFC 4271 §9. Here is decided what the session's ups and downs mean for its routes: graceful restart as the receiving side (RFC 4724 §4.2, RFC 8538), maximum prefixes (RFC 4486), refresh both ways (RFC 2918, 7313).
 */
import type { Timer } from '../../base/clock.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { type Millis, millis, seconds } from '../../base/units.ts';
import {
  BGP_PORT,
  COMPLAINTS_MAX,
  CONNECT_RETRY_TIME,
  HOLD_TIME,
  IDLE_HOLD_TIME,
  IDLE_HOLD_TIME_MAX,
  OPEN_WAIT_TIME,
  OPEN_WAIT_TIME_SECURED,
  SEND_HOLD_TIME,
} from '../limits.ts';
import { Outcome } from '../message/attribute-decoder.ts';
import { Afi } from '../message/capability.ts';
import {
  CeaseSubcode,
  NotificationCode,
  type NotificationFault,
  notificationFault,
} from '../message/notification.ts';
import type * as routeRefresh from '../message/route-refresh.ts';
import { RefreshSubtype } from '../message/route-refresh.ts';
import * as update from '../message/update.ts';
import { AttributeBlockCache } from '../rib/attribute-blocks.ts';
import type { PathSource } from '../rib/decision.ts';
import type { ExportSource } from '../rib/export.ts';
import type { SessionFailure } from '../session/failure.ts';
import type { Negotiated } from '../session/negotiation.ts';
import { Session } from '../session/session.ts';
import type { Transport } from '../session/transport.ts';
import type { ImportContext } from './import.ts';
import {
  NeighbourObservers,
  type ObservedNeighbour,
  type ObserverHost,
} from './neighbour-observers.ts';
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
import { StaleRoutes } from './stale-routes.ts';

/** What a neighbour needs of its speaker. */
export interface NeighbourHost extends RibInHost, RibOutHost, ObserverHost<Neighbour> {
  readonly transport: Transport;
  isRestarting(): boolean;
  onUp(neighbour: Neighbour, negotiated: Negotiated): void;
  onEndOfRib(neighbour: Neighbour, afi: number): void;
}

export class Neighbour
  implements ExportSource, PathSource, RibInOwner, RibOutOwner, ObservedNeighbour
{
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
  readonly #stale: StaleRoutes;
  readonly #observers: NeighbourObservers<Neighbour>;
  /** How UPDATEs of the present session are read. */
  #context: { readonly negotiated: Negotiated; readonly update: update.UpdateContext } | undefined;
  #restartTimer: Timer | undefined;
  #bgpIdentifier = 0;
  #peerAsn = 0;
  #wasUp = false;
  /** Families of which it has told everything, since the session is up (End-of-RIB). */
  readonly #complete = new Set<number>();
  /** Of the present or the last session. */
  #ownAddress: Uint8Array | undefined;

  constructor(number: number, checked: CheckedNeighbour, host: NeighbourHost) {
    this.number = number;
    this.#checked = checked;
    this.#host = host;
    this.#peerAsn = checked.options.asn ?? 0;
    this.#ribIn = new RibIn(this, host);
    this.#ribOut = new RibOut(this, host);
    this.#observers = new NeighbourObservers(this, host);
    this.#stale = new StaleRoutes({
      clock: host.clock,
      ribIn: this.#ribIn,
      longLivedStaleSec: () => this.#checked.options.longLivedStaleSec ?? 0,
      onSweep: (afi) => this.#observers.sweeping(afi),
    });
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
        openWaitTime:
          checked.security.hopsMax === undefined ? OPEN_WAIT_TIME : OPEN_WAIT_TIME_SECURED,
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
        ...(this.#observers.wantsMessages && {
          onMessage: (message: Uint8Array, negotiated: Negotiated | undefined) =>
            this.#observers.message(message, negotiated),
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
    this.#observers.watchPath(JSON.stringify(before) !== JSON.stringify(checked.options.bfd));
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
    this.#stale.cancel();
    this.#restartTimer?.cancel();
    this.#observers.leave();
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
    this.#stale.up(negotiated);
    this.#observers.up(negotiated);
    this.#ribOut.join(negotiated);
    this.#host.onUp(this, negotiated);
  }

  #down(failure: SessionFailure, negotiated: Negotiated | undefined): void {
    this.#ribOut.leave();
    if (negotiated === undefined) return;
    this.#complete.clear();
    this.#observers.down(failure);
    this.#stale.down(failure, negotiated);
  }

  #update(received: update.UpdateRepr): void {
    this.#observers.update(received);
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
      this.#stale.sweep(afi);
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
        this.#stale.sweep(afi);
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
