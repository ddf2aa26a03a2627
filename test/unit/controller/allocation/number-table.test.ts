/** Owners and free numbers agree, whatever was claimed before or after a range was first asked for. */
import test from 'ava';
import fc from 'fast-check';
import {
  NumberTable,
  sizeOfRange,
  startOfRange,
} from '../../../../controller/allocation/number-table.ts';

const RANGE = { first: 100, last: 163 };

test('what is free is what nobody owns, in every range asked for', (t) => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 90, max: 170 })), {
    maxLength: 120,
  });
  fc.assert(
    fc.property(steps, fc.boolean(), (script, askFirst) => {
      const table = new NumberTable();
      if (askFirst) table.lowestFree(RANGE);
      const owned = new Set<number>();
      for (const [claim, number] of script) {
        if (claim && !owned.has(number)) {
          table.claim(number, `owner of ${number}`);
          owned.add(number);
        } else if (!claim && owned.delete(number)) {
          table.release(number, `owner of ${number}`);
        }
      }
      const free = Array.from({ length: 64 }, (_, i) => 100 + i).filter((n) => !owned.has(n));
      t.is(table.lowestFree(RANGE), free[0]);
      t.is(table.lowestFree(RANGE, { skip: (n) => n === free[0] }), free[1]);
      t.is(table.countIn(RANGE), 64 - free.length);
      t.is(table.size, owned.size);
    }),
  );
  t.pass();
});

test('a number has one owner, and only its owner gives it back', (t) => {
  const table = new NumberTable();
  table.claim(7, 'a');
  t.throws(() => table.claim(7, 'b'));
  t.throws(() => table.release(7, 'b'));
  table.release(7, 'a');
  t.is(table.ownerOf(7), undefined);
});

test('addresses of 128 bits are found, counted and owned as exactly as small numbers', (t) => {
  const table = new NumberTable();
  const first = 0xfd00_0001_0000_0001_0000_0000_0000_0004n;
  const range = { first, last: first + (1n << 64n) };
  table.claim(first, 'a');
  table.claim(first + (1n << 63n), 'far');
  table.claim(first + (1n << 63n) + 1n, 'beside');
  t.is(table.lowestFree(range), first + 1n);
  t.is(table.lowestFree(range, { from: first + 9n }), first + 9n);
  t.is(table.ownerOf(first + (1n << 63n)), 'far');
  t.is(table.countIn(range), 3);
  t.is(table.anyOwnerIn({ first: first + 1n, last: first + (1n << 63n) }), 'far');
  table.release(first, 'a');
  t.is(table.lowestFree(range), first);
  t.deepEqual(startOfRange(range, 4), { first, last: first + 3n });
  t.is(sizeOfRange({ first: 5, last: 4 }), 0);
});

test('an empty range has nothing to give', (t) => {
  t.is(new NumberTable().lowestFree({ first: 9, last: 8 }), undefined);
});
