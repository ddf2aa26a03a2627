/**
 * Who balances, each in namespaces of its own, set up once and measured in turns. All backends serve the same, and all answers go the way that the
 * balancer's kind has them go: straight from the backend (ours), or back through the balancer (the others). Called by main.ts.
 *
 *   Weft       the mux's forwarding; backends are kernels behind the kernel's VXLAN that hold the virtual address
 *   HAProxy    haproxy.ts
 *   nftables   DNAT by the kernel: what forwarding with connection tracking can do at best
 *   nobody     the client asks the first backend itself: what client and backends can do at best
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatMac } from '../../base/mac.ts';
import { run } from '../../fabric/command.ts';
import { ipBatch } from '../../fabric/links.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import {
  backendAddress,
  backendMac,
  DATAGRAM_PORT,
  directAddress,
  directGateway,
  ECHO_PORT,
  IPERF_PORT,
  TUNNEL_MTU,
  VIP,
  VNI,
  WEB_PORT,
} from './addresses.ts';
import { BalancerLab } from './balancer-lab.ts';
import { haproxy, type Proxied } from './haproxy.ts';
import { HAPROXY, NFTABLES, NOBODY, WEFT } from './names.ts';
import { connections, roundTrips } from './programs.ts';

export interface Contestant {
  readonly name: string;
  readonly lab: BalancerLab;
  /** Where the client finds the service. */
  readonly address: string;
  /** HAProxy knows no datagrams, and nobody balances none. */
  readonly takesDatagrams: boolean;
  close(): Promise<void>;
}

/** In the order of their turns. */
export const CONTESTANTS: Readonly<Record<string, () => Promise<Contestant>>> = {
  [WEFT]: () => contestant(WEFT, weft),
  [HAPROXY]: () => contestant(HAPROXY, proxy),
  [NFTABLES]: () => contestant(NFTABLES, nftables),
  [NOBODY]: () => contestant(NOBODY, async () => undefined),
};

async function contestant(
  name: string,
  setUp: (lab: BalancerLab) => Promise<unknown>,
): Promise<Contestant> {
  const lab = await BalancerLab.build();
  const close = async () => {
    await lab.close();
    await rm(configurationOf(lab), { force: true });
  };
  try {
    await lab.eachBackend(async (backend) => {
      await lab.serve(backend, [connections(), 'serve', `${WEB_PORT}`]);
      await lab.serve(backend, [roundTrips(), 'serve', `${ECHO_PORT}`]);
    });
    await setUp(lab);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    name,
    lab,
    address: name === NOBODY ? directAddress(1) : VIP,
    takesDatagrams: name === WEFT || name === NFTABLES,
    close,
  };
}

async function weft(lab: BalancerLab): Promise<void> {
  await lab.eachBackend(async (backend, at) => {
    const local = backendAddress(at);
    await ipBatch(backend, [
      `addr add ${VIP}/32 dev lo`,
      `link add vx0 address ${formatMac(backendMac(at))} mtu ${TUNNEL_MTU} type vxlan id ${VNI} local ${local} dstport 4789 nolearning`,
      'link set vx0 up',
      // Segments fit the tunnel, as hosts see to in a fabric.
      `route add 192.0.2.0/24 via ${directGateway(at)} advmss ${TUNNEL_MTU - 40}`,
    ]);
  });
  const mac = await lab.uplinkMac();
  await lab.balance([process.execPath, programPath('bench/slb/mux.js'), lab.uplink, mac]);
}

async function nftables(lab: BalancerLab): Promise<void> {
  const all = '{ 0 : 198.51.100.18, 1 : 198.51.100.34 }';
  const settings = [
    'net.ipv4.ip_forward=1',
    'net.netfilter.nf_conntrack_max=2000000',
    // Connections that have ended make room soon.
    'net.netfilter.nf_conntrack_tcp_timeout_time_wait=1',
    'net.netfilter.nf_conntrack_tcp_timeout_close=1',
  ];
  const table = `table ip balancer {
  chain in {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr ${VIP} tcp dport ${WEB_PORT} dnat to numgen inc mod 2 map ${all}
    ip daddr ${VIP} udp dport ${DATAGRAM_PORT} dnat to jhash ip saddr . udp sport mod 2 map ${all}
    ip daddr ${VIP} tcp dport { ${IPERF_PORT}, ${ECHO_PORT} } dnat to ${backendAddress(1)}
  }
}`;
  await lab.inBalancer('nft', table);
  await lab.inBalancer('sysctl', '-qw', ...settings);
}

async function proxy(lab: BalancerLab): Promise<void> {
  const proxied = (name: string, port: number, backends: readonly number[]): Proxied => ({
    name,
    bind: `${VIP}:${port}`,
    servers: backends.map((at) => `${backendAddress(at)}:${port}`),
  });
  await lab.inBalancer('ip', 'address', 'add', `${VIP}/32`, 'dev', 'lo');
  const all = [
    proxied('web', WEB_PORT, [1, 2]),
    proxied('iperf', IPERF_PORT, [1]),
    proxied('echo', ECHO_PORT, [1]),
  ];
  const at = { namespace: lab.balancer, file: configurationOf(lab) };
  await lab.balance(await haproxy({ ...at, proxied: all, isSpliced: true }));
  await reachable(lab);
}

function configurationOf(lab: BalancerLab): string {
  return join(tmpdir(), `${lab.balancer}.cfg`);
}

/** HAProxy binds its ports a moment after it has started. */
async function reachable(lab: BalancerLab): Promise<void> {
  const once = ['load', VIP, `${WEB_PORT}`, '0.2', '1'] as const;
  for (let attempts = 0; attempts < 50; attempts += 1) {
    const output = await run(inNamespace(lab.client, [connections(), ...once]));
    if ((JSON.parse(output) as { completed: number }).completed > 0) return;
  }
  throw new Error('HAProxy does not answer');
}
