/**
 * BGP message header — RFC 4271 §4.1, extended messages RFC 8654.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   +                            Marker (16)                        +
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |          Length               |      Type     |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * `frame` looks at the start of a byte stream and has three outcomes: not enough bytes yet, one whole message, or a header that no message can
 * have, with the NOTIFICATION that RFC 4271 §6.1 demands. It never throws and reads nothing past `end`. Called by bgp/session.
 */
import { NotificationCode, type NotificationFault, notificationFault } from './notification.ts';

export const HEADER_LEN = 19;
/** RFC 4271 §4.1 */
export const MESSAGE_BYTES_MAX = 4096;
/** RFC 8654 §3: for all but OPEN and KEEPALIVE, once both sides have offered it. */
export const EXTENDED_MESSAGE_BYTES_MAX = 65_535;

const MARKER_LEN = 16;
const LENGTH = 16;
const TYPE = 18;

export const MessageType = {
  Open: 1,
  Update: 2,
  Notification: 3,
  Keepalive: 4,
  /** RFC 2918 */
  RouteRefresh: 5,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Smallest length of each type, header included (RFC 4271 §4.2-4.5, RFC 2918 §3); KEEPALIVE has no other. */
const LENGTH_MIN: Readonly<Record<MessageType, number>> = { 1: 29, 2: 23, 3: 21, 4: 19, 5: 23 };

export type Framing =
  | { readonly kind: 'incomplete'; readonly bytesNeeded: number }
  | {
      readonly kind: 'message';
      readonly type: MessageType;
      readonly at: number;
      readonly end: number;
    }
  | { readonly kind: 'malformed'; readonly fault: NotificationFault };

/** `at` of a message is its first byte after the header. */
export function frame(view: DataView, at: number, end: number, bytesMax: number): Framing {
  const available = end - at;
  for (let index = 0; index < Math.min(available, MARKER_LEN); index++) {
    if (view.getUint8(at + index) !== 0xff) return malformed(1);
  }
  if (available < HEADER_LEN) return { kind: 'incomplete', bytesNeeded: HEADER_LEN - available };
  const length = view.getUint16(at + LENGTH);
  const type = view.getUint8(at + TYPE);
  if (!isMessageType(type)) return malformed(3, Uint8Array.of(type));
  if (!isLengthOf(type, length, bytesMax))
    return malformed(2, Uint8Array.of(length >>> 8, length & 0xff));
  if (available < length) return { kind: 'incomplete', bytesNeeded: length - available };
  return { kind: 'message', type, at: at + HEADER_LEN, end: at + length };
}

/** Writes the header of a message of `length` bytes, header included. */
export function emitHeader(view: DataView, at: number, type: MessageType, length: number): void {
  for (let index = 0; index < MARKER_LEN; index++) view.setUint8(at + index, 0xff);
  view.setUint16(at + LENGTH, length);
  view.setUint8(at + TYPE, type);
}

function isMessageType(type: number): type is MessageType {
  return type >= MessageType.Open && type <= MessageType.RouteRefresh;
}

function isLengthOf(type: MessageType, length: number, bytesMax: number): boolean {
  if (type === MessageType.Keepalive) return length === HEADER_LEN;
  const max = type === MessageType.Open ? MESSAGE_BYTES_MAX : bytesMax;
  return length >= LENGTH_MIN[type] && length <= max;
}

/** Message Header Error, §6.1: 1 Connection Not Synchronized, 2 Bad Message Length, 3 Bad Message Type. */
function malformed(subcode: number, data: Uint8Array = new Uint8Array(0)): Framing {
  return {
    kind: 'malformed',
    fault: notificationFault(NotificationCode.MessageHeader, subcode, data),
  };
}
