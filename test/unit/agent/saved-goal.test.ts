/** agent/saved-goal.ts: a damaged file is nothing held, never a crash and never half a goal state. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { commit, emptyGoal, type HeldGoal, planSnapshot } from '../../../agent/reconciler.ts';
import { decodeGoal, encodeGoal, loadGoal, saveGoal } from '../../../agent/saved-goal.ts';
import { silentLogger } from '../../../base/log.ts';
import { unversionedResourceCodec } from '../../../schema/southbound/codec.ts';
import { withVersion } from '../../../schema/southbound/goal-hash.ts';

function someGoal(): HeldGoal {
  const resources = ['vnet/a', 'vnet/b'].map((key) =>
    withVersion(unversionedResourceCodec.encode({ key }), 4),
  );
  const held = emptyGoal();
  commit(held, planSnapshot(held, { nonce: 1, revision: 4, resources }));
  return held;
}

test('what was saved is loaded, and nothing temporary stays', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-goal-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'deep', 'goal-state.bin');
  await saveGoal(path, someGoal());
  await saveGoal(path, someGoal());
  t.deepEqual(await loadGoal(path, silentLogger), someGoal());
  t.deepEqual(await readdir(join(folder, 'deep')), ['goal-state.bin']);
});

test('no file, an empty file and a directory in its place are nothing held', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-goal-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const empty = join(folder, 'empty');
  await writeFile(empty, '');
  for (const path of [join(folder, 'none'), empty, folder]) {
    t.deepEqual(await loadGoal(path, silentLogger), emptyGoal());
  }
  t.is((await readFile(empty)).length, 0);
});

test('every truncation and every changed byte of a saved goal state is refused with a reason', (t) => {
  const file = encodeGoal(someGoal());
  t.deepEqual(decodeGoal(file), someGoal());
  for (let len = 0; len < file.length; len++)
    t.is(typeof decodeGoal(file.subarray(0, len)), 'string');
  for (let at = 0; at < file.length; at++) {
    const changed = Uint8Array.from(file);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    t.is(typeof decodeGoal(changed), 'string', `byte ${at}`);
  }
});
