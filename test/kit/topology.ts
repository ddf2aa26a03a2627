/**
 * The test kit: a whole Weft — real controller, real hosts, real packets — declared in a few lines, in network namespaces of its own.
 *
 *   const network = await topology({
 *     hosts: 2,
 *     vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
 *     vms: { a: { vnet: 'blue', subnet: 'web', host: 1 }, b: { vnet: 'blue', subnet: 'web', host: 2 } },
 *   }).start();
 *   t.teardown(() => network.stop());
 *   await network.vm('a').reaches(network.vm('b'));
 *
 * Everything is made through the northbound API; `network.client` is an administrator's client for whatever the declaration cannot say.
 * Any number of topologies run side by side. Each is removed by `stop`, when its process ends, and, if that was killed, when the next
 * one starts (stale.ts). Needs root, or a user namespace as tools/test.sh makes one. Public API, described in docs/test-kit.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../../base/assert.ts';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { CLIENT_INTERFACE, OUTSIDE } from '../../fabric/edge-network.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import type { HostControl } from '../../fabric/host-control.ts';
import { namespaceName } from '../../fabric/namespaces.ts';
import type { NorthboundClient, Resource } from '../../fabric/northbound-client.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import { vmInterfaces } from '../../fabric/vm.ts';
import { eventually } from './eventually.ts';
import { type Machine, machine } from './machine.ts';
import { register, sweepStaleTopologies, uniqueFabricName, unregister } from './stale.ts';

export interface TopologySpec {
  /** How many; named host1, host2, … Default 2. */
  readonly hosts?: number;
  readonly vnets?: Readonly<Record<string, VnetSpec>>;
  readonly vms?: Readonly<Record<string, MachineSpec>>;
  /** Super-frames; default true. */
  readonly offload?: boolean;
  readonly providerPrefix?: string;
  /** An edge router, and a namespace `outside` behind it; default false, with muxes true. */
  readonly edge?: boolean;
  /** Muxes of load balancers beside the edge router; named mux1, mux2, … Default 0. */
  readonly muxes?: number;
  /** Idle times and intervals of load balancers' probes are divided by this, to whole seconds: 60 makes seconds of minutes. Default 1. */
  readonly hasten?: number;
}

export interface VnetSpec {
  readonly space: string | readonly string[];
  /** Prefix, or an IPv4 and an IPv6 one: then NAME6 is the IPv6 subnet, paired with NAME, and VMs in NAME have an address of each. */
  readonly subnets: Readonly<Record<string, string | readonly [ipv4: string, ipv6: string]>>;
}

export interface MachineSpec extends InterfaceSpec {
  /** 1 for host1. */
  readonly host: number;
  /** `none`: its interfaces get no address. Default `dhcp`. */
  readonly configure?: 'dhcp' | 'none';
  /** Interfaces beyond the first: the networkInterfaces are named NAME-1, NAME-2, … */
  readonly further?: readonly InterfaceSpec[];
}

export interface InterfaceSpec {
  readonly vnet: string;
  readonly subnet: string;
  /** Static; default: the controller chooses. */
  readonly address?: string;
  /** Further properties of the networkInterface. */
  readonly nic?: Readonly<Record<string, unknown>>;
}

export interface Topology {
  start(): Promise<RunningTopology>;
}

export interface RunningTopology {
  readonly fabric: Fabric;
  readonly client: NorthboundClient;
  vm(name: string): Machine;
  /** The client behind the edge router, as a machine. */
  outside(): Machine;
  host(name: string): HostControl;
  /** `controller`, `host1`, … */
  role(name: string): Role;
  addVnet(name: string, spec: VnetSpec): Promise<void>;
  /** Also makes its networkInterface, named like it. */
  addVm(name: string, spec: MachineSpec): Promise<Machine>;
  removeVm(name: string): Promise<void>;
  /** How often a host dropped frames for that reason (packet/drop.ts), summed over its ports. */
  drops(host: string, reason: string): Promise<number>;
  stop(): Promise<void>;
}

/** A process of the fabric, to be mistreated. */
export interface Role {
  readonly pid: number;
  readonly namespace: string;
  /** SIGKILL; resolves when it is dead. The supervisor starts it again: see `ready`. */
  kill(): Promise<void>;
  /** Ends it for good, until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Resolves when it serves (again). */
  ready(): Promise<void>;
}

export function topology(spec: TopologySpec): Topology {
  return { start: () => start(spec) };
}

async function start(spec: TopologySpec): Promise<RunningTopology> {
  await sweepStaleTopologies();
  const name = uniqueFabricName();
  const directory = await mkdtemp(join(tmpdir(), 'weft-kit-'));
  register(name, directory);
  const remove = async (): Promise<void> => {
    unregister(name);
    await rm(directory, { recursive: true, force: true });
  };
  const { hosts = 2, offload = true, muxes = 0, edge = muxes > 0 } = spec;
  const { providerPrefix, hasten = 1 } = spec;
  const settings = fabricSettings({
    hosts,
    offload,
    edge,
    muxes,
    hasten,
    port: 0,
    ...(providerPrefix !== undefined && { providerPrefix }),
  });
  let fabric: Fabric | undefined;
  try {
    fabric = await startFabric({ name, state: directory, settings });
    const running = runningTopology(fabric, remove);
    const { vnets = {}, vms = {} } = spec;
    await Promise.all(Object.entries(vnets).map(([vnet, each]) => running.addVnet(vnet, each)));
    await Promise.all(Object.entries(vms).map(([vm, each]) => running.addVm(vm, each)));
    return running;
  } catch (thrown) {
    await fabric?.stop();
    await remove();
    throw thrown;
  }
}

