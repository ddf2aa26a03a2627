/** Neighbours that nobody has configured by address, with BIRD 2: whoever connects from the prefix is one for as long as it is connected. */
import { test } from 'tap';
import type { NeighbourStatus } from '../../bgp/speaker/status.ts';
import { eventually } from '../kit/eventually.ts';
import { THEIRS } from './bgp-lab.ts';
import { isUp, NEIGHBOUR, PATIENCE, startBird, startLab, theirRoute } from './bird.ts';

test('a neighbour by prefix: it comes, tells its routes, and goes with them', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  const { address: _, asn: __, ...policies } = NEIGHBOUR;
  const all = async () => (await lab.call('neighbours')) as readonly NeighbourStatus[];
  await lab.call('setDynamicNeighbours', [{ prefix: '203.0.113.0/24', ...policies }]);
  const bird = await startBird(lab, '');
  await eventually(
    'a stranger is refused',
    async () => /Connection|Socket|closed/i.test(await bird.ask('show', 'protocols', 'four')),
    PATIENCE,
  );
  t.equal((await all()).length, 0);

  await lab.call('setDynamicNeighbours', [{ prefix: '192.0.2.0/24', ...policies }]);
  await eventually('it is one now', async () => (await all()).length === 1, PATIENCE);
  await isUp(lab);
  const [status] = await all();
  t.match(status, { address: THEIRS.ipv4, asn: THEIRS.asn, isDynamic: true });
  await eventually('its route is here', async () => (await theirRoute(lab)) !== undefined);

  await bird.program.stop('SIGKILL');
  await eventually('it is gone', async () => (await all()).length === 0, PATIENCE);
  t.equal(await theirRoute(lab), undefined);
});
