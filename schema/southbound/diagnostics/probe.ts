/**
 * `probe`: a real packet, sent at a port as though its VM had sent it, and what comes back. It takes the way of every packet: layers, flow
 * table, tunnel, the other host, the receiver's own network stack. The answer is taken out at the sender's port before the VM sees it.
 *
 * `probeWatch` asks another host (or the same) to note what it sees of one probe at the receiver's port, `probeSeen` what that was. So where
 * a packet was lost is seen, not guessed. Which probe is meant follows from its addresses and its number, which the asker chooses.
 */
import Type from 'typebox';

/** Numbers of probes: ICMP identifier, or TCP source port. Above what Linux and most others choose by themselves. */
export const PROBE_ID_MIN = 61_440;
export const PROBE_ID_MAX = 65_535;
/** Within the time that a host has for an answer. */
export const PROBE_TIMEOUT_MS_MAX = 3000;
/** A watch that nobody asks about is forgotten after this long. */
export const PROBE_WATCH_MS_MAX = 10_000;

const Address = Type.String({ maxLength: 64 });
const Port = Type.Integer({ minimum: 1, maximum: 65_535 });

export const ProbePacket = Type.Object(
  {
    /** An address of the port. */
    source: Address,
    destination: Address,
    protocol: Type.Union([Type.Literal(1), Type.Literal(6), Type.Literal(58)]),
    /** TCP. */
    destinationPort: Type.Optional(Port),
    id: Type.Integer({ minimum: PROBE_ID_MIN, maximum: PROBE_ID_MAX }),
    /** Of an echo request. */
    sequence: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
    /** Of the ICMP message, bytes, header included. */
    length: Type.Optional(Type.Integer({ minimum: 8, maximum: 8960 })),
  },
  { additionalProperties: false },
);
export type ProbePacket = Type.Static<typeof ProbePacket>;

export const ProbeQuestion = Type.Object(
  {
    portId: Type.String({ maxLength: 128 }),
    packet: ProbePacket,
    timeoutMs: Type.Integer({ minimum: 1, maximum: PROBE_TIMEOUT_MS_MAX }),
  },
  { additionalProperties: false },
);
export type ProbeQuestion = Type.Static<typeof ProbeQuestion>;

/** Why a switch has dropped a packet: name, meaning and remedy (docs/errors.md). */
export const DropView = Type.Object({
  reason: Type.String(),
  meaning: Type.String(),
  remedy: Type.String(),
});
export type DropView = Type.Static<typeof DropView>;

export const ProbeAnswer = Type.Union([
  Type.Object({
    kind: Type.Literal('answered'),
    /** A reset: it has arrived, and nobody listens on the port. */
    by: Type.Union([Type.Literal('echoReply'), Type.Literal('synAck'), Type.Literal('reset')]),
    rttMs: Type.Number(),
  }),
  /** An ICMP error about it has come. */
  Type.Object({
    kind: Type.Literal('error'),
    /** Who says so. */
    from: Type.String(),
    icmpType: Type.Integer(),
    icmpCode: Type.Integer(),
    /** Of the next hop, where it was too big. */
    mtu: Type.Optional(Type.Integer()),
    rttMs: Type.Number(),
  }),
  /** The sender's own switch has dropped it. */
  Type.Object({ kind: Type.Literal('dropped'), drop: DropView }),
  Type.Object({
    kind: Type.Literal('silent'),
    waitedMs: Type.Number(),
    /** Its answer has come to the sender's host and was dropped there. */
    answerDrop: Type.Optional(DropView),
  }),
]);
export type ProbeAnswer = Type.Static<typeof ProbeAnswer>;

export const ProbeWatchQuestion = Type.Object(
  {
    /** Of the receiver. */
    portId: Type.String({ maxLength: 128 }),
    packet: ProbePacket,
    forMs: Type.Integer({ minimum: 1, maximum: PROBE_WATCH_MS_MAX }),
  },
  { additionalProperties: false },
);
export type ProbeWatchQuestion = Type.Static<typeof ProbeWatchQuestion>;

export const ProbeWatchAnswer = Type.Object({});

export const ProbeSeenQuestion = Type.Object(
  { portId: Type.String({ maxLength: 128 }), packet: ProbePacket },
  { additionalProperties: false },
);
export type ProbeSeenQuestion = Type.Static<typeof ProbeSeenQuestion>;

/** Frames of the probe, as the receiver's host has seen them. */
export const ProbeSeenAnswer = Type.Object({
  /** Came in from a tunnel, or from another port of the host. */
  arrived: Type.Integer(),
  /** Written to the receiver's device. */
  delivered: Type.Integer(),
  /** Came back from the receiver. */
  answered: Type.Integer(),
  /** Why one that arrived was not delivered. */
  drop: Type.Optional(DropView),
  /** Why one that came back did not go on. */
  answerDrop: Type.Optional(DropView),
});
export type ProbeSeenAnswer = Type.Static<typeof ProbeSeenAnswer>;
