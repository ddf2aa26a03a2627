/**
 * Ours, as in production: a one-machine fabric (fabric/) with its controller and two host processes, a virtual network made through
 * the northbound API, and VMs whose TAPs the hosts' switches forward. Nothing in it is made for the benchmark.
 */
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import { treeVersion } from '../tree-version.ts';
import {
  ACROSS_HOSTS,
  ACROSS_HOSTS_GUARDED,
  type Contestant,
  SAME_HOST,
  SAME_HOST_GUARDED,
  type Station,
} from './contestant.ts';
import { createLabFolder, sweepLab } from './lab.ts';
import { OPEN_PORTS } from './stateful-policy.ts';

export const WEFT = 'Weft';

const FABRIC = 'bench';
const LAB = 'weft-';

export async function startWeft(): Promise<Contestant> {
  const state = await createLabFolder(LAB);
  const fabric = await startFabric({
    name: FABRIC,
    state,
    settings: fabricSettings({ hosts: 2, port: 0 }),
  });
  const stop = async (): Promise<void> => {
    await fabric.stop();
    await sweepLab(LAB);
  };
  try {
    return await populate(fabric, stop);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function populate(fabric: Fabric, stop: () => Promise<void>): Promise<Contestant> {
  const [host1 = '', host2 = ''] = fabric.settings.hosts;
  await fabric.client.put('/accessControlLists/guard', accessControlList());
  await fabric.client.put('/virtualNetworks/open', virtualNetwork('open', '10.0'));
  const guard = { accessControlList: { resourceRef: '/accessControlLists/guard' } };
  await fabric.client.put('/virtualNetworks/guarded', virtualNetwork('guarded', '10.1', guard));
  const station = (name: string, host: string, network: string): Promise<Station> =>
    addStation(fabric, { name, host, network });
  const client = await station('a', host1, 'open');
  const neighbour = await station('b', host1, 'open');
  const distant = await station('c', host2, 'open');
  const guardedClient = await station('d', host1, 'guarded');
  const guardedNeighbour = await station('e', host1, 'guarded');
  const guardedDistant = await station('f', host2, 'guarded');
  const { roles } = await fabric.status();
  const hosts = roles.filter(({ name }) => fabric.settings.hosts.includes(name));
  return {
    name: WEFT,
    version: await treeVersion(),
    scenes: [
      { name: SAME_HOST, client, server: neighbour },
      { name: ACROSS_HOSTS, client, server: distant },
      { name: SAME_HOST_GUARDED, client: guardedClient, server: guardedNeighbour },
      { name: ACROSS_HOSTS_GUARDED, client: guardedClient, server: guardedDistant },
    ],
    processes: hosts.map(({ pid }) => pid),
    hostCount: hosts.length,
    stop,
  };
}

function virtualNetwork(resourceId: string, space: string, subnet: object = {}): object {
  const properties = { addressPrefix: `${space}.0.0/24`, ...subnet };
  return {
    resourceId,
    properties: {
      addressSpace: { addressPrefixes: [`${space}.0.0/16`] },
      logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
      subnets: [{ resourceId: 'default', properties }],
    },
  };
}

function accessControlList(): object {
  const anywhere = {
    sourceAddressPrefix: '*',
    destinationAddressPrefix: '*',
    sourcePortRange: '*',
  };
  const rule = (index: number, protocol: string, ports: string): object => ({
    resourceId: `rule${index}`,
    properties: {
      ...{ type: 'Inbound', action: 'Allow', priority: 100 + index, logging: 'Disabled' },
      ...{ ...anywhere, protocol, destinationPortRange: ports },
    },
  });
  const open = OPEN_PORTS.map((port, index) => rule(index, 'TCP', `${port}`));
  const aclRules = [...open, rule(open.length, 'ICMPv4', '*')];
  return { resourceId: 'guard', properties: { inboundDefaultAction: 'Deny', aclRules } };
}

async function addStation(
  fabric: Fabric,
  vm: { readonly name: string; readonly host: string; readonly network: string },
): Promise<Station> {
  const subnet = { resourceRef: `/virtualNetworks/${vm.network}/subnets/default` };
  const nic = await fabric.client.put(`/networkInterfaces/${vm.name}`, {
    resourceId: vm.name,
    properties: {
      privateMacAllocationMethod: 'Dynamic',
      ipConfigurations: [
        { resourceId: 'ip', properties: { privateIPAllocationMethod: 'Dynamic', subnet } },
      ],
    },
  });
  const { namespace, address } = await fabric.createVm({ ...vm, nic });
  return { namespace, address };
}
