/**
 * The envelope that every resource and child resource wears — MS-NCNBI §2.2.2. `resourceRef`, `instanceId` and `etag` are the
 * controller's: a client may send them back and they are ignored.
 */
import Type from 'typebox';
import { ReadOnly } from './property-types.ts';

export const ResourceMetadataSchema = Type.Object({
  client: Type.Optional(Type.String()),
  tenantId: Type.Optional(Type.String()),
  groupId: Type.Optional(Type.String()),
  resourceName: Type.Optional(Type.String()),
  originalHref: Type.Optional(Type.String()),
});

/** Everything but `properties`, whose schema is the resource type's. `tags` is any JSON object. */
export const EnvelopeSchema = Type.Object({
  resourceId: Type.Optional(Type.String()),
  resourceRef: ReadOnly(Type.String()),
  instanceId: ReadOnly(Type.String()),
  etag: ReadOnly(Type.String()),
  tags: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  resourceMetadata: Type.Optional(ResourceMetadataSchema),
});

/** Accepted and ignored inside `properties` of every resource — MS-NCNBI §2.2.2. */
export const COMMON_READ_ONLY_PROPERTIES = ['etag', 'provisioningState'] as const;
