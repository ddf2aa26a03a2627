/** credentials: how to log in to a device — MS-NCNBI §3.1.5.2, §6.2. `value` of a password is never shown again. */
import Type from 'typebox';
import { BackReferences, Kept, Words } from './property-types.ts';

export const CredentialSchema = Type.Object({
  type: Words([
    'usernamePassword',
    'X509Certificate',
    'SnmpCommunityString',
    'GroupManagedServiceAccount',
    'X509CertificateSubjectName',
  ]),
  userName: Kept(Type.String(), 'nothing here logs in anywhere'),
  value: Kept(Type.String({ writeOnly: true }), 'nothing here logs in anywhere'),
  networks: BackReferences,
  connections: BackReferences,
});
