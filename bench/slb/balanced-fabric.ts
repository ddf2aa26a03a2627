/**
 * A one-machine fabric as `up` makes it, with a virtual network whose two backends, one on each host, are behind a load balancer, and all ways to
 * them from a client outside that are compared:
 *
 *   Weft      client → edge → mux → host → backend, and back from the host by the edge
 *   HAProxy   client → edge → host2 → machine `proxy` → host2 → backend's host → backend, and back the same way
 *   nobody    client → edge → host → backend, by the backend's own public address, and back
 *
 * `proxy` is a machine of the same virtual network with a public address of its own, which is what a user has who does not take the load balancer;
 * one of its backends is on its own host. Every process runs on this machine, and so do client and servers. Called by fabric-scenes.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../../base/assert.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import { type Argv, run } from '../../fabric/command.ts';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { OUTSIDE } from '../../fabric/edge-network.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import { inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import type { VmRecord } from '../../fabric/vm.ts';
import { IPERF_PORT, OWN_WEB_PORT, WEB_PORT } from './addresses.ts';
import { haproxy, type Proxied } from './haproxy.ts';
import { HAPROXY, NOBODY, WEFT } from './names.ts';
import { connections, type Load } from './programs.ts';

export interface BalancedFabric {
  readonly fabric: Fabric;
  /** Namespace of the client. */
  readonly client: string;
  readonly backends: readonly VmRecord[];
  readonly virtualAddress: string;
  readonly ways: readonly Way[];
  /** Starts a server in a machine; resolves when it has printed a line. Ended with the fabric, or before. */
  serve(machine: VmRecord, argv: Argv): Promise<ChildProcess>;
  close(): Promise<void>;
}

/** A way to the backends. */
export interface Way {
  readonly name: string;
  /** For each backend: where new connections are sent, one after the other, to get half of them there. */
  readonly web: readonly string[];
  readonly webPort: number;
  /** For each backend: where it is reached, and by which port its iperf3 is. */
  readonly iperf: readonly { readonly address: string; readonly port: number }[];
}

export const LB = '/loadBalancers/web';
/** Each has a rule with a probe of its own. */
export const PROBED_PORTS: readonly number[] = Array.from({ length: 12 }, (_, at) => 8001 + at);
export const PROBE_INTERVAL_SEC = 5;

const BACKENDS = ['a', 'b'];
const PROXY = 'proxy';
const NETWORK = '/virtualNetworks/open';
const PATIENCE = seconds(60);
const RETRY = millis(200);

