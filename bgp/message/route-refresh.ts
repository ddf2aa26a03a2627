/**
 * ROUTE-REFRESH — RFC 2918 §3, with the demarcation of RFC 7313 §3.2 in what was the reserved octet.
 *
 *   +-------------------------------------------------------+
 *   |     AFI (2)         |  Subtype (1)    |   SAFI (1)    |
 *   +-------------------------------------------------------+
 *
 * Longer messages are ORFs (RFC 5291): not offered, so not sent by a sane peer; refused with ROUTE-REFRESH Message Error.
 */
import type { Family } from './capability.ts';
import { emitHeader, HEADER_LEN, MessageType } from './framing.ts';
import { NotificationCode, type NotificationFault, notificationFault } from './notification.ts';

export const RefreshSubtype = { Request: 0, BeginningOfRefresh: 1, EndOfRefresh: 2 } as const;

export interface RouteRefreshRepr extends Family {
  /** Others are to be ignored (RFC 7313 §5). */
  readonly subtype: number;
}

const BODY_LEN = 4;

export type RouteRefreshResult =
  | { readonly refresh: RouteRefreshRepr }
  | { readonly fault: NotificationFault };

export function parse(view: DataView, at: number, end: number): RouteRefreshResult {
  if (end - at !== BODY_LEN) {
    // RFC 7313 §5: the whole message goes back.
    const message = new Uint8Array(HEADER_LEN + end - at);
    message.set(new Uint8Array(view.buffer, view.byteOffset + at, end - at), HEADER_LEN);
    emitHeader(new DataView(message.buffer), 0, MessageType.RouteRefresh, message.length);
    return { fault: notificationFault(NotificationCode.RouteRefreshMessage, 1, message) };
  }
  return {
    refresh: {
      afi: view.getUint16(at),
      subtype: view.getUint8(at + 2),
      safi: view.getUint8(at + 3),
    },
  };
}

export function encode(refresh: RouteRefreshRepr): Uint8Array {
  return Uint8Array.of(refresh.afi >>> 8, refresh.afi & 0xff, refresh.subtype, refresh.safi);
}
