/**
 * Address translation: where load-balanced and outbound addresses will be rewritten. Goal state carries no translations yet: packets
 * pass untouched. Stands between access control (which sees the VM's own addresses) and routing (which sees the translated ones).
 */
import { orderedGroup } from '../engine/group.ts';
import { ALLOW, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

export const nat: LayerDefinition = {
  name: 'nat',
  purpose: 'Translation of load-balanced and outbound addresses.',
  outbound: 'Nothing is translated while no translation applies.',
  inbound: 'As outbound.',
  drops: [],
  build: () => {
    const group = orderedGroup('translations', [], UNTRANSLATED);
    return { name: nat.name, isStateful: false, outbound: [group], inbound: [group] };
  },
};

const UNTRANSLATED: Rule = {
  id: 'untranslated',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: ALLOW,
};
