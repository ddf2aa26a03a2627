/** The runner of tests in namespaces: every file that does not end well is a failure, whatever it has printed. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../base/clock.ts';
import { type Millis, seconds } from '../../../base/units.ts';
import { countTap, slowestFiles } from '../../../tools/count-tap.ts';
import {
  type FileResult,
  LONGEST,
  longestFirst,
  runFile,
  subtest,
} from '../../../tools/run-tap-files.ts';

async function resultOf(
  t: ExecutionContext,
  program: string,
  timeout: Millis = seconds(30),
): Promise<FileResult> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-tap-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'a.test.mjs');
  await writeFile(file, program);
  return runFile(file, timeout, systemClock);
}

test('what a file prints becomes a subtest with its time', async (t) => {
  const result = await resultOf(
    t,
    "console.log('TAP version 14\\nok 1 - one\\nok 2 - two\\n1..2')",
  );
  t.is(result.failure, undefined);
  const text = subtest(1, 'dist/a.test.js', result);
  t.deepEqual([countTap(text).passed, countTap(text).failed], [2, 0]);
  t.is(slowestFiles(text)[0]?.file, 'a.test.js');
  t.notRegex(text, /version/);
});

test('a file that ends badly has failed, although its tests have passed', async (t) => {
  const result = await resultOf(t, "console.log('ok 1 - one\\n1..1'); process.exitCode = 3");
  t.is(result.failure, 'ended with 3');
  t.is(countTap(subtest(1, 'dist/a.test.js', result)).failed, 1);
});

test('a file that ends before its plan has failed', async (t) => {
  const result = await resultOf(t, "console.log('ok 1 - one'); process.exit(0)");
  t.regex(result.failure ?? '', /no plan/);
});

test('a file that does not end is ended', async (t) => {
  const result = await resultOf(t, 'setInterval(() => {}, 1000)', seconds(0.2));
  t.is(result.failure, 'not ended within 0.2 s');
});

test('the processes of a test are as those of a user: nothing is loaded into them', async (t) => {
  const program = [
    "import { execFileSync } from 'node:child_process';",
    `import '${import.meta.resolve('tap')}';`,
    "const asked = ['-p', 'String(process.env.NODE_OPTIONS)'];",
    "console.log('# ' + execFileSync(process.execPath, asked));",
  ].join('\n');
  const result = await resultOf(t, program);
  t.regex(result.output, /^# ./m);
  t.notRegex(result.output, /--import|--loader/);
});

test('the longest files are begun first, and exist', (t) => {
  t.deepEqual(longestFirst(['dist/a.test.js', 'dist/expose.test.js', 'dist/up-down.test.js']), [
    'dist/up-down.test.js',
    'dist/expose.test.js',
    'dist/a.test.js',
  ]);
  for (const name of LONGEST) t.true(existsSync(`test/integration/${name}.test.ts`), name);
});
