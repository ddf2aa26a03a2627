/** A public load balancer with one of each part, and the ground it stands on. */
import { type Client, expectCreated, layGround } from './controller-fixture.ts';
import { layPublicGround, PUBLIC_GROUND } from './public-addresses-fixture.ts';

export const LB = '/loadBalancers/web';
export const VIP: string = `${LB}/frontendIPConfigurations/vip`;

export function part(collection: string, id: string): { resourceRef: string } {
  return { resourceRef: `${LB}/${collection}/${id}` };
}

export function rule(properties: object = {}): object {
  return {
    frontendIPConfigurations: [part('frontendIPConfigurations', 'vip')],
    backendAddressPool: part('backendAddressPools', 'all'),
    protocol: 'Tcp',
    frontendPort: 80,
    backendPort: 8080,
    ...properties,
  };
}

export function natRule(properties: object = {}): object {
  return {
    frontendIPConfigurations: [part('frontendIPConfigurations', 'vip')],
    protocol: 'Tcp',
    frontendPort: 22,
    ...properties,
  };
}

export function outboundRule(properties: object = {}): object {
  return {
    frontendIPConfigurations: [part('frontendIPConfigurations', 'vip')],
    backendAddressPool: part('backendAddressPools', 'all'),
    protocol: 'All',
    ...properties,
  };
}

const child = (resourceId: string, properties: object = {}) => ({ resourceId, properties });

export function balancer(properties: object = {}): object {
  return {
    frontendIPConfigurations: [
      child('vip', { publicIPAddress: { resourceRef: '/publicIPAddresses/web' } }),
    ],
    backendAddressPools: [child('all')],
    loadBalancingRules: [child('http', rule({ probe: part('probes', 'alive') }))],
    inboundNatRules: [child('ssh', natRule())],
    outboundNatRules: [child('out', outboundRule())],
    probes: [child('alive', { protocol: 'Tcp', port: 8080 })],
    ...properties,
  };
}

/** After layGround. */
export const BALANCING_GROUND: readonly (readonly [path: string, properties: object])[] = [
  ...PUBLIC_GROUND,
  ['/publicIPAddresses/web', {}],
];

export async function layBalancingGround(client: Client): Promise<void> {
  await layGround(client);
  await layPublicGround(client);
  await expectCreated(client, '/publicIPAddresses/web', {});
}
