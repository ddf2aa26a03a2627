/**
 * auditingSettings/configuration, a singleton: where servers with `auditingEnabled` log what their filters decide — MS-NCNBI §3.1.5.20,
 * §6.18. `encryptionCredential` is not built.
 */
import Type from 'typebox';
import { NotBuilt, Reference } from './property-types.ts';

export const AuditingSettingsSchema = Type.Object({
  outputDirectory: Type.String({
    maxLength: 1_024,
    description: 'absolute path of the directory on each server, as its own file system has it',
  }),
  encryptionCredential: NotBuilt(Reference(['credentials'])),
});
