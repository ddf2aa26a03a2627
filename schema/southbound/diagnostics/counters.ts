/** `counters`: packets, bytes and drops of a host's ports and of its uplink, as counted since each was attached. */
import Type from 'typebox';

export const CountersQuestion = Type.Object(
  {
    /** instanceId of the network interface; absent: every port and the uplink. */
    portId: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

/** rx: what the port's owner sent; tx: what was delivered to it. */
const counters = {
  rxPackets: Type.Number(),
  rxBytes: Type.Number(),
  txPackets: Type.Number(),
  txBytes: Type.Number(),
  /** By reason (docs/errors.md); reasons that never occurred are absent. */
  drops: Type.Record(Type.String(), Type.Number()),
  /** Of these, what was on its way to the port's owner. */
  txDrops: Type.Record(Type.String(), Type.Number()),
};

export const PortCounters = Type.Object({
  portId: Type.String(),
  /** Of the interface: the TAP or netdev. */
  name: Type.String(),
  ...counters,
});
export type PortCounters = Type.Static<typeof PortCounters>;

export const CountersAnswer = Type.Object({
  ports: Type.Array(PortCounters),
  /** Absent where one port was asked for. */
  uplink: Type.Optional(
    Type.Object({
      name: Type.String(),
      ...counters,
      /** Packets of connections that are not here, given back to the muxes that have asked; absent while there are none. */
      givenBack: Type.Optional(Type.Number()),
    }),
  ),
});
