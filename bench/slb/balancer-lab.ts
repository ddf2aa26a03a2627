/**
 * A client, a load balancer, two backends, each a namespace; links, not bridges, so that what is measured is the balancer:
 *
 *   client ── (uplink) balancer (link 1) ── backend 1
 *     ║                         (link 2) ── backend 2
 *     ╚═══ direct ══════════════════════════ both, for answers that do not pass the balancer and to compare with
 *
 * A packet of a veth is received in the time of whoever has sent it: so the balancer pays for backends, and the client for the balancer. What the balancer
 * costs is therefore told by the processor time of all together, less what it is with nobody between. Called by contestants.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { type Argv, run } from '../../fabric/command.ts';
import { ipBatch } from '../../fabric/links.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { packetThreads } from '../process-cpu.ts';
import {
  BACKENDS,
  BALANCER,
  backendAddress,
  backendGateway,
  CLIENT,
  directAddress,
  directGateway,
  VIP,
} from './addresses.ts';

const PREFIX = 'weft-slbbench';
const NAMESPACE = /^weft-slbbench([0-9]+)-/;
/** Of backends' interfaces: datagrams that have arrived are counted and thrown away before the kernel looks at them. */
const THROW_AWAY = `table netdev sink {
  chain in {
    type filter hook ingress device "eth0" priority 0; policy accept;
    ip protocol udp drop
  }
}`;

let labs = 0;

/** Of all namespaces of this run. */
export function labPrefix(): string {
  return `${PREFIX}${process.pid}`;
}

export class BalancerLab {
  readonly client: string;
  readonly balancer: string;
  readonly backends: readonly string[];
  /** The balancer's interfaces: to the client, to each backend. */
  readonly uplink = 'uplink0';
  readonly links: readonly string[];
  #program: ChildProcess | undefined;
  readonly #servers: ChildProcess[] = [];

  private constructor(number: number) {
    const name = `${labPrefix()}-${number}`;
    this.client = `${name}-client`;
    this.balancer = `${name}-balancer`;
    const numbers = Array.from({ length: BACKENDS }, (_, index) => index + 1);
    this.backends = numbers.map((at) => `${name}-backend${at}`);
    this.links = numbers.map((at) => `link${at}`);
  }

  static async build(): Promise<BalancerLab> {
    labs += 1;
    const lab = new BalancerLab(labs);
    for (const name of lab.#namespaces()) {
      await createNamespace(name);
      // Answers come by another way than requests go.
      const loose = ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'];
      const ports = 'net.ipv4.ip_local_port_range=1024 65535';
      await run(inNamespace(name, ['sysctl', '-qw', ...loose, ports]));
    }
    await lab.#link(lab.uplink, lab.client, 'eth0');
    await lab.inBalancer('ip', 'address', 'add', `${BALANCER}/24`, 'dev', lab.uplink);
    const toClient = [`addr add ${CLIENT}/24 dev eth0`];
    for (const [index, backend] of lab.backends.entries()) {
      const at = index + 1;
      const link = lab.links[index] ?? '';
      await lab.#link(link, backend, 'eth0');
      await lab.inBalancer('ip', 'address', 'add', `${backendGateway(at)}/28`, 'dev', link);
      await run(
        ['ip', '-n', lab.client, 'link', 'add', `direct${at}`, 'type', 'veth'].concat([
          ...['peer', 'name', 'direct0', 'netns', backend],
        ]) as unknown as Argv,
      );
      toClient.push(`link set direct${at} up`);
      toClient.push(`addr add ${directGateway(at)}/24 dev direct${at}`);
      await ipBatch(backend, [
        'link set direct0 up',
        `addr add ${backendAddress(at)}/28 dev eth0`,
        `addr add ${directAddress(at)}/24 dev direct0`,
        `route add default via ${backendGateway(at)}`,
      ]);
    }
    await ipBatch(lab.client, [...toClient, `route add ${VIP} via ${BALANCER}`]);
    return lab;
  }

