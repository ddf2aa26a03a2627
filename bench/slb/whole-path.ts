/**
 * The whole way to a virtual address, as production has it: a client outside, the edge router, a mux, the backend's host with its switch, and back by an
 * edge without the mux. A one-machine fabric with two machines behind one load balancer; every process of it runs on this machine, and so do client
 * and servers. There is no peer that does all of this. Called by main.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import { run } from '../../fabric/command.ts';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { OUTSIDE } from '../../fabric/edge-network.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import { inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import { iperf, withServer } from '../iperf.ts';
import { IPERF_PORT, WEB_PORT } from './addresses.ts';
import { connections } from './programs.ts';

export interface WholePath {
  /** From outside to the first backend, and back: one figure, `sec` seconds of four streams, Gbit/s. */
  upload(sec: number): Promise<number>;
  download(sec: number): Promise<number>;
  /** New connections to both backends, thousand a second. */
  connect(sec: number): Promise<number>;
  close(): Promise<void>;
}

const LB = '/loadBalancers/web';
const BACKENDS = ['a', 'b'];
const AT_ONCE = 64;
const STREAMS = ['-P', '4'];
const PATIENCE = seconds(60);
const RETRY = millis(200);

export async function buildWholePath(): Promise<WholePath> {
  const state = await mkdtemp(join(tmpdir(), 'weft-slbbench-'));
  const settings = fabricSettings({ port: 0, edge: true, muxes: 2 });
  const fabric = await startFabric({ name: `slbbench${process.pid}`, state, settings });
  const servers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const stop of servers) await stop();
    await fabric.stop();
    await rm(state, { recursive: true, force: true });
  };
  try {
    const [first = '', ...others] = await populate(fabric);
    const client = { namespace: namespaceName(fabric.name, OUTSIDE) };
    const address = await virtualAddress(fabric);
    for (const namespace of [first, ...others]) servers.push(await serving(namespace));
    const transfer = async (sec: number, direction: readonly string[]) => {
      const ends = { client, server: { namespace: first, address } };
      const flags = ['-t', `${sec}`, ...STREAMS, ...direction];
      return (await iperf(ends, IPERF_PORT, flags, sec)).sum_received.bits_per_second / 1e9;
    };
    const connect = async (sec: number) => {
      const argv = ['load', address, `${WEB_PORT}`, `${sec}`, `${AT_ONCE}`];
      const output = await run(inNamespace(client.namespace, [connections(), ...argv]));
      const { completed, sec: took } = JSON.parse(output) as { completed: number; sec: number };
      return completed / took / 1000;
    };
    await answering(connect);
    return {
      upload: (sec) => transfer(sec, []),
      download: (sec) => transfer(sec, ['-R']),
      connect,
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** Namespaces of the backends. */
async function populate(fabric: Fabric): Promise<string[]> {
  const { client, settings } = fabric;
  const part = (name: string) => ({ resourceRef: `${LB}/${name}` });
  const subnet = { resourceId: 'vms', properties: { addressPrefix: '10.0.0.0/24' } };
  await client.put('/virtualNetworks/open', {
    resourceId: 'open',
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
      subnets: [subnet],
    },
  });
  await client.put('/publicIPAddresses/web', {
    resourceId: 'web',
    properties: { publicIPAllocationMethod: 'Dynamic' },
  });
  const rule = (name: string, port: number, pool: string) => ({
    resourceId: name,
    properties: {
      frontendIPConfigurations: [part('frontendIPConfigurations/vip')],
      backendAddressPool: part(`backendAddressPools/${pool}`),
      ...{ protocol: 'Tcp', frontendPort: port, backendPort: port },
    },
  });
  await client.put(LB, {
    resourceId: 'web',
    properties: {
      frontendIPConfigurations: [
        {
          resourceId: 'vip',
          properties: { publicIPAddress: { resourceRef: '/publicIPAddresses/web' } },
        },
      ],
      backendAddressPools: ['all', 'first'].map((resourceId) => ({ resourceId, properties: {} })),
      loadBalancingRules: [rule('web', WEB_PORT, 'all'), rule('iperf', IPERF_PORT, 'first')],
    },
  });
  const namespaces: string[] = [];
  for (const [at, name] of BACKENDS.entries()) {
    const pools = at === 0 ? ['all', 'first'] : ['all'];
    const nic = await client.put(`/networkInterfaces/${name}`, {
      resourceId: name,
      properties: {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: [
          {
            resourceId: 'ip',
            properties: {
              privateIPAllocationMethod: 'Dynamic',
              subnet: { resourceRef: '/virtualNetworks/open/subnets/vms' },
              loadBalancerBackendAddressPools: pools.map((pool) =>
                part(`backendAddressPools/${pool}`),
              ),
            },
          },
        ],
      },
    });
    const host = settings.hosts[at % settings.hosts.length] ?? '';
    namespaces.push((await fabric.createVm({ name, host, nic })).namespace);
  }
  return namespaces;
}

async function virtualAddress({ client }: Fabric): Promise<string> {
  const { properties } = await client.get<{ readonly ipAddress: string }>('/publicIPAddresses/web');
  return properties.ipAddress;
}

/** Serves new connections there until it is told to stop. */
function serving(namespace: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((end) => {
      stop = end;
    });
    const argv = [connections(), 'serve', `${WEB_PORT}`] as const;
    const served = withServer({ namespace, address: '' }, argv, 'ready', async () => {
      resolve(async () => {
        stop();
        await served;
      });
      await stopped;
    });
    served.catch(reject);
  });
}

/** The edge learns of the address from the muxes a while after it is there. */
async function answering(connect: (sec: number) => Promise<number>): Promise<void> {
  const deadline = systemClock.now() + PATIENCE;
  while ((await connect(1)) === 0) {
    if (systemClock.now() > deadline) throw new Error('the virtual address does not answer');
    await sleep(systemClock, RETRY);
  }
}
