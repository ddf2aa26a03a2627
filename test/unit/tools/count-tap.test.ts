/** Counting of TAP results, by which `npm test` says how many tests passed. */
import test from 'ava';
import { countTap, slowestFiles } from '../../../tools/count-tap.ts';

test('flat output: every result is a test', (t) => {
  const { passed, failed } = countTap('TAP version 13\nok 1 - a\nnot ok 2 - b\nok 3 - c\n1..3\n');
  t.deepEqual([passed, failed], [2, 1]);
});

test('nested output: the tests of each file count, not the file, not the assertions', (t) => {
  const { passed, failed } = countTap(
    [
      '    # Subtest: one',
      '        ok 1 - x',
      '        ok 2 - y',
      '    ok 1 - one',
      '    ok 2 - two',
      'ok 1 - a.test.js',
      'ok 2 - empty.test.js',
    ].join('\n'),
  );
  t.deepEqual([passed, failed], [3, 0]);
});

test('a failed assertion is told with its test, which counts once', (t) => {
  const { passed, failed, failures } = countTap(
    [
      '        not ok 1 - b eq',
      '          ---',
      '          diff: 2',
      '          ...',
      '    not ok 1 - two',
      'not ok 1 - a.test.js',
    ].join('\n'),
  );
  t.deepEqual([passed, failed], [0, 1]);
  t.regex(failures.join(), /b eq.*diff: 2.*two/s);
});

test('a file that failed although all its tests passed counts as a failure', (t) => {
  const { passed, failed } = countTap(
    ['    ok 1 - one', 'not ok 1 - a.test.js # timeout'].join('\n'),
  );
  t.deepEqual([passed, failed], [1, 1]);
});

test('skipped and to-do tests are neither', (t) => {
  const { passed, failed } = countTap('ok 1 - a # SKIP no root\nnot ok 2 - b # TODO\n');
  t.deepEqual([passed, failed], [0, 0]);
});

test('the files that took longest come first', (t) => {
  const files = slowestFiles(
    ['    ok 1 - inner # time=90000ms', 'ok 1 - dist/a.test.js # time=1500.5ms'].join('\n') +
      '\nnot ok 2 - dist/b.test.js # time=2000ms\n',
  );
  t.deepEqual(files, [
    { file: 'b.test.js', seconds: 2 },
    { file: 'a.test.js', seconds: 1.5005 },
  ]);
});
