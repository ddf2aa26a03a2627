/** internalResourceInstances: from an instanceId back to the resource — MS-NCNBI §3.1.5.24. Read-only. */
import Type from 'typebox';

export const InternalResourceInstanceSchema = Type.Object({
  resourceReference: Type.String({ description: 'resourceRef of the resource' }),
});
