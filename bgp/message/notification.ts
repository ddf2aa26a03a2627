/**
 * NOTIFICATION — RFC 4271 §4.5 and §6; subcodes of RFC 4486 (Cease), RFC 6608 (FSM errors), RFC 9003 (shutdown communication),
 * RFC 8538 (hard reset), RFC 9687 (send hold timer), RFC 7313 (route refresh), RFC 9234 (role mismatch), RFC 5492 (capability).
 *
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   | Error code    | Error subcode |   Data (variable)
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Every fault of a peer that ends a session is a NotificationFault: the bytes that will be sent, and the words an operator reads.
 */

export const NotificationCode = {
  MessageHeader: 1,
  OpenMessage: 2,
  UpdateMessage: 3,
  HoldTimerExpired: 4,
  FiniteStateMachine: 5,
  Cease: 6,
  /** RFC 7313 §5 */
  RouteRefreshMessage: 7,
  /** RFC 9687 §3.3 */
  SendHoldTimerExpired: 8,
} as const;
export type NotificationCode = (typeof NotificationCode)[keyof typeof NotificationCode];

export const OpenSubcode = {
  UnsupportedVersionNumber: 1,
  BadPeerAs: 2,
  BadBgpIdentifier: 3,
  UnsupportedOptionalParameter: 4,
  UnacceptableHoldTime: 6,
  /** RFC 5492 §5 */
  UnsupportedCapability: 7,
  /** RFC 9234 §4.2 */
  RoleMismatch: 11,
} as const;

export const UpdateSubcode = {
  MalformedAttributeList: 1,
  UnrecognizedWellKnownAttribute: 2,
  MissingWellKnownAttribute: 3,
  AttributeFlagsError: 4,
  AttributeLengthError: 5,
  InvalidOrigin: 6,
  InvalidNextHop: 8,
  OptionalAttributeError: 9,
  InvalidNetworkField: 10,
  MalformedAsPath: 11,
} as const;

export const CeaseSubcode = {
  MaximumNumberOfPrefixesReached: 1,
  AdministrativeShutdown: 2,
  PeerDeconfigured: 3,
  AdministrativeReset: 4,
  ConnectionRejected: 5,
  OtherConfigurationChange: 6,
  ConnectionCollisionResolution: 7,
  OutOfResources: 8,
  /** RFC 8538 §3 */
  HardReset: 9,
  /** RFC 9384 */
  BfdDown: 10,
} as const;

export interface NotificationFault {
  readonly code: NotificationCode;
  readonly subcode: number;
  readonly data: Uint8Array;
  /** What the code leaves open, for this side's operator; never sent. */
  readonly detail?: string;
}

