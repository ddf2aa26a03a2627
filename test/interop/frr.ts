/** Starts FRR (zebra and bgpd) in a lab and asks it. Used by the tests with FRR as the other speaker. */
import { mkdir } from 'node:fs/promises';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import type { BgpLab } from './bgp-lab.ts';

const ZEBRA = '/usr/lib/frr/zebra';
const BGPD = '/usr/lib/frr/bgpd';
export const FRR_PROGRAMS: readonly string[] = [ZEBRA, BGPD, '/usr/bin/vtysh'];

/** Resolves with bgpd and zebra. */
export async function startFrr(lab: BgpLab, config: string): Promise<readonly [Program, Program]> {
  await mkdir('/var/tmp/frr', { recursive: true });
  const path = await lab.write('bgpd.conf', config);
  const zebraConfig = await lab.write('zebra.conf', '');
  const common = (name: string): string[] => [
    ...['-z', `${lab.directory}/zserv`, '--log', 'stdout'],
    ...['--vty_socket', lab.directory, '-A', '127.0.0.1', '-i', `${lab.directory}/${name}.pid`],
  ];
  const zebra = await lab.start([ZEBRA, '-f', zebraConfig, ...common('zebra')]);
  await eventually('zebra serves', async () =>
    (await lab.ask(['ls', lab.directory])).includes('zserv'),
  );
  const bgpd = await lab.start([BGPD, '-f', path, ...common('bgpd')]);
  return [bgpd, zebra];
}

export function vtysh(lab: BgpLab, ...commands: readonly string[]): Promise<string> {
  return lab.ask([
    '/usr/bin/vtysh',
    '--vty_socket',
    lab.directory,
    ...commands.flatMap((command) => ['-c', command]),
  ]);
}
