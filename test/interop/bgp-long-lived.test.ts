/** Long-lived graceful restart (RFC 9494) with BIRD 2, each side as the one that keeps routes of a speaker that does not come back. */
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import { WellKnownCommunity } from '../../bgp/message/path-attributes.ts';
import { eventually } from '../kit/eventually.ts';
import { isUp, NEIGHBOUR, startBird, startLab, theirRoute } from './bird.ts';

test('routes of a BIRD that does not come back are a last resort, then gone', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  await lab.call('setNeighbour', {
    ...NEIGHBOUR,
    ...{ gracefulRestartSec: 30, longLivedStaleSec: 5 },
  });
  const { program } = await startBird(
    lab,
    `graceful restart on; graceful restart time 2;
  long lived graceful restart on; long lived stale time 60;`,
  );
  await isUp(lab);
  await eventually('its route is here', async () => (await theirRoute(lab)) !== undefined);
  await program.stop('SIGKILL');
  const isMarked = async (): Promise<boolean> =>
    (await theirRoute(lab))?.attributes.communities?.includes(WellKnownCommunity.LongLivedStale) ===
    true;
  t.ok(await theirRoute(lab), 'kept while it restarts');
  await eventually('marked once its restart time is over', isMarked, seconds(40));
  await eventually('gone', async () => (await theirRoute(lab)) === undefined, seconds(40));
  t.pass('kept, marked, gone');
});

test('BIRD keeps ours as long-lived stale', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  await lab.call('announce', { prefix: '203.0.113.0/24' });
  await lab.call('setNeighbour', {
    ...NEIGHBOUR,
    ...{ gracefulRestartSec: 2, longLivedStaleSec: 60 },
  });
  const bird = await startBird(lab, 'graceful restart on; long lived graceful restart on;');
  await isUp(lab);
  const ours = () => bird.ask('show', 'route', 'all', '203.0.113.0/24');
  await eventually('our route is there', async () => (await ours()).includes('BGP.as_path'));
  await lab.killSpeaker();
  await eventually(
    'it is a last resort there',
    async () => /65535,\s*6\)|llgr_stale/i.test(await ours()),
    seconds(40),
  );
  t.match(await ours(), '203.0.113.0/24');
});
