/** The prober: who is probed, when, how many at once, and which outcomes count. Attempts are the test's own, time stands still. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { seededRng } from '../../../../base/rng.ts';
import { millis, seconds } from '../../../../base/units.ts';
import type { AttemptOptions, AttemptResult } from '../../../../dataplane/health/attempt.ts';
import { HealthProber } from '../../../../dataplane/health/health-prober.ts';
import {
  BACKENDS_PROBED_MAX,
  PROBES_IN_FLIGHT_MAX,
  PROBES_LISTED_MAX,
  REASON_REPORT_DELAY,
} from '../../../../dataplane/health/limits.ts';
import {
  type HealthProbe,
  ProbeProtocol,
  type Resource,
} from '../../../../schema/southbound/messages.ts';
import { BLUE, octets, portId, portResource, RED, type Tenant } from '../switch/tenants.ts';

const OWN = '10.0.0.4';

interface Sent extends AttemptOptions {
  readonly atMs: number;
  isCancelled: boolean;
  end(result: AttemptResult): void;
}

function proberRig() {
  const clock = new ManualClock();
  const sent: Sent[] = [];
  const numbers = new Map([
    [portId(BLUE, OWN), 2],
    [portId(RED, OWN), 3],
  ]);
  const state = { isOpen: true, changes: 0 };
  const prober = new HealthProber({
    numberOf: (id) => numbers.get(id),
    isOpen: () => state.isOpen,
    onChange: () => {
      state.changes += 1;
    },
    start: (options, _clock, done) => {
      const one: Sent = { ...options, atMs: clock.now(), isCancelled: false, end: done };
      sent.push(one);
      return {
        cancel: () => {
          one.isCancelled = true;
        },
      };
    },
    clock,
    rng: seededRng(3),
  });
  /** Everything sent since the last call is answered so. */
  const answer = (isSuccess: boolean, reason = isSuccess ? 'HTTP 200' : 'HTTP 503') => {
    for (const one of sent.splice(0)) one.end({ kind: 'answered', outcome: { isSuccess, reason } });
  };
  return { clock, sent, numbers, state, prober, answer };
}

function probeResource(changes: Partial<HealthProbe> = {}): Resource {
  const probe: HealthProbe = {
    id: 'p1',
    resourceRef: '/loadBalancers/web/probes/p1',
    protocol: ProbeProtocol.PROBE_HTTP,
    port: 8080,
    requestPath: '/health',
    intervalSec: 5,
    failuresMax: 2,
    backends: [backend(BLUE)],
    ...changes,
  };
  return { key: `healthprobe/${probe.id}`, version: 1, healthProbe: probe };
}

function backend(tenant: Tenant, address = OWN) {
  return { portId: portId(tenant, OWN), address: octets(address) };
}

const PORTS = [portResource(BLUE, OWN, { more: ['10.0.0.9'] }), portResource(RED, OWN)];
const goal = (...upserts: Resource[]) => ({ upserts, removes: [] });

test('a backend is probed soon, then every interval, at its slot and under its own name', (t) => {
  const { clock, sent, prober, answer } = proberRig();
  t.deepEqual(prober.apply(goal(...PORTS, probeResource())), []);
  clock.advance(seconds(1));
  const [first] = sent;
  t.like(first, {
    host: '169.254.128.16',
    port: 8080,
    path: '/health',
    authority: '10.0.0.4:8080',
  });
  t.is(first?.timeout, millis(4950));
  const firstMs = first?.atMs ?? 0;
  answer(true);
  for (let round = 1; round < 5; round += 1) {
    clock.advance(seconds(5));
    t.deepEqual(
      sent.map(({ atMs }) => atMs),
      [firstMs + round * 5000],
    );
    answer(true);
  }
  t.like(prober.counters(), { succeeded: 5, failed: 0, up: 1, inFlight: 0, changes: 1 });
});

