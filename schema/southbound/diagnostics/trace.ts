/**
 * `trace`: what would happen to a packet? The host's switch walks it through the tables that forward, reads the state of flows, and
 * changes nothing: no flow is made, nothing is counted. One answer is one hop, from where the packet enters a switch to where it leaves
 * it; the controller follows a tunnel to the next host with the frame as it came out.
 */
import Type from 'typebox';
import { TRACE_FRAME_BYTES_MAX } from './limits.ts';

const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Byte = Type.Integer({ minimum: 0, maximum: 255 });

/** What the VM sends; what is absent is as the VM would choose it. */
export const PacketSpec = Type.Object(
  {
    /** Default: the interface's first address of the destination's family. */
    source: Type.Optional(Type.String({ maxLength: 64 })),
    destination: Type.String({ maxLength: 64 }),
    /** IP protocol number. */
    protocol: Byte,
    /** TCP and UDP; default 49152. */
    sourcePort: Type.Optional(Port),
    /** TCP and UDP. */
    destinationPort: Type.Optional(Port),
    /** TCP flags of its header; default SYN. */
    tcpFlags: Type.Optional(Byte),
    /** Of ICMP and ICMPv6; default an echo request. */
    icmpType: Type.Optional(Byte),
    icmpCode: Type.Optional(Byte),
    /** Of an ICMP query. */
    identifier: Type.Optional(Port),
    /** Time to live or hop limit; default 64. */
    ttl: Type.Optional(Byte),
    /** Of the IP packet, bytes; default the shortest. */
    length: Type.Optional(Type.Integer({ minimum: 20, maximum: 9000 })),
    dontFragment: Type.Optional(Type.Boolean()),
    sourceMac: Type.Optional(Type.String({ maxLength: 32 })),
    destinationMac: Type.Optional(Type.String({ maxLength: 32 })),
  },
  { additionalProperties: false },
);
export type PacketSpec = Type.Static<typeof PacketSpec>;

/** Of a packet; ports of TCP and UDP. */
export const PacketEnds = Type.Object(
  {
    source: Type.String({ maxLength: 64 }),
    sourcePort: Type.Optional(Port),
    destination: Type.String({ maxLength: 64 }),
    destinationPort: Type.Optional(Port),
  },
  { additionalProperties: false },
);
export type PacketEnds = Type.Static<typeof PacketEnds>;

/** What the packet answers, where the switch knows no flow that it belongs to: it is judged as though this had opened one. */
export const TracedRequest = Type.Object(
  {
    /** As the VM that asks has sent it. Absent: it has come from outside. */
    sent: Type.Optional(PacketEnds),
    /** As it has come to the layers of the port that answers. */
    came: Type.Optional(PacketEnds),
  },
  { additionalProperties: false },
);
export type TracedRequest = Type.Static<typeof TracedRequest>;

const answers = Type.Optional(TracedRequest);

export const TraceQuestion = Type.Union([
  /** From a port. */
  Type.Object(
    {
      portId: Type.String({ maxLength: 128 }),
      packet: PacketSpec,
      answers,
    },
    { additionalProperties: false },
  ),
  /** Out of a tunnel: the frame as the host at `source` sent it. */
  Type.Object(
    {
      tunnel: Type.Object({ source: Type.String(), vni: Type.Integer() }),
      /** Base64. */
      frame: Type.String({ maxLength: Math.ceil((TRACE_FRAME_BYTES_MAX * 4) / 3) + 4 }),
      answers,
    },
    { additionalProperties: false },
  ),
  /** Out of a tunnel from a router, in words: it has source, destination and both MAC addresses. */
  Type.Object(
    {
      tunnel: Type.Object({ source: Type.String(), vni: Type.Integer() }),
      packet: PacketSpec,
      answers,
    },
    { additionalProperties: false },
  ),
]);
export type TraceQuestion = Type.Static<typeof TraceQuestion>;

/** A packet's headers, for people. Absent: it has none of the kind. */
export const PacketView = Type.Object({
  sourceMac: Type.String(),
  destinationMac: Type.String(),
  source: Type.String(),
  destination: Type.String(),
  /** `tcp`, `udp`, `icmp`, `icmpv6` or the number. */
  protocol: Type.String(),
  sourcePort: Type.Optional(Type.Integer()),
  destinationPort: Type.Optional(Type.Integer()),
  icmpType: Type.Optional(Type.Integer()),
  icmpCode: Type.Optional(Type.Integer()),
  ttl: Type.Integer(),
  /** Of the IP packet, bytes. */
  length: Type.Integer(),
});
export type PacketView = Type.Static<typeof PacketView>;

/** One rule that decided. */
export const TraceStep = Type.Object({
  portId: Type.String(),
  /** The network interface whose policy decided; '' for the uplink's. */
  portRef: Type.String(),
  direction: Type.String(),
  layer: Type.String(),
  group: Type.String(),
  rule: Type.String(),
  /** The resource that asks for the rule; '' for what the switch does by itself. */
  resourceRef: Type.String(),
  /** The rule's conditions. */
  condition: Type.String(),
  /** What it does with the packet. */
  outcome: Type.String(),
  /** The packet is a reply, and the rule judged the request it answers. */
  judgesRequest: Type.Boolean(),
});
export type TraceStep = Type.Static<typeof TraceStep>;

/** The flow the packet would belong to. */
export const TracedFlow = Type.Object({
  state: Type.String(),
  isReply: Type.Boolean(),
  /** False: something it was resolved against has changed, so the layers decide again. */
  isCurrent: Type.Boolean(),
  packets: Type.Number(),
  bytes: Type.Number(),
  idleMs: Type.Number(),
});

export const TraceVerdict = Type.Union([
  Type.Object({
    kind: Type.Literal('deliver'),
    portId: Type.String(),
    resourceRef: Type.String(),
  }),
  Type.Object({
    kind: Type.Literal('tunnel'),
    /** Provider address of this host, and of the one it goes to. */
    from: Type.String(),
    to: Type.String(),
    vni: Type.Integer(),
    /** resourceRef of the edge router at the far end: to the Internet. Absent: to another host. */
    edge: Type.Optional(Type.String()),
    /** It is longer than the tunnel takes and leaves in so many fragments; `frame` is the whole. Absent: in one piece. */
    fragments: Type.Optional(Type.Integer()),
  }),
  Type.Object({ kind: Type.Literal('answer'), service: Type.String() }),
  Type.Object({
    kind: Type.Literal('drop'),
    /** Name of the drop (docs/errors.md). */
    reason: Type.String(),
    meaning: Type.String(),
    remedy: Type.String(),
    /** The rule and the resource that denied it; absent where no rule did. */
    rule: Type.Optional(Type.Object({ id: Type.String(), resourceRef: Type.String() })),
  }),
]);
export type TraceVerdict = Type.Static<typeof TraceVerdict>;

export const TraceAnswer = Type.Object({
  packet: PacketView,
  /** Absent: it would be the first packet of a new flow, or it belongs to none. */
  flow: Type.Optional(TracedFlow),
  steps: Type.Array(TraceStep),
  verdict: TraceVerdict,
  /** As it leaves the switch; absent where it does not. */
  leaves: Type.Optional(PacketView),
  /** The same frame, base64, where it goes on through a tunnel. */
  frame: Type.Optional(Type.String()),
});
export type TraceAnswer = Type.Static<typeof TraceAnswer>;
