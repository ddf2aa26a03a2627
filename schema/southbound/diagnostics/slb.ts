/**
 * Questions about load balancing. Of a host: `probes`, what its health probes have found out about the backends on it, and `snat`, the ports of
 * public virtual addresses that its backends' outbound connections use, and `virtualAddresses`, the internal ones, whose backends it chooses by itself. Of a mux, also on its control socket: its virtual addresses with their
 * backends, where a packet would go, its counters; about BGP it answers the questions of bgp.ts.
 *
 * Called by the host agent and slb/mux (answer), the controller (asks and joins), cli (shows).
 */
import Type from 'typebox';
import { Drops, LinkCounters } from './links.ts';
import { ProbeState } from './probe-names.ts';

const Id = Type.String({ maxLength: 128 });

export const ProbesQuestion = Type.Object(
  {
    /** instanceId of a probe; absent: all. */
    probeId: Type.Optional(Id),
  },
  { additionalProperties: false },
);

export const ProbesAnswer = Type.Object({
  /** One for every probe of a backend, at most 1,000. */
  backends: Type.Array(
    Type.Object({
      probeId: Type.String(),
      /** `/loadBalancers/web/probes/http`. */
      probeRef: Type.String(),
      protocol: Type.Union([Type.Literal('Tcp'), Type.Literal('Http'), Type.Literal('Https')]),
      port: Type.Integer(),
      requestPath: Type.Optional(Type.String()),
      intervalSec: Type.Integer(),
      /** instanceId of the backend's network interface. */
      portId: Type.String(),
      address: Type.String(),
      state: Type.Union([
        Type.Literal(ProbeState.UNKNOWN),
        Type.Literal(ProbeState.UP),
        Type.Literal(ProbeState.DOWN),
      ]),
      /** Of the last probe, for people: `HTTP 503`, `connection refused`, `no connection within 5 s`. */
      reason: Type.String(),
      /** When it became what it is, ISO 8601; absent while nothing is known. */
      since: Type.Optional(Type.String()),
      lastProbe: Type.Optional(Type.String()),
      lastTookMs: Type.Optional(Type.Number()),
      /** Answers in a row that contradict the state, and how many of them change it. */
      streak: Type.Integer(),
      streakNeeded: Type.Integer(),
      /** It has gone down so often that it has to answer longer before it is up again. */
      isFlapping: Type.Boolean(),
      /** Probes since the host's process began. */
      successes: Type.Integer(),
      failures: Type.Integer(),
    }),
  ),
  /** How many there are. */
  total: Type.Integer(),
});
export type ProbesAnswer = Type.Static<typeof ProbesAnswer>;

export const SnatQuestion = Type.Object(
  {
    /** instanceId of a frontend, and of a network interface; absent: all. */
    vipId: Type.Optional(Id),
    portId: Type.Optional(Id),
  },
  { additionalProperties: false },
);

/** Protocols of a lease, and whose ports are in use. */
const SnatProtocol = Type.Union([Type.Literal('Tcp'), Type.Literal('Udp'), Type.Literal('All')]);

export const SnatAnswer = Type.Object({
  /** One for every backend here and address that it leaves as, at most 500. */
  leases: Type.Array(
    Type.Object({
      vipId: Type.String(),
      /** `/loadBalancers/web/outboundNatRules/out`; a loadBalancingRule where that is why. */
      ruleRef: Type.String(),
      publicAddress: Type.String(),
      portId: Type.String(),
      /** The backend's own. */
      address: Type.String(),
      protocol: SnatProtocol,
      ports: Type.Array(Type.Object({ from: Type.Integer(), to: Type.Integer() })),
      portCount: Type.Integer(),
      /** Of these, ports that have flows now. One port serves flows to several servers. */
      tcpPortsInUse: Type.Integer(),
      udpPortsInUse: Type.Integer(),
      flows: Type.Integer(),
      /** Flows that have left by it, and packets that found no port free towards their server, since the switch has the lease. */
      opened: Type.Integer(),
      exhausted: Type.Integer(),
    }),
  ),
  /** How many there are. */
  total: Type.Integer(),
  /** The host has more flows than are read for one question: what is in use is at least this. */
  isPartial: Type.Boolean(),
});
export type SnatAnswer = Type.Static<typeof SnatAnswer>;

const Address = Type.String({ maxLength: 64 });
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });

export const MuxStatusQuestion = Type.Object(
  {
    /** Of this virtual address alone. */
    address: Type.Optional(Address),
  },
  { additionalProperties: false },
);

export const MuxBackend = Type.Object({
  /** Customer address. */
  address: Type.String(),
  /** Of the ipConfiguration. */
  resourceRef: Type.String(),
  /** Provider address of its host; absent: attached nowhere. */
  host: Type.Optional(Type.String()),
  weight: Type.Integer(),
  /** `up`, `down`, `lost` (its host does not speak to the controller) or `unknown`. */
  health: Type.String(),
  draining: Type.Boolean(),
  /** Part of the table, 0 … 1: of the new flows. */
  share: Type.Number(),
  /** Remembered; of this rule's pool by this rule's probe. */
  flows: Type.Number(),
  packets: Type.Number(),
  bytes: Type.Number(),
});
export type MuxBackend = Type.Static<typeof MuxBackend>;

export const MuxRule = Type.Object({
  resourceRef: Type.String(),
  /** `tcp`, `udp` or `all`. */
  protocol: Type.String(),
  /** 0: all. */
  port: Type.Integer(),
  /** `Default`, `SourceIPProtocol` or `SourceIP`. */
  distribution: Type.String(),
  /** instanceId of the pool. */
  poolId: Type.String(),
  /** instanceId of the probe; absent: every backend is taken to be up. */
  probeId: Type.Optional(Type.String()),
  backends: Type.Array(MuxBackend),
});
export type MuxRule = Type.Static<typeof MuxRule>;

