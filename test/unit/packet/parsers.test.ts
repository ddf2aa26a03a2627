/** No parser of bytes from outside fails or reads past their end: on the corpus of frames, every truncation of it, and by chance. */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { REPOSITORY } from '../../../tools/source-files.ts';
import { readCorpus } from '../../fixtures/corpus.ts';
import { SAMPLES } from './frames.ts';
import { PARSERS } from './parsers.ts';

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 300);
const FOLDERS: readonly string[] = ['packet/', 'dataplane/platform/'];
/** What a function is called that reads bytes nobody has looked at yet. */
const READS =
  /^export (?:function|class) (check|parse\w*|decode\w*|dump\w*|find|collect|areWellFormed|records|questionEnd|MessageStream)\b/m;

/** Frames, and what is in them where most of them have a header. */
const INPUTS: readonly Uint8Array[] = [
  ...readCorpus('tap').map(({ bytes }) => bytes),
  ...readCorpus('uplink').map(({ bytes }) => bytes.slice(8)),
  ...Object.values(SAMPLES),
].flatMap((frame) => [0, 14, 34, 42, 54].map((at) => frame.slice(at)));

function read(name: string, bytes: Uint8Array): void {
  // A buffer of its own: what is read past the end throws.
  const own = bytes.slice();
  PARSERS[name]?.(new DataView(own.buffer), own.length, own);
}

test('every module that reads bytes from outside is fuzzed here', (t) => {
  const readers = FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, REPOSITORY))
      .filter((file) => READS.test(readFileSync(new URL(`${folder}${file}`, REPOSITORY), 'utf8')))
      .map((file) => `${folder}${file.replace(/\.ts$/, '')}`),
  );
  t.deepEqual(readers.sort(), Object.keys(PARSERS).sort());
});

for (const name of Object.keys(PARSERS)) {
  test(`${name}: corpus and every truncation of it`, (t) => {
    t.notThrows(() => {
      for (const bytes of INPUTS) {
        for (let end = 0; end <= bytes.length; end += 1) read(name, bytes.slice(0, end));
      }
    });
  });

  test(`${name}: any bytes, and any change of the corpus`, (t) => {
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .tuple(fc.constantFrom(...INPUTS), fc.nat(80), fc.nat(255))
        .map(([bytes, at, value]) => (at < bytes.length ? bytes.with(at, value) : bytes)),
    );
    t.notThrows(() =>
      fc.assert(
        fc.property(input, (bytes) => read(name, bytes)),
        { numRuns: RUNS },
      ),
    );
  });
}
