/** MS-NCNBI §3.1.5.35: requests that no resource could accept — their form, their names, their references; what else refers to them. */
import test from 'ava';
import { nicProperties, startController, vnetProperties } from './controller-fixture.ts';
import { testRefusals } from './refusals-fixture.ts';

const BLUE = '/virtualNetworks/blue';
const WEB = `${BLUE}/subnets/web`;
const NIC = '/networkInterfaces/n1';
const logical = (properties: object): object => ({
  subnets: [{ resourceId: 'a', properties: { vlanId: 1, ...properties } }],
});
const withSpace = (...addressPrefixes: string[]): object => ({
  addressSpace: { addressPrefixes },
  logicalNetwork: { resourceRef: '/logicalNetworks/provider' },
});

testRefusals([
  {
    what: 'an unknown property',
    request: ['PUT', BLUE, { ...vnetProperties(), colour: 1 }],
    code: 'InvalidRequestFormat',
  },
  {
    what: 'an unknown property of a child',
    request: ['PUT', WEB, { addressPrefix: '10.1.1.0/24', x: 1 }],
    code: 'InvalidRequestFormat',
  },
  {
    what: 'an object where a text belongs',
    request: ['PUT', WEB, { addressPrefix: {} }],
    code: 'InvalidRequestFormat',
  },
  { what: 'a missing property', request: ['PUT', WEB, {}], code: 'RequiredParamMissing' },
  {
    what: 'a word that is none of the list',
    request: ['PUT', NIC, { privateMacAllocationMethod: 'Maybe' }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a number out of range',
    request: ['PUT', '/logicalNetworks/x', logical({ vlanId: 4096 })],
    code: 'InvalidParameterValue',
  },
  {
    what: 'two children of one name',
    request: [
      'PUT',
      '/virtualNetworks/red',
      {
        ...withSpace('10.0.0.0/8'),
        subnets: [
          { resourceId: 'a', properties: { addressPrefix: '10.0.0.0/24' } },
          { resourceId: 'A', properties: { addressPrefix: '10.0.1.0/24' } },
        ],
      },
    ],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a child without a name',
    request: [
      'PUT',
      '/virtualNetworks/red',
      { ...withSpace('10.0.0.0/8'), subnets: [{ properties: {} }] },
    ],
    code: 'RequiredParamMissing',
  },
  {
    what: 'a malformed reference',
    request: ['PUT', NIC, nicProperties({}, 'blue')],
    code: 'InvalidRequestFormat',
  },
  {
    what: 'a name with a slash in it',
    request: ['PUT', '/macPools/a%2Fb', {}],
    code: 'InvalidResourceName',
  },
  {
    what: 'a name that ends with a dot',
    request: ['PUT', '/macPools/a.', {}],
    code: 'InvalidResourceName',
  },
  {
    what: 'a reference to a type that does not exist here',
    request: [
      'PUT',
      NIC,
      nicProperties({
        loadBalancerBackendAddressPools: [
          { resourceRef: '/loadBalancers/lb/backendAddressPools/p' },
        ],
      }),
    ],
    code: 'InvalidResourceReference',
  },
  {
    what: 'a dangling reference',
    request: ['PUT', NIC, nicProperties({}, `${BLUE}/subnets/none`)],
    code: 'InvalidResourceReference',
  },
  {
    what: 'a reference of the wrong type',
    request: ['PUT', NIC, nicProperties({}, '/macPools/default')],
    code: 'InvalidJsonReferenceWrongType',
  },
  {
    what: 'deleting a credential in use',
    given: [
      ['/credentials/c', { type: 'usernamePassword', value: 'x' }],
      [
        '/servers/host3',
        {
          connections: [
            { managementAddresses: ['h'], credential: { resourceRef: '/credentials/c' } },
          ],
        },
      ],
    ],
    request: ['DELETE', '/credentials/c'],
    code: 'InUseCredentialCannotBeDeleted',
    status: 409,
  },
]);

test('the error names the property, and every further one in details', async (t) => {
  const { client } = await startController(t);
  const answer = await client.put('/servers/s', { colour: 1, size: 2 });
  t.is(answer.at('error.target'), 'properties.colour');
  t.deepEqual(
    answer
      .listAt('error.details')
      .map((detail) => JSON.stringify(detail).match(/colour|size/)?.[0]),
    ['colour', 'size'],
  );
});
