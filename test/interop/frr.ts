/** Starts FRR (zebra, bgpd, bfdd) in a namespace and asks it. Used by the tests with FRR as the other speaker. */
import { mkdir } from 'node:fs/promises';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import type { DaemonPlace } from './bgp-lab.ts';

const ZEBRA = '/usr/lib/frr/zebra';
const BGPD = '/usr/lib/frr/bgpd';
export const FRR_PROGRAMS: readonly string[] = [ZEBRA, BGPD, '/usr/bin/vtysh'];

const BFDD = '/usr/lib/frr/bfdd';

/** Resolves with bgpd and zebra. `before`: what starts between the two. */
export async function startFrr(
  lab: DaemonPlace,
  config: string,
  before?: () => Promise<Program>,
): Promise<readonly [Program, Program]> {
  await mkdir('/var/tmp/frr', { recursive: true });
  const zebraConfig = await lab.write('zebra.conf', '');
  const zebra = await lab.start([ZEBRA, '-f', zebraConfig, ...common(lab, 'zebra')]);
  await eventually('zebra serves', async () =>
    (await lab.ask(['ls', lab.directory])).includes('zserv'),
  );
  await before?.();
  return [await startBgpd(lab, config), zebra];
}

/** Beside a zebra that runs. */
export async function startBgpd(lab: DaemonPlace, config: string): Promise<Program> {
  const path = await lab.write('bgpd.conf', config);
  return lab.start([BGPD, '-f', path, ...common(lab, 'bgpd')]);
}

export async function startBfdd(lab: DaemonPlace, config: string): Promise<Program> {
  const path = await lab.write('bfdd.conf', config);
  const socket = ['--bfdctl', `${lab.directory}/bfdd.sock`];
  return lab.start([BFDD, '-f', path, ...socket, ...common(lab, 'bfdd')]);
}

function common({ directory }: DaemonPlace, name: string): string[] {
  return [
    ...['-z', `${directory}/zserv`, '--log', 'stdout'],
    ...['--vty_socket', directory, '-A', '127.0.0.1', '-i', `${directory}/${name}.pid`],
  ];
}

export function vtysh(lab: DaemonPlace, ...commands: readonly string[]): Promise<string> {
  return lab.ask([
    '/usr/bin/vtysh',
    '--vty_socket',
    lab.directory,
    ...commands.flatMap((command) => ['-c', command]),
  ]);
}
