/** Leases of ports: Azure's sizes, blocks of eight, nobody loses what it need not, nobody gets what has not rested. */
import test from 'ava';
import fc from 'fast-check';
import { SNAT_REST } from '../../../../controller/allocation/limits.ts';
import {
  blocksOfRules,
  leasePorts,
  NO_LEASES,
  type PortLeases,
  type PortSpan,
  portCount,
  portsPerBackend,
  restEndsAt,
} from '../../../../controller/allocation/snat-ports.ts';

const NONE: ReadonlySet<number> = new Set();
const wish = (count: number, ports = portsPerBackend(count)) =>
  Array.from({ length: count }, (_one, index) => ({ holder: `vm${index}`, ports }));

function portsOf(spans: readonly PortSpan[] = []): number[] {
  return spans.flatMap(({ first, last }) =>
    Array.from({ length: last + 1 - first }, (_one, index) => first + index),
  );
}

test('each backend has as many ports as Azure gives for a pool of that size', (t) => {
  const sizes = [1, 50, 51, 100, 101, 200, 201, 400, 401, 800, 801, 1000, 1001, 3000];
  t.deepEqual(sizes.map(portsPerBackend), [
    ...[1024, 1024, 512, 512, 256, 256, 128, 128, 64, 64, 32, 32, 16, 8],
  ]);
  for (const size of [1, 50, 100, 1000, 3000]) {
    const { leased } = leasePorts(NO_LEASES, wish(size), NONE, 0);
    for (const spans of leased.values()) t.is(portCount(spans), portsPerBackend(size));
    t.is(leased.size, size);
  }
});

test('the first backend begins at 1024, and its ports are in one piece', (t) => {
  const { leased } = leasePorts(NO_LEASES, wish(3), NONE, 0);
  t.deepEqual(
    [...leased],
    [
      ['vm0', [{ first: 1024, last: 2047 }]],
      ['vm1', [{ first: 2048, last: 3071 }]],
      ['vm2', [{ first: 3072, last: 4095 }]],
    ],
  );
});

test('a rule’s port takes its block of eight from outbound connections, for all ports everything', (t) => {
  const taken = blocksOfRules([80, 443, 3389, 65_530]);
  const { leased } = leasePorts(NO_LEASES, wish(3), taken, 0);
  const ports = new Set([...leased.values()].flatMap(portsOf));
  for (let port = 3384; port < 3392; port += 1) t.false(ports.has(port));
  t.true(ports.has(3392));
  t.is(leasePorts(NO_LEASES, wish(3), blocksOfRules([0]), 0).leased.size, 0);
});

test('a rule that comes takes the block from whoever has it, who gets another for it', (t) => {
  const before = leasePorts(NO_LEASES, wish(2), NONE, 0);
  const after = leasePorts(before, wish(2), blocksOfRules([1500]), 0);
  const kept = portsOf(after.leased.get('vm0'));
  t.is(kept.length, 1024);
  t.false(kept.includes(1500));
  t.deepEqual(after.leased.get('vm1'), before.leased.get('vm1'));
  t.deepEqual(after.resting, [], 'no one else may have it either way');
});

test('who comes and goes moves nobody else’s ports', (t) => {
  let leases = leasePorts(NO_LEASES, wish(10), NONE, 0);
  const before = leases.leased;
  leases = leasePorts(leases, [...wish(10).slice(3), { holder: 'new', ports: 1024 }], NONE, 1000);
  for (const { holder } of wish(10).slice(3)) {
    t.deepEqual(leases.leased.get(holder), before.get(holder));
  }
  t.deepEqual(leases.leased.get('new'), [{ first: 1024 + 10_240, last: 1024 + 11_263 }]);
});

test('what is given back rests, also over a restart, and goes to its last holder at once', (t) => {
  const full = leasePorts(NO_LEASES, wish(50), NONE, 0);
  const gone = leasePorts(full, wish(50).slice(1), NONE, 1000);
  t.is(restEndsAt(gone), 1000 + SNAT_REST);
  const many = [...wish(50).slice(1), { holder: 'greedy', ports: 16_000 }];
  const early = leasePorts(gone, many, NONE, 1000 + SNAT_REST - 1);
  const had = new Set(portsOf(full.leased.get('vm0')));
  t.false(portsOf(early.leased.get('greedy')).some((port) => had.has(port)));
  const late = leasePorts(early, many, NONE, 1000 + SNAT_REST);
  t.true(portsOf(late.leased.get('greedy')).some((port) => had.has(port)));
  const back = leasePorts(gone, wish(50), NONE, 2000);
  t.deepEqual(back.leased.get('vm0'), full.leased.get('vm0'));
});

