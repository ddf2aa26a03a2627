/**
 * BFD control packet — RFC 5880 §4.1, in UDP as RFC 5881 §4 says.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *   |                       My Discriminator                        |
 *   |                      Your Discriminator                       |
 *   |                    Desired Min TX Interval                    |
 *   |                   Required Min RX Interval                    |
 *   |                 Required Min Echo RX Interval                 |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Intervals are microseconds on the wire and here. Refused, each by its name: authentication (§4.2: whoever shares a link and TTL 255 is
 * believed, as BGP's own TTL security does), demand mode (§6.6), multipoint. Echo is not offered. Called by session.ts and bfd.ts.
 */

export const PACKET_LEN = 24;
const VERSION = 1;
const AUTHENTICATION_LEN_MIN = 2;

export const State = { AdminDown: 0, Down: 1, Init: 2, Up: 3 } as const;
export type State = (typeof State)[keyof typeof State];

export const Diagnostic = {
  None: 0,
  DetectionTimeExpired: 1,
  NeighbourSignalledDown: 3,
  AdministrativelyDown: 7,
} as const;

/** §4.1, for people. */
const DIAGNOSTIC_WORDS: readonly string[] = [
  'no diagnostic',
  'control detection time expired',
  'echo function failed',
  'neighbour signalled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
];

export function diagnosticWords(diagnostic: number): string {
  return DIAGNOSTIC_WORDS[diagnostic] ?? `reserved (${diagnostic})`;
}

const Flag = { Poll: 0x20, Final: 0x10, Authentication: 0x04, Demand: 0x02, Multipoint: 0x01 };

export interface PacketRepr {
  /** 0 … 31; others than Diagnostic's are possible. */
  readonly diagnostic: number;
  readonly state: State;
  readonly isPoll: boolean;
  readonly isFinal: boolean;
  /** 1 … 255 */
  readonly detectMultiplier: number;
  /** Not 0. */
  readonly myDiscriminator: number;
  /** 0: the sender has heard nothing yet. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxUs: number;
  /** 0: do not send to me. */
  readonly requiredMinRxUs: number;
}

export const REFUSALS = [
  'too short',
  'another version',
  'wrong length',
  'no detect multiplier',
  'multipoint',
  'no discriminator',
  'no discriminator of ours in this state',
  'authentication',
  'demand mode',
  'poll and final',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** The checks of §6.8.6 that need no session. The packet is [at, end). */
export function parse(view: DataView, at: number, end: number): PacketRepr | Refusal {
  if (end - at < PACKET_LEN) return 'too short';
  const first = view.getUint8(at);
  const second = view.getUint8(at + 1);
  if (first >>> 5 !== VERSION) return 'another version';
  const has = (flag: number): boolean => (second & flag) !== 0;
  const length = view.getUint8(at + 3);
  const least = PACKET_LEN + (has(Flag.Authentication) ? AUTHENTICATION_LEN_MIN : 0);
  if (length < least || length > end - at) return 'wrong length';
  const detectMultiplier = view.getUint8(at + 2);
  if (detectMultiplier === 0) return 'no detect multiplier';
  if (has(Flag.Multipoint)) return 'multipoint';
  const myDiscriminator = view.getUint32(at + 4);
  if (myDiscriminator === 0) return 'no discriminator';
  const yourDiscriminator = view.getUint32(at + 8);
  const state = (second >>> 6) as State;
  if (yourDiscriminator === 0 && state !== State.Down && state !== State.AdminDown) {
    return 'no discriminator of ours in this state';
  }
  if (has(Flag.Authentication)) return 'authentication';
  if (has(Flag.Demand)) return 'demand mode';
  if (has(Flag.Poll) && has(Flag.Final)) return 'poll and final';
  return {
    diagnostic: first & 0x1f,
    state,
    isPoll: has(Flag.Poll),
    isFinal: has(Flag.Final),
    detectMultiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxUs: view.getUint32(at + 12),
    requiredMinRxUs: view.getUint32(at + 16),
  };
}

export function encode(packet: PacketRepr): Uint8Array {
  const bytes = new Uint8Array(PACKET_LEN);
  const view = new DataView(bytes.buffer);
  const flags = (packet.isPoll ? Flag.Poll : 0) | (packet.isFinal ? Flag.Final : 0);
  view.setUint8(0, (VERSION << 5) | packet.diagnostic);
  view.setUint8(1, (packet.state << 6) | flags);
  view.setUint8(2, packet.detectMultiplier);
  view.setUint8(3, PACKET_LEN);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  return bytes;
}
