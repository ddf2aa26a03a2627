/**
 * BMP messages — RFC 7854 §4: how a monitoring station is told what neighbours say. Written, not read: stations say nothing (§3.2).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |    Version    |        Message Length, header included        |
 *   +---------------+-----------------------------------------------+
 *   |               |     Type      |
 *   +---------------+---------------+
 *
 * All types but Initiation and Termination go on with the per-peer header (§4.2, 42 octets): peer type and flags, distinguisher (8), address
 * (16, IPv4 in the last four), AS (4), BGP identifier (4), time in seconds (4) and microseconds (4).
 *
 * Supported: Route Monitoring of the pre-policy Adj-RIB-In, Statistics Report, Peer Up, Peer Down, Initiation, Termination. Omitted: the
 * post-policy view (import policy is this speaker's own configuration), Route Mirroring, Loc-RIB and Adj-RIB-Out views, distinguishers (there is one
 * routing instance). Called by monitor.ts and station.ts.
 */

import { assertNever } from '../../base/assert.ts';
import { join, uint16, uint32 } from '../../base/octets.ts';
import { emitHeader, HEADER_LEN, MessageType } from '../message/framing.ts';
import * as notification from '../message/notification.ts';
import type { SessionFailure } from '../session/failure.ts';

const VERSION = 3;
const Type = {
  RouteMonitoring: 0,
  StatisticsReport: 1,
  PeerDown: 2,
  PeerUp: 3,
  Initiation: 4,
  Termination: 5,
} as const;
type Type = (typeof Type)[keyof typeof Type];

const COMMON_LEN = 6;
const PEER_LEN = 42;
/** §4.2: the global instance; the address is IPv6; AS_PATH has two octets for an AS number. */
const PEER_TYPE_GLOBAL = 0;
const FLAG_IPV6 = 0x80;
const FLAG_TWO_OCTET_AS = 0x20;

const InitiationTlv = { SysDescr: 1, SysName: 2 } as const;
const TerminationTlv = { Reason: 1 } as const;
/** §4.8 */
const Statistic = { AdjRibIn: 7, AdjRibInOfFamily: 9, TreatedAsWithdraw: 11 } as const;
/** §4.9: who ended the session, and whether with a NOTIFICATION. */
const PeerDownReason = { LocalNotification: 1, RemoteNotification: 3, RemoteSilent: 4 } as const;

/** §4.5, as far as there is reason to say so. */
export const TerminationReason = { AdministrativelyClosed: 0 } as const;

export interface BmpPeer {
  readonly asn: number;
  /** 4 or 16 octets, network order. */
  readonly address: Uint8Array;
  readonly bgpIdentifier: number;
}

/** Both ends of a session that is up, and how it came up. */
export interface SessionEnds {
  /** 4 or 16 octets, network order. */
  readonly localAddress: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
  /** Whole messages, header included. */
  readonly sentOpen: Uint8Array;
  readonly receivedOpen: Uint8Array;
}

export interface PeerStatistics {
  /** UPDATEs treated as withdrawals (RFC 7606). */
  readonly treatedAsWithdrawCount: number;
  /** Routes in the Adj-RIB-In. */
  readonly families: readonly {
    readonly afi: number;
    readonly safi: number;
    readonly routeCount: number;
  }[];
}

/** §4.3 */
export function initiation(name: string, description: string): Uint8Array {
  return message(Type.Initiation, [
    tlv(InitiationTlv.SysDescr, new TextEncoder().encode(description)),
    tlv(InitiationTlv.SysName, new TextEncoder().encode(name)),
  ]);
}

/** §4.5 */
export function termination(reason: number): Uint8Array {
  return message(Type.Termination, [tlv(TerminationTlv.Reason, uint16(reason))]);
}

