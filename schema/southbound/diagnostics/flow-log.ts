/** `flowLog`: the newest records of a host's flow log, as it also writes them to its files. */
import Type from 'typebox';

/** Rows of one answer. */
export const FLOW_LOG_PAGE_MAX = 1000;

export const FlowLogQuestion = Type.Object(
  {
    /** instanceId of the network interface; absent: of every port. */
    portId: Type.Optional(Type.String({ maxLength: 128 })),
    /** The oldest that came after the record of this number; absent: the newest. */
    after: Type.Optional(Type.Integer({ minimum: 0 })),
    limit: Type.Integer({ minimum: 1, maximum: FLOW_LOG_PAGE_MAX }),
  },
  { additionalProperties: false },
);

export const FlowLogRow = Type.Object({
  /** Grows from record to record of one host, over its restarts. */
  number: Type.Number(),
  /** ISO 8601, in UTC. */
  time: Type.String(),
  portId: Type.String(),
  /** resourceRef of the rule that has decided. */
  ruleRef: Type.String(),
  /** `tcp`, `udp`, `icmp`, `icmpv6` or the protocol number. */
  protocol: Type.String(),
  /** Of who opened the flow. */
  src: Type.String(),
  /** 0 where the protocol has no ports. */
  srcPort: Type.Integer(),
  dst: Type.String(),
  dstPort: Type.Integer(),
  /** The VM's view: outbound is what it opened. */
  direction: Type.Union([Type.Literal('inbound'), Type.Literal('outbound')]),
  decision: Type.Union([Type.Literal('allowed'), Type.Literal('denied')]),
  state: Type.Union([Type.Literal('begin'), Type.Literal('continuing'), Type.Literal('end')]),
  /** Since the flow's last record; absent where it begins. */
  counts: Type.Optional(
    Type.Object({
      packetsSent: Type.Number(),
      bytesSent: Type.Number(),
      packetsReceived: Type.Number(),
      bytesReceived: Type.Number(),
    }),
  ),
});
export type FlowLogRow = Type.Static<typeof FlowLogRow>;

export const FlowLogAnswer = Type.Object({
  /** False: nothing is logged on this host (auditingSettings, `auditingEnabled` of the server). */
  isOn: Type.Boolean(),
  /** Where the files are. */
  directory: Type.Optional(Type.String()),
  /** Why the files are not being written. */
  fault: Type.Optional(Type.String()),
  /** Records and hours that are missing, since the host started (dataplane/flow-log/limits.ts). */
  losses: Type.Object({
    queueFull: Type.Number(),
    unfollowed: Type.Number(),
    unwritten: Type.Number(),
    hoursRemoved: Type.Number(),
  }),
  /** To ask for what comes after. */
  last: Type.Number(),
  records: Type.Array(FlowLogRow),
});
