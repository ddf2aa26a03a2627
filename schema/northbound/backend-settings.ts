/**
 * backendSettings: what an administrator says of one backend of load balancers, Weft's own: that it shall get no new flows, and its share
 * of them. MS-NCNBI has neither (docs/design/0022).
 */
import Type from 'typebox';
import { Reference } from './property-types.ts';

export const BACKEND_WEIGHT = 10;
export const BACKEND_WEIGHT_MAX = 100;

export const BackendSettingsSchema = Type.Object({
  ipConfiguration: Reference(['networkInterfaces/ipConfigurations']),
  backendAddressPool: Type.Optional(
    Reference(['loadBalancers/backendAddressPools'], 'default: all that it is in'),
  ),
  isDraining: Type.Optional(
    Type.Boolean({ description: 'keeps the flows it has and gets no new ones; default false' }),
  ),
  weight: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: BACKEND_WEIGHT_MAX,
      description: `share of new flows, relative to the others’; default ${BACKEND_WEIGHT}`,
    }),
  ),
});
