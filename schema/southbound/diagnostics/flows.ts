/** `flows`: what the flow table of a host's switch holds, of one port or of all. */
import Type from 'typebox';
import { FLOWS_PAGE_MAX } from './limits.ts';

export const FlowsQuestion = Type.Object(
  {
    /** instanceId of the network interface; absent: of every port. */
    portId: Type.Optional(Type.String()),
    limit: Type.Integer({ minimum: 1, maximum: FLOWS_PAGE_MAX }),
  },
  { additionalProperties: false },
);

/** One direction of a conversation, as one port sees it. */
export const FlowRow = Type.Object({
  portId: Type.String(),
  direction: Type.Union([Type.Literal('inbound'), Type.Literal('outbound')]),
  /** `tcp`, `udp`, `icmp`, `icmpv6` or the protocol number. */
  protocol: Type.String(),
  src: Type.String(),
  srcPort: Type.Integer(),
  dst: Type.String(),
  dstPort: Type.Integer(),
  packets: Type.Number(),
  bytes: Type.Number(),
  idleMs: Type.Number(),
  /** Of TCP; '' for other protocols. */
  state: Type.String(),
  /** What happens to its packets. What the port's access control denies makes no flow. */
  action: Type.String(),
});

export const FlowsAnswer = Type.Object({ flows: Type.Array(FlowRow) });
