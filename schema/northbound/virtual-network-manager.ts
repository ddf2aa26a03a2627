/**
 * virtualNetworkManager/configuration, a singleton — MS-NCNBI §3.1.5.19, §6.17. Weft speaks VXLAN only and always routes
 * between the subnets of a virtual network.
 */
import Type from 'typebox';
import { Words } from './property-types.ts';

export const VirtualNetworkManagerSchema = Type.Object({
  distributedRouterState: Type.Optional(Words(['Enabled', 'Enable', 'Disabled', 'Disable'])),
  networkVirtualizationProtocol: Type.Optional(Words(['VXLAN', 'NVGRE'])),
  virtualSubnetIdRange: Type.Optional(
    Type.Object({ startId: Type.Integer(), endId: Type.Integer() }),
  ),
  enableMetering: Type.Optional(
    Type.Boolean({ description: 'egress is counted as billed or unbilled; default false' }),
  ),
});
