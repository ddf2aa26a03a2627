/** When a mux counts as overloaded, and who is to blame. */
import test from 'ava';
import { type LoadReading, OverloadWatch } from '../../../../../slb/mux/forwarder/overload.ts';

interface Second {
  readonly lost?: number;
  readonly displaced?: number;
  /** Of two addresses: packets and SYNs. */
  readonly web: readonly [number, number];
  readonly other: readonly [number, number];
}

/** So many of these seconds, one after the other; keys of what was withdrawn. */
function after(...seconds: readonly Second[]): (string | undefined)[] {
  const watch = new OverloadWatch(8);
  const sum = { lost: 0, received: 0, displaced: 0, web: [0, 0], other: [0, 0] };
  return seconds.map(({ lost = 0, displaced = 0, web, other }) => {
    sum.lost += lost;
    sum.displaced += displaced;
    sum.received += web[0] + other[0];
    for (const at of [0, 1] as const) {
      sum.web[at] = (sum.web[at] ?? 0) + web[at];
      sum.other[at] = (sum.other[at] ?? 0) + other[at];
    }
    const of = (number: number, key: string, counts: readonly number[]) => {
      return { number, key, packets: counts[0] ?? 0, syns: counts[1] ?? 0 };
    };
    const reading: LoadReading = {
      ...{ lost: sum.lost, received: sum.received, displaced: sum.displaced },
      addresses: [of(3, 'vip/web', sum.web), of(5, 'vip/other', sum.other)],
    };
    return watch.look(reading)?.key;
  });
}

const five = (second: Second) => Array.from({ length: 5 }, () => second);

test('five seconds of losses: who has most of the packets is withdrawn', (t) => {
  const busy: Second = { lost: 20_000, web: [100_000, 0], other: [1000, 0] };
  t.deepEqual(after(...five(busy)), [undefined, undefined, undefined, undefined, 'vip/web']);
});

test('one good second in between, and it begins anew', (t) => {
  const busy: Second = { lost: 20_000, web: [100_000, 0], other: [1000, 0] };
  const good: Second = { web: [100_000, 0], other: [1000, 0] };
  t.true(
    after(...five(busy).slice(1), good, ...five(busy).slice(1)).every((key) => key === undefined),
  );
});

test('few losses, and losses that nobody has most of, withdraw nobody', (t) => {
  const few: Second = { lost: 100, web: [100_000, 0], other: [1000, 0] };
  const even: Second = { lost: 90_000, web: [50_000, 0], other: [50_000, 0] };
  t.true([...after(...five(few)), ...after(...five(even))].every((key) => key === undefined));
});

test('an address that is alone is never withdrawn', (t) => {
  const alone: Second = { lost: 90_000, displaced: 50_000, web: [100_000, 100_000], other: [0, 0] };
  t.true(after(...five(alone)).every((key) => key === undefined));
});

test('a SYN flood that makes the mux forget: who is flooded is withdrawn', (t) => {
  const flood: Second = { displaced: 30_000, web: [40_000, 40_000], other: [90_000, 100] };
  t.is(after(...five(flood))[4], 'vip/web');
  const slow: Second = { displaced: 30_000, web: [10_000, 10_000], other: [90_000, 100] };
  t.is(after(...five(slow))[4], undefined);
  const harmless: Second = { web: [40_000, 40_000], other: [90_000, 100] };
  t.is(after(...five(harmless))[4], undefined);
});