  /** A command in the balancer's namespace. */
  async inBalancer(...argv: [string, ...string[]]): Promise<void> {
    await run(inNamespace(this.balancer, argv));
  }

  /** `body` for each backend, by number from 1. */
  async eachBackend(body: (namespace: string, at: number) => Promise<void>): Promise<void> {
    for (const [index, namespace] of this.backends.entries()) await body(namespace, index + 1);
  }

  /** Starts the balancer's program; resolves when it has printed a line. */
  async balance(argv: Argv): Promise<void> {
    this.#program = await started(this.balancer, argv);
  }

  /** Starts a server at a backend; resolves when it has printed a line. */
  async serve(namespace: string, argv: Argv): Promise<void> {
    this.#servers.push(await started(namespace, argv));
  }

  /** Processes of balancer and backends, and the kernel's threads for packets that nobody has the time for. */
  pids(): number[] {
    const programs = [this.#program, ...this.#servers].flatMap((program) => program?.pid ?? []);
    return [...programs, ...packetThreads()];
  }

  /** The balancer's own process; undefined: the kernel does its work. */
  get program(): number | undefined {
    return this.#program?.pid;
  }

  /** Backends take no datagrams any more: what arrives is counted by their interfaces. Each by itself, also from a super-frame. */
  async takeNoDatagrams(): Promise<void> {
    const whole = (name: string) => ['ethtool', '-K', name, 'tx-udp-segmentation', 'off'] as const;
    await run(inNamespace(this.client, whole('eth0')));
    for (const link of this.links) await run(inNamespace(this.balancer, whole(link)));
    await this.eachBackend(async (backend) => {
      await run(inNamespace(backend, ['nft', THROW_AWAY]));
    });
  }

  async takeDatagrams(): Promise<void> {
    await this.eachBackend(async (backend) => {
      await run(inNamespace(backend, ['nft', 'delete', 'table', 'netdev', 'sink']));
    });
  }

  async uplinkMac(): Promise<string> {
    return (await linkOf(this.balancer, this.uplink)).address;
  }

  /** Frames that backends have got from the balancer. */
  async received(): Promise<number> {
    let count = 0;
    await this.eachBackend(async (backend) => {
      count += (await linkOf(backend, 'eth0')).stats64.rx.packets;
    });
    return count;
  }

  async close(): Promise<void> {
    await ended(this.#program);
    for (const server of this.#servers) await ended(server);
    for (const name of this.#namespaces()) await deleteNamespace(name);
  }

  #namespaces(): string[] {
    return [this.client, this.balancer, ...this.backends];
  }

  async #link(name: string, end: string, endName: string): Promise<void> {
    const peer = ['type', 'veth', 'peer', 'name', endName, 'netns', end] as const;
    await run(['ip', '-n', this.balancer, 'link', 'add', name, ...peer]);
    await run(['ip', '-n', this.balancer, 'link', 'set', name, 'up']);
    await run(['ip', '-n', end, 'link', 'set', endName, 'up']);
  }
}

/** Removes what a run that was killed has left behind. */
export async function sweepLabs(): Promise<void> {
  for (const name of await readdir('/run/netns').catch(() => [])) {
    const [, pid] = NAMESPACE.exec(name) ?? [];
    if (pid !== undefined && nameOfProcess(pid) === '') await deleteNamespace(name);
  }
}

function nameOfProcess(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return '';
  }
}

function started(namespace: string, argv: Argv): Promise<ChildProcess> {
  const [program, ...args] = inNamespace(namespace, argv);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${argv.join(' ')} ended with ${code}`)));
  });
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

interface LinkState {
  readonly address: string;
  readonly stats64: { readonly rx: { readonly packets: number } };
}

async function linkOf(namespace: string, name: string): Promise<LinkState> {
  const output = await run(['ip', '-n', namespace, '-json', '-s', 'link', 'show', 'dev', name]);
  const [state] = JSON.parse(output) as [LinkState];
  return state;
}
