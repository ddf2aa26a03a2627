/**
 * Access control: stateful filtering. A reply is judged by the request it answers (engine/layer), also after a change of rules, so a
 * new rule stops connections that are already open. Goal state carries no access control lists yet: everything is allowed
 * by the group's default rule, in both directions.
 */

import { Drop } from '../../packet/drop.ts';
import { orderedGroup } from '../engine/group.ts';
import { ALLOW, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

export const acl: LayerDefinition = {
  name: 'acl',
  purpose: 'Stateful access control of network interface and subnet.',
  outbound:
    'Everything is allowed while no access control list applies. Replies are judged by the flow they answer.',
  inbound: 'As outbound.',
  drops: [Drop.AclDenied],
  build: () => ({
    name: acl.name,
    isStateful: true,
    outbound: [orderedGroup('network interface', [], DEFAULT_ALLOW)],
    inbound: [orderedGroup('network interface', [], DEFAULT_ALLOW)],
  }),
};

const DEFAULT_ALLOW: Rule = {
  id: 'default allow',
  resourceRef: '',
  priority: 65_000,
  predicates: [],
  action: ALLOW,
};
