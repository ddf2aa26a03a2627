/**
 * Two namespaces and a veth pair: our speaker in one, somebody else's in the other. 192.0.2.1 and 2001:db8::1 are ours, .2 and ::2 theirs;
 * AS 65001 is ours, 65002 theirs. Used by the BGP interoperability tests.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Route, Speaker, SpeakerOptions } from '../../bgp/speaker/contract.ts';
import type { NeighbourStatus } from '../../bgp/speaker/status.ts';
import { attempt, run } from '../../fabric/command.ts';
import {
  createNamespace,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import { register, sweepStaleTopologies, uniqueFabricName, unregister } from '../kit/stale.ts';

export const OURS = { asn: 65_001, ipv4: '192.0.2.1', ipv6: '2001:db8::1' } as const;
export const THEIRS = { asn: 65_002, ipv4: '192.0.2.2', ipv6: '2001:db8::2' } as const;

type Method = keyof Speaker;

/** A namespace with a directory, in which a daemon of somebody else's runs. */
export interface DaemonPlace {
  /** Of their files; everybody's, for daemons that give up root. */
  readonly directory: string;
  /** `mode`: some daemons refuse files that others may read. */
  write(name: string, text: string, mode?: number): Promise<string>;
  /** Starts a program of theirs. */
  start(argv: readonly [string, ...string[]], ready?: string | RegExp): Promise<Program>;
  /** Output of a command of theirs. */
  ask(argv: readonly [string, ...string[]]): Promise<string>;
}

export interface BgpLab extends DaemonPlace {
  readonly ourNamespace: string;
  readonly theirNamespace: string;
  call(method: Method, ...args: readonly unknown[]): Promise<unknown>;
  /** Ours dies without a word. */
  killSpeaker(): Promise<void>;
  startSpeaker(more: Partial<SpeakerOptions>): Promise<void>;
  routes(): Promise<readonly Route[]>;
  neighbour(address: string): Promise<NeighbourStatus>;
  stop(): Promise<void>;
}

/** The first of these programs that is not installed. */
export async function missing(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    if ((await attempt(['test', '-x', program])).code !== 0) return program;
  }
  return undefined;
}

/** Whether all of these programs, of one package of the distribution, are installed; where not, the test is skipped and says so. */
export async function hasPrograms(
  t: Test,
  programs: readonly string[],
  debian: string,
): Promise<boolean> {
  const absent = await missing(programs);
  if (absent === undefined) return true;
  t.pass(`${absent} exists`, { skip: `${debian} is not installed: apt-get install ${debian}` });
  return false;
}

/** A lab for a test with these programs; undefined where they are not installed. */
export async function labWith(
  t: Test,
  programs: readonly string[],
  debian: string,
): Promise<BgpLab | undefined> {
  if (!(await hasPrograms(t, programs, debian))) return undefined;
  const lab = await startBgpLab();
  t.teardown(() => lab.stop());
  return lab;
}

/** `onStart` gets every program, for whoever stops them. The directory exists. */
export async function daemonPlace(
  namespace: string,
  directory: string,
  onStart: (program: Program) => void,
): Promise<DaemonPlace> {
  await run(['chmod', '777', directory]);
  return {
    directory,
    async write(name, text, mode = 0o644) {
      const path = join(directory, name);
      await writeFile(path, text);
      await chmod(path, mode); // past the umask
      return path;
    },
    async start(argv, ready) {
      const program = await startProgram(namespace, argv, ready);
      onStart(program);
      return program;
    },
    ask: async (argv) => (await attempt(inNamespace(namespace, argv))).stdout,
  };
}

export async function startBgpLab(): Promise<BgpLab> {
  await sweepStaleTopologies();
  const fabric = uniqueFabricName();
  const directory = await mkdtemp(join(tmpdir(), 'weft-bgp-'));
  register(fabric, directory);
  const [ours, theirs] = [namespaceName(fabric, 'ours'), namespaceName(fabric, 'theirs')];
  const programs: Program[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    await sweepNamespaces(fabric);
    unregister(fabric);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await link(ours, theirs);
    const place = await daemonPlace(theirs, directory, (program) => programs.push(program));
    let speaker = await startSpeaker(ours);
    programs.push(speaker.program);
    return {
      ...place,
      ourNamespace: ours,
      theirNamespace: theirs,
      call: (method, ...args) => speaker.call(method, ...args),
      killSpeaker: () => speaker.program.stop('SIGKILL'),
      async startSpeaker(more) {
        speaker = await startSpeaker(ours, more);
        programs.push(speaker.program);
      },
      routes: async () => (await speaker.call('routes')) as readonly Route[],
      async neighbour(address) {
        const all = (await speaker.call('neighbours')) as readonly NeighbourStatus[];
        const found = all.find((each) => each.address === address);
        if (found === undefined) throw new Error(`no neighbour ${address}`);
        return found;
      },
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function link(ours: string, theirs: string): Promise<void> {
  await createNamespace(ours);
  await createNamespace(theirs);
  const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', theirs];
  await run(['ip', '-n', ours, 'link', 'add', 'eth0', ...peer]);
  for (const [namespace, { ipv4, ipv6 }] of [
    [ours, OURS],
    [theirs, THEIRS],
  ] as const) {
    await run(['ip', '-n', namespace, 'addr', 'add', `${ipv4}/24`, 'dev', 'eth0']);
    await run(['ip', '-n', namespace, 'addr', 'add', `${ipv6}/64`, 'dev', 'eth0', 'nodad']);
    await run(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up']);
  }
}

interface SpeakerProgram {
  readonly program: Program;
  call(method: Method, ...args: readonly unknown[]): Promise<unknown>;
}

async function startSpeaker(
  namespace: string,
  more: Partial<SpeakerOptions> = {},
): Promise<SpeakerProgram> {
  const options = {
    asn: OURS.asn,
    routerId: OURS.ipv4,
    listen: { addresses: [OURS.ipv4, OURS.ipv6] },
    ...more,
  };
  const path = programPath('test/kit/bgp-speaker.js');
  const argv = [process.execPath, path, JSON.stringify(options)] as const;
  const program = await startProgram(namespace, [...argv], 'ready');
  let calls = 0;
  return {
    program,
    async call(method, ...args) {
      calls += 1;
      const id = calls;
      program.write(`${JSON.stringify({ id, method, args })}\n`);
      const answer = await eventually(`${method} is answered`, () =>
        program
          .stdout()
          .toString()
          .split('\n')
          .filter((line) => line.startsWith(`{"id":${id},`))
          .map((line) => JSON.parse(line) as { result?: unknown; error?: string })
          .at(0),
      );
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.result;
    },
  };
}
