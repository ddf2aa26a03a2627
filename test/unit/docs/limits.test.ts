/** docs/limits.md says what the limits.ts files say. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { limitsDocument, limitsOf, readLimitSources } from '../../../tools/generate-limits.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

test('docs/limits.md is current (npm run generate)', (t) => {
  const committed = readFileSync(new URL('docs/limits.md', REPOSITORY), 'utf8').split('\n');
  const generated = limitsDocument(readLimitSources()).split('\n');
  const firstDifference = generated.findIndex((line, index) => line !== committed[index]);
  t.is(committed[firstDifference], generated[firstDifference]);
  t.is(committed.length, generated.length);
});

test('values read as people write them, and a constant without a comment shares the one above', (t) => {
  const text = [
    '/** Waits. Over',
    ' *  two lines. */',
    'export const A_INTERVAL: Millis = seconds(10);',
    'export const B_TIMEOUT: Millis = millis(1_500);',
    '/** Bytes. */',
    'export const C_BYTES_MAX: number = 64 * 1024 * 1024;',
    'const HIDDEN = 4;',
    '/** A | b. */',
    'export const D_FRACTION: number = 1 / 3;',
    'export const E_MAX = 65_536;',
  ].join('\n');
  t.deepEqual(limitsOf(text), [
    { name: 'A_INTERVAL', value: '10 s', meaning: 'Waits. Over two lines.' },
    { name: 'B_TIMEOUT', value: '1,500 ms', meaning: 'Waits. Over two lines.' },
    { name: 'C_BYTES_MAX', value: '64 MiB', meaning: 'Bytes.' },
    { name: 'D_FRACTION', value: '`1 / 3`', meaning: 'A \\| b.' },
    { name: 'E_MAX', value: '65,536', meaning: 'A \\| b.' },
  ]);
});
