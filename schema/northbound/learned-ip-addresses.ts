/**
 * learnedIpAddresses: an address of a virtual subnet that several interfaces share and one of them has at a time — MS-NCNBI §3.1.5.32, §6.32.
 * The example of its PUT calls the subnet `subnet`, table and schema `virtualSubnet`; either is read. IPv4 only, as there.
 */
import Type from 'typebox';
import { BackReferences, Coded, IpText, Reference } from './property-types.ts';

export const LearnedIpAddressSchema = Type.Object({
  ipAddress: Type.Optional({
    ...IpText,
    description: 'IPv4 address of the subnet; absent or empty: a free one is given',
  }),
  virtualSubnet: Coded(
    { ...Reference(['virtualNetworks/subnets']), 'x-aliases': ['subnet'] },
    { missing: 'LearnedIpAddressSubnetMissing' },
  ),
  ipConfiguration: BackReferences,
});
