/**
 * Metering: counts what a port sends and receives. Packets and bytes are counted per port and per flow by the forwarding loop itself, so
 * this layer has nothing to change; it marks the place in the order: before every policy, so that what policy drops is counted too.
 */
import { orderedGroup } from '../engine/group.ts';
import { ALLOW, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

export const metering: LayerDefinition = {
  name: 'metering',
  purpose: 'Packets and bytes are counted, per port and per flow.',
  outbound: 'Counts every packet.',
  inbound: 'Counts every packet.',
  drops: [],
  build: (port) => {
    const group = orderedGroup('meter', [], { ...COUNT, resourceRef: port.resourceRef });
    return { name: metering.name, isStateful: false, outbound: [group], inbound: [group] };
  },
};

const COUNT: Rule = { id: 'count', resourceRef: '', priority: 0, predicates: [], action: ALLOW };
