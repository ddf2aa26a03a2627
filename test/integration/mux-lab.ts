/**
 * A mux as a process, with the kernel of this machine on every side of it: the edge is a router that runs BIRD, backends are kernels behind the
 * kernel's own VXLAN (RFC 7348) that answer from the virtual address themselves. Goal state is a test's.
 *
 *   client 192.0.2.9 ── edge 198.51.100.2 ═╦═ mux .3
 *                                          ╠═ vm1 .21   VXLAN 5001, virtual addresses on lo
 *                                          ╚═ vm2 .22
 *
 * Called by slb-mux.test.ts.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../../base/assert.ts';
import { formatMac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { type Argv, attempt } from '../../fabric/command.ts';
import {
  BACKEND_DEFAULTS,
  BGP_PEER_DEFAULTS,
  BGP_ROUTER_DEFAULTS,
  LOAD_BALANCING_RULE_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import {
  HealthState,
  type LoadBalancingRule,
  PeerFamily,
  type Resource,
} from '../../schema/southbound/messages.ts';
import { bytesOf } from '../fixtures/addresses.ts';
import {
  healthResource,
  poolResource,
  virtualIpResource,
} from '../fixtures/balancing-resources.ts';
import { type DaemonPlace, daemonPlace } from '../interop/bgp-lab.ts';
import { RoleLab } from './role-lab.ts';

export const BIRD = '/usr/sbin/bird';
export const BIRDC = '/usr/sbin/birdc';
export const MUX = 'mux1';
export const CLIENT = '192.0.2.9';
export const EDGE_ADDRESS = '198.51.100.2';
export const MUX_ADDRESS = '198.51.100.3';
export const VIP = '203.0.113.10';
export const OTHER_VIP = '203.0.113.11';
export const VIP6 = '2001:db8:113::10';
/** What kit/syn-flood.ts sends from. */
const FLOOD_SOURCES = '198.18.0.0/15';
const VNI = 5001;

export interface LabBackend {
  readonly name: string;
  readonly address: string;
  readonly host: string;
  readonly mac: number;
}

export const VM1: LabBackend = {
  name: 'vm1',
  address: '10.0.0.4',
  host: '198.51.100.21',
  mac: 0x0200_0000_0104,
};
export const VM2: LabBackend = {
  name: 'vm2',
  address: '10.0.0.5',
  host: '198.51.100.22',
  mac: 0x0200_0000_0105,
};
export const BACKENDS: readonly LabBackend[] = [VM1, VM2];

/** Says its name to who connects, then sends back what it hears. */
const SERVER = `
const net = require('node:net');
net.createServer((socket) => {
  socket.on('error', () => undefined);
  socket.write(process.argv[1] + '\\n');
  socket.pipe(socket);
}).listen(80, '::', () => console.log('ready'));`;

/** Connects so often, one after the other, and prints how often each name came. */
const CALLER = `
const net = require('node:net');
const [address, count] = [process.argv[1], Number(process.argv[2])];
const names = {};
const call = () => new Promise((resolve) => {
  const socket = net.connect(80, address);
  const end = (name) => { names[name] = (names[name] ?? 0) + 1; socket.destroy(); resolve(); };
  socket.once('data', (data) => end(String(data).trim()));
  socket.once('error', (error) => end(error.code));
});
(async () => {
  for (let done = 0; done < count; done += 20) await Promise.all(Array.from({ length: 20 }, call));
  console.log(JSON.stringify(names));
})();`;

export class MuxLab extends RoleLab {
  #place: DaemonPlace | undefined;

  constructor() {
    super({ kind: 'mux', id: MUX, program: 'slb/main.js' });
  }

  /** Namespaces, links, servers and BIRD; no mux yet. */
  async build(): Promise<void> {
    await this.members('net', 'edge', 'client', 'mux', 'vm1', 'vm2');
    await this.run('net', ['ip', 'link', 'add', 'br0', 'type', 'bridge']);
    await this.run('net', ['ip', 'link', 'set', 'br0', 'up']);
    for (const member of ['edge', 'mux', 'vm1', 'vm2']) {
      await this.veth(member, 'uplink0', 'net', member);
      await this.run('net', ['ip', 'link', 'set', member, 'master', 'br0']);
    }
    await this.veth('edge', 'client0', 'client', 'eth0');
    await this.address('edge', 'uplink0', `${EDGE_ADDRESS}/24`);
    await this.address('edge', 'client0', '192.0.2.2/24');
    await this.address('client', 'eth0', `${CLIENT}/24`);
    await this.run('client', ['ip', 'route', 'add', 'default', 'via', '192.0.2.2']);
    for (const name of ['ip_forward', 'conf/all/rp_filter', 'conf/default/rp_filter']) {
      const value = name === 'ip_forward' ? 1 : 0;
      await this.run('edge', ['sysctl', '-qw', `net/ipv4/${name}=${value}`]);
    }
    for (const vm of BACKENDS) await this.#backend(vm);
    await this.#bird();
  }

