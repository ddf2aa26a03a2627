/** controller/southbound/backend-health.ts: what is believed of backends. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { ipBytes, parseIp } from '../../../../base/ip.ts';
import { millis } from '../../../../base/units.ts';
import type { HealthInput } from '../../../../controller/compiler/balancing-state.ts';
import { Model } from '../../../../controller/compiler/model.ts';
import { BackendHealthReports } from '../../../../controller/southbound/backend-health.ts';
import { HEALTH_DELAY, HOST_LOST_WAIT } from '../../../../controller/southbound/limits.ts';
import { newTarget } from '../../../../controller/southbound/target.ts';
import { HealthState, type ProbeResult } from '../../../../schema/southbound/messages.ts';

const { HEALTH_UP: UP, HEALTH_DOWN: DOWN, HEALTH_LOST: LOST } = HealthState;
const ADDRESS = '10.0.0.4';

function started() {
  const clock = new ManualClock();
  const model = new Model();
  const batches: (readonly HealthInput[])[] = [];
  let dropped = 0;
  const reports = new BackendHealthReports({
    model,
    clock,
    metrics: {
      reportEntriesDropped: { inc: (count: number) => (dropped += count) } as never,
    },
    change: (health) => batches.push(health),
  });
  const say = (host: string, ...results: readonly ProbeResult[]) =>
    reports.take(newTarget('host', host, 0), results);
  /** States in the batch that goes out after the delay; undefined: none does. */
  const heard = () => {
    batches.length = 0;
    clock.advance(HEALTH_DELAY);
    return batches.length === 0 ? undefined : batches.flat().map(({ state }) => state);
  };
  model.place('nic-a', 'h1');
  return { clock, model, reports, say, heard, dropped: () => dropped };
}

const result = (up: boolean, at: Partial<ProbeResult> = {}): ProbeResult => ({
  probeId: 'alive',
  portId: 'nic-a',
  address: ipBytes(parseIp(ADDRESS) ?? 0n),
  up,
  reason: up ? '' : 'connection refused',
  sinceSec: 7,
  ...at,
});

test('what a host reports goes on once, together with what comes at the same time', (t) => {
  const { say, heard, reports } = started();
  say('h1', result(false));
  say('h1', result(true));
  t.deepEqual(heard(), [UP]);
  say('h1', result(true));
  t.is(heard(), undefined, 'nothing new');
  say('h1', result(false));
  t.deepEqual(heard(), [DOWN]);
  const word = reports.wordOn('alive', ADDRESS);
  t.like(word, { serverId: 'h1', up: false, reason: 'connection refused', sinceSec: 7 });
});

test('of a backend that is probed no more nothing is known', (t) => {
  const { say, heard } = started();
  say('h1', result(true));
  heard();
  say('h1');
  t.deepEqual(heard(), [undefined]);
});

test('a host that stays away loses the backends that were up, until it is back', (t) => {
  const { say, heard, reports, clock } = started();
  say('h1', result(true), result(false, { probeId: 'other' }));
  heard();
  reports.disconnected('h1');
  clock.advance(millis(HOST_LOST_WAIT - 2 * HEALTH_DELAY));
  t.is(heard(), undefined, 'a host may start again in the meantime');
  clock.advance(HEALTH_DELAY);
  t.deepEqual(heard()?.sort(), [DOWN, LOST].sort());
  reports.connected('h1');
  t.deepEqual(heard()?.sort(), [UP, DOWN].sort());
});

test('a host that is back in time has lost nothing', (t) => {
  const { say, heard, reports, clock } = started();
  say('h1', result(true));
  heard();
  reports.disconnected('h1');
  reports.connected('h1');
  clock.advance(HOST_LOST_WAIT);
  t.is(heard(), undefined);
});

test('the host that holds the interface is believed, whoever else still reports', (t) => {
  const { say, heard, reports, model } = started();
  say('h2', result(true));
  t.deepEqual(heard(), [undefined]);
  say('h1', result(false));
  t.deepEqual(heard(), [DOWN]);
  model.place('nic-a', 'h2');
  reports.moved(new Set(['nic-a']));
  t.deepEqual(heard(), [UP]);
});
