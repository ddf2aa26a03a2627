/** What MS-NCNBI shows as `counters` of a resource, from version v2 of the interface on (§2.2.2). */
import Type from 'typebox';

export const CounterSchema = Type.Object({
  name: Type.String(),
  unit: Type.Union([
    Type.Literal('Decimal'),
    Type.Literal('Seconds'),
    Type.Literal('MilliSeconds'),
  ]),
  currentValue: Type.Number(),
  context: Type.Object({
    source: Type.String(),
    category: Type.Union([
      Type.Literal('Global'),
      Type.Literal('Performance'),
      Type.Literal('Diagnostics'),
    ]),
  }),
});
export type Counter = Type.Static<typeof CounterSchema>;
