/**
 * serviceInsertions — MS-NCNBI §3.1.5.16, §6.14: copies of packets to a collector, the only type there is (PortMirror). The property table
 * names rules `rules.sourcePortStart`, its schema `serviceInsertionRules[].properties.sourcePortRangeStart`; both are read. Rules and
 * elements are parts of the resource and have no URLs of their own. Protocol `Http`, which would need the payload, is refused.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { ResourceMetadataSchema } from './envelope.ts';
import { BackReferences, Kept, PrefixText, Reference, Words } from './property-types.ts';

const Port = (...aliases: readonly string[]) =>
  Type.Integer({ minimum: 0, maximum: 65_535, 'x-aliases': aliases });
const PrefixesOrAny = Type.Optional(
  Type.Array({ ...PrefixText, description: 'address prefix, or * for any' }),
);

const part = {
  resourceId: Type.Optional(Type.String()),
  resourceMetadata: Type.Optional(ResourceMetadataSchema),
};

const ServiceInsertionRuleSchema = Type.Object({
  ...part,
  properties: Type.Object({
    description: Kept(Type.String(), 'for people'),
    protocol: Type.Optional(Words(['All', 'Tcp', 'Udp', 'Http'])),
    sourcePortRangeStart: Port('sourcePortStart'),
    sourcePortRangeEnd: Type.Optional(Port('sourcePortEnd')),
    destinationPortRangeStart: Port('destinationPortStart'),
    destinationPortRangeEnd: Type.Optional(Port('destinationPortEnd')),
    sourceSubnets: PrefixesOrAny,
    destinationSubnets: PrefixesOrAny,
  }),
});

const ServiceInsertionElementSchema = Type.Object({
  ...part,
  properties: Type.Object({
    description: Kept(Type.String(), 'for people'),
    name: Kept(Type.String(), 'for people'),
    order: Type.Integer({ description: 'there is one element only' }),
    networkInterface: Reference(['networkInterfaces'], 'the collector'),
  }),
});

export const ServiceInsertionSchema = Type.Object({
  type: Type.Optional({
    ...Words(['PortMirror'], 'default PortMirror'),
    'x-aliases': ['serviceInsertionType'],
  }),
  priority: Type.Integer({ minimum: 0, maximum: 65_535, description: 'unique' }),
  serviceInsertionRules: Type.Optional(
    Type.Array(ServiceInsertionRuleSchema, {
      description: 'what is copied; none: everything',
      'x-aliases': ['rules'],
    }),
  ),
  serviceInsertionElements: Type.Array(ServiceInsertionElementSchema, {
    description: 'exactly one',
  }),
  ipConfiguration: BackReferences,
  subnets: BackReferences,
  configurationState: ReadOnlyConfigurationState,
});