  /** Does the edge have the route from the mux? */
  async hasRoute(prefix: string): Promise<boolean> {
    const socket = join(this.directory, 'bird.ctl');
    const text = await defined(this.#place, 'BIRD').ask([BIRDC, '-s', socket, 'show', 'route']);
    return text.includes(prefix);
  }

  /** Names of the servers that so many connections came to, with how many each. */
  async call(count: number, address: string = VIP): Promise<Record<string, number>> {
    const argv: Argv = [process.execPath, '-e', CALLER, address, String(count)];
    return JSON.parse(await this.run('client', argv)) as Record<string, number>;
  }

  /** Bytes that the mux's process has in memory. */
  async memoryBytes(): Promise<number> {
    const text = await readFile(`/proc/${this.role.pid}/statm`, 'utf8');
    return Number(text.split(' ')[1]) * 4096;
  }

  override close(): Promise<void> {
    return super.close('SIGKILL');
  }

  /** A kernel that takes what the mux tunnels and answers by the provider network, as from the virtual address. */
  async #backend({ name, host, mac }: LabBackend): Promise<void> {
    for (const which of ['all', 'default']) {
      await this.run(name, ['sysctl', '-qw', `net.ipv4.conf.${which}.rp_filter=0`]);
    }
    await this.address(name, 'uplink0', `${host}/24`);
    await this.run(name, ['ip', 'route', 'add', 'default', 'via', EDGE_ADDRESS]);
    await this.run(name, ['ip', 'link', 'set', 'lo', 'up']);
    // Whoever a flood says it comes from gets no answer.
    await this.run(name, ['ip', 'route', 'add', 'blackhole', FLOOD_SOURCES]);
    await this.address(name, 'lo', `${VIP}/32`, `${OTHER_VIP}/32`);
    const device = ['ip', 'link', 'add', 'vx0', 'address', formatMac(mac), 'mtu', '1450'] as const;
    const tunnel = ['type', 'vxlan', 'id', String(VNI), 'local', host, 'dstport', '4789'] as const;
    await this.run(name, [...device, ...tunnel, 'nolearning']);
    await this.run(name, ['sysctl', '-qw', 'net.ipv4.conf.vx0.rp_filter=0']);
    await this.run(name, ['ip', 'link', 'set', 'vx0', 'up']);
    await this.start(name, [process.execPath, '-e', SERVER, name], 'ready');
  }

  async #bird(): Promise<void> {
    const place = await daemonPlace(this.ns('edge'), this.directory, (program) =>
      this.started(program),
    );
    const config = await place.write(
      'bird.conf',
      `router id ${EDGE_ADDRESS};
protocol device { scan time 1; }
protocol kernel { ipv4 { export all; import none; }; }
protocol bgp mux1 {
  local ${EDGE_ADDRESS} as 64600;
  neighbor ${MUX_ADDRESS} as 64650;
  hold time 9;
  connect retry time 1;
  connect delay time 1;
  error wait time 1, 2;
  ipv4 { import all; export none; };
}
`,
    );
    await place.start([BIRD, '-f', '-c', config, '-s', join(this.directory, 'bird.ctl')]);
    this.#place = place;
  }
}

/** Whether a program is on this machine. */
export async function isThere(program: string): Promise<boolean> {
  return (await attempt(['test', '-x', program])).code === 0;
}

/** Settings and BGP. */
export function muxGoal(...change: Resource[]): readonly Resource[] {
  return [
    {
      key: 'mux',
      version: 1,
      mux: {
        providerAddress: bytesOf(MUX_ADDRESS),
        providerPrefixLen: 24,
        providerGateway: new Uint8Array(),
        vxlanPort: 4789,
        providerMtu: 1500,
        mac: VIRTUAL_ROUTER_MAC,
      },
    },
    {
      key: 'bgprouter/mux1',
      version: 1,
      bgpRouter: {
        ...BGP_ROUTER_DEFAULTS,
        id: 'mux1',
        resourceRef: '/loadBalancerMuxes/mux1',
        asNumber: 64_650,
        routerId: bytesOf(MUX_ADDRESS),
        enabled: true,
        networks: [],
      },
    },
    {
      key: 'bgppeer/edge',
      version: 1,
      bgpPeer: {
        ...BGP_PEER_DEFAULTS,
        id: 'edge',
        resourceRef: '/loadBalancerMuxes/mux1',
        routerId: 'mux1',
        address: bytesOf(EDGE_ADDRESS),
        asNumber: 64_600,
        importMapId: '',
        exportMapId: '',
        acceptAllIn: false,
        acceptAllOut: true,
        holdTimeSec: 9,
        md5Key: '',
        ttlSecurityHops: 0,
        prefixesMax: 0,
        prefixRestartSec: 0,
        passive: false,
        bfd: false,
        gracefulRestartSec: 0,
        families: [PeerFamily.PEER_IPV4_UNICAST],
      },
    },
    ...change,
  ];
}

export function pool(backends: readonly LabBackend[] = BACKENDS): Resource {
  return poolResource(
    'p',
    backends.map(({ name, address, host, mac }) => ({
      ...BACKEND_DEFAULTS,
      address: bytesOf(address),
      vni: VNI,
      mac,
      providerAddress: bytesOf(host),
      portId: name,
    })),
  );
}

export function health(states: Readonly<Record<string, HealthState>>): Resource {
  return healthResource('h', states);
}

const WEB: LoadBalancingRule = {
  ...LOAD_BALANCING_RULE_DEFAULTS,
  id: 'web',
  protocol: 6,
  port: 80,
  poolId: 'p',
  backendPort: 80,
  floatingIp: true,
  healthId: 'h',
};

export function vip(address: string = VIP, id = 'web'): Resource {
  return virtualIpResource(address, { id, rules: [WEB] });
}

export function announcement(id = 'web'): Resource {
  return { key: `announcement/${id}`, version: 1, announcement: { vipId: id } };
}

export const UP: HealthState = HealthState.HEALTH_UP;
export const DOWN: HealthState = HealthState.HEALTH_DOWN;
