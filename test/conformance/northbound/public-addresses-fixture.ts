/** A public logical network with pools of both families, and a loadBalancerManager that has them: what public addresses come from. */
import { type Client, expectCreated } from './controller-fixture.ts';

export const VIP_NETWORK = '/logicalNetworks/outside';
export const VIP_SUBNET: string = `${VIP_NETWORK}/subnets/public`;
export const VIP_POOL: string = `${VIP_SUBNET}/ipPools/first`;
export const VIP_POOL_6: string = `${VIP_NETWORK}/subnets/public6/ipPools/first`;
export const MANAGER = '/loadBalancerManager/config';

export function pool(startIpAddress: string, endIpAddress: string, resourceId = 'first'): object {
  return { resourceId, properties: { startIpAddress, endIpAddress } };
}

export function publicNetwork(subnet: object = {}): object {
  return {
    subnets: [
      {
        resourceId: 'public',
        properties: {
          addressPrefix: '203.0.113.0/24',
          vlanId: 0,
          isPublic: true,
          ipPools: [pool('203.0.113.1', '203.0.113.6')],
          ...subnet,
        },
      },
      {
        resourceId: 'public6',
        properties: {
          addressPrefix: '2001:db8:113::/64',
          vlanId: 0,
          isPublic: true,
          ipPools: [pool('2001:db8:113::1', '2001:db8:113::ff')],
        },
      },
      {
        resourceId: 'private',
        properties: {
          addressPrefix: '10.200.0.0/24',
          vlanId: 0,
          ipPools: [pool('10.200.0.1', '10.200.0.9')],
        },
      },
    ],
  };
}

export function manager(properties: object = {}): object {
  return {
    loadBalancerManagerIPAddress: '203.0.113.1',
    outboundNatIPExemptions: ['203.0.113.1/32'],
    vipIpPools: [{ resourceRef: VIP_POOL }, { resourceRef: VIP_POOL_6 }],
    ...properties,
  };
}

export const PUBLIC_GROUND: readonly (readonly [path: string, properties: object])[] = [
  [VIP_NETWORK, publicNetwork()],
  [MANAGER, manager()],
];

export async function layPublicGround(client: Client): Promise<void> {
  for (const [path, properties] of PUBLIC_GROUND) await expectCreated(client, path, properties);
}
