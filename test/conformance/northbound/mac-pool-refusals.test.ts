/** MS-NCNBI §3.1.5.35: what MAC pools refuse, and with which code. */
import { nicProperties } from './controller-fixture.ts';
import { testRefusals } from './refusals-fixture.ts';

const NIC = '/networkInterfaces/n1';

testRefusals([
  {
    what: 'a pool upside down',
    request: [
      'PUT',
      '/macPools/p',
      { startMacAddress: '02-00-00-00-00-09', endMacAddress: '02-00-00-00-00-00' },
    ],
    code: 'InvalidMacAddressForMacPool',
  },
  {
    what: 'a pool of group addresses',
    request: [
      'PUT',
      '/macPools/p',
      { startMacAddress: '01-00-00-00-00-00', endMacAddress: '01-00-00-00-00-09' },
    ],
    code: 'MacPoolContainsMulticastAddresses',
  },
  {
    what: 'pools that overlap',
    request: [
      'PUT',
      '/macPools/p',
      { startMacAddress: '00-1D-D8-00-00-09', endMacAddress: '00-1D-D8-00-00-0A' },
    ],
    code: 'InvalidMacAddressForMacPool',
  },
  {
    what: 'a pool that grows',
    request: [
      'PUT',
      '/macPools/default',
      { startMacAddress: '00-1D-D8-00-00-00', endMacAddress: '00-1D-D8-01-FF-FF' },
    ],
    code: 'InvalidMacAddressForMacPool',
  },
  {
    what: 'deleting a MAC pool in use',
    given: [[NIC, nicProperties()]],
    request: ['DELETE', '/macPools/default'],
    code: 'ResourceInUse',
    status: 409,
  },
]);
