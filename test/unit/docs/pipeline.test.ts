/** docs/pipeline.md says what the switch runs. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { PORT_LAYERS } from '../../../dataplane/layers/order.ts';
import { pipelineDocument } from '../../../tools/generate-pipeline-doc.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

test('docs/pipeline.md is current (npm run generate)', (t) => {
  const committed = readFileSync(new URL('docs/pipeline.md', REPOSITORY), 'utf8');
  t.is(committed, pipelineDocument());
});

test('the pipeline is the one the design names, in its order', (t) => {
  t.deepEqual(
    PORT_LAYERS.map(({ name }) => name),
    ['anti-spoof', 'mirror', 'services', 'metering', 'acl', 'nat', 'route', 'vnet'],
  );
});
