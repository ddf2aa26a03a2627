/** docs/operations.md says what each metric of a host means. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { REPOSITORY } from '../../../tools/source-files.ts';

const read = (path: string): string => readFileSync(new URL(path, REPOSITORY), 'utf8');

test('every metric that a host serves is documented, and every documented one is served', (t) => {
  const source = read('dataplane/host-agent/host-metrics.ts');
  const served = [...source.matchAll(/'(weft_[a-z_]+)'/g)].map(([, name]) => name);
  const section = read('docs/operations.md').split('## Metrics')[1]?.split('\n## ')[0] ?? '';
  const documented = section
    .split('\n')
    .filter((line) => line.startsWith('| `weft_'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(weft_[a-z_]+)`/g)])
    .map(([, name]) => name);
  t.deepEqual([...documented].sort(), [...served].sort());
});
