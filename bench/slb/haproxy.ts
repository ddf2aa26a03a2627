/**
 * HAProxy in TCP mode, as well as it can be set up: a thread and a listener for each processor, data spliced within the kernel where that is faster.
 * Called by contestants.ts (lab), balanced-fabric.ts.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { type Argv, attempt, run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';

/** What it listens on, `ADDRESS:PORT` or `:PORT`, and where the connections go in turns, `ADDRESS:PORT`. */
export interface Proxied {
  readonly name: string;
  readonly bind: string;
  readonly servers: readonly string[];
}

interface HaproxyOptions {
  readonly namespace: string;
  /** The configuration is written there. */
  readonly file: string;
  readonly proxied: readonly Proxied[];
  readonly isSpliced: boolean;
}

/** The command that runs it, its configuration checked; prints a line before it starts, and stays in the foreground. */
export async function haproxy(options: HaproxyOptions): Promise<Argv> {
  const { namespace, file } = options;
  await writeFile(file, configuration(options));
  await run(inNamespace(namespace, ['haproxy', '-c', '-q', '-f', file]));
  return ['sh', '-c', `echo ready; exec haproxy -db -q -f ${file}`];
}

export async function haproxyVersion(): Promise<string> {
  const { stdout } = await attempt(['haproxy', '-v']);
  const [line = ''] = stdout.split('\n');
  return /version ([^ ]+)/.exec(line)?.[1] ?? 'unknown';
}

function configuration({ proxied, isSpliced }: HaproxyOptions): string {
  const proxies = proxied.map(
    ({ name, bind, servers }) => `
listen ${name}
  bind ${bind} shards by-thread
  balance roundrobin
${servers.map((server, at) => `  server backend${at + 1} ${server}`).join('\n')}`,
  );
  return `global
  nbthread ${cpus().length}
  maxconn 4000
  tune.listener.multi-queue on
defaults
  mode tcp${isSpliced ? '\n  option splice-auto' : ''}
  option tcp-smart-accept
  option tcp-smart-connect
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${proxies.join('\n')}
`;
}