export interface NotificationRepr {
  /** As received: codes that no RFC assigns are kept. */
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

const FIXED_LEN = 2;
/** RFC 9003 §2: a shutdown communication is one length byte and at most 255 bytes of UTF-8. */
const SHUTDOWN_TEXT_BYTES_MAX = 255;

export function notificationFault(
  code: NotificationCode,
  subcode = 0,
  data: Uint8Array = new Uint8Array(0),
  detail?: string,
): NotificationFault {
  return { code, subcode, data, ...(detail !== undefined && { detail }) };
}

/** [at, end) is the body, at least two bytes: framing has refused shorter ones. */
export function parse(view: DataView, at: number, end: number): NotificationRepr {
  const data = new Uint8Array(view.buffer, view.byteOffset + at + FIXED_LEN, end - at - FIXED_LEN);
  return { code: view.getUint8(at), subcode: view.getUint8(at + 1), data: data.slice() };
}

export function reprLen(repr: NotificationRepr): number {
  return FIXED_LEN + repr.data.length;
}

export function emit(repr: NotificationRepr, view: DataView, at: number): void {
  view.setUint8(at, repr.code);
  view.setUint8(at + 1, repr.subcode);
  repr.data.forEach((byte, index) => {
    view.setUint8(at + FIXED_LEN + index, byte);
  });
}

/** RFC 8538 §5: ends for good, after which nobody shall go on using the sender's routes. RFC 9384: the path is down, not only the speaker. */
export function isForGood({ code, subcode }: NotificationRepr): boolean {
  return (
    code === NotificationCode.Cease &&
    (subcode === CeaseSubcode.MaximumNumberOfPrefixesReached ||
      subcode === CeaseSubcode.AdministrativeShutdown ||
      subcode === CeaseSubcode.PeerDeconfigured ||
      subcode === CeaseSubcode.HardReset ||
      subcode === CeaseSubcode.BfdDown)
  );
}

/** RFC 8538 §3.1: a NOTIFICATION within a Hard Reset, which no peer takes for a graceful restart. */
export function hardReset({ code, subcode, data }: NotificationFault): NotificationFault {
  const inner = Uint8Array.of(code, subcode, ...data);
  return notificationFault(NotificationCode.Cease, CeaseSubcode.HardReset, inner);
}

/** What a Hard Reset is about; undefined: it is none, or says nothing. */
function withinHardReset({ code, subcode, data }: NotificationRepr): NotificationRepr | undefined {
  const [innerCode, innerSubcode] = data;
  const isHardReset = code === NotificationCode.Cease && subcode === CeaseSubcode.HardReset;
  if (!isHardReset || innerCode === undefined || innerSubcode === undefined) return undefined;
  return { code: innerCode, subcode: innerSubcode, data: data.slice(FIXED_LEN) };
}

/** The reason itself, be it within a Hard Reset or not. */
export function reasonOf(repr: NotificationRepr): NotificationRepr {
  return withinHardReset(repr) ?? repr;
}

/** Data of Administrative Shutdown or Reset that says why (RFC 9003 §2); text over 255 bytes is cut at a character. */
export function shutdownCommunication(text: string): Uint8Array {
  const encoded = new Uint8Array(1 + SHUTDOWN_TEXT_BYTES_MAX);
  const { written } = new TextEncoder().encodeInto(text, encoded.subarray(1));
  encoded[0] = written;
  return encoded.slice(0, 1 + written);
}

/** The text of a received shutdown communication; undefined where there is none or it is malformed. */
export function shutdownText(received: NotificationRepr): string | undefined {
  const repr = reasonOf(received);
  const isShutdown =
    repr.code === NotificationCode.Cease &&
    (repr.subcode === CeaseSubcode.AdministrativeShutdown ||
      repr.subcode === CeaseSubcode.AdministrativeReset);
  const length = repr.data[0] ?? 0;
  if (!isShutdown || length === 0 || repr.data.length < 1 + length) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(repr.data.slice(1, 1 + length));
  } catch (thrown) {
    if (thrown instanceof TypeError) return undefined;
    throw thrown;
  }
}

const CODE_NAMES: readonly string[] = [
  '',
  'Message Header Error',
  'OPEN Message Error',
  'UPDATE Message Error',
  'Hold Timer Expired',
  'Finite State Machine Error',
  'Cease',
  'ROUTE-REFRESH Message Error',
  'Send Hold Timer Expired',
];

const SUBCODE_NAMES: readonly (readonly string[])[] = [
  [],
  ['', 'Connection Not Synchronized', 'Bad Message Length', 'Bad Message Type'],
  [
    '',
    'Unsupported Version Number',
    'Bad Peer AS',
    'Bad BGP Identifier',
    'Unsupported Optional Parameter',
    '',
    'Unacceptable Hold Time',
    'Unsupported Capability',
    '',
    '',
    '',
    'Role Mismatch',
  ],
  [
    '',
    'Malformed Attribute List',
    'Unrecognized Well-known Attribute',
    'Missing Well-known Attribute',
    'Attribute Flags Error',
    'Attribute Length Error',
    'Invalid ORIGIN Attribute',
    '',
    'Invalid NEXT_HOP Attribute',
    'Optional Attribute Error',
    'Invalid Network Field',
    'Malformed AS_PATH',
  ],
  [],
  // RFC 6608 §3
  [
    '',
    'Unexpected Message in OpenSent',
    'Unexpected Message in OpenConfirm',
    'Unexpected Message in Established',
  ],
  [
    '',
    'Maximum Number of Prefixes Reached',
    'Administrative Shutdown',
    'Peer De-configured',
    'Administrative Reset',
    'Connection Rejected',
    'Other Configuration Change',
    'Connection Collision Resolution',
    'Out of Resources',
    'Hard Reset',
    'BFD Down',
  ],
  ['', 'Invalid Message Length'],
  [],
];

/** `UPDATE Message Error / Malformed AS_PATH (3/11)` */
export function describe(fault: NotificationRepr): string {
  const code = CODE_NAMES[fault.code] || 'Unknown Error';
  const subcode = SUBCODE_NAMES[fault.code]?.[fault.subcode];
  const words = subcode ? `${code} / ${subcode}` : code;
  const inner = withinHardReset(fault);
  const about = inner === undefined ? '' : `: ${describe(inner)}`;
  return `${words} (${fault.code}/${fault.subcode})${about}`;
}
