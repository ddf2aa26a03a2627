/**
 * Servers that say who they are (named-service.ts), and clients that find out who serves them: many addresses and ports at once (who-serves.ts), one
 * connection that says nothing by itself (quiet-call.ts), curl.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv } from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import type { Machine } from './machine.ts';
import type { Program } from './program.ts';
import { selfSigned } from './self-signed.ts';
import type { Target } from './tcp-clients.ts';

export interface NamedService {
  /** `tcp:8080`: nobody is answered any more but who is connected. `http:8090`: answers 503. */
  fail(endpoint: string): void;
  recover(endpoint: string): void;
  /** How TCP connections have ended badly, a line each: `tcp:8080 ECONNRESET`. */
  ended(): readonly string[];
  stop(): Promise<void>;
}

/** PEM files of a key and its self-signed certificate. */
export interface KeyFiles {
  readonly key: string;
  readonly cert: string;
}

export async function writeKeyFiles(directory: string): Promise<KeyFiles> {
  const made = await selfSigned();
  const files = { key: join(directory, 'service.key'), cert: join(directory, 'service.pem') };
  await writeFile(files.key, made.key);
  await writeFile(files.cert, made.cert);
  return files;
}

/** On endpoints like `tcp:8080`, `udp:8080`, `http:8090`, `https:8443`, until the test ends. */
export async function serve(
  machine: Machine,
  endpoints: readonly string[],
  { key, cert }: KeyFiles,
): Promise<NamedService> {
  const path = programPath('test/kit/named-service.js');
  const argv: Argv = [process.execPath, path, machine.name, key, cert, ...endpoints];
  const program: Program = await machine.start(argv, 'ready');
  return {
    fail: (endpoint) => program.write(`down ${endpoint}\n`),
    recover: (endpoint) => program.write(`up ${endpoint}\n`),
    ended: () => program.stdout().toString().trim().split('\n').slice(1),
    stop: () => program.stop('SIGKILL'),
  };
}

/** Name of the server by `CLIENT:SOURCE_PORT`. */
export type Served = Readonly<Record<string, string>>;

/** Asks from each of the machine's addresses in `clients`, and there from so many source ports. */
export async function whoServes(
  from: Machine,
  { address, port }: Target,
  options: {
    readonly clients: readonly string[];
    readonly firstPort: number;
    readonly ports: number;
    /** Default tcp. */
    readonly protocol?: 'tcp' | 'udp';
  },
): Promise<Served> {
  const { clients, firstPort, ports, protocol = 'tcp' } = options;
  const path = programPath('test/kit/who-serves.js');
  const numbers = [port, firstPort, ports].map(String);
  const [toPort = '', ...own] = numbers;
  const argv: Argv = [process.execPath, path, protocol, address, toPort, ...own, ...clients];
  const { code, stdout, stderr } = await from.run(argv);
  if (code !== 0) throw new Error(`clients of ${from.name}: ${stderr.trim()}`);
  return JSON.parse(stdout) as Served;
}

/** The servers of each client, sorted, each once. */
export function serversByClient(served: Served): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const [source, server] of Object.entries(served)) {
    const client = source.slice(0, source.lastIndexOf(':'));
    const known = found.get(client) ?? new Set();
    found.set(client, known.add(server));
  }
  return new Map([...found].map(([client, servers]) => [client, [...servers].sort()]));
}

/** What so many requests of curl say, each by a connection of its own: a line each. */
export async function curl(from: Machine, url: string, requests: number): Promise<string[]> {
  const { stdout } = await from.run([
    ...(['curl', '-sk', '--http1.1', '--max-time', '5', '-H', 'Connection: close'] as const),
    `${url}?[1-${requests}]`,
  ]);
  return stdout.trim().split('\n');
}
