/**
 * Maglev tables against the bounds their paper publishes (NSDI 2016, §3.4 and §5.3): balance, and how many rows move to another backend
 * although their own stayed.
 */
import test from 'ava';
import fc from 'fast-check';
import { BACKENDS_PER_POOL_MAX } from '../../../../slb/hashing/limits.ts';
import {
  MAGLEV_ROWS,
  maglevTable,
  NO_BACKEND,
  type PoolBackend,
} from '../../../../slb/hashing/maglev.ts';

const SEED = 0x1234_5678;

function pool(count: number, weight = 1): PoolBackend[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `10.${index >> 8}.${index & 255}.4:443`,
    weight,
  }));
}

function rowsOfEach(table: Uint16Array, count: number): number[] {
  const rows = new Array<number>(count).fill(0);
  for (const position of table) rows[position] = (rows[position] ?? 0) + 1;
  return rows;
}

/** Names by row. */
function named(backends: readonly PoolBackend[]): (string | undefined)[] {
  return Array.from(maglevTable(backends, SEED), (position) => backends[position]?.name);
}

/** Part of all rows that go from one backend to another though both are in both pools. */
function movedWithoutNeed(before: readonly PoolBackend[], after: readonly PoolBackend[]): number {
  const known = new Set(before.map(({ name }) => name));
  const kept = new Set(after.map(({ name }) => name).filter((name) => known.has(name)));
  const isKept = (name: string | undefined): boolean => name !== undefined && kept.has(name);
  const [old, now] = [named(before), named(after)];
  const moved = old.filter((name, row) => isKept(name) && isKept(now[row]) && name !== now[row]);
  return moved.length / MAGLEV_ROWS;
}

for (const count of [1, 2, 3, 10, 100, BACKENDS_PER_POOL_MAX]) {
  test(`${count} backends of equal weight have the same number of rows, but for one`, (t) => {
    const rows = rowsOfEach(maglevTable(pool(count), SEED), count);
    t.true(Math.max(...rows) - Math.min(...rows) <= 1);
    t.is(
      rows.reduce((sum, each) => sum + each, 0),
      MAGLEV_ROWS,
    );
  });
}

// Turns are taken in whole rows, so each backend may be owed part of one; who has the most weight gets what is left.
test('rows are shared by weight, to as many rows as there are backends', (t) => {
  const weight = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(fc.array(weight, { minLength: 1, maxLength: 30 }), (weights) => {
      const backends = pool(weights.length).map(({ name }, index) => ({
        name,
        weight: weights[index] ?? 0,
      }));
      const total = weights.reduce((sum, each) => sum + each, 0);
      const table = maglevTable(backends, SEED);
      if (total === 0) return table.every((position) => position === NO_BACKEND);
      const rows = rowsOfEach(table, weights.length);
      return weights.every(
        (each, index) =>
          Math.abs((rows[index] ?? 0) - (MAGLEV_ROWS * each) / total) <= weights.length + 1,
      );
    }),
    { numRuns: 50 },
  );
  t.pass();
});

test('the order in which backends are given does not matter', (t) => {
  const backends = pool(40);
  t.deepEqual(named(backends.toReversed()), named(backends));
});

for (const { count, lost, max } of [
  { count: 10, lost: 1, max: 0.005 },
  { count: 100, lost: 1, max: 0.01 },
  { count: 100, lost: 10, max: 0.02 },
  { count: 1000, lost: 1, max: 0.01 },
  { count: 1000, lost: 100, max: 0.05 },
]) {
  test(`when ${lost} of ${count} go, at most ${100 * max} % of the rows of the others move`, (t) => {
    const backends = pool(count);
    const moved = movedWithoutNeed(backends, backends.slice(lost));
    t.true(moved <= max, `${100 * moved} %`);
  });
}

test('a backend that comes takes rows from all others alike', (t) => {
  const backends = pool(11);
  const before = maglevTable(backends.slice(0, 10), SEED);
  const after = maglevTable(backends, SEED);
  const taken = new Array<number>(10).fill(0);
  after.forEach((position, row) => {
    const old = before[row] ?? 0;
    if (position === 10) taken[old] = (taken[old] ?? 0) + 1;
  });
  const fair = MAGLEV_ROWS / 11 / 10;
  t.true(taken.every((rows) => Math.abs(rows - fair) < fair * 0.2));
  t.true(movedWithoutNeed(backends.slice(0, 10), backends) < 0.005);
});

test('another seed gives another table', (t) => {
  const backends = pool(10);
  const [one, other] = [maglevTable(backends, 1), maglevTable(backends, 2)];
  const same = one.filter((position, row) => position === other[row]).length;
  t.true(same < MAGLEV_ROWS * 0.2);
});
