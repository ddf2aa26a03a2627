/**
 * Generates the table of drops in docs/errors.md from the words that traces and probes use (dataplane/explain/drop-words.ts), so that a
 * reason is explained in one place. The rest of the page is written by hand.
 *
 * Run by `npm run generate`; a unit test regenerates and compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dropWords } from '../dataplane/explain/drop-words.ts';
import { Drop } from '../packet/drop.ts';
import { REPOSITORY } from './source-files.ts';

/** Under `## Drops`: its head, and every row that follows. */
const TABLE = /(?<=\n## Drops\n[^#]*\n\| number \|[^\n]*\n\| ---[^\n]*\n)(?:\|[^\n]*\n)*/;

/** The page with its table of drops as it should be; throws where the page has no place for it. */
export function withDropList(page: string): string {
  if (!TABLE.test(page)) throw new Error('docs/errors.md has no table under "## Drops"');
  return page.replace(TABLE, () => dropRows());
}

function dropRows(): string {
  return Object.entries(Drop)
    .filter(([, code]) => code !== Drop.None)
    .map(([name, code]) => {
      const { meaning, remedy } = dropWords(code);
      return `| ${code} | \`${name}\` | ${meaning} | ${remedy} |\n`;
    })
    .join('');
}

const [, script] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  const path = new URL('docs/errors.md', REPOSITORY);
  writeFileSync(path, withDropList(readFileSync(path, 'utf8')));
}
