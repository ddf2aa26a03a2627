/**
 * The network of the benchmark, made through the northbound API: hosts, virtual networks of equal size, one interface per VM, and which
 * host each is attached to. The interfaces of a virtual network are spread over as many hosts as it has interfaces.
 */
import { defined } from '../../base/assert.ts';
import { formatIpv4 } from '../../base/ipv4.ts';
import type { NorthboundClient } from '../../fabric/northbound-client.ts';

const PROVIDER = '/logicalNetworks/provider';
const PROVIDER_SUBNET = `${PROVIDER}/subnets/hosts`;
/** First address given to VMs, 10.0.1.0; the changes of the benchmark move them about in 10.0.0.0/16. */
const FIRST_ADDRESS = 0x0a00_0100;

export interface Nic {
  readonly index: number;
  readonly network: number;
  readonly host: string;
  readonly instanceId: string;
  /** Of its virtual network. */
  readonly networkInstanceId: string;
}

export interface Shape {
  readonly hostCount: number;
  /** Interfaces in each virtual network. */
  readonly networkSize: number;
}

export function hostName(at: number): string {
  return `host${at + 1}`;
}

/** 7 and 11 have no divisor in common with 100: the members of one network are on different hosts, up to 100 of them. */
export function hostOf(index: number, { hostCount, networkSize }: Shape): string {
  const network = Math.floor(index / networkSize);
  return hostName((network * 7 + (index % networkSize) * 11) % hostCount);
}

export async function makeFabric(client: NorthboundClient, hostCount: number): Promise<void> {
  const pool = { startIpAddress: '100.64.0.10', endIpAddress: '100.64.15.250' };
  const subnet = {
    resourceId: 'hosts',
    properties: {
      addressPrefix: '100.64.0.0/20',
      vlanId: 0,
      defaultGateways: ['100.64.0.1'],
      ipPools: [{ resourceId: 'hosts', properties: pool }],
    },
  };
  await putResource(client, PROVIDER, { networkVirtualizationEnabled: 'True', subnets: [subnet] });
  await putResource(client, '/macPools/default', {
    startMacAddress: '00-1D-D8-B7-00-00',
    endMacAddress: '00-1D-D8-B7-FF-FF',
  });
  const uplink = {
    resourceId: 'uplink0',
    properties: { interfaceName: 'uplink0', logicalSubnets: [{ resourceRef: PROVIDER_SUBNET }] },
  };
  for (let at = 0; at < hostCount; at++) {
    await putResource(client, `/servers/${hostName(at)}`, {
      connections: [{ managementAddresses: [hostName(at)] }],
      networkInterfaces: [uplink],
    });
  }
}

/** instanceId. */
export async function makeNetwork(client: NorthboundClient, network: number): Promise<string> {
  return putResource(client, `/virtualNetworks/net${network}`, {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
    logicalNetwork: { resourceRef: PROVIDER },
    subnets: [{ resourceId: 'vms', properties: { addressPrefix: '10.0.0.0/16' } }],
  });
}

/** Writes the interface with the address that many places after its first one. Returns its instanceId. */
export async function writeNic(
  client: NorthboundClient,
  { index, network, offset }: { index: number; network: number; offset: number },
): Promise<string> {
  return putResource(client, `/networkInterfaces/nic${index}`, {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      {
        resourceId: 'primary',
        properties: {
          subnet: { resourceRef: `/virtualNetworks/net${network}/subnets/vms` },
          privateIPAllocationMethod: 'Static',
          privateIPAddress: formatIpv4(FIRST_ADDRESS + offset),
        },
      },
    ],
  });
}

/** Key of the goal-state resource that says where the address is. */
export function mappingKey(networkInstanceId: string, offset: number): string {
  return `mapping/${networkInstanceId}/${formatIpv4(FIRST_ADDRESS + offset)}`;
}

/** Runs `task` for 0 … count − 1, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Its instanceId. */
export async function putResource(
  client: NorthboundClient,
  path: string,
  properties: object,
): Promise<string> {
  const resourceId = path.slice(path.lastIndexOf('/') + 1);
  const answer = await client.raw('PUT', path, { resourceId, properties });
  if (answer.status !== 200 && answer.status !== 201) {
    throw new Error(`PUT ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  const body = answer.body as { readonly instanceId?: string };
  return defined(body.instanceId, `instanceId of ${path}`);
}
