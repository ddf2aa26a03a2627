/** docs/errors.md explains every code the program knows, and none that it does not. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { NORTHBOUND_REMEDIES } from '../../../cli/remedies.ts';
import { Drop } from '../../../packet/drop.ts';
import { REPOSITORY, sourceFiles } from '../../../tools/source-files.ts';

const read = (path: string): string => readFileSync(new URL(path, REPOSITORY), 'utf8');
const document = read('docs/errors.md');

/** First cells, without their backticks, of the table under `heading`. */
function rowsUnder(heading: string): string[][] {
  const section = document.split(/^## /m).find((text) => text.startsWith(heading)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .slice(1)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const NONE = { missing: [], stale: [] };

function difference(a: Iterable<string>, b: Iterable<string>): string[] {
  const others = new Set(b);
  return [...a].filter((entry) => !others.has(entry)).sort();
}

test('every SDN_ code in the source is documented, and every documented one is in the source', (t) => {
  const inSource = new Set(
    sourceFiles({ tests: false }).flatMap((path) => [
      ...new Set(read(path).match(/(?<=['"`])SDN_[A-Z_]+(?=['"`])/g)),
    ]),
  );
  const documented = rowsUnder('Faults').map(([code = '']) => code.replaceAll('`', ''));
  t.deepEqual(
    { missing: difference(inSource, documented), stale: difference(documented, inSource) },
    NONE,
  );
  t.is(new Set(documented).size, documented.length, 'none twice');
});

test('every drop is documented with its number', (t) => {
  const documented = rowsUnder('Drops').map(([number, name = '']) => [
    name.replaceAll('`', ''),
    Number(number),
  ]);
  const inSource = Object.entries(Drop).filter(([name]) => name !== 'None');
  t.deepEqual(documented, inSource);
});

test('every code of a configurationState is documented', (t) => {
  const inSource = new Set(
    sourceFiles({ tests: false })
      .filter((path) => path.startsWith('controller/southbound/'))
      .flatMap((path) => [
        ...(read(path).match(/(?<=\b(?:code: |say\(\w+, )')[A-Z]\w+(?=')/g) ?? []),
      ])
      .filter((code) => !code.startsWith('SDN_')),
  );
  const documented = rowsUnder('States').map(([code = '']) => code.replaceAll('`', ''));
  t.deepEqual(
    { missing: difference(inSource, documented), stale: difference(documented, inSource) },
    NONE,
  );
});

test('every row has a meaning and something to do', (t) => {
  for (const heading of ['Faults', 'Northbound errors', 'States', 'Drops'])
    for (const cells of rowsUnder(heading)) t.false(cells.includes(''), cells.join(' | '));
});

test('the advice for northbound codes is the one the command line gives', (t) => {
  const documented = rowsUnder('Northbound errors').map(([code = '', advice = '']) => [
    code.replaceAll('`', ''),
    advice,
  ]);
  t.deepEqual(documented, Object.entries(NORTHBOUND_REMEDIES));
});
