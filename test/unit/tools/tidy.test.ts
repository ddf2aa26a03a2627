/** The project's taste (tools/tidy.ts): one test per rule over the whole tree, and the rules themselves on planted faults. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { formatViolation, RULES, readSourceTree, type SourceFile } from '../../../tools/tidy.ts';

const tree = readSourceTree(fileURLToPath(new URL('../../../../', import.meta.url)));

for (const rule of RULES) {
  test(rule.claim, (t) => {
    t.deepEqual(rule.check(tree).map(formatViolation), []);
  });
}

function violations(file: SourceFile): readonly string[] {
  return RULES.flatMap((rule) => rule.check([file])).map(({ message }) => message);
}

test('a planted clock, a planted timer and a planted die are found, in code only', (t) => {
  const header = '/** x */\n';
  const found = violations({
    path: 'slb/mux.ts',
    text: `${header}// Date.now()\nconst s = 'setTimeout()';\nDate.now(); Math.random(); setTimeout(f, 1);`,
  });
  t.is(found.length, 3);
});

test('the fast path may not throw, slice or make views', (t) => {
  const text =
    '/** RFC 791 */\nexport function f(b) { throw b; b.subarray(1); new DataView(b); b.readUInt16BE(0); }';
  for (const path of ['packet/ipv4.ts', 'dataplane/engine/x.ts'])
    t.is(violations({ path, text }).length, 4, path);
  t.deepEqual(violations({ path: 'dataplane/service/x.ts', text }), []);
});

test('a nameless file, a headless file and a machine path are found', (t) => {
  t.is(violations({ path: 'cli/utils.ts', text: '/** x */' }).length, 1);
  t.is(violations({ path: 'cli/x.ts', text: 'const a = 1;' }).length, 1);
  t.is(violations({ path: 'cli/x.ts', text: `/** see ${'/ro'}${'ot/x'} */` }).length, 1);
});
