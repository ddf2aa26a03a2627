/** controller/southbound/revision-progress.ts: when a revision is programmed everywhere, and how long it took. */
import test from 'ava';
import { RevisionProgress } from '../../../../controller/southbound/revision-progress.ts';

test('a revision is complete when the last target it concerned has answered, and not before', (t) => {
  const progress = new RevisionProgress();
  progress.compiled(1, ['host/a', 'host/b'], 100);
  t.deepEqual(progress.answered('host/a', 1, 110), []);
  t.deepEqual([...(progress.of(1)?.waitingFor ?? [])], ['host/b']);
  t.deepEqual(progress.answered('host/b', 1, 130), [30]);
  t.is(progress.of(1)?.elapsedMs, 30);
});

test('an answer covers every earlier revision of the target, and no later one', (t) => {
  const progress = new RevisionProgress();
  for (const revision of [1, 2, 3]) progress.compiled(revision, ['host/a'], revision * 10);
  t.is(progress.firstUnanswered('host/a'), 1);
  t.deepEqual(progress.answered('host/a', 2, 50), [40, 30]);
  t.is(progress.firstUnanswered('host/a'), 3);
  t.is(progress.of(3)?.elapsedMs, undefined);
});

test('a revision that concerns nobody is complete at once', (t) => {
  const progress = new RevisionProgress();
  progress.compiled(1, [], 0);
  t.is(progress.of(1)?.elapsedMs, 0);
});

test('the oldest revisions are forgotten, also for a target that never answers', (t) => {
  const progress = new RevisionProgress(3);
  for (let revision = 1; revision <= 10; revision++) progress.compiled(revision, ['host/away'], 0);
  t.is(progress.of(7), undefined);
  t.truthy(progress.of(8));
  t.is(progress.firstUnanswered('host/away'), 8);
});

test('a target that needs nothing any more is waited for no longer', (t) => {
  const progress = new RevisionProgress();
  progress.compiled(1, ['host/a'], 0);
  progress.forgetTarget('host/a');
  t.is(progress.of(1)?.waitingFor.size, 0);
  t.is(progress.firstUnanswered('host/a'), undefined);
});
