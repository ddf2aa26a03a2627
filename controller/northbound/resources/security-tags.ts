/**
 * securityTags — MS-NCNBI §3.1.5.31. Who carries a tag, which rules name it and which list is applied to it is found by their references;
 * `accessControlList`, which the specification's own PUT example carries, is read-only: the list says it.
 */
import { SecurityTagSchema } from '../../../schema/northbound/security-tags.ts';
import type { ResourceType } from '../resource-type.ts';
import { listOfTag } from './access-control-lists.ts';

export const securityTags: ResourceType = {
  collection: 'securityTags',
  section: '3.1.5.31',
  summary: 'A group of network interfaces that rules name as source or destination.',
  schema: SecurityTagSchema,
  derive({ ref }, { desired }) {
    const list = listOfTag(ref, desired);
    return list === undefined ? {} : { accessControlList: { resourceRef: list.ref } };
  },
};
