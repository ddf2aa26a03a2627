/** Counters of a link of a role that forwards. Called by the answers of edge and mux (edge.ts, slb.ts). */
import Type from 'typebox';

/** By reason (docs/errors.md); reasons that never occurred are absent. */
export const Drops = Type.Record(Type.String(), Type.Number());

export const LinkCounters = Type.Object({
  name: Type.String(),
  rxFrames: Type.Number(),
  rxBytes: Type.Number(),
  txFrames: Type.Number(),
  txBytes: Type.Number(),
  drops: Drops,
});
export type LinkCounters = Type.Static<typeof LinkCounters>;
