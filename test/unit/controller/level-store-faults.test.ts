/** LevelStore when the disk fails: the commits of the batch are refused, and so is every later one until a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ManualClock } from '../../../base/clock.ts';
import { openDatabase, SCHEMA } from '../../../controller/store/level-database.ts';
import { LevelStore } from '../../../controller/store/level-store.ts';

test('a batch the disk refuses fails its commits, and the store takes no more', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const database = await openDatabase(join(folder, 'db'), SCHEMA);
  const settings = { clock: new ManualClock(), latest: 0, oldest: 0, revisionsKeptMax: 10 };
  const store = new LevelStore(database, settings);
  const commit = (key: string): Promise<unknown> =>
    store.commit({
      mutations: [{ section: 'desired', key, value: {} }],
      cause: { client: '', requestId: '', summary: '' },
    });
  await commit('a');
  database.batch = (): never => {
    throw new Error('no space left on device');
  };
  const failed = { code: 'SDN_STORE_FAILED' };
  const outcomes = [commit('b'), commit('c')];
  for (const outcome of outcomes) await t.throwsAsync(outcome, failed);
  await t.throwsAsync(commit('d'), failed);
  t.is(store.revision, 1);
  t.deepEqual((await store.get('desired', 'a'))?.value, {});
  await store.close();
});
