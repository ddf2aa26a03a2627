/** FreeBitmap against a plain array, and its speed where a search by hand would be slow. */
import test from 'ava';
import fc from 'fast-check';
import { BITMAP_NUMBERS_MAX, FreeBitmap } from '../../../../controller/allocation/free-bitmap.ts';

test('any sequence of take and free finds what a linear search finds', (t) => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), steps, fc.nat(), (count, script, probe) => {
      const bitmap = new FreeBitmap(count);
      const model = new Set<number>();
      for (const [take, at] of script) {
        const index = at % count;
        if (take) bitmap.take(index);
        else bitmap.free(index);
        if (take) model.add(index);
        else model.delete(index);
      }
      const from = probe % count;
      let expected: number | undefined = from;
      while (expected < count && model.has(expected)) expected++;
      t.is(bitmap.lowestFree(from), expected < count ? expected : undefined);
      t.is(bitmap.isTaken(from), model.has(from));
    }),
  );
  t.pass();
});

for (const count of [1, 31, 32, 33, 1024, 1025, 32 * 32 * 32 + 1]) {
  test(`a bitmap of ${count} gives each number once and is then full`, (t) => {
    const bitmap = new FreeBitmap(count);
    for (let expected = 0; expected < count; expected++) {
      const found = bitmap.lowestFree();
      if (found !== expected) t.fail(`${found} instead of ${expected}`);
      bitmap.take(expected);
    }
    t.is(bitmap.lowestFree(), undefined);
    bitmap.free(count - 1);
    t.is(bitmap.lowestFree(), count - 1);
  });
}

test('the last free number of 16 million is found by looking at a handful of words', (t) => {
  const bitmap = new FreeBitmap(BITMAP_NUMBERS_MAX);
  for (let index = 0; index < BITMAP_NUMBERS_MAX - 1; index++) bitmap.take(index);
  t.is(bitmap.lowestFree(), BITMAP_NUMBERS_MAX - 1);
  t.is(bitmap.lowestFree(BITMAP_NUMBERS_MAX), undefined);
});

test('a bitmap of nothing, or of more than 24 bits, is a bug', (t) => {
  t.throws(() => new FreeBitmap(0));
  t.throws(() => new FreeBitmap(BITMAP_NUMBERS_MAX + 1));
});
