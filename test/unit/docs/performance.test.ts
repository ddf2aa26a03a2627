/** docs/performance.md shows the committed benchmark results. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { readResult, withResults } from '../../../bench/performance-page.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

test('docs/performance.md is current (npm run generate)', (t) => {
  const page = readFileSync(new URL('docs/performance.md', REPOSITORY), 'utf8');
  t.true(withResults(page, readResult) === page);
});

test('a block is replaced, and says so when there was no run', (t) => {
  const page = 'before\n<!-- bench/results/x.json -->\n\n```text\nold\n```\nafter\n';
  t.is(
    withResults(page, () => undefined),
    'before\n<!-- bench/results/x.json -->\n\n```text\nnot run yet\n```\nafter\n',
  );
});
