/** controller/southbound/announcement.ts: when a virtual address is announced, and when it is forgotten. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import {
  type AnnouncementFacts,
  type AnnouncementState,
  announcementDeadline,
  judge,
  readdressed,
  startAnnouncement,
} from '../../../../controller/southbound/announcement.ts';
import { TARGET_AWAY_WAIT } from '../../../../controller/southbound/limits.ts';

const START = millis(1_000);
const LATER = millis(START + TARGET_AWAY_WAIT);
const SETTLED: AnnouncementFacts = { wanted: true, waiting: false, away: false };
const ANNOUNCED: AnnouncementState = { kind: 'Announced' };

test('an address is announced when everybody it concerns has answered', (t) => {
  const state = startAnnouncement(START);
  const waiting = judge(state, { ...SETTLED, waiting: true }, LATER);
  t.deepEqual(waiting, { next: state, actions: [] }, 'however long that takes');
  const settled = judge(state, SETTLED, START);
  t.deepEqual(settled, { next: ANNOUNCED, actions: ['Announce'] });
  t.deepEqual(
    judge(settled.next, { ...SETTLED, waiting: true }, LATER).actions,
    [],
    'and stays so',
  );
});

test('a target that is away is waited for a while', (t) => {
  const state = startAnnouncement(START);
  const away = { ...SETTLED, away: true };
  t.deepEqual(judge(state, away, millis(LATER - 1)).actions, []);
  t.is(announcementDeadline(state), LATER);
  t.deepEqual(judge(state, away, LATER).actions, ['Announce']);
  t.is(announcementDeadline(ANNOUNCED), undefined);
});

test('what is gone is withdrawn, and forgotten when the muxes have done so', (t) => {
  const gone = { ...SETTLED, wanted: false };
  const withdrawing = judge(ANNOUNCED, { ...gone, waiting: true }, START);
  t.deepEqual(withdrawing.next, { kind: 'Withdrawing', since: START });
  t.deepEqual(withdrawing.actions, ['Withdraw']);
  t.deepEqual(judge(withdrawing.next, { ...gone, waiting: true }, LATER).actions, []);
  const over = judge(withdrawing.next, gone, START);
  t.deepEqual(over, { next: { kind: 'Over' }, actions: ['Forget'] });
  t.deepEqual(judge(over.next, SETTLED, LATER).actions, []);
});

test('a mux that is away does not keep an address for ever', (t) => {
  const state: AnnouncementState = { kind: 'Withdrawing', since: START };
  const away = { wanted: false, waiting: false, away: true };
  t.deepEqual(judge(state, away, START).actions, []);
  t.deepEqual(judge(state, away, LATER).actions, ['Forget']);
});

test('what was never announced goes without a word', (t) => {
  const step = judge(startAnnouncement(START), { ...SETTLED, wanted: false }, START);
  t.deepEqual(step, { next: { kind: 'Over' }, actions: [] });
});

test('with another address it begins again', (t) => {
  const next = { kind: 'Programming', since: START };
  t.deepEqual(readdressed(ANNOUNCED, START), { next, actions: ['Withdraw'] });
  t.deepEqual(readdressed(startAnnouncement(millis(0)), START), { next, actions: [] });
});
