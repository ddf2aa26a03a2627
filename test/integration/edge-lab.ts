/**
 * An edge router as a process, with the kernel of this machine on every side of it: VMs are kernels behind the kernel's own VXLAN (RFC 7348), outside is
 * a router with a client behind it. Goal state is a test's.
 *
 *   vm1 10.0.0.4  ─ vxlan 5001 ┐                           ┌ 192.0.2.1 outside 198.18.0.1 ─── 198.18.0.9 far
 *   vm2 10.0.1.5  ─ vxlan 5002 ┴ host1 198.51.100.11 ═ .2 edge 192.0.2.2 ┤
 *                    provider network 198.51.100.0/24         └ 192.0.3.1 outside2 198.18.1.1 ┘ (a second way to far)
 *
 * Called by edge-router.test.ts and edge-flows.test.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { formatMac } from '../../base/mac.ts';
import { type Argv, attempt, type CommandResult, run } from '../../fabric/command.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import {
  createNamespace,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import {
  type Credentials,
  openCertificateAuthority,
} from '../../identity/certificate-authority.ts';
import {
  MAPPING_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import { uniqueFabricName } from '../kit/stale.ts';
import { type ScriptedSouthbound, scriptedSouthbound } from './scripted-southbound.ts';

export const EDGE = 'edge1';
const EDGE_MAC = 0x0200_5e00_0002;
export const HOST_ADDRESS = '198.51.100.11';
export const FAR = '198.18.0.9';
export const POOL = '203.0.113.250';
export const FORWARDED = '203.0.113.251';

export interface LabVm {
  readonly name: string;
  readonly address: string;
  readonly vni: number;
  readonly subnet: string;
  readonly mac: number;
}

export const VM1: LabVm = {
  name: 'vm1',
  address: '10.0.0.4',
  vni: 5001,
  subnet: 'a',
  mac: 0x0200_0000_0104,
};
export const VM2: LabVm = {
  name: 'vm2',
  address: '10.0.1.5',
  vni: 5002,
  subnet: 'b',
  mac: 0x0200_0000_0105,
};

export class EdgeLab {
  readonly fabric: string = uniqueFabricName();
  readonly #program: string;
  #directory = '';
  #credentials = new Map<string, Credentials>();
  #southbound: ScriptedSouthbound | undefined;
  #edge: Program | undefined;

  /** `program`: the edge's, relative to dist. */
  constructor(program = 'bgp/edge/main.js') {
    this.#program = program;
  }

  ns(member: string): string {
    return namespaceName(this.fabric, member);
  }

  /** A command in the namespace of a member; rejects when it fails. */
  run(member: string, argv: Argv): Promise<string> {
    return run(inNamespace(this.ns(member), argv));
  }

  attempt(member: string, argv: Argv): Promise<CommandResult> {
    return attempt(inNamespace(this.ns(member), argv));
  }

  start(member: string, argv: Argv, ready?: string | RegExp): Promise<Program> {
    return startProgram(this.ns(member), argv, ready);
  }

  get edge(): Program {
    return defined(this.#edge, 'a running edge');
  }

  get southbound(): ScriptedSouthbound {
    return defined(this.#southbound, 'a southbound');
  }

  /** Namespaces and links; nothing runs yet. */
  async build(): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'weft-edge-'));
    for (const member of ['edge', 'host1', 'vm1', 'vm2', 'outside', 'outside2', 'far']) {
      await createNamespace(this.ns(member));
    }
    await this.#veth('host1', 'uplink0', 'edge', 'uplink0');
    await this.#veth('edge', 'outside0', 'outside', 'edge0');
    await this.#veth('edge', 'outside1', 'outside2', 'edge0');
    await this.#veth('outside', 'far0', 'far', 'eth0');
    await this.#veth('outside2', 'far0', 'far', 'eth1');
    const off = ['tx', 'tso', 'gso', 'tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];
    const settings = off.flatMap((feature) => [feature, 'off']);
    await this.run('host1', ['ethtool', '-K', 'uplink0', ...settings]);
    await this.#address('host1', 'uplink0', `${HOST_ADDRESS}/24`);
    await this.#address('outside', 'edge0', '192.0.2.1/24', '2001:db8:ffff::1/64');
    await this.#address('outside', 'far0', '198.18.0.1/24');
    await this.#address('outside2', 'edge0', '192.0.3.1/24');
    await this.#address('outside2', 'far0', '198.18.1.1/24');
    await this.#address('far', 'eth0', `${FAR}/24`);
    await this.#address('far', 'eth1', '198.18.1.9/24');
    for (const router of ['outside', 'outside2']) {
      await this.run(router, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
      await this.run(router, ['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0']);
      await this.run(router, ['sysctl', '-qw', 'net.ipv4.conf.edge0.rp_filter=0']);
      await this.run(router, ['sysctl', '-qw', 'net.ipv4.conf.far0.rp_filter=0']);
    }
    await this.run('outside', ['ip', 'route', 'add', '203.0.113.0/24', 'via', '192.0.2.2']);
    await this.run('outside2', ['ip', 'route', 'add', '203.0.113.0/24', 'via', '192.0.3.2']);
    await this.run('outside', ['ip', 'route', 'add', '198.51.100.0/24', 'via', '192.0.2.2']);
    await this.run('far', ['ip', 'route', 'add', 'default', 'via', '198.18.0.1']);
    await this.run('host1', ['ip', 'route', 'add', 'default', 'via', '198.51.100.1']);
    for (const vm of [VM1, VM2]) await this.#vm(vm);
  }

  /** The southbound, and an edge that has this goal state in force. */
  async serve(resources: readonly Resource[]): Promise<void> {
    const authority = await openCertificateAuthority({
      directory: join(this.#directory, 'pki'),
      clock: systemClock,
    });
    for (const [name, kind] of [
      ['controller', 'controller'],
      [EDGE, 'edge'],
    ] as const) {
      this.#credentials.set(name, await authority.ensure({ name, kind }));
    }
    const controller = defined(this.#credentials.get('controller'), 'credentials');
    this.#southbound = await scriptedSouthbound(this.#socket, controller);
    this.southbound.set(EDGE, resources);
    await this.startEdge();
    await this.applied();
    // The host's kernel has asked for the edge before it was there, and does not ask again at once.
    await eventually('the host reaches the edge', async () => {
      const ping = ['ping', '-n', '-c', '1', '-W', '1', '198.51.100.2'] as const;
      return (await this.attempt('host1', ping)).code === 0;
    });
  }

  /** New goal state, whole; resolves when the edge has acknowledged it. */
  async set(resources: readonly Resource[]): Promise<void> {
    const before = this.southbound.ack(EDGE)?.revision ?? 0;
    this.southbound.set(EDGE, resources);
    await eventually('the edge acknowledges', () => {
      return (this.southbound.ack(EDGE)?.revision ?? 0) > before;
    });
  }

  async applied(): Promise<void> {
    await eventually('the edge acknowledges', () => this.southbound.ack(EDGE) !== undefined);
  }

  async startEdge(): Promise<void> {
    const { ca, cert, key } = defined(this.#credentials.get(EDGE), 'credentials');
    const argv: Argv = [
      process.execPath,
      programPath(this.#program),
      ...['--id', EDGE, '--state', join(this.#directory, EDGE)],
      ...['--controller', `unix:${this.#socket}`, '--ca', ca, '--cert', cert, '--key', key],
      ...['--uplink', 'uplink0'],
    ];
    this.#edge = await startProgram(this.ns('edge'), argv, '"event":"ready"');
  }

  /** GET of the edge's control socket. */
  async ask<T>(path: string): Promise<T> {
    const target = {
      kind: 'unix',
      socketPath: join(this.#directory, EDGE, 'control.sock'),
    } as const;
    const { status, body } = await exchangeJson(target, { method: 'GET', path });
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  async close(): Promise<void> {
    await this.#edge?.stop();
    this.#southbound?.close();
    await sweepNamespaces(this.fabric);
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #socket(): string {
    return join(this.#directory, 'southbound.sock');
  }

  async #veth(a: string, aName: string, b: string, bName: string): Promise<void> {
    const end = ['type', 'veth', 'peer', 'name', bName, 'netns', this.ns(b)] as const;
    await run(['ip', '-n', this.ns(a), 'link', 'add', aName, ...end]);
    await this.run(a, ['ip', 'link', 'set', aName, 'up']);
    await this.run(b, ['ip', 'link', 'set', bName, 'up']);
  }

  async #address(member: string, name: string, ...addresses: string[]): Promise<void> {
    for (const address of addresses) {
      const once = address.includes(':') ? ['nodad'] : [];
      await this.run(member, ['ip', 'address', 'add', address, 'dev', name, ...once]);
    }
  }

  /** A kernel that sends into the tunnel as a host's switch would: everything to the edge's MAC address. */
  async #vm({ name, address, vni, mac }: LabVm): Promise<void> {
    const device = `vx${vni}`;
    const tunnel = ['id', String(vni), 'local', HOST_ADDRESS, 'remote', '198.51.100.2'] as const;
    await this.run('host1', [
      ...['ip', 'link', 'add', device, 'address', formatMac(mac), 'mtu', '1450', 'type', 'vxlan'],
      ...[...tunnel, 'dstport', '4789', 'nolearning', 'udpcsum'],
    ] as unknown as Argv);
    await this.run('host1', ['ip', 'link', 'set', device, 'netns', this.ns(name)]);
    // The kernel would leave checksums inside its tunnels open, which no receiver in user space can make sense of.
    const off = ['tx', 'tso', 'gso'].flatMap((feature) => [feature, 'off']);
    await this.run(name, ['ethtool', '-K', device, ...off]);
    const router = `${address.slice(0, address.lastIndexOf('.'))}.1`;
    await this.#address(name, device, `${address}/24`);
    await this.run(name, ['ip', 'link', 'set', device, 'up']);
    const neighbour = ['lladdr', formatMac(EDGE_MAC), 'dev', device] as const;
    await this.run(name, ['ip', 'neigh', 'replace', router, ...neighbour]);
    await this.run(name, ['ip', 'route', 'add', 'default', 'via', router]);
  }
}

export function bytesOf(text: string): Uint8Array {
  return ipAddressBytes(defined(parseIpWords(text), text));
}

/** Settings, both VMs and a pool for both; `change` adds to them. */
export function labGoal(...change: Resource[]): readonly Resource[] {
  const vnetId = 'blue';
  return [
    {
      key: 'edge',
      version: 1,
      edge: {
        providerAddress: bytesOf('198.51.100.2'),
        providerPrefixLen: 24,
        vxlanPort: 4789,
        providerMtu: 1500,
        mac: EDGE_MAC,
        providerGateway: bytesOf('198.51.100.1'),
        natExemptions: [],
        outside: [
          {
            name: 'outside0',
            addresses: [
              { address: bytesOf('192.0.2.2'), prefixLen: 24 },
              { address: bytesOf('2001:db8:ffff::2'), prefixLen: 64 },
            ],
            mtu: 1500,
            gateways: [bytesOf('192.0.2.1')],
          },
          {
            name: 'outside1',
            addresses: [{ address: bytesOf('192.0.3.2'), prefixLen: 24 }],
            mtu: 1500,
            gateways: [],
          },
        ],
      },
    },
    {
      key: `vnet/${vnetId}`,
      version: 1,
      virtualNetwork: {
        id: vnetId,
        resourceRef: `/virtualNetworks/${vnetId}`,
        ...VIRTUAL_NETWORK_DEFAULTS,
        addressSpace: [{ address: bytesOf('10.0.0.0'), len: 16 }],
      },
    },
    ...[VM1, VM2].flatMap(({ name, address, vni, subnet, mac }): Resource[] => [
      {
        key: `subnet/${subnet}`,
        version: 1,
        virtualSubnet: {
          id: subnet,
          resourceRef: `/virtualNetworks/${vnetId}/subnets/${subnet}`,
          vnetId,
          vni,
          prefix: { address: bytesOf(address.replace(/\d+$/, '0')), len: 24 },
          ...VIRTUAL_SUBNET_DEFAULTS,
          gateway: bytesOf(address.replace(/\d+$/, '1')),
        },
      },
      {
        key: `mapping/${vnetId}/${address}`,
        version: 1,
        mapping: {
          vnetId,
          address: bytesOf(address),
          subnetId: subnet,
          mac,
          providerAddress: bytesOf(HOST_ADDRESS),
          ...MAPPING_DEFAULTS,
          portRef: `/networkInterfaces/${name}`,
        },
      },
    ]),
    {
      key: 'natpool/p',
      version: 1,
      natPool: {
        id: 'p',
        resourceRef: '/natPools/p',
        addresses: [bytesOf(POOL)],
        portFirst: 1024,
        portLast: 65_535,
        portsPerBlock: 1024,
        blocksPerAddressMax: 16,
        infrastructure: true,
      },
    },
    ...change,
  ];
}

export function publicAddressOf(vm: LabVm, address: string): Resource {
  return {
    key: `publicip/${vm.name}`,
    version: 1,
    publicAddress: {
      id: vm.name,
      resourceRef: `/publicIPAddresses/${vm.name}`,
      address: bytesOf(address),
      vnetId: 'blue',
      privateAddress: bytesOf(vm.address),
      idleTimeoutSec: 0,
    },
  };
}

export function portForwardTo(vm: LabVm, port: number, privatePort: number): Resource {
  return {
    key: `portforward/${port}`,
    version: 1,
    portForward: {
      id: String(port),
      resourceRef: `/portForwards/${port}`,
      protocol: 6,
      address: bytesOf(FORWARDED),
      port,
      vnetId: 'blue',
      privateAddress: bytesOf(vm.address),
      privatePort,
    },
  };
}