export async function buildBalancedFabric(): Promise<BalancedFabric> {
  const state = await mkdtemp(join(tmpdir(), 'weft-slbbench-'));
  const settings = fabricSettings({ port: 0, edge: true, muxes: 2 });
  const fabric = await startFabric({ name: `slbbench${process.pid}`, state, settings });
  const servers: ChildProcess[] = [];
  const close = async () => {
    for (const each of servers) each.kill('SIGKILL');
    await fabric.stop();
    await rm(state, { recursive: true, force: true });
  };
  const serve = async ({ namespace }: VmRecord, argv: Argv) => {
    const server = await started(inNamespace(namespace, argv));
    servers.push(server);
    return server;
  };
  try {
    const { backends, proxy } = await populate(fabric);
    const client = namespaceName(fabric.name, OUTSIDE);
    for (const namespace of [client, proxy.namespace]) {
      const ports = 'net.ipv4.ip_local_port_range=1024 65535';
      await run(inNamespace(namespace, ['sysctl', '-qw', ports]));
    }
    for (const each of backends) {
      for (const port of [WEB_PORT, OWN_WEB_PORT]) {
        await serve(each, [connections(), 'serve', `${port}`]);
      }
    }
    const at = { namespace: proxy.namespace, file: join(state, 'haproxy.cfg') };
    // Between two connections over TAPs splicing has cost a tenth more than copying.
    await serve(proxy, await haproxy({ ...at, proxied: proxiedOf(backends), isSpliced: false }));
    const virtualAddress = await publicAddress(fabric, 'web');
    const ways = await waysOf(fabric, virtualAddress);
    for (const { web, webPort } of ways) {
      for (const address of web) await answering(client, address, webPort);
    }
    return { fabric, client, backends, virtualAddress, ways, serve, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function waysOf(fabric: Fabric, virtualAddress: string): Promise<readonly Way[]> {
  const through = (name: string, addresses: readonly string[], webPort = WEB_PORT): Way => ({
    name,
    web: addresses,
    webPort,
    iperf: addresses.map((address, at) => ({ address, port: iperfPort(at) })),
  });
  const proxy = await publicAddress(fabric, PROXY);
  const own: string[] = [];
  for (const name of BACKENDS) own.push(await publicAddress(fabric, name));
  return [
    through(WEFT, [virtualAddress, virtualAddress]),
    through(HAPROXY, [proxy, proxy]),
    through(NOBODY, own, OWN_WEB_PORT),
  ];
}

/** Each backend's own, so that both connections of an iperf3 find the same server. */
function iperfPort(at: number): number {
  return IPERF_PORT + at;
}

function proxiedOf(backends: readonly VmRecord[]): readonly Proxied[] {
  const all = backends.map(({ address }) => `${address}:${WEB_PORT}`);
  const iperf = backends.map(({ address }, at) => ({
    name: `iperf${at}`,
    bind: `:${iperfPort(at)}`,
    servers: [`${address}:${iperfPort(at)}`],
  }));
  return [{ name: 'web', bind: `:${WEB_PORT}`, servers: all }, ...iperf];
}

async function populate(
  fabric: Fabric,
): Promise<{ readonly backends: readonly VmRecord[]; readonly proxy: VmRecord }> {
  const { client, settings } = fabric;
  const [host1 = '', host2 = ''] = settings.hosts;
  const subnet = { resourceId: 'vms', properties: { addressPrefix: '10.0.0.0/24' } };
  await client.put(NETWORK, {
    resourceId: 'open',
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
      subnets: [subnet],
    },
  });
  for (const name of ['web', PROXY, ...BACKENDS]) {
    await client.put(`/publicIPAddresses/${name}`, {
      resourceId: name,
      properties: { publicIPAllocationMethod: 'Dynamic' },
    });
  }
  await client.put(LB, { resourceId: 'web', properties: loadBalancer() });
  const backends = [
    await machine(fabric, { name: 'a', host: host1, pools: ['all', 'pool0'] }),
    await machine(fabric, { name: 'b', host: host2, pools: ['all', 'pool1'] }),
  ];
  return { backends, proxy: await machine(fabric, { name: PROXY, host: host2, pools: [] }) };
}

function loadBalancer(): object {
  const frontendIPConfigurations = [part('frontendIPConfigurations/vip')];
  const rule = (port: number, pool: string, more: object = {}) => ({
    resourceId: `port${port}`,
    properties: {
      frontendIPConfigurations,
      backendAddressPool: part(`backendAddressPools/${pool}`),
      ...{ protocol: 'Tcp', frontendPort: port, backendPort: port },
      ...more,
    },
  });
  const publicIPAddress = { resourceRef: '/publicIPAddresses/web' };
  const own = BACKENDS.map((_, at) => `pool${at}`);
  return {
    frontendIPConfigurations: [{ resourceId: 'vip', properties: { publicIPAddress } }],
    backendAddressPools: ['all', ...own].map((resourceId) => ({ resourceId, properties: {} })),
    probes: PROBED_PORTS.map((port) => ({
      resourceId: `port${port}`,
      properties: {
        ...{ protocol: 'Tcp', port },
        ...{ intervalInSeconds: PROBE_INTERVAL_SEC, numberOfProbes: 1 },
      },
    })),
    loadBalancingRules: [
      rule(WEB_PORT, 'all'),
      ...own.map((pool, at) => rule(iperfPort(at), pool)),
      ...PROBED_PORTS.map((port) => rule(port, 'all', { probe: part(`probes/port${port}`) })),
    ],
  };
}

function part(name: string): object {
  return { resourceRef: `${LB}/${name}` };
}

/** With a public address of its own. */
async function machine(
  fabric: Fabric,
  { name, host, pools }: { name: string; host: string; pools: readonly string[] },
): Promise<VmRecord> {
  const nic = await fabric.client.put(`/networkInterfaces/${name}`, {
    resourceId: name,
    properties: {
      privateMacAllocationMethod: 'Dynamic',
      ipConfigurations: [
        {
          resourceId: 'ip',
          properties: {
            privateIPAllocationMethod: 'Dynamic',
            subnet: { resourceRef: `${NETWORK}/subnets/vms` },
            publicIPAddress: { resourceRef: `/publicIPAddresses/${name}` },
            loadBalancerBackendAddressPools: pools.map((pool) =>
              part(`backendAddressPools/${pool}`),
            ),
          },
        },
      ],
    },
  });
  return fabric.createVm({ name, host, nic });
}

async function publicAddress({ client }: Fabric, name: string): Promise<string> {
  const path = `/publicIPAddresses/${name}`;
  const { properties } = await client.get<{ readonly ipAddress?: string }>(path);
  return defined(properties.ipAddress, `address of ${path}`);
}

/** The edge learns of a virtual address from the muxes a while after it is there; HAProxy binds its ports a moment after it has started. */
async function answering(client: string, address: string, port: number): Promise<void> {
  const once = [connections(), 'load', address, `${port}`, '0.2', '1'] as const;
  const deadline = systemClock.now() + PATIENCE;
  for (;;) {
    const { completed } = JSON.parse(await run(inNamespace(client, once))) as Load;
    if (completed > 0) return;
    if (systemClock.now() > deadline) throw new Error(`${address} does not answer`);
    await sleep(systemClock, RETRY);
  }
}

function started([program, ...args]: Argv): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
  });
}
