/** The words a trace uses for a drop are those of docs/errors.md. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { DROP_WORDS } from '../../../../dataplane/explain/drop-words.ts';

test('each reason has the meaning and the remedy that docs/errors.md gives', (t) => {
  const rows = readFileSync('docs/errors.md', 'utf8').matchAll(
    /^\| \d+ \| `(\w+)` \| (.*) \| (.*) \|$/gm,
  );
  const documented = new Map(
    [...rows].map(([, name, meaning, remedy]) => [name, { meaning, remedy }]),
  );
  for (const [name, words] of Object.entries(DROP_WORDS)) {
    t.deepEqual(words, documented.get(name), `${name}: repeat it in drop-words.ts`);
  }
});
