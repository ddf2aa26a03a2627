/** The switch does with every packet what the reference model says; see test/model. */
import test from 'ava';
import fc from 'fast-check';
import { Comparison } from '../../model/comparison.ts';
import { SCENARIO } from '../../model/scenario.ts';

/** Scenarios: few in the suite, as many as time allows in a soak. */
const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 250);

test('generated tenants, packets and changes: switch and model agree on every packet', (t) => {
  const tally = new Map<string, number>();
  fc.assert(
    fc.property(SCENARIO, (scenario) => {
      const comparison = new Comparison(scenario);
      comparison.run(scenario.commands);
      for (const [became, count] of comparison.tally) {
        tally.set(became, (tally.get(became) ?? 0) + count);
      }
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
  const total = [...tally.values()].reduce((sum, count) => sum + count, 0);
  t.log(
    `${total} packets: ${[...tally].map(([became, count]) => `${became} ${count}`).join(', ')}`,
  );
  // What the generators no longer reach is no longer tested.
  const reached = RUNS < RARE_RUNS ? REACHED : [...REACHED, ...RARE];
  const missing = reached.filter((became) => !tally.has(became));
  t.deepEqual(missing, []);
});

const REACHED: readonly string[] = [
  'deliver',
  'tunnel',
  'service',
  'SpoofedMac',
  'SpoofedIpv4',
  'SpoofedIpv6',
  'EtherTypeUnsupported',
  'MulticastUnsupported',
  'to an appliance',
  'to a peered network',
  'InternetUnavailable',
  'RouteNone',
  'AclDenied',
  'ApplianceUnreachable',
  'PeeringAccessDenied',
  'NoMapping',
  'PortUnknown',
  'PortDetached',
  'HairpinLoop',
  'OuterSourceUnknown',
  'VniUnknown',
  'DestinationNotLocal',
];

/** Few packets in a thousand: not certain to come in a short run. */
const RARE: readonly string[] = [
  'PeeringForwardedDenied',
  'PolicyPending',
  'GatewayUnavailable',
  'NoRoute',
  'InnerSourceImplausible',
  'DhcpGuarded',
  'TtlExpired',
  'FrameTooBig',
];
const RARE_RUNS = 2000;