function runningTopology(fabric: Fabric, remove: () => Promise<void>): RunningTopology {
  const machines = new Map<string, Machine>();
  const { client } = fabric;
  const running: RunningTopology = {
    fabric,
    client,
    vm: (name) => defined(machines.get(name), `VM ${name} of this topology`),
    outside: () => outsideMachine(fabric),
    host: (name) => fabric.host(name),
    role: (name) => role(fabric, name),
    async addVnet(name, spec) {
      await client.put(`/virtualNetworks/${name}`, {
        resourceId: name,
        properties: vnetProperties(name, spec),
      });
    },
    async addVm(name, spec) {
      const nic = await putInterface(client, name, spec);
      const furtherNics: Resource[] = [];
      for (const [index, each] of (spec.further ?? []).entries()) {
        furtherNics.push(await putInterface(client, `${name}-${index + 1}`, each));
      }
      const record = await fabric.createVm({
        name,
        host: `host${spec.host}`,
        nic,
        furtherNics,
        ...(spec.configure !== undefined && { configure: spec.configure }),
      });
      const made = machine(record);
      machines.set(name, made);
      return made;
    },
    async removeVm(name) {
      const interfaces = vmInterfaces(running.vm(name).record);
      await fabric.deleteVm(name);
      machines.delete(name);
      for (const { nic } of interfaces) await client.delete(nic);
    },
    drops: async (host, reason) => sumDrops(await fabric.host(host).counters(), reason),
    async stop() {
      await fabric.stop();
      await remove();
    },
  };
  return running;
}

function outsideMachine({ name, settings }: Fabric): Machine {
  const { outside } = defined(settings.edge, 'an edge router');
  const nowhere = { nic: '', portId: '', mac: '', host: '', mtu: 1500, further: [] } as const;
  return machine({
    ...nowhere,
    name: OUTSIDE,
    kind: 'namespace',
    namespace: namespaceName(name, OUTSIDE),
    device: CLIENT_INTERFACE,
    address: outside.client[0] ?? '',
  });
}

async function putInterface(
  client: NorthboundClient,
  resourceId: string,
  spec: InterfaceSpec,
): Promise<Resource> {
  const subnet = await client.get<{ readonly dualStackSubnet?: object }>(subnetPath(spec));
  const properties = nicProperties(spec, subnet.properties.dualStackSubnet);
  return client.put(`/networkInterfaces/${resourceId}`, { resourceId, properties });
}

function role(fabric: Fabric, name: string): Role {
  const { supervisor } = fabric;
  const current = () =>
    defined(
      supervisor.roles().find((each) => each.spec.name === name),
      name,
    );
  return {
    get pid() {
      return current().pid;
    },
    namespace: current().spec.namespace,
    async kill() {
      const { pid } = current();
      supervisor.signal(name, 'SIGKILL');
      await eventually(`${name} has died`, () => current().pid !== pid);
    },
    stop: () => supervisor.stop(name),
    start: () => supervisor.start(current().spec),
    ready: () => supervisor.whenReady(name),
  };
}

function vnetProperties(name: string, spec: VnetSpec): object {
  return {
    addressSpace: { addressPrefixes: typeof spec.space === 'string' ? [spec.space] : spec.space },
    logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
    subnets: Object.entries(spec.subnets).flatMap(([resourceId, prefixes]) => {
      if (typeof prefixes === 'string') {
        return [{ resourceId, properties: { addressPrefix: prefixes } }];
      }
      const [ipv4, ipv6] = prefixes;
      const ipv6Id = `${resourceId}6`;
      const dualStackSubnet = { resourceRef: `/virtualNetworks/${name}/subnets/${ipv6Id}` };
      return [
        { resourceId, properties: { addressPrefix: ipv4, dualStackSubnet } },
        { resourceId: ipv6Id, properties: { addressPrefix: ipv6 } },
      ];
    }),
  };
}

function subnetPath({ vnet, subnet }: InterfaceSpec): string {
  return `/virtualNetworks/${vnet}/subnets/${subnet}`;
}

function nicProperties(spec: InterfaceSpec, ipv6Subnet: object | undefined): object {
  const { address } = spec;
  const ipv6 = { resourceId: 'ipv6', properties: { subnet: ipv6Subnet } };
  return {
    privateMacAllocationMethod: 'Dynamic',
    ...spec.nic,
    ipConfigurations: [
      {
        resourceId: 'primary',
        properties: {
          subnet: { resourceRef: subnetPath(spec) },
          isPrimary: true,
          privateIPAllocationMethod: address === undefined ? 'Dynamic' : 'Static',
          ...(address !== undefined && { privateIPAddress: address }),
        },
      },
      ...(ipv6Subnet === undefined ? [] : [ipv6]),
    ],
  };
}

/** The counters nest drops by port; whatever their shape, a reason's name stands for itself. */
function sumDrops(counters: unknown, reason: string): number {
  if (typeof counters !== 'object' || counters === null) return 0;
  return Object.entries(counters).reduce(
    (sum, [name, value]) =>
      sum + (name === reason && typeof value === 'number' ? value : sumDrops(value, reason)),
    0,
  );
}
