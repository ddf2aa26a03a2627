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
import { formatMac } from '../../base/mac.ts';
import type { Argv } from '../../fabric/command.ts';
import {
  MAPPING_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { bytesOf } from '../fixtures/addresses.ts';
import { eventually } from '../kit/eventually.ts';
import { RoleLab } from './role-lab.ts';

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

export class EdgeLab extends RoleLab {
  /** `program`: the edge's, relative to dist. */
  constructor(program = 'bgp/edge/main.js') {
    super({ kind: 'edge', id: EDGE, program });
  }

  /** Namespaces and links; nothing runs yet. */
  async build(): Promise<void> {
    await this.members('edge', 'host1', 'vm1', 'vm2', 'outside', 'outside2', 'far');
    await this.veth('host1', 'uplink0', 'edge', 'uplink0');
    await this.veth('edge', 'outside0', 'outside', 'edge0');
    await this.veth('edge', 'outside1', 'outside2', 'edge0');
    await this.veth('outside', 'far0', 'far', 'eth0');
    await this.veth('outside2', 'far0', 'far', 'eth1');
    const off = ['tx', 'tso', 'gso', 'tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];
    const settings = off.flatMap((feature) => [feature, 'off']);
    await this.run('host1', ['ethtool', '-K', 'uplink0', ...settings]);
    await this.address('host1', 'uplink0', `${HOST_ADDRESS}/24`);
    await this.address('outside', 'edge0', '192.0.2.1/24', '2001:db8:ffff::1/64');
    await this.address('outside', 'far0', '198.18.0.1/24');
    await this.address('outside2', 'edge0', '192.0.3.1/24');
    await this.address('outside2', 'far0', '198.18.1.1/24');
    await this.address('far', 'eth0', `${FAR}/24`);
    await this.address('far', 'eth1', '198.18.1.9/24');
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

  override async serve(resources: readonly Resource[]): Promise<void> {
    await super.serve(resources);
    // The host's kernel has asked for the edge before it was there, and does not ask again at once.
    await eventually('the host reaches the edge', async () => {
      const ping = ['ping', '-n', '-c', '1', '-W', '1', '198.51.100.2'] as const;
      return (await this.attempt('host1', ping)).code === 0;
    });
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
    await this.address(name, device, `${address}/24`);
    await this.run(name, ['ip', 'link', 'set', device, 'up']);
    const neighbour = ['lladdr', formatMac(EDGE_MAC), 'dev', device] as const;
    await this.run(name, ['ip', 'neigh', 'replace', router, ...neighbour]);
    await this.run(name, ['ip', 'route', 'add', 'default', 'via', router]);
  }
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
