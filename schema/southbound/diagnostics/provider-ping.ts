/** `providerPing`: an ICMP echo request from a host to a provider address, sent by the host itself, and what comes back. */
import Type from 'typebox';
import { PROBE_TIMEOUT_MS_MAX } from './probe.ts';

export const ProviderPingQuestion = Type.Object(
  {
    destination: Type.String({ maxLength: 64 }),
    /** Of the ICMP message, bytes, header included. */
    length: Type.Optional(Type.Integer({ minimum: 8, maximum: 8960 })),
    timeoutMs: Type.Integer({ minimum: 1, maximum: PROBE_TIMEOUT_MS_MAX }),
  },
  { additionalProperties: false },
);
export type ProviderPingQuestion = Type.Static<typeof ProviderPingQuestion>;

export const ProviderPingAnswer = Type.Union([
  Type.Object({ kind: Type.Literal('answered'), rttMs: Type.Number() }),
  /** An ICMP error. */
  Type.Object({ kind: Type.Literal('error'), from: Type.String(), says: Type.String() }),
  Type.Object({ kind: Type.Literal('silent') }),
  /** The host's own kernel has not sent it: no route, too long … */
  Type.Object({ kind: Type.Literal('unsent'), reason: Type.String() }),
]);
export type ProviderPingAnswer = Type.Static<typeof ProviderPingAnswer>;
