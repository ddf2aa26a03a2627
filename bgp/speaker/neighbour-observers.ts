/**
 * Who looks on while a neighbour speaks: the log of its messages (MRT, RFC 6396), the monitoring stations (BMP, RFC 7854), and BFD, which watches
 * the path to it (RFC 5882). None of them changes what becomes of a route. Called by neighbour.ts.
 */
import type { Clock } from '../../base/clock.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import type { Bfd } from '../bfd/bfd.ts';
import type { Monitor } from '../bmp/monitor.ts';
import type { MonitoredPeer } from '../bmp/monitored-peer.ts';
import { CeaseSubcode, NotificationCode, notificationFault } from '../message/notification.ts';
import type { UpdateRepr } from '../message/update.ts';
import { BgpState, type MrtSession } from '../mrt/record.ts';
import type { UpdateLog } from '../mrt/update-log.ts';
import type { SessionFailure } from '../session/failure.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { Session } from '../session/session.ts';
import type { CheckedNeighbour } from './options.ts';
import type { FamilyRib } from './rib.ts';

/** The neighbour that is looked at. */
export interface ObservedNeighbour {
  /** In the tables. */
  readonly number: number;
  readonly asn: number;
  readonly localAsn: number;
  readonly bgpIdentifier: number;
  readonly checked: CheckedNeighbour;
  readonly session: Session;
  readonly treatedAsWithdrawCount: number;
  pathCount(afi: number): number;
}

/** What looking needs of the speaker. */
export interface ObserverHost<T extends ObservedNeighbour> {
  readonly clock: Clock;
  /** Undefined: nobody reads what neighbours say. */
  readonly updateLog: UpdateLog | undefined;
  /** Undefined: no station listens, ever. */
  readonly monitor: Monitor | undefined;
  /** Undefined: no neighbour asks for it. */
  readonly bfd: Bfd | undefined;
  /** By AFI. */
  rib(afi: number): FamilyRib;
  onStateChange(neighbour: T): void;
}

export class NeighbourObservers<T extends ObservedNeighbour> {
  readonly #neighbour: T;
  readonly #host: ObserverHost<T>;
  /** The message that is being dealt with, where somebody wants it. */
  #message: Uint8Array | undefined;

  constructor(neighbour: T, host: ObserverHost<T>) {
    this.#neighbour = neighbour;
    this.#host = host;
  }

  /** Somebody wants messages as they came. */
  get wantsMessages(): boolean {
    return this.#host.updateLog !== undefined || this.#host.monitor !== undefined;
  }

  message(message: Uint8Array, negotiated: Negotiated | undefined): void {
    this.#message = message;
    this.#host.updateLog?.message(this.#mrtSession(), message, {
      wallMs: this.#host.clock.wallNow(),
      // Before the OPENs have met no message has an AS number in two forms.
      fourOctetAs: negotiated?.fourOctetAs ?? true,
      hasPathIds: negotiated?.families.some((family) => family.addPathReceive) ?? false,
    });
  }

  /** What the message said, before anything is made of it. */
  update(received: UpdateRepr): void {
    if (this.#message === undefined) return;
    this.#host.monitor?.update(this.#neighbour.number, this.#message, received);
    this.#message = undefined;
  }

  up(negotiated: Negotiated): void {
    this.#logState(BgpState.OpenConfirm, BgpState.Established);
    this.#host.monitor?.peerUp(this.#monitored(negotiated));
    this.watchPath(false);
  }

  down(failure: SessionFailure): void {
    this.#logState(BgpState.Established, BgpState.Idle);
    this.#host.monitor?.peerDown(this.#neighbour.number, failure);
  }

  /** Stale rows are about to go. */
  sweeping(afi: number): void {
    this.#host.monitor?.sweeping(this.#neighbour.number, this.#host.rib(afi).table);
  }

  /**
   * From the first session on the path is watched, whether the session stands or not; it ends the session when it goes down. `isAnew`: by other
   * rules than before.
   */
  watchPath(isAnew: boolean): void {
    const { bfd } = this.#host;
    const { session, checked } = this.#neighbour;
    const { address: remoteAddress, bfd: wanted } = checked.options;
    const { localAddress } = session.status;
    const isWatched = bfd?.status(remoteAddress) !== undefined;
    if (isWatched && (isAnew || wanted === undefined)) bfd?.unwatch(remoteAddress);
    else if (isWatched) return;
    if (wanted === undefined || localAddress === undefined || localAddress === '') return;
    bfd?.watch({ localAddress, remoteAddress }, wanted, {
      onUp: () => this.#host.onStateChange(this.#neighbour),
      onDown: ({ isOrderly }) => {
        // RFC 5882 §3.2: a peer that stops BFD on purpose says nothing about the path.
        if (isOrderly) this.#host.onStateChange(this.#neighbour);
        else session.reset(notificationFault(NotificationCode.Cease, CeaseSubcode.BfdDown));
      },
    });
  }

  /** The neighbour goes for good. */
  leave(): void {
    this.#host.bfd?.unwatch(this.#neighbour.checked.options.address);
  }

  #monitored(negotiated: Negotiated): MonitoredPeer {
    const { connection, opens, messageBytesMax } = this.#neighbour.session.machine;
    const { peerAddress, localAddress } = this.#mrtSession();
    const { families, fourOctetAs } = negotiated;
    return {
      number: this.#neighbour.number,
      asn: this.#neighbour.asn,
      address: peerAddress,
      bgpIdentifier: this.#neighbour.bgpIdentifier,
      upAtMs: this.#host.clock.wallNow(),
      ...{ families, fourOctetAs, messageBytesMax, localAddress },
      localPort: connection?.localPort ?? 0,
      remotePort: connection?.remotePort ?? 0,
      sentOpen: opens.sent,
      receivedOpen: opens.received,
      statistics: () => ({
        treatedAsWithdrawCount: this.#neighbour.treatedAsWithdrawCount,
        families: families.map(({ afi, safi }) => ({
          ...{ afi, safi },
          routeCount: this.#neighbour.pathCount(afi),
        })),
      }),
    };
  }

  #logState(from: number, to: number): void {
    const { updateLog, clock } = this.#host;
    updateLog?.state(this.#mrtSession(), { from, to, wallMs: clock.wallNow() });
  }

  #mrtSession(): MrtSession {
    const { asn, localAsn, checked, session } = this.#neighbour;
    const peerAddress = ipAddressBytes(checked.words);
    const local = parseIpWords(session.status.localAddress ?? '');
    const localAddress =
      local === undefined ? new Uint8Array(peerAddress.length) : ipAddressBytes(local);
    return { peerAsn: asn, localAsn, peerAddress, localAddress };
  }
}
