/** Every `weft` command line in the documents exists: its command, its subcommand, each of its options. */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import type { Command } from 'commander';
import { buildProgram } from '../../../cli/program.ts';
import { processShell } from '../../../cli/shell.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

const { program } = buildProgram(processShell());
const documents = [
  'README.md',
  ...readdirSync(new URL('docs/', REPOSITORY), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
];

/** Command lines in fenced blocks and in code spans, from `weft` up to what ends a command in a shell. */
function commandLines(text: string): string[] {
  const fenced = [...text.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line);
  const spans = [...text.matchAll(/`(weft [^`\n]+)`/g)].map(([, line = '']) => line);
  return [...fenced, ...spans].flatMap((line) =>
    [...line.matchAll(/(?:^|[\s;(])weft ([^;|)"`]*)/g)].map(([, rest = '']) => rest.trim()),
  );
}

/** What is wrong with a command line; undefined when nothing is. */
function complaint(line: string): string | undefined {
  const [own = ''] = line.split(/ -- | --$/);
  const words = own.split(/\s+/).filter((word) => word !== '' && word !== '…');
  let command: Command = program;
  for (const word of words) {
    if (command.commands.length === 0 || word.startsWith('-')) break;
    // `weft up/down/status` and placeholders such as COMMAND name no single command.
    if (/^[A-Z]|\//.test(word)) return undefined;
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) return `there is no '${word}'`;
    command = next;
  }
  const known = new Set(
    [...program.options, ...command.options].flatMap(({ long, short }) => [long, short]),
  );
  return words
    .filter((word) => /^--?[a-z]/.test(word) && !known.has(word) && word !== '--help')
    .map((word) => `no option ${word}`)[0];
}

for (const path of documents) {
  test(`${path}: every weft command exists`, (t) => {
    const lines = commandLines(readFileSync(new URL(path, REPOSITORY), 'utf8'));
    const wrong = lines.flatMap((line) => {
      const found = complaint(line);
      return found === undefined ? [] : [`weft ${line}: ${found}`];
    });
    t.deepEqual(wrong, []);
  });
}

test('the check itself sees commands and options that are not there', (t) => {
  t.deepEqual(commandLines('a `weft nope` and\n$ x=$(weft vm list --bogus | wc)\n'), [
    'vm list --bogus',
    'nope',
  ]);
  t.regex(complaint('nope') ?? '', /nope/);
  t.regex(complaint('vm nope') ?? '', /nope/);
  t.regex(complaint('vm list --bogus') ?? '', /bogus/);
  t.is(complaint('vm exec a -- ping --bogus'), undefined);
});
