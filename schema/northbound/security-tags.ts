/**
 * securityTags: groups of network interfaces that access control rules name as source or destination — MS-NCNBI §3.1.5.31, §6.31. What
 * carries a tag says so itself (networkInterfaces.securityTags).
 */
import Type from 'typebox';
import { BackReferences, Kept, ReadOnly, Reference } from './property-types.ts';

export const SecurityTagSchema = Type.Object({
  type: Kept(Type.String(), 'for the client to filter by'),
  accessControlList: ReadOnly(
    Reference(['accessControlLists']),
    'applied to every interface with the tag',
  ),
  networkInterfaces: BackReferences,
  aclRulesAsSource: BackReferences,
  aclRulesAsDestination: BackReferences,
});
