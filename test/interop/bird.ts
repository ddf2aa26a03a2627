/** Starts BIRD 2 in a lab and asks it. Used by the tests with BIRD as the other speaker that need more of it than routes both ways. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Millis, seconds } from '../../base/units.ts';
import type { Route } from '../../bgp/speaker/contract.ts';
import type { NeighbourOptions } from '../../bgp/speaker/options.ts';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import { type BgpLab, missing, OURS, startBgpLab, THEIRS } from './bgp-lab.ts';

const BIRD = '/usr/sbin/bird';
const BIRDC = '/usr/sbin/birdc';
export const PATIENCE: Millis = seconds(40);
const PREFIX = '198.51.100.0/24';
export const NEIGHBOUR: NeighbourOptions = {
  ...{ address: THEIRS.ipv4, asn: THEIRS.asn, holdTimeSec: 30 },
  ...{ importPolicy: 'accept-all', exportPolicy: 'accept-all' },
};

export async function startLab(t: Test): Promise<BgpLab | undefined> {
  const absent = await missing([BIRD, BIRDC]);
  if (absent !== undefined) {
    t.pass(`${absent} exists`, { skip: 'bird2 is not installed: apt-get install bird2' });
    return undefined;
  }
  const lab = await startBgpLab();
  t.teardown(() => lab.stop());
  return lab;
}

export interface Bird {
  readonly program: Program;
  ask(...words: readonly string[]): Promise<string>;
}

/** One that announces PREFIX over a session named `four`; `options` are of the session. */
export async function startBird(
  lab: BgpLab,
  options: string,
  {
    name = 'bird',
    address = THEIRS.ipv4,
    ours = OURS.ipv4,
  }: { name?: string; address?: string; ours?: string } = {},
): Promise<Bird> {
  const config = await lab.write(
    `${name}.conf`,
    `router id ${address};
protocol device {}
protocol static { ipv4; route ${PREFIX} blackhole; }
protocol bgp four {
  local ${address} as ${THEIRS.asn};
  neighbor ${ours} as ${OURS.asn};
  connect retry time 2;
  error wait time 1, 2;
  ${options}
  ipv4 { import all; export all; };
}
`,
  );
  const socket = join(lab.directory, `${name}.ctl`);
  const program = await lab.start([BIRD, '-f', '-c', config, '-s', socket]);
  return { program, ask: (...words) => lab.ask([BIRDC, '-s', socket, ...words]) };
}

export async function isUp(lab: BgpLab, address: string = THEIRS.ipv4): Promise<true> {
  return eventually(
    `the session with ${address} is up`,
    async () => {
      const { state, failure } = await lab.neighbour(address);
      if (state !== 'Established') throw new Error(`${state}: ${failure?.message}`);
      return true as const;
    },
    PATIENCE,
  );
}

export async function theirRoute(lab: BgpLab): Promise<Route | undefined> {
  return (await lab.routes()).find(({ prefix }) => prefix === PREFIX);
}
