/** Structural JSON diff: what it names, and that it finds everything. */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { diffJson, formatPointer } from '../../../controller/revisions/json-diff.ts';
import type { JsonValue } from '../../../controller/store/store.ts';

function lines(before: JsonValue, after: JsonValue): string[] {
  return diffJson(before, after).map((difference) => {
    const before = 'before' in difference ? JSON.stringify(difference.before) : '';
    const after = 'after' in difference ? JSON.stringify(difference.after) : '';
    return `${formatPointer(difference.path)} ${difference.kind} ${before}→${after}`;
  });
}

test('members added, removed and changed are named by their path', (t) => {
  t.deepEqual(lines({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 5, e: [] }, d: 3 }), [
    '/a/b changed 1→5',
    '/a/c removed 2→',
    '/a/e added →[]',
  ]);
});

test('children are matched by resourceId: a removed subnet leaves its neighbours unchanged', (t) => {
  const subnet = (resourceId: string, addressPrefix: string) => ({ resourceId, addressPrefix });
  t.deepEqual(
    lines(
      {
        subnets: [
          subnet('a', '10.0.0.0/24'),
          subnet('b', '10.0.1.0/24'),
          subnet('c', '10.0.2.0/24'),
        ],
      },
      {
        subnets: [
          subnet('c', '10.0.9.0/24'),
          subnet('b', '10.0.1.0/24'),
          subnet('d', '10.0.3.0/24'),
        ],
      },
    ),
    [
      '/subnets/a removed {"resourceId":"a","addressPrefix":"10.0.0.0/24"}→',
      '/subnets/c/addressPrefix changed "10.0.2.0/24"→"10.0.9.0/24"',
      '/subnets/d added →{"resourceId":"d","addressPrefix":"10.0.3.0/24"}',
    ],
  );
});

test('other arrays are compared by position, an empty one with any', (t) => {
  t.deepEqual(lines([1, 2], [1, 3, 4]), ['/1 changed 2→3', '/2 added →4']);
  t.deepEqual(lines([], ['x']), ['/0 added →"x"']);
});

test('a value that changes its kind is one change', (t) => {
  t.deepEqual(lines({ a: { b: 1 } }, { a: [1] }), ['/a changed {"b":1}→[1]']);
  t.deepEqual(lines({ a: null }, { a: {} }), ['/a changed null→{}']);
});

test('RFC 6901 §3: ~ and / in a name are escaped', (t) => {
  t.is(formatPointer(['a/b', 'c~d', '']), '/a~1b/c~0d/');
});

test('there are differences exactly when the values differ', (t) => {
  const json = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(json, json, (before, after) => {
      const [a, b]: JsonValue[] = JSON.parse(JSON.stringify([before, after]));
      if (a === undefined || b === undefined) return false;
      return (diffJson(a, b).length === 0) === isDeepStrictEqual(a, b) && lines(a, a).length === 0;
    }),
  );
  t.pass();
});
