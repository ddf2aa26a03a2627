/** controller/southbound/observed-writer.ts: latest value per key, one commit at a time, nothing lost when the store refuses. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { silentLogger } from '../../../../base/log.ts';
import { OBSERVED_RETRY_DELAY } from '../../../../controller/southbound/limits.ts';
import { ObservedWriter } from '../../../../controller/southbound/observed-writer.ts';
import { MemoryStore } from '../../../../controller/store/memory-store.ts';
import type { Commit } from '../../../../controller/store/store.ts';

class CountingStore extends MemoryStore {
  readonly commits: Commit[] = [];
  refuse = false;

  override async commit(commit: Commit): ReturnType<MemoryStore['commit']> {
    this.commits.push(commit);
    if (this.refuse) throw new Error('disk full');
    return super.commit(commit);
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('what comes up while a commit is under way is one commit, with the latest value per key', async (t) => {
  const clock = new ManualClock();
  const store = new CountingStore(clock);
  const writer = new ObservedWriter({ store, clock, log: silentLogger });
  for (let at = 0; at < 100; at++) writer.put('placement/a', { at });
  writer.put('placement/b', { at: 1 });
  await writer.close();
  t.is(store.commits.length, 2);
  t.deepEqual((await store.get('observed', 'placement/a'))?.value, { at: 99 });
  t.deepEqual((await store.get('observed', 'placement/b'))?.value, { at: 1 });
});

test('what the store refuses is tried again, unless something newer has come', async (t) => {
  const clock = new ManualClock();
  const store = new CountingStore(clock);
  const writer = new ObservedWriter({ store, clock, log: silentLogger });
  store.refuse = true;
  writer.put('placement/a', { at: 1 });
  writer.put('placement/b', { at: 1 });
  await settle();
  writer.put('placement/a', { at: 2 });
  await settle();
  const tried = store.commits.length;
  store.refuse = false;
  await settle();
  t.is(store.commits.length, tried, 'not before its time');
  clock.advance(OBSERVED_RETRY_DELAY);
  await writer.close();
  t.deepEqual((await store.get('observed', 'placement/a'))?.value, { at: 2 });
  t.deepEqual((await store.get('observed', 'placement/b'))?.value, { at: 1 });
});
