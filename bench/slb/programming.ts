/**
 * How long it takes from the first PUT until 1,000 virtual addresses with 100 backends each are in force everywhere. The controller and the muxes are real
 * processes, the muxes with their forwarders; hosts are real agents with real streams that have no switch. Ten load balancers have a hundred
 * addresses and a pool of a hundred interfaces each, which is a backend of no other (as Azure has it), and go out by their first address. First
 * the load balancers are written, then each interface is made a backend.
 *
 * The end is when every mux may announce every address, and the state of each load balancer says that all muxes and hosts have acknowledged all its
 * backends. Called by main.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { sleep, systemClock } from '../../base/clock.ts';
import { formatIpv4 } from '../../base/ipv4.ts';
import { millis, seconds } from '../../base/units.ts';
import { run } from '../../fabric/command.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { type BenchController, startController } from '../control/controller.ts';
import { SimulatedHosts } from '../control/simulated-hosts.ts';
import { hostName, inParallel, makeFabric, makeNetwork, putResource } from '../control/tenants.ts';
import { cpuSeconds } from '../process-cpu.ts';
import { labPrefix } from './balancer-lab.ts';

export interface Shape {
  readonly balancers: number;
  readonly addressesOfEach: number;
  readonly backendsOfEach: number;
  /** Times that each interface is a backend of another load balancer. */
  readonly poolsOfEach: number;
}

export interface Programmed {
  /** From the first PUT to the last answer to one. */
  readonly writtenSec: number;
  /** From the first PUT to the last announcement. */
  readonly announcedSec: number;
  readonly controllerSec: number;
  /** Processor time of the mux that has taken most. */
  readonly muxSec: number;
}

const HOSTS = 10;
const HOST_PROCESSES = 1;
const MUXES = ['mux1', 'mux2'];
/** Requests under way at once. */
const WIDTH = 16;
const POLL = millis(20);
const PATIENCE = seconds(120);
const VIP_SUBNET = '/logicalNetworks/public/subnets/vips';
const FIRST_VIP = 0xcb00_0000;
const MANAGER = formatIpv4(FIRST_VIP + 9);
const FIRST_BACKEND = 0x0a00_0100;

export async function program(shape: Shape): Promise<Programmed> {
  const controller = await startController();
  const muxes: Mux[] = [];
  let hosts: SimulatedHosts | undefined;
  try {
    const { client } = controller;
    await makeFabric(client, HOSTS);
    await makeBalancers(client, shape);
    const ids = Array.from({ length: HOSTS }, (_, at) => hostName(at));
    hosts = await SimulatedHosts.start({
      controller: controller.southbound,
      hosts: await Promise.all(ids.map((id) => controller.host(id))),
      processCount: HOST_PROCESSES,
    });
    for (const name of MUXES) muxes.push(await startMux(controller, name));
    await makeNetwork(client, 0);
    const instances: string[] = [];
    await inParallel(interfacesOf(shape), WIDTH, async (at) => {
      instances[at] = await writeBackend(client, at, []);
    });
    hosts.attach(
      new Map(ids.map((id, at) => [id, instances.filter((_, nic) => nic % HOSTS === at)])),
    );
    await settled(muxes);
    return await measure(controller, muxes, shape);
  } finally {
    for (const mux of muxes) await mux.stop();
    await hosts?.stop();
    await controller.stop();
  }
}

async function measure(
  { client, cpuSec }: BenchController,
  muxes: readonly Mux[],
  shape: Shape,
): Promise<Programmed> {
  const held = await Promise.all(muxes.map((mux) => mux.resources()));
  const cpu = [cpuSec(), ...muxes.map((mux) => mux.cpuSec())];
  const start = systemClock.now();
  const { balancers, addressesOfEach, backendsOfEach } = shape;
  await inParallel(balancers, WIDTH, (at) => writeBalancer(client, at, addressesOfEach));
  await inParallel(interfacesOf(shape), WIDTH, async (at) => {
    await writeBackend(client, at, balancersOf(at, shape));
  });
  const writtenSec = (systemClock.now() - start) / 1000;
  // Virtual addresses and their announcements, pools; ports for outbound connections come beside.
  const more = 2 * balancers * addressesOfEach + balancers;
  const isThere = async () => {
    const counts = await Promise.all(muxes.map((mux) => mux.resources()));
    return counts.every((count, at) => count - (held[at] ?? 0) >= more);
  };
  for (let left = balancers; left > 0; ) {
    const isDone = (await isThere()) && (await isInForce(client, left - 1, backendsOfEach));
    if (isDone) left -= 1;
    else await sleep(systemClock, POLL);
    if (systemClock.now() - start > PATIENCE) throw new Error(`${left} are not in force`);
  }
  const announcedSec = (systemClock.now() - start) / 1000;
  const [ofController = 0, ...ofMuxes] = [cpuSec(), ...muxes.map((mux) => mux.cpuSec())].map(
    (now, at) => now - (cpu[at] ?? 0),
  );
  return { writtenSec, announcedSec, controllerSec: ofController, muxSec: Math.max(...ofMuxes) };
}

function interfacesOf({ balancers, backendsOfEach, poolsOfEach }: Shape): number {
  return (balancers * backendsOfEach) / poolsOfEach;
}

/** Interfaces that share one pool share all of them. */
function balancersOf(at: number, { backendsOfEach, poolsOfEach }: Shape): readonly number[] {
  const first = Math.floor(at / backendsOfEach) * poolsOfEach;
  return Array.from({ length: poolsOfEach }, (_, index) => first + index);
}

type Client = BenchController['client'];

