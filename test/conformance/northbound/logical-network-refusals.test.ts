/** MS-NCNBI §3.1.5.35: what logical networks, their subnets and address pools refuse, and with which code. */
import { testRefusals } from './refusals-fixture.ts';

const POOL = '/logicalNetworks/provider/subnets/hosts/ipPools/pool';
const logical = (properties: object): object => ({
  subnets: [{ resourceId: 'a', properties: { vlanId: 1, ...properties } }],
});

testRefusals([
  {
    what: 'overlapping logical subnets',
    request: [
      'PUT',
      '/logicalNetworks/x',
      {
        subnets: [
          { resourceId: 'a', properties: { addressPrefix: '192.0.2.0/24', vlanId: 1 } },
          { resourceId: 'b', properties: { addressPrefix: '192.0.2.0/25', vlanId: 2 } },
        ],
      },
    ],
    code: 'InvalidSubnet',
  },
  {
    what: 'a pool outside its subnet',
    request: ['PUT', POOL, { startIpAddress: '100.64.0.1', endIpAddress: '100.65.0.1' }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a pool that leaves out an address it gave',
    request: ['PUT', POOL, { startIpAddress: '100.64.0.5', endIpAddress: '100.64.0.9' }],
    code: 'InUseIpPoolCannotBeDeleted',
    status: 409,
  },
  {
    what: 'a gateway outside its subnet',
    request: [
      'PUT',
      '/logicalNetworks/x',
      logical({ addressPrefix: '192.0.2.0/24', defaultGateways: ['198.51.100.1'] }),
    ],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a route that no server would be given',
    request: [
      'PUT',
      '/logicalNetworks/x',
      logical({
        addressPrefix: '192.0.2.0/24',
        routes: [
          { resourceId: 'r', properties: { destination: '0.0.0.0/0', nextHop: '192.0.2.1' } },
        ],
      }),
    ],
    code: 'OperationNotSupported',
  },
  {
    what: 'deleting a logical network in use',
    request: ['DELETE', '/logicalNetworks/provider'],
    code: 'ResourceInUse',
    status: 409,
  },
  {
    what: 'deleting a logical subnet in use',
    request: ['DELETE', '/logicalNetworks/provider/subnets/hosts'],
    code: 'InUseSubnetCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a pool in use',
    request: ['DELETE', POOL],
    code: 'InUseIpPoolCannotBeDeleted',
    status: 409,
  },
  {
    what: 'switching virtualization off under virtual networks',
    request: [
      'PUT',
      '/logicalNetworks/provider',
      {
        subnets: [
          {
            resourceId: 'hosts',
            properties: {
              addressPrefix: '100.64.0.0/24',
              vlanId: 0,
              ipPools: [
                {
                  resourceId: 'pool',
                  properties: { startIpAddress: '100.64.0.1', endIpAddress: '100.64.0.9' },
                },
              ],
            },
          },
        ],
      },
    ],
    code: 'ResourceInUse',
    status: 409,
  },
]);
