/** Three namespaces in a row: client, edge, server. What stands in the middle is the contestant's. Called by main.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type Argv, run } from '../../fabric/command.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { CLIENT, EDGE_INSIDE, EDGE_OUTSIDE, POOL, SERVER } from './provider-edge.ts';

/** Super-frames of UDP are cut before they leave by the interface: whoever counts its frames counts each. */
const cutBefore = (name: string) => ['ethtool', '-K', name, 'tx-udp-segmentation', 'off'] as const;
const THROW_UDP_AWAY = `table netdev sink {
  chain in {
    type filter hook ingress device "eth0" priority 0; policy accept;
    ip protocol udp drop
  }
}`;

let labs = 0;

export class NatLab {
  readonly client: string;
  readonly middle: string;
  readonly server: string;
  #program: ChildProcess | undefined;

  private constructor(name: string) {
    this.client = `${name}-client`;
    this.middle = `${name}-edge`;
    this.server = `${name}-server`;
  }

  static async build(): Promise<NatLab> {
    labs += 1;
    const lab = new NatLab(`weft-nat${process.pid}x${labs}`);
    for (const name of [lab.client, lab.middle, lab.server]) await createNamespace(name);
    await lab.#link(lab.client, 'uplink0');
    await lab.#link(lab.server, 'outside0');
    await lab.#address(lab.client, 'eth0', CLIENT);
    await lab.#address(lab.server, 'eth0', SERVER);
    await lab.#address(lab.middle, 'uplink0', EDGE_INSIDE);
    await lab.#address(lab.middle, 'outside0', EDGE_OUTSIDE);
    await run(['ip', '-n', lab.client, 'route', 'add', 'default', 'via', EDGE_INSIDE]);
    await run(['ip', '-n', lab.server, 'route', 'add', POOL, 'via', EDGE_OUTSIDE]);
    await run(inNamespace(lab.client, cutBefore('eth0')));
    await run(inNamespace(lab.middle, cutBefore('outside0')));
    return lab;
  }

  /** From now on the server takes no UDP: what arrives is counted by its interface and thrown away before its kernel looks at it. */
  async takeNoUdp(): Promise<void> {
    await run(inNamespace(this.server, ['nft', THROW_UDP_AWAY]));
  }

  /** A command in the middle. */
  async edge(...argv: [string, ...string[]]): Promise<void> {
    await run(inNamespace(this.middle, argv));
  }

  /** Of the program in the middle, all its threads; undefined: the kernel does its work. */
  get pid(): number | undefined {
    return this.#program?.pid;
  }

  /** Starts a program in the middle; resolves when it says that it is ready. */
  serve(argv: Argv): Promise<void> {
    const [program, ...args] = inNamespace(this.middle, argv);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#program = child;
    return new Promise((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the edge ended with ${code}`)));
    });
  }

  /** Of an interface in the middle. */
  async mac(name: string): Promise<string> {
    const { address } = await linkOf(this.middle, name);
    return address;
  }

  /** Frames that the server's interface has received. */
  async received(): Promise<number> {
    const { stats64 } = await linkOf(this.server, 'eth0');
    return stats64.rx.packets;
  }

  async close(): Promise<void> {
    const program = this.#program;
    if (program !== undefined && program.exitCode === null) {
      const ended = new Promise((resolve) => program.once('exit', resolve));
      program.kill('SIGKILL');
      await ended;
    }
    for (const name of [this.client, this.middle, this.server]) await deleteNamespace(name);
  }

  async #link(end: string, name: string): Promise<void> {
    const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', end] as const;
    await run(['ip', '-n', this.middle, 'link', 'add', name, ...peer]);
    await run(['ip', '-n', this.middle, 'link', 'set', name, 'up']);
    await run(['ip', '-n', end, 'link', 'set', 'eth0', 'up']);
  }

  async #address(namespace: string, name: string, address: string): Promise<void> {
    await run(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', name]);
  }
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
