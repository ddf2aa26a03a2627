/** Ours: a one-machine fabric, and the limits of two network interfaces set through the northbound API while they are in use. */
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import { createLabFolder, sweepLab } from '../switch/lab.ts';
import { treeVersion } from '../tree-version.ts';
import type { LimitingContestant } from './contestant.ts';

export const WEFT = 'Weft';

const LAB = 'qos-';
const PROPERTY = { outbound: 'outboundMaximumMbps', inbound: 'inboundMaximumMbps' } as const;

export async function startWeft(): Promise<LimitingContestant> {
  const state = await createLabFolder(LAB);
  const settings = fabricSettings({ hosts: 1, port: 0 });
  const fabric = await startFabric({ name: 'bench', state, settings });
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

async function populate(fabric: Fabric, stop: () => Promise<void>): Promise<LimitingContestant> {
  const { client: northbound } = fabric;
  await northbound.put('/virtualSwitchManager/configuration', {
    resourceId: 'configuration',
    properties: { qosSettings: { reservationMode: 'Absolute', enableSoftwareReservations: false } },
  });
  await northbound.put('/virtualNetworks/bench', {
    resourceId: 'bench',
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
      subnets: [{ resourceId: 'default', properties: { addressPrefix: '10.0.0.0/24' } }],
    },
  });
  const [host = ''] = fabric.settings.hosts;
  const station = async (name: string) => {
    const nic = await northbound.put(`/networkInterfaces/${name}`, newInterface(name));
    return fabric.createVm({ name, host, nic });
  };
  const client = await station('a');
  const server = await station('b');
  const setLimit = async (name: string, property: string, mbps: number): Promise<void> => {
    const path = `/networkInterfaces/${name}`;
    const { properties, ...nic }: Resource = await northbound.get(path);
    const portSettings = { qosSettings: { [property]: mbps } };
    await northbound.put(path, { ...nic, properties: { ...properties, portSettings } });
  };
  return {
    name: WEFT,
    version: await treeVersion(),
    client,
    server,
    async limit(direction, mbps) {
      const isOutbound = direction === 'outbound';
      await setLimit('a', PROPERTY.outbound, isOutbound ? mbps : 0);
      await setLimit('b', PROPERTY.inbound, isOutbound ? 0 : mbps);
    },
    stop,
  };
}

function newInterface(resourceId: string): object {
  const subnet = { resourceRef: '/virtualNetworks/bench/subnets/default' };
  const address = { privateIPAllocationMethod: 'Dynamic', subnet };
  return {
    resourceId,
    properties: {
      privateMacAllocationMethod: 'Dynamic',
      ipConfigurations: [{ resourceId: 'ip', properties: address }],
    },
  };
}
