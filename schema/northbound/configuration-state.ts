/**
 * `configurationState`: what targets have realised, apart from `provisioningState`, which says what the controller has accepted
 * — MS-NCNBI §2.2.4. Read-only everywhere it appears.
 */
import Type from 'typebox';
import { ReadOnly, Words } from './property-types.ts';

export const CONFIGURATION_STATUSES = [
  'Uninitialized',
  'InProgress',
  'Success',
  'Warning',
  'Failure',
] as const;

export const ConfigurationStateSchema = Type.Object({
  status: Words(CONFIGURATION_STATUSES),
  detailedInfo: Type.Array(
    Type.Object({ source: Type.String(), message: Type.String(), code: Type.String() }),
  ),
  lastUpdatedTime: Type.String({ description: 'ISO 8601, UTC' }),
  id: Type.Optional(Type.String({ description: 'instanceId of the resource' })),
});

const DetailedInfo = ConfigurationStateSchema.properties.detailedInfo;
const Status = ConfigurationStateSchema.properties.status;

/** Of a virtual address: LoadBalancerVipConfigurationState — §3.1.5.5.3. */
export const ReadOnlyVipConfigurationState = ReadOnly(
  Type.Object({
    ...ConfigurationStateSchema.properties,
    vipEndpointStates: Type.Optional(
      Type.Array(
        Type.Object({
          status: Status,
          lastUpdatedTime: Type.String(),
          vipEndpoint: Type.String({ description: 'Tcp:203.0.113.9:80' }),
          dipEndpointStates: Type.Array(
            Type.Object({
              status: Status,
              detailedInfo: DetailedInfo,
              lastUpdatedTime: Type.String(),
              dipEndpoint: Type.String({ description: '10.0.0.4:8080' }),
              hostIPAddress: Type.String(),
              hostId: Type.String(),
              adapterId: Type.String(),
              probeRule: Type.String(),
            }),
          ),
        }),
      ),
    ),
  }),
  'what hosts, muxes and edges have realised, and below it each port with its backends and what their probe last said',
);

export const ReadOnlyConfigurationState = ReadOnly(
  ConfigurationStateSchema,
  'what targets have realised, with the reason where that is not everything',
);