/** §4.10 */
export function peerUp(peer: BmpPeer, wallMs: number, ends: SessionEnds): Uint8Array {
  const { localAddress, localPort, remotePort, sentOpen, receivedOpen } = ends;
  return message(Type.PeerUp, [
    peerHeader(peer, wallMs),
    address16(localAddress),
    uint16(localPort),
    uint16(remotePort),
    sentOpen,
    receivedOpen,
  ]);
}

/** §4.9 */
export function peerDown(peer: BmpPeer, wallMs: number, failure: SessionFailure): Uint8Array {
  return message(Type.PeerDown, [peerHeader(peer, wallMs), ...downReason(failure)]);
}

/** §4.6: `update` is a whole UPDATE. `wallMs`: when it came, 0 where that is not known. */
export function routeMonitoring(
  peer: BmpPeer,
  wallMs: number,
  update: Uint8Array,
  hasTwoOctetAs: boolean,
): Uint8Array {
  return message(Type.RouteMonitoring, [peerHeader(peer, wallMs, hasTwoOctetAs), update]);
}

/** §4.8 */
export function statisticsReport(
  peer: BmpPeer,
  wallMs: number,
  { treatedAsWithdrawCount, families }: PeerStatistics,
): Uint8Array {
  const total = families.reduce((sum, { routeCount }) => sum + routeCount, 0);
  const statistics = [
    tlv(Statistic.AdjRibIn, gauge(total)),
    ...families.map(({ afi, safi, routeCount }) =>
      tlv(Statistic.AdjRibInOfFamily, join([uint16(afi), Uint8Array.of(safi), gauge(routeCount)])),
    ),
    tlv(Statistic.TreatedAsWithdraw, uint32(treatedAsWithdrawCount)),
  ];
  return message(Type.StatisticsReport, [
    peerHeader(peer, wallMs),
    uint32(statistics.length),
    ...statistics,
  ]);
}

function downReason(failure: SessionFailure): readonly Uint8Array[] {
  switch (failure.kind) {
    case 'sent':
      return [
        Uint8Array.of(PeerDownReason.LocalNotification),
        notificationMessage(failure.notification),
      ];
    case 'received':
      return [
        Uint8Array.of(PeerDownReason.RemoteNotification),
        notificationMessage(failure.notification),
      ];
    case 'connection-lost':
    case 'connect':
      return [Uint8Array.of(PeerDownReason.RemoteSilent)];
    default:
      return assertNever(failure);
  }
}

function notificationMessage(repr: notification.NotificationRepr): Uint8Array {
  const bytes = new Uint8Array(HEADER_LEN + notification.reprLen(repr));
  const view = new DataView(bytes.buffer);
  emitHeader(view, 0, MessageType.Notification, bytes.length);
  notification.emit(repr, view, HEADER_LEN);
  return bytes;
}

function peerHeader(peer: BmpPeer, wallMs: number, hasTwoOctetAs = false): Uint8Array {
  const bytes = new Uint8Array(PEER_LEN);
  const view = new DataView(bytes.buffer);
  const isIpv6 = peer.address.length === 16;
  bytes[0] = PEER_TYPE_GLOBAL;
  bytes[1] = (isIpv6 ? FLAG_IPV6 : 0) | (hasTwoOctetAs ? FLAG_TWO_OCTET_AS : 0);
  bytes.set(address16(peer.address), 10);
  view.setUint32(26, peer.asn);
  view.setUint32(30, peer.bgpIdentifier);
  view.setUint32(34, Math.floor(wallMs / 1_000));
  view.setUint32(38, Math.floor((wallMs % 1_000) * 1_000));
  return bytes;
}

/** IPv4 in the last four octets, the others 0. */
function address16(address: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(address, 16 - address.length);
  return bytes;
}

function message(type: Type, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = join([new Uint8Array(COMMON_LEN), ...parts]);
  bytes[0] = VERSION;
  new DataView(bytes.buffer).setUint32(1, bytes.length);
  bytes[COMMON_LEN - 1] = type;
  return bytes;
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  return join([uint16(type), uint16(value.length), value]);
}

function gauge(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
