/**
 * serviceInsertions of type PortMirror — MS-NCNBI §3.1.5.16. The copies travel in a VXLAN segment of their own, whose identifier comes from
 * the range of virtual subnets and is kept beside the properties for the resource's life.
 */
import type { Static } from 'typebox';
import { parseIpPrefix } from '../../../base/ip.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import { ServiceInsertionSchema } from '../../../schema/northbound/service-insertions.ts';
import { typeKeyOf } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { SERVICE_INSERTION_RULES_MAX } from '../limits.ts';
import { typed } from '../resource-node.ts';
import type {
  AllocateContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { takeVirtualSubnetId } from './virtual-network-manager.ts';

type ServiceInsertion = Static<typeof ServiceInsertionSchema>;
type Rule = NonNullable<ServiceInsertion['serviceInsertionRules']>[number]['properties'];

export const serviceInsertions: ResourceType = {
  collection: 'serviceInsertions',
  section: '3.1.5.16',
  summary: 'Copies of packets of interfaces or subnets, sent to a collector.',
  schema: ServiceInsertionSchema,
  references: [
    {
      property: 'serviceInsertionElements.properties.networkInterface',
      backReference: 'serviceInsertionElements',
      inUse: 'NicInUse',
      dangling: 'InvalidNetworkInterfaceReference',
    },
  ],
  normalise,
  validate,
  allocate: allocateSegment,
};

function normalise(properties: Properties): Properties {
  properties['type'] ??= 'PortMirror';
  return properties;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const insertion = typed(ServiceInsertionSchema, node);
  const rules = insertion.serviceInsertionRules ?? [];
  const faults = [...elementFaults(node, insertion, context), ...priorityFaults(node, context)];
  if (rules.length > SERVICE_INSERTION_RULES_MAX) {
    const message = `at most ${SERVICE_INSERTION_RULES_MAX} rules are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  return [
    ...faults,
    ...rules.flatMap(({ properties }, at) =>
      ruleFaults(properties, `${node.ref} serviceInsertionRules[${at}]`),
    ),
  ];
}

function elementFaults(
  node: ResourceNode,
  { serviceInsertionElements }: ServiceInsertion,
  { desired }: ReadContext,
): FaultDetail[] {
  const [element, ...others] = serviceInsertionElements;
  if (element === undefined || others.length > 0) {
    const message = 'a PortMirror has exactly one serviceInsertionElement';
    return [detail('InvalidParameterValue', message, node.ref)];
  }
  const collector = desired.byRef(element.properties.networkInterface.resourceRef);
  const isPhysical = collector?.children.some((configuration) => {
    const { subnet } = typed(IpConfigurationSchema, configuration);
    return subnet !== undefined && typeKeyOf(subnet.resourceRef) === 'logicalnetworks/subnets';
  });
  if (isPhysical !== true) return [];
  const message = `${collector?.ref} is in a logical subnet; a collector is in a virtual one`;
  return [detail('ServiceInsertionElementWithUnsupportedNetworkInterface', message, node.ref)];
}

function priorityFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const { priority } = typed(ServiceInsertionSchema, node);
  const twin = [...desired.list('serviceInsertions').values()].find(
    (other) => other.key !== node.key && typed(ServiceInsertionSchema, other).priority === priority,
  );
  if (twin === undefined) return [];
  const message = `${twin.ref} has priority ${priority} already`;
  return [detail('InvalidParameterValue', message, 'priority')];
}

function ruleFaults(rule: Rule, target: string): FaultDetail[] {
  const faults: FaultDetail[] = [];
  if (rule.protocol === 'Http') {
    const message = 'a mirror does not look into payloads; use Tcp and a port';
    faults.push(detail('OperationNotSupported', message, target));
  }
  const { sourcePortRangeStart: from, sourcePortRangeEnd: to = from } = rule;
  const { destinationPortRangeStart: start, destinationPortRangeEnd: end = start } = rule;
  if (to < from || end < start) {
    faults.push(detail('InvalidParameterValue', 'a port range ends before it starts', target));
  }
  const isPortless = from === 0 && to === 0 && start === 0 && end === 0;
  if ((rule.protocol ?? 'All') === 'All' && !coversAll(from, to, start, end) && !isPortless) {
    const message = 'ports are matched where the protocol is Tcp or Udp';
    faults.push(detail('InvalidParameterValue', message, target));
  }
  const texts = [...(rule.sourceSubnets ?? []), ...(rule.destinationSubnets ?? [])];
  for (const text of texts) {
    if (text === '*' || parseIpPrefix(text) !== undefined) continue;
    faults.push(detail('InvalidIPPrefix', `'${text}' is no address prefix and not *`, target));
  }
  return faults;
}

function coversAll(from: number, to: number, start: number, end: number): boolean {
  const isAll = (first: number, last: number) => first === 0 && (last === 0 || last === 65_535);
  return isAll(from, to) && isAll(start, end);
}

function allocateSegment(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const kept = context.previous?.internal?.['segment'];
  const taken = takeVirtualSubnetId(node, kept, context);
  if (typeof taken !== 'number') return [taken];
  node.internal = { ...node.internal, segment: taken };
  return [];
}