test('a pool that grows over a step gives back the upper half, and has it again when it shrinks', (t) => {
  const small = leasePorts(NO_LEASES, wish(50), NONE, 0);
  const large = leasePorts(small, wish(51), NONE, 1000);
  for (const { holder } of wish(50)) {
    const [had] = small.leased.get(holder) ?? [];
    const first = had?.first ?? 0;
    t.deepEqual(large.leased.get(holder), [{ first, last: first + 511 }]);
  }
  t.is(portCount(large.leased.get('vm50') ?? []), 512);
  t.deepEqual(leasePorts(large, wish(50), NONE, 2000).leased, small.leased);
});

test('where ports do not suffice, those that lack any share what there is', (t) => {
  const first = leasePorts(NO_LEASES, [{ holder: 'big', ports: 63_000 - 8 * 3 }], NONE, 0);
  const wishes = [{ holder: 'big', ports: 62_976 }, ...wish(4, 1024)];
  const { leased } = leasePorts(first, wishes, NONE, 0);
  t.deepEqual(leased.get('big'), first.leased.get('big'));
  const counts = wish(4).map(({ holder }) => portCount(leased.get(holder) ?? []));
  t.is(
    counts.reduce((sum, count) => sum + count, 0),
    64_000 - 62_976,
  );
  t.true(Math.max(...counts) - Math.min(...counts) <= 8);
});

/** A history of who is there, with what rules, and how much later. */
const history = fc.array(
  fc.record({
    present: fc.uniqueArray(fc.integer({ min: 0, max: 120 }), { maxLength: 120 }),
    rules: fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 20 }),
    afterMs: fc.integer({ min: 0, max: SNAT_REST * 2 }),
  }),
  { minLength: 1, maxLength: 12 },
);

test('after any history: no port twice, aligned blocks, none of a rule’s, none that still rests, all that can be', (t) => {
  fc.assert(
    fc.property(history, (steps) => {
      let leases: PortLeases = NO_LEASES;
      let nowMs = 0;
      for (const { present, rules, afterMs } of steps) {
        nowMs += afterMs;
        const before = leases;
        const taken = blocksOfRules(rules);
        const ports = portsPerBackend(present.length);
        const wishes = present.map((each) => ({ holder: `vm${each}`, ports }));
        leases = leasePorts(before, wishes, taken, nowMs);
        check(before, leases, wishes, rules, nowMs);
        t.deepEqual(leasePorts(leases, wishes, taken, nowMs), leases, 'asked again: the same');
      }
    }),
    { numRuns: 60 },
  );

  function check(
    before: PortLeases,
    after: PortLeases,
    wishes: readonly { readonly holder: string; readonly ports: number }[],
    rules: readonly number[],
    nowMs: number,
  ): void {
    const owners = new Map<number, string>();
    const ruled = new Set(rules.map((port) => port >>> 3));
    for (const [holder, spans] of after.leased) {
      for (const { first, last } of spans) {
        t.is(first % 8, 0);
        t.is((last + 1) % 8, 0);
      }
      for (const port of portsOf(spans)) {
        t.false(owners.has(port), 'one holder');
        t.false(ruled.has(port >>> 3));
        owners.set(port, holder);
      }
    }
    for (const { holder, ports } of wishes) {
      const now = portsOf(after.leased.get(holder));
      const was = portsOf(before.leased.get(holder)).filter((port) => !ruled.has(port >>> 3));
      t.deepEqual(
        now.filter((port) => was.includes(port)),
        was.slice(0, ports),
        'keeps its own',
      );
      // 120 backends of 256 ports fit beside what rests and what rules take, unless all has just been given back.
      if (after.resting.length === 0) t.is(now.length, ports);
    }
    for (const rest of before.resting) {
      if (rest.untilMs <= nowMs) continue;
      for (const port of portsOf([rest])) {
        const owner = owners.get(port);
        t.true(owner === undefined || owner === rest.holder, 'nobody else before its time');
      }
    }
    for (const rest of after.resting) for (const port of portsOf([rest])) t.false(owners.has(port));
  }
});
