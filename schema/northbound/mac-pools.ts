/** macPools: ranges from which network interfaces are given MAC addresses — MS-NCNBI §3.1.5.9, §6.9. */
import Type from 'typebox';
import { ReadOnly } from './property-types.ts';

export const MacPoolSchema = Type.Object({
  startMacAddress: Type.String({ description: 'AA-BB-CC-DD-EE-FF, the first of the pool' }),
  endMacAddress: Type.String({ description: 'AA-BB-CC-DD-EE-FF, the last of the pool' }),
  usage: ReadOnly(
    Type.Object({
      numberOfMacAddresses: Type.Integer(),
      numberOfMacAddressesAllocated: Type.Integer(),
    }),
  ),
});
