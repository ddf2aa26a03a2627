/** Two BIRD 2 with the same route, used side by side, of which one falls silent as a machine that hangs: the other stays in use throughout. */
import { test } from 'tap';
import { systemClock } from '../../base/clock.ts';
import { run } from '../../fabric/command.ts';
import { eventually } from '../kit/eventually.ts';
import { type Bird, isUp, NEIGHBOUR, PATIENCE, startBird, startLab, theirRoute } from './bird.ts';

test('two equal ways, one of them silent: the other stays in use throughout', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  await lab.killSpeaker();
  await lab.startSpeaker({ multipath: { external: 2 } });
  const ends = [
    { name: 'bird1', address: '192.0.2.11', ours: '192.0.2.21' },
    { name: 'bird2', address: '192.0.2.12', ours: '192.0.2.22' },
  ] as const;
  const birds: Bird[] = [];
  for (const { name, address, ours } of ends) {
    await run(['ip', '-n', lab.ourNamespace, 'addr', 'add', `${ours}/24`, 'dev', 'eth0']);
    await run(['ip', '-n', lab.theirNamespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    const neighbour = { ...NEIGHBOUR, address, localAddress: ours, holdTimeSec: 3 };
    await lab.call('setNeighbour', neighbour);
    birds.push(await startBird(lab, 'passive; strict bind on;', { name, address, ours }));
  }
  for (const { address } of ends) await isUp(lab, address);
  const nextHops = async () => [...((await theirRoute(lab))?.nextHops ?? [])].sort();
  await eventually('both are used', async () => (await nextHops()).length === 2);
  t.same(await nextHops(), ['192.0.2.11', '192.0.2.12']);

  // Silent, as a machine that hangs: nothing but the hold time finds it.
  const [first] = birds;
  if (first === undefined) throw new Error('no BIRD');
  process.kill(first.program.pid, 'SIGSTOP');
  const startedAt = systemClock.now();
  const seen = new Set<string>();
  await eventually('one is left', async () => {
    const now = (await nextHops()).join();
    seen.add(now);
    return now === '192.0.2.12';
  });
  const took = systemClock.now() - startedAt;
  process.kill(first.program.pid, 'SIGCONT');
  t.comment(`seen within ${Math.round(took)} ms, hold time 3 s`);
  t.same([...seen], ['192.0.2.11,192.0.2.12', '192.0.2.12'], 'never without a way');
  await eventually('and both again', async () => (await nextHops()).length === 2, PATIENCE);
});
