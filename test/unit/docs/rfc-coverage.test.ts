/** docs/rfc-coverage.md lists every RFC that the source cites, and names tests that exist and say which RFC they show. */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { REPOSITORY, sourceFiles } from '../../../tools/source-files.ts';

const read = (path: string): string => readFileSync(new URL(path, REPOSITORY), 'utf8');

test('every RFC cited in the source is in docs/rfc-coverage.md', (t) => {
  const native = readdirSync(new URL('native/', REPOSITORY))
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => `native/${name}`);
  const cited = new Set(
    [...sourceFiles({ tests: false }), ...native].flatMap(
      (path) => read(path).match(/RFC [0-9]{3,5}/g) ?? [],
    ),
  );
  const listed = new Set(
    [...read('docs/rfc-coverage.md').matchAll(/^\| (RFC [0-9]+) \|/gm)].map(([, name]) => name),
  );
  const missing = [...cited].filter((name) => !listed.has(name));
  t.deepEqual(missing, []);
});

test('a test that docs/rfc-coverage.md names exists and says that it is about that RFC', (t) => {
  const [, bgp = ''] = read('docs/rfc-coverage.md').split('## BGP (library)');
  const rows = [...bgp.matchAll(/^\| (RFC [0-9]+) \|.*\| ([^|]+) \|$/gm)];
  t.true(rows.length > 30, 'the table is read');
  for (const [, rfc = '', tests = ''] of rows) {
    for (const name of tests.split(', ')) {
      t.true(read(`test/${name}.test.ts`).includes(rfc), `${name} names ${rfc}`);
    }
  }
});
