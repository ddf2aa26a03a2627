/**
 * accessControlLists and aclRules — MS-NCNBI §3.1.5.1. A list applies where an ipConfiguration or a virtual subnet refers to it, and to the
 * interfaces that carry one of its security tags; it is checked whole at every write of it or of one of its rules, because priorities
 * are unique in it and because its address tags mean nothing on an ipConfiguration of a logical network.
 */
import type { IpFamily } from '../../../base/ip.ts';
import {
  AccessControlListSchema,
  AclRuleSchema,
} from '../../../schema/northbound/access-control-lists.ts';
import {
  IpConfigurationSchema,
  NetworkInterfaceSchema,
} from '../../../schema/northbound/network-interfaces.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import {
  type AddressTerms,
  canonicalAddressTerms,
  canonicalPortSpans,
  parseAddressTerms,
  parsePortSpans,
} from '../../model/policy-text.ts';
import { typeKeyOf } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import type { ErrorCode } from '../error-codes.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { ACL_RULES_MAX, TAG_LISTS_MAX } from '../limits.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type { Properties, ReadContext, ResourceNode, ResourceType } from '../resource-type.ts';

const aclRules: ResourceType = {
  collection: 'aclRules',
  section: '3.1.5.1.2',
  summary: 'What a list does with packets of one kind, in one direction.',
  schema: AclRuleSchema,
  references: [
    {
      property: 'sourceSecurityTags',
      backReference: 'aclRulesAsSource',
      inUse: 'InUseSecurityTagCannotBeDeleted',
    },
    {
      property: 'destinationSecurityTags',
      backReference: 'aclRulesAsDestination',
      inUse: 'InUseSecurityTagCannotBeDeleted',
    },
  ],
  normalise: normaliseRule,
  validate: validateRule,
};

export const accessControlLists: ResourceType = {
  collection: 'accessControlLists',
  section: '3.1.5.1',
  summary: 'A stateful filter for interfaces and virtual subnets.',
  schema: AccessControlListSchema,
  children: [aclRules],
  references: [{ property: 'securityTags', inUse: 'InUseSecurityTagCannotBeDeleted' }],
  normalise(properties) {
    properties['inboundDefaultAction'] ??= 'Permit';
    properties['outboundDefaultAction'] ??= 'Permit';
    return properties;
  },
  validate: (node, context) => [
    ...listFaults(node),
    ...logicalUseFaults(node, context),
    ...tagFaults(node, context),
  ],
};

/** Whether a rule of the list uses VIRTUALNETWORK, INTERNET or AZURELOADBALANCER. */
export function usesAddressTags(rules: readonly { readonly properties: JsonObject }[]): boolean {
  return rules.some((rule) => {
    const { sourceAddressPrefix = '', destinationAddressPrefix = '' } = typed(AclRuleSchema, rule);
    return [sourceAddressPrefix, destinationAddressPrefix].some(
      (text) => (parseAddressTerms(text)?.tags.length ?? 0) > 0,
    );
  });
}

/** An ipConfiguration of a logical network has no virtual network for a tag to stand for. */
export function tagsOnLogicalNetworkFault(list: string, user: string): FaultDetail {
  const message = `${list} has rules with tags, which ${user}, in a logical network, cannot use`;
  return detail('AclRuleTagsNotSupportedOnLogicalNetwork', message, list);
}

function normaliseRule(properties: Properties): Properties {
  properties['logging'] ??= 'Enabled';
  for (const name of ['sourceAddressPrefix', 'destinationAddressPrefix']) {
    const text = properties[name];
    if (typeof text === 'string') properties[name] = canonicalAddressTerms(text);
  }
  for (const name of ['sourcePortRange', 'destinationPortRange']) {
    const text = properties[name];
    if (typeof text === 'string') properties[name] = canonicalPortSpans(text);
  }
  return properties;
}

function listFaults(node: ResourceNode): FaultDetail[] {
  const rules = childrenIn(node, aclRules.collection);
  if (rules.length > ACL_RULES_MAX) {
    const message = `${node.ref} has ${rules.length} rules; ${ACL_RULES_MAX} are allowed`;
    return [detail('InvalidParameterValue', message, node.ref)];
  }
  const byPriority = new Map<number, ResourceNode>();
  return rules.flatMap((rule) => {
    const { priority } = typed(AclRuleSchema, rule);
    const other = byPriority.get(priority);
    byPriority.set(priority, rule);
    if (other === undefined) return [];
    const message = `${other.ref} and ${rule.ref} have the same priority, ${priority}`;
    return [detail('InvalidAclRulePriority', message, rule.ref)];
  });
}

function logicalUseFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  if (!usesAddressTags(childrenIn(node, aclRules.collection))) return [];
  for (const { from } of desired.referrers(node.ref)) {
    if (from.type !== 'networkinterfaces/ipconfigurations') continue;
    const { subnet } = typed(IpConfigurationSchema, from);
    const isLogical = typeKeyOf(subnet?.resourceRef ?? '') === 'logicalnetworks/subnets';
    if (isLogical) return [tagsOnLogicalNetworkFault(node.ref, from.ref)];
  }
  return [];
}

/** A tag has one list (§3.1.5.31), and what the interfaces that carry it can bear has an end. */
function tagFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const usesTags = usesAddressTags(childrenIn(node, aclRules.collection));
  const { securityTags = [] } = typed(AccessControlListSchema, node);
  const refs = new Set(securityTags.map(({ resourceRef }) => resourceRef.toLowerCase()));
  return [...refs].flatMap((tag): FaultDetail[] => {
    const other = listOfTag(tag, desired);
    if (other !== undefined && other.key !== node.key) {
      const message = `${other.ref} is applied to ${tag} already`;
      return [detail('SecurityTagAlreadyHasAclApplied', message, tag)];
    }
    for (const carrier of carriersOf(tag, desired)) {
      const tags = tagRefsOf(carrier);
      const all = tags.filter((ref) => {
        const list = listOfTag(ref, desired);
        return refs.has(ref) || (list !== undefined && list.key !== node.key);
      });
      if (all.length > TAG_LISTS_MAX) return [tooManyTagLists(carrier.ref)];
      if (usesTags && isInLogicalNetwork(carrier.children)) {
        return [tagsOnLogicalNetworkFault(node.ref, carrier.ref)];
      }
    }
    return [];
  });
}

/** What is wrong with the tags of an interface, by the lists that they bring with them. */
export function carriedListFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const lists = tagRefsOf(node).flatMap((tag) => listOfTag(tag, desired) ?? []);
  if (lists.length > TAG_LISTS_MAX) return [tooManyTagLists(node.ref)];
  const unfit = lists.find(({ children }) => usesAddressTags(children));
  if (unfit === undefined || !isInLogicalNetwork(node.children)) return [];
  return [tagsOnLogicalNetworkFault(unfit.ref, node.ref)];
}

function tooManyTagLists(networkInterface: string): FaultDetail {
  const message = `${networkInterface} has more than ${TAG_LISTS_MAX} security tags with a list`;
  return detail('InvalidParameterValue', message, networkInterface);
}

/** The list that is applied to the security tag. */
export function listOfTag(tag: string, desired: DesiredState): Resource | undefined {
  for (const { from } of desired.referrers(tag)) {
    if (from.type === 'accesscontrollists') return from;
  }
  return undefined;
}

function* carriersOf(tag: string, desired: DesiredState): Iterable<Resource> {
  for (const { from } of desired.referrers(tag)) if (from.type === 'networkinterfaces') yield from;
}

function tagRefsOf(networkInterface: { readonly properties: JsonObject }): string[] {
  const { securityTags = [] } = typed(NetworkInterfaceSchema, networkInterface);
  return [...new Set(securityTags.map(({ resourceRef }) => resourceRef.toLowerCase()))];
}

function isInLogicalNetwork(
  ipConfigurations: readonly { readonly properties: JsonObject }[],
): boolean {
  return ipConfigurations.some((own) => {
    const { subnet } = typed(IpConfigurationSchema, own);
    return typeKeyOf(subnet?.resourceRef ?? '') === 'logicalnetworks/subnets';
  });
}

/** The codes of one end of a rule. */
interface End {
  readonly name: 'source' | 'destination';
  readonly empty: ErrorCode;
  readonly invalid: ErrorCode;
  readonly both: ErrorCode;
  readonly neither: ErrorCode;
  readonly emptyPorts: ErrorCode;
  readonly invalidPorts: ErrorCode;
}

