/**
 * routeTables and their routes — MS-NCNBI §3.1.5.10, §6.10. A table applies to the virtual subnets that refer to it. `Internet` and
 * `VirtualNetworkGateway` are accepted before there is an edge or a gateway to serve them: such packets are dropped by name.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { BackReferences, Coded, IpText, PrefixText, Words } from './property-types.ts';

export const RouteTableSchema = Type.Object({
  subnets: BackReferences,
  configurationState: ReadOnlyConfigurationState,
});

export const NEXT_HOP_TYPES = [
  'VirtualAppliance',
  'VnetLocal',
  'VirtualNetworkGateway',
  'Internet',
  'None',
] as const;

export const RouteSchema = Type.Object({
  addressPrefix: Coded(PrefixText, {
    bad: 'InvalidRouteAddressPrefix',
    missing: 'InvalidRouteAddressPrefix',
  }),
  nextHopType: Words(NEXT_HOP_TYPES, 'where packets to the prefix go; None drops them'),
  nextHopIpAddress: Type.Optional(Coded(IpText, { bad: 'InvalidNextHopIpAddress' })),
});