test('backends with the same address, and two addresses of one interface, are probed apart', (t) => {
  const { clock, sent, prober } = proberRig();
  const backends = [backend(BLUE), backend(RED), backend(BLUE, '10.0.0.9')];
  prober.apply(goal(...PORTS, probeResource({ backends })));
  clock.advance(seconds(1));
  t.deepEqual(sent.map(({ host }) => host).sort(), [
    '169.254.128.16',
    '169.254.128.17',
    '169.254.128.24',
  ]);
});

test('results are reported at once when a backend goes up or down, a new reason with the next delay', (t) => {
  const { clock, state, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  t.deepEqual(prober.results(), [], 'nothing is said before anything is known');
  clock.advance(seconds(1));
  answer(true);
  t.is(state.changes, 1);
  t.like(prober.results()[0], {
    probeId: 'p1',
    portId: portId(BLUE, OWN),
    up: true,
    reason: 'HTTP 200',
  });
  clock.advance(seconds(5));
  answer(false, 'connection refused');
  t.is(state.changes, 1);
  t.like(prober.results()[0], { up: true, reason: 'connection refused' });
  clock.advance(seconds(5));
  answer(false, 'connection refused');
  t.is(state.changes, 2);
  t.like(prober.results()[0], { up: false, sinceSec: Math.floor(clock.wallNow() / 1000) });
  clock.advance(seconds(5));
  answer(false, 'HTTP 503');
  clock.advance(REASON_REPORT_DELAY);
  t.is(state.changes, 3);
});

test('a probe that hangs ends before the next is due: none is left out', (t) => {
  const { clock, sent, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  for (let round = 0; round < 10; round += 1) {
    clock.advance(seconds(1));
    if (sent.length === 0) continue;
    clock.advance(millis(4950 - 1000));
    answer(false, 'no HTTP answer within 5 s');
  }
  t.is(prober.counters().leftOut, 0);
  t.is(prober.counters().down, 1);
});

test('without the service port nobody is probed, and what this host lacks takes nobody down', (t) => {
  const { clock, sent, state, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource({ failuresMax: 1 })));
  clock.advance(seconds(1));
  answer(true);
  clock.advance(seconds(5));
  for (const one of sent.splice(0)) one.end({ kind: 'unable', reason: 'EMFILE' });
  state.isOpen = false;
  clock.advance(seconds(5));
  t.deepEqual(sent, []);
  t.like(prober.counters(), { unable: 2, failed: 0, up: 1 });
});

test('an interface that is not attached, an address that it has not, and a ninth one are down and say why', (t) => {
  const { clock, numbers, prober } = proberRig();
  const more = Array.from({ length: 9 }, (_one, index) => `10.0.0.${100 + index}`);
  const backends = [backend(RED), backend(BLUE, '10.0.0.77'), backend(BLUE, '10.0.0.108')];
  numbers.delete(portId(RED, OWN));
  prober.apply(
    goal(portResource(BLUE, OWN, { more }), portResource(RED, OWN), probeResource({ backends })),
  );
  clock.advance(seconds(1));
  t.deepEqual(
    prober
      .results()
      .map(({ up, reason }) => [up, reason])
      .sort(),
    [
      [false, 'only the first 8 addresses of a network interface are probed'],
      [false, 'the network interface does not have 10.0.0.77'],
      [false, 'the network interface is not attached to this host'],
    ],
  );
});

test('an outcome counts only where the backend still is', (t) => {
  const { clock, numbers, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  clock.advance(seconds(1));
  numbers.set(portId(BLUE, OWN), 9);
  answer(true);
  t.like(prober.counters(), { discarded: 1, succeeded: 0, unknown: 1 });
});

test('only so many are under way at once; one that waits past its time is left out and not down', (t) => {
  const { clock, sent, numbers, prober } = proberRig();
  const count = PROBES_IN_FLIGHT_MAX + 10;
  const ports: Resource[] = [];
  const backends = Array.from({ length: count }, (_one, index) => {
    const text = `10.0.${2 + (index >> 8)}.${index & 255}`;
    numbers.set(portId(BLUE, text), 10 + index);
    ports.push(portResource(BLUE, text));
    return { portId: portId(BLUE, text), address: octets(text) };
  });
  prober.apply(goal(...ports, probeResource({ backends })));
  clock.advance(seconds(1));
  t.is(sent.length, PROBES_IN_FLIGHT_MAX);
  sent[0]?.end({ kind: 'answered', outcome: { isSuccess: true, reason: '' } });
  t.is(sent.length, PROBES_IN_FLIGHT_MAX + 1, 'the next takes its place');
  clock.advance(seconds(5));
  t.true(prober.counters().leftOut >= 9);
  t.is(prober.counters().down, 0);
  t.is(prober.counters().inFlight, PROBES_IN_FLIGHT_MAX);
});

test('goal state that comes anew keeps what is known; a probe that asks otherwise is asked at once', (t) => {
  const { clock, sent, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  clock.advance(seconds(1));
  answer(true);
  prober.apply(goal(probeResource({ backends: [backend(BLUE), backend(RED)] })));
  clock.advance(seconds(1));
  t.is(sent.length, 1, 'the new one');
  answer(false);
  t.deepEqual(
    prober.results().map(({ up }) => up),
    [true, false],
  );
  prober.apply(goal(probeResource({ port: 9090 })));
  clock.advance(millis(0));
  t.deepEqual(
    sent.map(({ port }) => port),
    [9090],
  );
  t.deepEqual(
    prober.results().map(({ up }) => up),
    [true],
    'what was known holds until it has answered',
  );
});

test('what goes is cancelled, forgotten and reported', (t) => {
  const { clock, sent, state, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  clock.advance(seconds(1));
  answer(true);
  clock.advance(seconds(5));
  prober.apply({ upserts: [], removes: ['healthprobe/p1'] });
  t.true(sent[0]?.isCancelled);
  t.deepEqual(prober.results(), []);
  t.is(state.changes, 2);
  t.like(prober.counters(), { inFlight: 0, up: 0 });
  clock.advance(seconds(60));
  t.is(sent.length, 1);
});

test('a probe that cannot be is refused by name, and its last good form stays', (t) => {
  const { clock, sent, prober } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  const bad: readonly Partial<HealthProbe>[] = [
    { port: 0 },
    { port: 70_000 },
    { intervalSec: 0 },
    { failuresMax: 0 },
    { protocol: 7 as ProbeProtocol },
    { backends: [{ portId: 'x', address: new Uint8Array(5) }] },
    {
      backends: Array.from({ length: BACKENDS_PROBED_MAX + 1 }, (_one, index) => ({
        portId: `${index}`,
        address: octets(OWN),
      })),
    },
  ];
  for (const changes of bad) {
    const [error] = prober.apply(goal(probeResource(changes)));
    t.is(error?.key, 'healthprobe/p1');
  }
  clock.advance(seconds(1));
  t.is(sent.length, 1);
});

test('a question is answered with everything that is known, a bounded part of it', (t) => {
  const { clock, prober, answer } = proberRig();
  prober.apply(goal(...PORTS, probeResource()));
  t.like(prober.answer().backends[0], {
    state: 'unknown',
    reason: 'not probed yet',
    streakNeeded: 1,
  });
  clock.advance(seconds(1));
  answer(false);
  t.like(prober.answer('p1'), { total: 1 });
  t.like(prober.answer('p1').backends[0], {
    probeRef: '/loadBalancers/web/probes/p1',
    protocol: 'Http',
    requestPath: '/health',
    address: OWN,
    state: 'down',
    reason: 'HTTP 503',
    streakNeeded: 2,
    isFlapping: false,
    failures: 1,
  });
  t.deepEqual(prober.answer('other'), { backends: [], total: 0 });
  const backends = Array.from({ length: PROBES_LISTED_MAX + 5 }, (_one, index) => ({
    portId: `${index}`,
    address: octets(OWN),
  }));
  prober.apply(goal(probeResource({ backends })));
  t.is(prober.answer().backends.length, PROBES_LISTED_MAX);
  t.is(prober.answer().total, PROBES_LISTED_MAX + 5);
  t.true(JSON.stringify(prober.answer()).length < 1024 * 1024);
});
