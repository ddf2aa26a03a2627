/**
 * Graceful restart (RFC 4724) in both roles with FRR and BIRD 2: our speaker is killed and comes back while they go on using its routes, and the
 * other way round. What is not told again goes with End-of-RIB.
 */
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { seconds } from '../../base/units.ts';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import { type BgpLab, labWith, OURS, THEIRS } from './bgp-lab.ts';
import { FRR_PROGRAMS, startBgpd, startFrr, vtysh } from './frr.ts';

const PATIENCE = seconds(40);
const [KEPT, DROPPED] = ['203.0.113.0/24', '203.0.114.0/24'] as const;
const [THEIR_KEPT, THEIR_DROPPED] = ['198.51.100.0/24', '198.51.101.0/24'] as const;
const NEIGHBOUR = {
  ...{ address: THEIRS.ipv4, asn: THEIRS.asn, holdTimeSec: 30, gracefulRestartSec: 60 },
  ...{ importPolicy: 'accept-all', exportPolicy: 'accept-all' },
} as const;

interface Peer {
  /** Announces THEIR_KEPT, and THEIR_DROPPED the first time only; resolves with what is killed. */
  start(lab: BgpLab, isRestart: boolean): Promise<Program>;
  /** Its routes as text; of those that are stale the word `stale` is in it. */
  routes(lab: BgpLab): Promise<string>;
}

async function isUp(lab: BgpLab): Promise<boolean> {
  return (await lab.neighbour(THEIRS.ipv4)).state === 'Established';
}

async function learned(lab: BgpLab): Promise<string> {
  const routes = await lab.routes();
  return routes
    .filter(({ neighbour }) => neighbour !== undefined)
    .map(({ prefix }) => prefix)
    .sort()
    .join(' ');
}

async function bothRoles(t: Test, lab: BgpLab, peer: Peer): Promise<void> {
  for (const prefix of [KEPT, DROPPED]) await lab.call('announce', { prefix });
  await lab.call('setNeighbour', NEIGHBOUR);
  const daemon = await peer.start(lab, false);
  await eventually('the session is up', () => isUp(lab), PATIENCE);
  const both = `${THEIR_KEPT} ${THEIR_DROPPED}`;
  await eventually('their routes are here', async () => (await learned(lab)) === both, PATIENCE);
  await eventually('ours are there', async () => {
    const text = await peer.routes(lab);
    return text.includes(KEPT) && text.includes(DROPPED);
  });

  await lab.killSpeaker();
  await eventually('ours are stale there', async () => /stale/i.test(await peer.routes(lab)));
  t.match(await peer.routes(lab), KEPT, 'they are used while we are gone');
  await lab.startSpeaker({ isRestarting: true });
  await lab.call('announce', { prefix: KEPT });
  await lab.call('setNeighbour', NEIGHBOUR);
  await eventually(
    'what is told again stays, the rest goes with End-of-RIB',
    async () => {
      const text = await peer.routes(lab);
      return text.includes(KEPT) && !text.includes(DROPPED) && !/stale/i.test(text);
    },
    PATIENCE,
  );
  await eventually('their routes are here again', async () => (await learned(lab)) === both);
  t.pass('we may restart');

  await daemon.stop('SIGKILL');
  await eventually('they are gone', async () => !(await isUp(lab)));
  t.equal(await learned(lab), both, 'their routes are used while they are gone');
  await peer.start(lab, true);
  await eventually('the session is up again', () => isUp(lab), PATIENCE);
  await eventually(
    'what is told again stays, the rest goes with End-of-RIB',
    async () => (await learned(lab)) === THEIR_KEPT,
    PATIENCE,
  );
  t.pass('they may restart');
}

test('graceful restart with FRR', async (t) => {
  const lab = await labWith(t, FRR_PROGRAMS, 'frr');
  if (lab === undefined) return;
  const config = (isRestart: boolean): string => `router bgp ${THEIRS.asn}
 bgp router-id ${THEIRS.ipv4}
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp graceful-restart
 bgp graceful-restart preserve-fw-state
 neighbor ${OURS.ipv4} remote-as ${OURS.asn}
 neighbor ${OURS.ipv4} timers connect 2
 address-family ipv4 unicast
  network ${THEIR_KEPT}
  ${isRestart ? '' : `network ${THEIR_DROPPED}`}
`;
  await bothRoles(t, lab, {
    async start(_, isRestart) {
      if (isRestart) return startBgpd(lab, config(true));
      const [bgpd] = await startFrr(lab, config(false));
      return bgpd;
    },
    routes: async () => {
      const table = await vtysh(lab, 'show bgp ipv4 unicast');
      const lines = table.split('\n').filter((line) => line.includes('203.0.11'));
      // S in the first column, beside the legend that has the word always.
      return lines.map((line) => (line.startsWith('S') ? `stale ${line}` : line)).join('\n');
    },
  });
});

test('graceful restart with BIRD 2', async (t) => {
  const lab = await labWith(t, ['/usr/sbin/bird', '/usr/sbin/birdc'], 'bird2');
  if (lab === undefined) return;
  const config = (isRestart: boolean): string => `router id ${THEIRS.ipv4};
graceful restart wait 20;
protocol device {}
protocol static {
  ipv4;
  route ${THEIR_KEPT} blackhole;
  ${isRestart ? '' : `route ${THEIR_DROPPED} blackhole;`}
}
protocol bgp four {
  local ${THEIRS.ipv4} as ${THEIRS.asn};
  neighbor ${OURS.ipv4} as ${OURS.asn};
  connect retry time 2;
  error wait time 1, 2;
  graceful restart on;
  ipv4 { import all; export all; };
}
`;
  const socket = join(lab.directory, 'bird.ctl');
  await bothRoles(t, lab, {
    async start(_, isRestart) {
      const path = await lab.write('bird.conf', config(isRestart));
      const recovery = isRestart ? ['-R'] : [];
      return lab.start(['/usr/sbin/bird', '-f', '-c', path, '-s', socket, ...recovery]);
    },
    async routes() {
      const bird = ['/usr/sbin/birdc', '-s', socket] as const;
      const state = await lab.ask([...bird, 'show', 'protocols', 'all', 'four']);
      const table = await lab.ask([...bird, 'show', 'route', 'protocol', 'four']);
      const isStale = /Neighbor graceful restart active|graceful restart.*stale/i.test(state);
      return `${isStale ? 'stale ' : ''}${table}`;
    },
  });
});
