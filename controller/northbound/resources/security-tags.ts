/** securityTags — MS-NCNBI §3.1.5.31. Who carries a tag, and which rules name it, is found by their references. */
import { SecurityTagSchema } from '../../../schema/northbound/security-tags.ts';
import type { ResourceType } from '../resource-type.ts';

export const securityTags: ResourceType = {
  collection: 'securityTags',
  section: '3.1.5.31',
  summary: 'A group of network interfaces that rules name as source or destination.',
  schema: SecurityTagSchema,
};