const SOURCE: End = {
  name: 'source',
  empty: 'AclRuleNullOrEmptySourceAddressPrefix',
  invalid: 'AclRuleInvalidSourceAddressPrefix',
  both: 'AclRuleBothSourceAddressPrefixAndSecurityTagsPresent',
  neither: 'AclRuleSourceNeitherAddressPrefixNorSecurityTagsPresent',
  emptyPorts: 'AclRuleNullOrEmptySourcePortRange',
  invalidPorts: 'AclRuleInvalidSourcePortRange',
};
const DESTINATION: End = {
  name: 'destination',
  empty: 'AclRuleNullOrEmptyDestinationAddressPrefix',
  invalid: 'AclRuleInvalidDestinationAddressPrefix',
  both: 'AclRuleBothDestinationAddressPrefixAndSecurityTagsPresent',
  neither: 'AclRuleDestinationNeitherAddressPrefixNorSecurityTagsPresent',
  emptyPorts: 'AclRuleNullOrEmptyDestinationPortRange',
  invalidPorts: 'AclRuleInvalidDestinationPortRange',
};

function validateRule(node: ResourceNode): readonly FaultDetail[] {
  const rule = typed(AclRuleSchema, node);
  const faults = [
    ...addressFaults(node, SOURCE, rule.sourceAddressPrefix, rule.sourceSecurityTags),
    ...addressFaults(
      node,
      DESTINATION,
      rule.destinationAddressPrefix,
      rule.destinationSecurityTags,
    ),
    ...portFaults(node, SOURCE, rule.sourcePortRange),
    ...portFaults(node, DESTINATION, rule.destinationPortRange),
  ];
  return faults.length > 0 ? faults : familyFaults(node);
}

function addressFaults(
  node: ResourceNode,
  end: End,
  text: string | undefined,
  securityTags: readonly unknown[] = [],
): FaultDetail[] {
  const property = `${end.name}AddressPrefix`;
  const target = `${node.ref} ${property}`;
  const hasText = text !== undefined && text.trim() !== '';
  if (hasText && securityTags.length > 0) {
    const message = `${property} and ${end.name}SecurityTags cannot both be given`;
    return [detail(end.both, message, target)];
  }
  if (!hasText && securityTags.length === 0) {
    const message = `neither ${property} nor ${end.name}SecurityTags is given; * is every address`;
    return [detail(text === undefined ? end.neither : end.empty, message, target)];
  }
  if (!hasText || parseAddressTerms(text) !== undefined) return [];
  const allowed = 'a prefix without host bits, an address, *, VIRTUALNETWORK, INTERNET';
  const message = `'${text}' is not ${allowed} or AZURELOADBALANCER, or a list of these`;
  return [detail(end.invalid, message, target)];
}

function portFaults(node: ResourceNode, end: End, text: string): FaultDetail[] {
  const target = `${node.ref} ${end.name}PortRange`;
  if (text.trim() === '') {
    const message = `${end.name}PortRange is empty; * is every port`;
    return [detail(end.emptyPorts, message, target)];
  }
  const spans = parsePortSpans(text);
  if (spans === undefined) {
    const message = `'${text}' is not a port, a range as in 80-81, *, or a list of these`;
    return [detail(end.invalidPorts, message, target)];
  }
  const { protocol } = typed(AclRuleSchema, node);
  if (spans.length === 0 || !protocol.startsWith('ICMP')) return [];
  const message = `${protocol} has no ports: ${end.name}PortRange is *, not '${text}'`;
  return [detail(end.invalidPorts, message, target)];
}

/** A rule whose source and destination, or whose protocol and addresses, are of different families would match nothing. */
function familyFaults(node: ResourceNode): FaultDetail[] {
  const {
    sourceAddressPrefix = '*',
    destinationAddressPrefix = '*',
    protocol,
  } = typed(AclRuleSchema, node);
  const possible = new Set<IpFamily>(
    protocol === 'ICMPv4' ? [4] : protocol === 'ICMPv6' ? [6] : [4, 6],
  );
  for (const [end, text] of [
    [SOURCE, sourceAddressPrefix],
    [DESTINATION, destinationAddressPrefix],
  ] as const) {
    const terms = parseAddressTerms(text);
    if (terms === undefined || !isOnlyPrefixes(terms)) continue;
    const families = new Set(terms.prefixes.map(({ family }) => family));
    for (const family of possible) if (!families.has(family)) possible.delete(family);
    if (possible.size > 0) continue;
    const message = `'${text}' is of another family than the rest of the rule, which matches nothing`;
    return [detail(end.invalid, message, `${node.ref} ${end.name}AddressPrefix`)];
  }
  return [];
}

function isOnlyPrefixes({ isAny, tags }: AddressTerms): boolean {
  return !isAny && tags.length === 0;
}
