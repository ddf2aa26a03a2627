/**
 * logicalNetworks (partitions of the physical network) with subnets, ipPools and routes — MS-NCNBI §3.1.5.8, §6.8.
 * The specification writes `startIpAddress` in the table and `startIPAddress` elsewhere; letter case is not compared.
 */
import Type from 'typebox';
import { BackReferences, IpText, PrefixText, ReadOnly } from './property-types.ts';

export const LogicalNetworkSchema = Type.Object({
  networkVirtualizationEnabled: Type.Optional(
    Type.Boolean({ description: 'whether virtual networks run on top; default false' }),
  ),
  virtualNetworks: BackReferences,
});

export const LogicalSubnetSchema = Type.Object({
  addressPrefix: Type.Optional(PrefixText),
  vlanId: Type.Integer({
    minimum: 0,
    maximum: 4095,
    'x-aliases': ['vlanID'],
    description: 'changes nothing: servers are given an interface that is in the VLAN, untagged',
  }),
  dnsServers: Type.Optional(Type.Array(IpText)),
  defaultGateways: Type.Optional(Type.Array(IpText)),
  isPublic: Type.Optional(Type.Boolean()),
  networkInterfaces: BackReferences,
  ipConfigurations: BackReferences,
});

export const IpPoolSchema = Type.Object({
  startIpAddress: IpText,
  endIpAddress: IpText,
  usage: ReadOnly(
    Type.Object({
      numberOfIPAddresses: Type.Integer(),
      numberOfIPAddressesAllocated: Type.Integer(),
      numberOfIPAddressesInTransition: Type.Integer(),
    }),
  ),
});

export const LogicalRouteSchema = Type.Object({
  destination: Type.String({ ...PrefixText, 'x-aliases': ['destinationPrefix'] }),
  nextHop: Type.String({ ...IpText, 'x-aliases': ['nextHopIPAddress'] }),
});
