/**
 * BFD (RFC 5880, RFC 5881) with FRR and BIRD 2: a path that falls silent takes the BGP session down long before the hold time (RFC 5882), and the
 * reason is told (RFC 9384).
 */
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { systemClock } from '../../base/clock.ts';
import { seconds } from '../../base/units.ts';
import { run } from '../../fabric/command.ts';
import { eventually } from '../kit/eventually.ts';
import { type BgpLab, labWith, OURS, THEIRS } from './bgp-lab.ts';
import { FRR_PROGRAMS, startBfdd, startFrr, vtysh } from './frr.ts';

const PATIENCE = seconds(40);
const INTERVAL_MS = 100;
/** Three intervals, as agreed; and what a busy machine adds. */
const DETECTION_MS = 3 * INTERVAL_MS;
const NEIGHBOUR = {
  ...{ address: THEIRS.ipv4, asn: THEIRS.asn, holdTimeSec: 90 },
  ...{ importPolicy: 'accept-all', exportPolicy: 'accept-all' },
  bfd: { intervalMs: INTERVAL_MS, multiplier: 3 },
} as const;

async function comesUp(lab: BgpLab): Promise<void> {
  await eventually(
    'BGP and BFD are up',
    async () => {
      const { state, bfd, failure } = await lab.neighbour(THEIRS.ipv4);
      if (state === 'Established' && bfd?.state === 'Up' && bfd.peerState === 'Up') return true;
      throw new Error(`BGP ${state}, BFD ${JSON.stringify(bfd)}, ${failure?.message}`);
    },
    PATIENCE,
  );
}

/** Lost: both ends send to a station that is not there, so that frames vanish and nobody is told. */
async function link(lab: BgpLab, how: 'well' | 'lost'): Promise<void> {
  const nowhere = ['lladdr', '02:00:00:00:00:99', 'nud', 'permanent'];
  for (const [namespace, address] of [
    [lab.ourNamespace, THEIRS.ipv4],
    [lab.theirNamespace, OURS.ipv4],
  ] as const) {
    const neighbour = ['ip', '-n', namespace, 'neigh'] as const;
    const entry = [address, 'dev', 'eth0'];
    if (how === 'lost') await run([...neighbour, 'replace', ...entry, ...nowhere]);
    else await run([...neighbour, 'del', ...entry]);
  }
}

async function cut(t: Test, lab: BgpLab): Promise<void> {
  const { bfd } = await lab.neighbour(THEIRS.ipv4);
  t.equal(bfd?.detectionTimeMs, DETECTION_MS, 'both ends agreed on the interval');
  const startedAt = systemClock.now();
  await link(lab, 'lost');
  const failure = await eventually('the session is down', async () => {
    const { state, failure: why } = await lab.neighbour(THEIRS.ipv4);
    return state !== 'Established' && why;
  });
  const took = systemClock.now() - startedAt;
  t.comment(`seen within ${Math.round(took)} ms`);
  t.match(failure.message, /BFD/);
  t.match(failure.remedy, /link/);
  await link(lab, 'well');
  await comesUp(lab);
  t.pass('it heals');
}

test('BFD with FRR', async (t) => {
  const lab = await labWith(t, [...FRR_PROGRAMS, '/usr/lib/frr/bfdd'], 'frr');
  if (lab === undefined) return;
  const timers = `receive-interval ${INTERVAL_MS}\n  transmit-interval ${INTERVAL_MS}`;
  await lab.call('setNeighbour', NEIGHBOUR);
  await startFrr(
    lab,
    `router bgp ${THEIRS.asn}
 no bgp ebgp-requires-policy
 neighbor ${OURS.ipv4} remote-as ${OURS.asn}
 neighbor ${OURS.ipv4} timers connect 2
 neighbor ${OURS.ipv4} bfd
`,
    () => startBfdd(lab, `bfd\n peer ${OURS.ipv4}\n  ${timers}\n`),
  );
  await comesUp(lab);
  t.match(await vtysh(lab, 'show bfd peers'), /Status: up/, 'their daemon says so too');
  await cut(t, lab);
});

test('BFD with BIRD 2', async (t) => {
  const lab = await labWith(t, ['/usr/sbin/bird', '/usr/sbin/birdc'], 'bird2');
  if (lab === undefined) return;
  const config = await lab.write(
    'bird.conf',
    `router id ${THEIRS.ipv4};
protocol device {}
protocol bfd { interface "eth0" { interval ${INTERVAL_MS} ms; multiplier 3; }; }
protocol bgp four {
  local ${THEIRS.ipv4} as ${THEIRS.asn};
  neighbor ${OURS.ipv4} as ${OURS.asn};
  connect retry time 2;
  error wait time 1, 2;
  bfd on;
  ipv4 { import all; export all; };
}
`,
  );
  const socket = join(lab.directory, 'bird.ctl');
  await lab.call('setNeighbour', NEIGHBOUR);
  await lab.start(['/usr/sbin/bird', '-f', '-c', config, '-s', socket]);
  await comesUp(lab);
  const sessions = await lab.ask(['/usr/sbin/birdc', '-s', socket, 'show', 'bfd', 'sessions']);
  t.match(sessions, /192\.0\.2\.1.*Up/, 'their daemon says so too');
  await cut(t, lab);
});
