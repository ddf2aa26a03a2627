/**
 * The send hold timer (RFC 9687), with BIRD 2: it is stopped as a machine that hangs, its kernel goes on holding the connection, and no hold time
 * was agreed on. Only that nothing more is taken tells.
 */
import { test } from 'tap';
import { run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { eventually } from '../kit/eventually.ts';
import { OURS, THEIRS } from './bgp-lab.ts';
import { isUp, NEIGHBOUR, PATIENCE, startBird, startLab } from './bird.ts';

/** Bytes that kernels keep for a connection: as few as there may be, so that what fills them is few routes. */
const SMALL_BUFFERS =
  'for each in tcp_wmem tcp_rmem; do echo "4096 8192 16384" >/proc/sys/net/ipv4/$each; done';

test('a peer that takes nothing any more loses its session to the send hold timer', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  for (const namespace of [lab.ourNamespace, lab.theirNamespace]) {
    await run(inNamespace(namespace, ['sh', '-c', SMALL_BUFFERS]));
  }
  await lab.call('setNeighbour', { ...NEIGHBOUR, holdTimeSec: 0, sendHoldTimeSec: 3 });
  const bird = await startBird(lab, '');
  await isUp(lab);
  process.kill(bird.program.pid, 'SIGSTOP');
  const communities = Array.from({ length: 900 }, (_, index) => OURS.asn * 0x1_0000 + index);
  for (let index = 0; index < 60; index++) {
    await lab.call('announce', { prefix: `10.0.${index}.0/24`, med: index, communities });
  }
  const failure = await eventually(
    'the session ends',
    async () => (await lab.neighbour(THEIRS.ipv4)).failure,
    PATIENCE,
  );
  t.match(failure.message, /Send Hold Timer Expired \(8\/0\)/);
  t.match(failure.remedy, /reads nothing/);
  process.kill(bird.program.pid, 'SIGCONT');
  await isUp(lab);
  await eventually(
    'and it hears everything once it reads again',
    async () => (await bird.ask('show', 'route', 'count')).includes('61 of 61 routes'),
    PATIENCE,
  );
});
