/**
 * Questions about load balancing. Of a host: `probes`, what its health probes have found out about the backends on it, and `snat`, the ports of
 * public virtual addresses that its backends' outbound connections use.
 *
 * Called by the host agent (answers), the controller (asks and joins), cli (shows).
 */
import Type from 'typebox';

const Id = Type.String({ maxLength: 128 });

/** Of a backend under one probe. UNKNOWN: it has not been probed yet. */
export const ProbeState = { UNKNOWN: 'unknown', UP: 'up', DOWN: 'down' } as const;

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
