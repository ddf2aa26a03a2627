/**
 * virtualNetworks and their subnets — MS-NCNBI §3.1.5.18, §6.16. Peerings (§3.1.5.18.3) and encryption are not built.
 * `virtualSubnetId` is written `VirtualSubnetId` in the property table and lower-cased in responses; either is read.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import {
  BackReferences,
  IpText,
  LooseText,
  NotBuilt,
  PrefixText,
  ReadOnly,
  Reference,
} from './property-types.ts';

export const VirtualNetworkSchema = Type.Object({
  addressSpace: Type.Object({
    addressPrefixes: Type.Array(PrefixText, { minItems: 1 }),
  }),
  dhcpOptions: Type.Optional(Type.Object({ dnsServers: Type.Optional(Type.Array(IpText)) })),
  logicalNetwork: Reference(['logicalNetworks'], 'the provider network that carries this one'),
  configurationState: ReadOnlyConfigurationState,
  unbilledAddressRanges: NotBuilt(Type.String(), ''),
  encryptionCredential: NotBuilt(Reference(['credentials'])),
  virtualNetworkPeerings: NotBuilt(Type.Array(Type.Unknown()), []),
});

export const VirtualSubnetSchema = Type.Object({
  addressPrefix: PrefixText,
  accessControlList: Type.Optional(Reference(['accessControlLists'])),
  routeTable: Type.Optional(Reference(['routeTables'])),
  serviceInsertion: Type.Optional(Reference(['serviceInsertions'])),
  dualStackSubnet: Type.Optional(
    Reference(
      ['virtualNetworks/subnets'],
      'the subnet of the other family in this network, for interfaces with an address in each',
    ),
  ),
  encryptionEnabled: NotBuilt(Type.Boolean(), false),
  ipConfigurations: BackReferences,
  virtualSubnetId: ReadOnly(Type.Integer(), 'VXLAN network identifier, 24 bits'),
  billedEgressBytes: ReadOnly(LooseText),
  unbilledEgressBytes: ReadOnly(LooseText),
  configurationState: ReadOnlyConfigurationState,
});
