/** dataplane/host-agent/egress-meter.ts: totals that never fall, from counters that begin anew. */
import test from 'ava';
import { EgressMeter } from '../../../../dataplane/host-agent/egress-meter.ts';
import { METER_ROUNDS_KEPT } from '../../../../dataplane/host-agent/limits.ts';

const counters = (billedBytes: number, unbilledBytes: number) => ({
  billedPackets: 0,
  billedBytes,
  unbilledPackets: 0,
  unbilledBytes,
});

test('totals grow with the counters, and go on where these begin anew', (t) => {
  const meter = new EgressMeter();
  t.false(meter.read('p', undefined), 'not metered');
  t.true(meter.read('p', counters(100, 7)));
  t.false(meter.read('p', counters(100, 7)));
  t.true(meter.read('p', counters(30, 7)), 'the port’s number has gone to it anew');
  t.deepEqual(meter.totals(), [{ portId: 'p', billedBytes: 130, unbilledBytes: 7 }]);
});

test('a port that has gone is told for a while, and forgotten', (t) => {
  const meter = new EgressMeter();
  meter.read('p', counters(1, 0));
  for (let round = 0; round < METER_ROUNDS_KEPT; round += 1) meter.endRound(new Set());
  t.is(meter.totals().length, 1);
  meter.endRound(new Set());
  t.deepEqual(meter.totals(), []);
});
