/** The switch does with virtual addresses and leased ports what the reference model says; see test/model/balanced-reference. */
import test from 'ava';
import fc from 'fast-check';
import { BalancedComparison } from '../../model/balanced-comparison.ts';
import { BALANCED_SCENARIO } from '../../model/balanced-plan.ts';

/** Scenarios: few in the suite, as many as time allows in a soak. */
const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 60);

test('generated load balancers, requests, answers and changes: switch and model agree on every packet', (t) => {
  const tally = new Map<string, number>();
  fc.assert(
    fc.property(BALANCED_SCENARIO, (scenario) => {
      const comparison = new BalancedComparison(scenario);
      comparison.run(scenario.commands);
      for (const [became, count] of comparison.tally) {
        tally.set(became, (tally.get(became) ?? 0) + count);
      }
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
  t.log([...tally].map(([became, count]) => `${became} ${count}`).join(', '));
  // What the generators no longer reach is no longer tested.
  t.deepEqual(
    REACHED.filter((became) => !tally.has(became)),
    [],
  );
});

const REACHED: readonly string[] = [
  ...['internal', 'itself', 'public', 'outbound', 'straight', 'answer'],
  ...['VirtualPortUnserved', 'VirtualAddressWithoutBackend', 'SnatUnasked'],
];
