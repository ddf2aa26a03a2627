/**
 * virtualNetworks and their subnets — MS-NCNBI §3.1.5.18, §6.16. Encryption is not built.
 * `virtualSubnetId` is written `VirtualSubnetId` in the property table and lower-cased in responses; either is read.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import {
  BackReferences,
  IpText,
  NotBuilt,
  PrefixText,
  ReadOnly,
  Reference,
  Words,
} from './property-types.ts';

export const VirtualNetworkSchema = Type.Object({
  addressSpace: Type.Object({
    addressPrefixes: Type.Array(PrefixText, { minItems: 1 }),
  }),
  dhcpOptions: Type.Optional(Type.Object({ dnsServers: Type.Optional(Type.Array(IpText)) })),
  logicalNetwork: Reference(['logicalNetworks'], 'the provider network that carries this one'),
  configurationState: ReadOnlyConfigurationState,
  unbilledAddressRanges: Type.Optional(
    Type.String({ description: 'prefixes, addresses and ranges first-last, separated by commas' }),
  ),
  encryptionCredential: NotBuilt(Reference(['credentials'])),
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
  learnedIpAddresses: BackReferences,
  virtualSubnetId: ReadOnly(Type.Integer(), 'VXLAN network identifier, 24 bits'),
  billedEgressBytes: ReadOnly(
    Type.Integer(),
    'sent by its interfaces to elsewhere than below, while virtualNetworkManager.enableMetering',
  ),
  unbilledEgressBytes: ReadOnly(
    Type.Integer(),
    'sent within the network, to its peers and to its unbilledAddressRanges',
  ),
  configurationState: ReadOnlyConfigurationState,
});

/** §3.1.5.18.3, §6.16.11. The reference is absent, and shown as null, once the network it meant is gone. */
export const VirtualNetworkPeeringSchema = Type.Object({
  remoteVirtualNetwork: Type.Optional(Reference(['virtualNetworks'], 'the other peer')),
  allowVirtualNetworkAccess: Type.Optional(
    Type.Boolean({
      description: 'traffic between the two networks, unless either side says false',
    }),
  ),
  allowForwardedTraffic: Type.Optional(
    Type.Boolean({ description: 'accept packets that did not originate in the peer; false' }),
  ),
  allowGatewayTransit: Type.Optional(
    Type.Boolean({
      description: "the peer may use this network's gateways, once there are gateways; false",
    }),
  ),
  useRemoteGateways: Type.Optional(
    Type.Boolean({
      description: "this network uses the peer's gateways, once there are gateways; false",
    }),
  ),
  peeringState: ReadOnly(Words(['Initiated', 'Connected', 'Disconnected', 'Disconnecting'])),
  remoteAddressSpace: ReadOnly(Type.Object({ addressPrefixes: Type.Array(PrefixText) })),
});
