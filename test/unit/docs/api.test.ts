/** docs/api.md is what the registry says. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { apiDocument } from '../../../tools/generate-api-doc.ts';
import { REPOSITORY } from '../../../tools/source-files.ts';

test('docs/api.md is current (npm run generate)', (t) => {
  t.is(readFileSync(new URL('docs/api.md', REPOSITORY), 'utf8'), apiDocument());
});

test('the reference names every collection and what is not built', (t) => {
  const text = apiDocument();
  for (const name of ['virtualNetworks/subnets', 'logicalNetworks/subnets/ipPools', 'servers']) {
    t.true(text.includes(`### ${name}\n`), name);
  }
  t.regex(text, /`encryptionEnabled` \| boolean \| not built: refused/);
});
