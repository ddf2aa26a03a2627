/** docs/rfc-coverage.md lists every RFC that the source cites. */
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