/** What a load balancer needs before there is one. */
async function makeBalancers(client: Client, shape: Shape): Promise<void> {
  const pool = {
    startIpAddress: MANAGER,
    endIpAddress: formatIpv4(FIRST_VIP + 10 + shape.balancers * shape.addressesOfEach),
  };
  const subnet = {
    addressPrefix: `${formatIpv4(FIRST_VIP)}/16`,
    vlanId: 0,
    isPublic: true,
    ipPools: [{ resourceId: 'vips', properties: pool }],
  };
  await putResource(client, '/logicalNetworks/public', {
    subnets: [{ resourceId: 'vips', properties: subnet }],
  });
  await putResource(client, '/loadBalancerManager/config', {
    loadBalancerManagerIPAddress: MANAGER,
    outboundNatIPExemptions: [`${MANAGER}/32`],
    vipIpPools: [{ resourceRef: `${VIP_SUBNET}/ipPools/vips` }],
  });
  for (const [at, name] of MUXES.entries()) {
    await putResource(client, `/virtualServers/${name}`, {
      connections: [{ managementAddresses: [name] }],
    });
    await putResource(client, `/loadBalancerMuxes/${name}`, {
      providerAddress: `100.64.0.${3 + at}`,
      virtualServer: { resourceRef: `/virtualServers/${name}` },
      routerConfiguration: { localASN: 64_650, peerRouterConfigurations: [] },
    });
  }
}

async function writeBalancer(client: Client, at: number, addresses: number): Promise<void> {
  const path = `/loadBalancers/lb${at}`;
  const reference = (part: string) => ({ resourceRef: `${path}/${part}` });
  const all = Array.from({ length: addresses }, (_, index) => index);
  const pool = { backendAddressPool: reference('backendAddressPools/backends') };
  const by = (index: number) => ({
    frontendIPConfigurations: [reference(`frontendIPConfigurations/vip${index}`)],
  });
  await putResource(client, path, {
    frontendIPConfigurations: all.map((index) => ({
      resourceId: `vip${index}`,
      properties: {
        subnet: { resourceRef: VIP_SUBNET },
        privateIPAllocationMethod: 'Static',
        privateIPAddress: formatIpv4(FIRST_VIP + 10 + at * addresses + index),
      },
    })),
    backendAddressPools: [{ resourceId: 'backends', properties: {} }],
    loadBalancingRules: all.map((index) => ({
      resourceId: `web${index}`,
      properties: {
        ...by(index),
        ...pool,
        protocol: 'Tcp',
        frontendPort: 80,
        backendPort: 8000 + index,
      },
    })),
    outboundNatRules: [{ resourceId: 'out', properties: { ...by(0), ...pool, protocol: 'All' } }],
  });
}

/** instanceId. */
function writeBackend(client: Client, at: number, balancers: readonly number[]): Promise<string> {
  return putResource(client, `/networkInterfaces/nic${at}`, {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      {
        resourceId: 'primary',
        properties: {
          subnet: { resourceRef: '/virtualNetworks/net0/subnets/vms' },
          privateIPAllocationMethod: 'Static',
          privateIPAddress: formatIpv4(FIRST_BACKEND + at),
          loadBalancerBackendAddressPools: balancers.map((balancer) => ({
            resourceRef: `/loadBalancers/lb${balancer}/backendAddressPools/backends`,
          })),
        },
      },
    ],
  });
}

interface Frontend {
  readonly configurationState: {
    readonly status: string;
    readonly vipEndpointStates?: readonly { readonly dipEndpointStates: readonly unknown[] }[];
  };
}

/** So says the state of its first address; the others share its backends. */
async function isInForce(client: Client, balancer: number, backends: number): Promise<boolean> {
  const path = `/loadBalancers/lb${balancer}/frontendIPConfigurations/vip0`;
  const { properties } = await client.get<Frontend>(path);
  const { status, vipEndpointStates: states = [] } = properties.configurationState;
  const isSettled = status === 'Success' || status === 'Warning';
  return (
    isSettled &&
    states.length > 0 &&
    states.every(({ dipEndpointStates: own }) => own.length === backends)
  );
}

interface Mux {
  /** Of its goal state, brought into force. */
  resources(): Promise<number>;
  cpuSec(): number;
  stop(): Promise<void>;
}

async function startMux(controller: BenchController, name: string): Promise<Mux> {
  const { ca, cert, key, savedGoal } = await controller.host(name, 'mux');
  const state = dirname(savedGoal);
  const namespace = `${labPrefix()}-${name}`;
  await createNamespace(namespace);
  const pair = ['type', 'veth', 'peer', 'name', 'nobody0'] as const;
  await run(['ip', '-n', namespace, 'link', 'add', 'uplink0', ...pair]);
  for (const name of ['uplink0', 'nobody0']) {
    await run(['ip', '-n', namespace, 'link', 'set', name, 'up']);
  }
  const [program, ...args] = inNamespace(namespace, [
    ...([process.execPath, programPath('slb/main.js'), '--id', name, '--state', state] as const),
    ...['--controller', controller.southbound, '--ca', ca, '--cert', cert, '--key', key],
    ...['--uplink', 'uplink0'],
  ]);
  const env = { ...process.env, WEFT_LOG: 'warn' };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  const target = { kind: 'unix', socketPath: join(state, 'control.sock') } as const;
  return {
    async resources() {
      const { body } = await exchangeJson(target, { method: 'GET', path: '/status' });
      return (body as { readonly resources: number }).resources;
    },
    cpuSec: () => cpuSeconds([child.pid ?? 0]),
    async stop() {
      await end(child);
      await deleteNamespace(namespace);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

/** Nothing has come for a second. */
async function settled(muxes: readonly Mux[]): Promise<void> {
  let before = '';
  for (;;) {
    const now = (await Promise.all(muxes.map((mux) => mux.resources()))).join();
    if (now === before) return;
    before = now;
    await sleep(systemClock, seconds(1));
  }
}
