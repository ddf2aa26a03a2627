/**
 * accessControlLists and their aclRules — MS-NCNBI §3.1.5.1, §6.1. Where the specification disagrees with itself:
 * - `priority`: the table reserves 1 … 100, the schema of §6.1 and Microsoft's own examples allow 100, as ARM's security groups do; 100
 *   … 65000 are accepted.
 * - `logging`: "required", with a default; absent, it is Enabled.
 * - Security tags: an array in the table, one reference in the schema; both are read.
 * - Ports: 1 … 65535 in words, `0-65535` in every example; a range may begin at 0.
 * - `protocol` HTTP is listed in the table and refused by the description of InvalidAclRuleProtocol; a filter of packets cannot see it, so
 *   it is refused: TCP and a port say what is meant.
 * Beyond the specification, prefixes, addresses, tags and port ranges may be lists separated by commas.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import {
  BackReferences,
  Coded,
  Kept,
  OneOrMore,
  ReadOnly,
  Reference,
  Words,
} from './property-types.ts';

const DEFAULT_ACTIONS = ['Permit', 'Deny'] as const;
const LISTED_ADDRESSES =
  'prefixes, addresses, *, VIRTUALNETWORK, INTERNET or AZURELOADBALANCER, separated by commas';
const LISTED_PORTS = 'ports and ranges as in 80,8000-8080, or *';

export const AccessControlListSchema = Type.Object({
  inboundDefaultAction: Type.Optional(
    Words(DEFAULT_ACTIONS, 'what happens to packets to the VM that no rule matches; Permit'),
  ),
  outboundDefaultAction: Type.Optional(
    Words(DEFAULT_ACTIONS, 'what happens to packets from the VM that no rule matches; Permit'),
  ),
  securityTags: Type.Optional(
    Type.Array(
      Reference(['securityTags'], 'every interface that carries the tag is filtered by this list'),
    ),
  ),
  ipConfigurations: BackReferences,
  subnets: BackReferences,
  configurationState: ReadOnlyConfigurationState,
  virtualNetworkInterfaceErrors: ReadOnly(Type.Array(Type.Unknown())),
});

export const ACL_PROTOCOLS = ['TCP', 'UDP', 'ICMPv4', 'ICMPv6', 'All'] as const;

export const AclRuleSchema = Type.Object({
  action: Coded(Words(['Allow', 'Deny']), { bad: 'InvalidAclRuleAction' }),
  description: Kept(Type.String(), 'for people'),
  type: Coded(Words(['Inbound', 'Outbound'], 'Inbound: to the VM; Outbound: from it'), {
    bad: 'InvalidAclRuleType',
  }),
  protocol: Coded(Words(ACL_PROTOCOLS), { bad: 'InvalidAclRuleProtocol' }),
  priority: Coded(
    Type.Integer({
      minimum: 100,
      maximum: 65_000,
      description: 'unique in the list; lower is tried first',
    }),
    { bad: 'InvalidAclRulePriority' },
  ),
  sourceAddressPrefix: Type.Optional(Type.String({ description: LISTED_ADDRESSES })),
  sourceSecurityTags: Type.Optional(OneOrMore(Reference(['securityTags']))),
  sourcePortRange: Coded(Type.String({ 'x-loose': true, description: LISTED_PORTS }), {
    missing: 'AclRuleNullOrEmptySourcePortRange',
  }),
  destinationAddressPrefix: Type.Optional(Type.String({ description: LISTED_ADDRESSES })),
  destinationSecurityTags: Type.Optional(OneOrMore(Reference(['securityTags']))),
  destinationPortRange: Coded(Type.String({ 'x-loose': true, description: LISTED_PORTS }), {
    missing: 'AclRuleNullOrEmptyDestinationPortRange',
  }),
  logging: Type.Optional(
    Words(['Enabled', 'Disabled'], 'whether flows that the rule decides are logged; Enabled'),
  ),
});
