/** The feed: starts at the latest revision, follows, and lets a writer read its own write. */
import test from 'ava';
import { ManualClock } from '../../../base/clock.ts';
import { followDesired } from '../../../controller/model/desired-state-feed.ts';
import { MemoryStore } from '../../../controller/store/memory-store.ts';
import type { RevisionEntry, Store } from '../../../controller/store/store.ts';

function put(store: Store, name: string): Promise<RevisionEntry | undefined> {
  const resourceRef = `/macPools/${name}`;
  const value = { resourceId: name, resourceRef, instanceId: `id-${name}`, properties: {} };
  const cause = { client: '', requestId: '', summary: '' };
  const key = resourceRef.slice(1).toLowerCase();
  return store.commit({ mutations: [{ section: 'desired', key, value }], cause });
}

test('a writer that awaits its revision reads its own write', async (t) => {
  const store = new MemoryStore(new ManualClock());
  await put(store, 'a');
  const feed = await followDesired(store, new AbortController().signal);
  t.is(feed.state.byRef('/macPools/a')?.resourceId, 'a');
  t.is(feed.state.revision, 1);
  for (const name of ['b', 'c', 'd']) {
    const entry = await put(store, name);
    await feed.reached(entry?.revision ?? 0);
    t.is(feed.state.byRef(`/macPools/${name}`)?.resourceId, name);
  }
  feed.state.checkInvariants();
  await store.close();
});

test('whoever waits for a revision that cannot come any more is told', async (t) => {
  const store = new MemoryStore(new ManualClock());
  const feed = await followDesired(store, new AbortController().signal);
  const waiting = feed.reached(1);
  await store.close();
  await t.throwsAsync(waiting, { message: /no longer followed/ });
  await t.throwsAsync(feed.reached(1));
  await feed.ended;
});

test('a listener that fails ends the feed with its error', async (t) => {
  const store = new MemoryStore(new ManualClock());
  const feed = await followDesired(store, new AbortController().signal);
  feed.state.subscribe(() => {
    throw new Error('listener');
  });
  await put(store, 'a');
  await t.throwsAsync(feed.ended, { message: 'listener' });
  await store.close();
});
