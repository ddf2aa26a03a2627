/** ADD-PATH toward the peer (RFC 7911), with BIRD 2: two of its sessions bring a path each, a third is told both. */
import { join } from 'node:path';
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import { run } from '../../fabric/command.ts';
import { eventually } from '../kit/eventually.ts';
import { labWith, OURS, THEIRS } from './bgp-lab.ts';

const PREFIX = '198.51.100.0/24';
const PATIENCE = seconds(40);
/** Two sessions bring a path each, a third listens. BIRD has one session per address of ours, so each has a pair of its own. */
const SOURCES = [
  { ours: '192.0.2.21', theirs: '192.0.2.11', asn: 65_011 },
  { ours: '192.0.2.22', theirs: '192.0.2.12', asn: 65_012 },
] as const;
const LISTENER = { ours: '192.0.2.23', theirs: '192.0.2.13', asn: 65_013 } as const;

function session(name: string, { ours, theirs, asn }: (typeof SOURCES)[number] | typeof LISTENER) {
  return `protocol bgp ${name} {
  local ${theirs} as ${asn};
  neighbor ${ours} as ${OURS.asn};
  passive;
  error wait time 1, 2;`;
}

const CONFIG = `
router id ${THEIRS.ipv4};
ipv4 table heard;
protocol device {}
protocol static { ipv4; route ${PREFIX} blackhole; }
${SOURCES.map((each, index) => `${session(`source${index}`, each)} ipv4 { import none; export all; }; }`).join('\n')}
${session('listener', LISTENER)} ipv4 { table heard; add paths rx; import all; export none; }; }
`;

const PROGRAMS = ['/usr/sbin/bird', '/usr/sbin/birdc'];

test('a neighbour is told several paths of a prefix', async (t) => {
  const lab = await labWith(t, PROGRAMS, 'bird2');
  if (lab === undefined) return;
  const policies = { importPolicy: 'accept-all', exportPolicy: 'accept-all', holdTimeSec: 3 };
  for (const { ours, theirs, asn } of [...SOURCES, LISTENER]) {
    await run(['ip', '-n', lab.ourNamespace, 'addr', 'add', `${ours}/24`, 'dev', 'eth0']);
    await run(['ip', '-n', lab.theirNamespace, 'addr', 'add', `${theirs}/24`, 'dev', 'eth0']);
    const neighbour = { address: theirs, localAddress: ours, asn, ...policies };
    const isListener = asn === LISTENER.asn;
    await lab.call('setNeighbour', isListener ? { ...neighbour, addPathSend: 4 } : neighbour);
  }
  const socket = join(lab.directory, 'bird.ctl');
  const config = await lab.write('bird.conf', CONFIG);
  await lab.start(['/usr/sbin/bird', '-f', '-c', config, '-s', socket]);
  const birdc = (...words: readonly string[]) =>
    lab.ask(['/usr/sbin/birdc', '-s', socket, ...words]);
  const heard = async () => {
    const text = await birdc('show', 'route', 'table', 'heard', 'all');
    return ['65011', '65012'].filter((asn) => text.includes(`BGP.as_path: 65001 ${asn}`));
  };

  await eventually('both paths are there', async () => (await heard()).length === 2, PATIENCE);
  t.same(await heard(), ['65011', '65012']);
  await birdc('disable', 'source0');
  await eventually('one goes', async () => (await heard()).join() === '65012');
  await birdc('enable', 'source0');
  await eventually('and comes back', async () => (await heard()).length === 2, PATIENCE);
  t.pass('paths come and go one by one');
});
