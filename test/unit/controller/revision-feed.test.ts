/** RevisionFeed: bounds of what is kept in memory, and where a watcher reads. */
import test from 'ava';
import { RevisionFeed } from '../../../controller/store/revision-feed.ts';
import type { RevisionEntry } from '../../../controller/store/store.ts';

const NEVER = new AbortController().signal;

function entry(revision: number): RevisionEntry {
  const cause = { client: '', requestId: '', summary: '' };
  return { revision, at: 0, cause, changes: [] };
}

/** Publishes 1 … count of `bytes` each; the revisions a watcher from 0 had to read from the log, of those it got. */
async function readFromLog(
  limits: { readonly revisionsMax: number; readonly bytesMax: number },
  published: { readonly count: number; readonly bytes: number },
): Promise<{ readonly got: number[]; readonly fromLog: number }> {
  const feed = new RevisionFeed(0, limits);
  for (let revision = 1; revision <= published.count; revision++) {
    feed.publish([{ entry: entry(revision), bytes: published.bytes }]);
  }
  let fromLog = 0;
  const got: number[] = [];
  const watch = feed.watch(0, NEVER, async function* (from, limit) {
    for (let revision = from; revision < from + limit && revision <= feed.latest; revision++) {
      fromLog += 1;
      yield entry(revision);
    }
  });
  for await (const { revision } of watch) {
    got.push(revision);
    if (revision === published.count) break;
  }
  return { got, fromLog };
}

test('recent revisions come from memory', async (t) => {
  const { got, fromLog } = await readFromLog(
    { revisionsMax: 10, bytesMax: 1000 },
    { count: 10, bytes: 1 },
  );
  t.is(fromLog, 0);
  t.deepEqual(got, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('beyond the count, and beyond the bytes, they come from the log', async (t) => {
  const byCount = await readFromLog({ revisionsMax: 5, bytesMax: 9 }, { count: 200, bytes: 1 });
  t.is(byCount.fromLog, 200);
  t.is(byCount.got.length, 200);
  const byBytes = await readFromLog({ revisionsMax: 500, bytesMax: 100 }, { count: 70, bytes: 10 });
  t.is(byBytes.fromLog, 64);
  t.deepEqual(byBytes.got.slice(60), [61, 62, 63, 64, 65, 66, 67, 68, 69, 70]);
});

test('one revision larger than everything allowed is not kept, and not lost', async (t) => {
  const { got, fromLog } = await readFromLog(
    { revisionsMax: 5, bytesMax: 10 },
    { count: 1, bytes: 11 },
  );
  t.is(fromLog, 1);
  t.deepEqual(got, [1]);
});

test('a log with a hole is reported, not skipped', async (t) => {
  const feed = new RevisionFeed(3);
  const watch = feed.watch(0, NEVER, async function* () {
    yield entry(2);
  });
  await t.throwsAsync(watch.next(), { code: 'SDN_STORE_CORRUPT', message: /revision 1/ });
});
