/** The table of drops in docs/errors.md has the words that the program uses. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { DROP_WORDS } from '../../../dataplane/explain/drop-words.ts';
import { withDropList } from '../../../tools/generate-drop-list.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

const page = readFileSync(new URL('docs/errors.md', REPOSITORY), 'utf8');

test('the drops in docs/errors.md are current (npm run generate)', (t) => {
  const committed = page.split('\n');
  const generated = withDropList(page).split('\n');
  const firstDifference = generated.findIndex((line, index) => line !== committed[index]);
  t.is(committed[firstDifference], generated[firstDifference]);
  t.is(committed.length, generated.length);
});

test('a row that is missing, wrong or too much is put right, and nothing else is touched', (t) => {
  const spoilt = page
    .replace(/\| 49 \| `NoRoute`[^\n]*\n/, '')
    .replace(/(\| 50 \| `NoMapping` \|)[^\n]*/, '$1 lost | wait |\n| 127 | `Gone` | x | y |');
  t.not(spoilt, page);
  t.is(withDropList(spoilt), page);
  t.throws(() => withDropList('# Errors\n'), { message: /no table/ });
});

test('the words fit one cell of a table', (t) => {
  for (const words of Object.values(DROP_WORDS)) {
    for (const text of Object.values(words)) t.notRegex(text, /[|\n]/);
  }
});
