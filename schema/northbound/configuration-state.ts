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

export const ReadOnlyConfigurationState = ReadOnly(
  ConfigurationStateSchema,
  'what targets have realised, with the reason where that is not everything',
);
