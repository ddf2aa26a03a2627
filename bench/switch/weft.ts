/**
 * Ours, as in production: a one-machine fabric (fabric/) with its controller and two host processes, a virtual network made through
 * the northbound API, and VMs whose TAPs the hosts' switches forward. Nothing in it is made for the benchmark.
 */
import { attempt } from '../../fabric/command.ts';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import { ACROSS_HOSTS, type Contestant, SAME_HOST, type Station } from './contestant.ts';
import { createLabFolder, sweepLab } from './lab.ts';

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
  await fabric.client.put('/virtualNetworks/bench', {
    resourceId: 'bench',
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
      subnets: [{ resourceId: 'default', properties: { addressPrefix: '10.0.0.0/24' } }],
    },
  });
  const client = await addStation(fabric, { name: 'a', host: host1 });
  const neighbour = await addStation(fabric, { name: 'b', host: host1 });
  const distant = await addStation(fabric, { name: 'c', host: host2 });
  const { roles } = await fabric.status();
  const hosts = roles.filter(({ name }) => fabric.settings.hosts.includes(name));
  return {
    name: WEFT,
    version: await treeVersion(),
    scenes: [
      { name: SAME_HOST, client, server: neighbour },
      { name: ACROSS_HOSTS, client, server: distant },
    ],
    processes: hosts.map(({ pid }) => pid),
    hostCount: hosts.length,
    stop,
  };
}

/** Commit of the tree that was built. */
async function treeVersion(): Promise<string> {
  const { stdout, code } = await attempt(['git', 'describe', '--always', '--dirty']);
  return code === 0 ? `commit ${stdout.trim()}` : 'no commit';
}

async function addStation(
  fabric: Fabric,
  vm: { readonly name: string; readonly host: string },
): Promise<Station> {
  const subnet = { resourceRef: '/virtualNetworks/bench/subnets/default' };
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