export const VirtualAddressesQuestion = Type.Object(
  {
    /** Of this virtual address alone. */
    address: Type.Optional(Address),
  },
  { additionalProperties: false },
);

/** As a mux tells it; flows, packets and bytes are those of open flows that VMs here have begun. */
export const HostRule = Type.Object({
  ...MuxRule.properties,
  /** Flows that VMs here have begun, and packets of theirs that found no backend, since the switch has the rule. */
  opened: Type.Number(),
  unserved: Type.Number(),
});
export type HostRule = Type.Static<typeof HostRule>;

export const VirtualAddressesAnswer = Type.Object({
  /** At most 200. Several networks may have the same address. */
  addresses: Type.Array(
    Type.Object({
      vipId: Type.String(),
      /** Of the frontend. */
      resourceRef: Type.String(),
      address: Type.String(),
      /** Open, of VMs here. */
      flows: Type.Number(),
      opened: Type.Number(),
      unserved: Type.Number(),
      rules: Type.Array(HostRule),
    }),
  ),
  /** How many there are. */
  total: Type.Integer(),
  /** The host has more flows than are read for one question: there are at least these. */
  isPartial: Type.Boolean(),
});
export type VirtualAddressesAnswer = Type.Static<typeof VirtualAddressesAnswer>;

export const MuxAddress = Type.Object({
  address: Type.String(),
  resourceRef: Type.String(),
  announced: Type.Boolean(),
  /** `announced`, or why not. */
  state: Type.String(),
  /** What overloaded it; absent: nothing did. */
  overload: Type.Optional(Type.String()),
  packets: Type.Number(),
  bytes: Type.Number(),
  /** TCP segments that begin a connection. */
  syns: Type.Number(),
  /** Packets of connections that this mux has not seen begin, and that a host has returned since they are not there: another backend was asked then. */
  returned: Type.Number(),
  /** Connections that no backend knows: their next packets go by the table, and are answered with a reset. */
  unclaimed: Type.Number(),
  /** Remembered flows. */
  flows: Type.Number(),
  /** By reason (docs/errors.md); reasons that never occurred are absent. */
  drops: Drops,
  /** Leases of ports for outbound connections. */
  leases: Type.Integer(),
  rules: Type.Array(MuxRule),
});
export type MuxAddress = Type.Static<typeof MuxAddress>;

export const MuxStatus = Type.Object({
  /** False: nothing is announced yet. */
  inSync: Type.Boolean(),
  addresses: Type.Array(MuxAddress),
});
export type MuxStatus = Type.Static<typeof MuxStatus>;

export const MuxTraceQuestion = Type.Object(
  {
    source: Address,
    /** A virtual address. */
    destination: Address,
    /** 6 (default) or 17. */
    protocol: Type.Optional(Type.Union([Type.Literal(6), Type.Literal(17)])),
    sourcePort: Type.Optional(Port),
    destinationPort: Port,
    /** Of TCP: it begins a connection (default), or is of one that has begun. */
    opening: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const MuxTrace = Type.Object({
  /** `forwarded`, or the reason why not (docs/errors.md). */
  verdict: Type.String(),
  /** `remembered`, `current table`, `asked in turn` or `leased port`. */
  via: Type.Optional(Type.String()),
  /** The mux has not seen the connection begin: a host that does not know it returns the packet, and the next member of the pool is asked. */
  asked: Type.Optional(Type.Literal(true)),
  /** Of the frontend. */
  resourceRef: Type.Optional(Type.String()),
  /** Of the rule. */
  ruleRef: Type.Optional(Type.String()),
  /** Of the table. */
  row: Type.Optional(Type.Integer()),
  /** Customer address of the backend, or of whoever has the lease. */
  backend: Type.Optional(Type.String()),
  /** Provider address of its host. */
  host: Type.Optional(Type.String()),
  vni: Type.Optional(Type.Integer()),
  /** Of the backend's interface. */
  mac: Type.Optional(Type.String()),
});
export type MuxTrace = Type.Static<typeof MuxTrace>;

export const MuxCountersQuestion = Type.Object({}, { additionalProperties: false });
export const MuxCounters = Type.Object({
  /** The interface of the provider network, and the tunnels. */
  links: Type.Array(LinkCounters),
  memory: Type.Object({
    confirmed: Type.Number(),
    confirmedMax: Type.Number(),
    unconfirmed: Type.Number(),
    unconfirmedMax: Type.Number(),
    /** Flows of one packet that gave way to others before their time. */
    displaced: Type.Number(),
    /** Packets of flows that found no place among the confirmed. */
    unplaced: Type.Number(),
  }),
  addresses: Type.Number(),
  /** Members of pools by probe, and holders of leases. */
  targets: Type.Number(),
  hosts: Type.Number(),
});
export type MuxCounters = Type.Static<typeof MuxCounters>;

export const MUX_DIAGNOSTICS = {
  muxStatus: { question: MuxStatusQuestion, answer: MuxStatus },
  muxTrace: { question: MuxTraceQuestion, answer: MuxTrace },
  muxCounters: { question: MuxCountersQuestion, answer: MuxCounters },
} as const;

export type MuxMethod = keyof typeof MUX_DIAGNOSTICS;
export type MuxQuestion<M extends MuxMethod> = Type.Static<(typeof MUX_DIAGNOSTICS)[M]['question']>;
export type MuxAnswer<M extends MuxMethod> = Type.Static<(typeof MUX_DIAGNOSTICS)[M]['answer']>;
