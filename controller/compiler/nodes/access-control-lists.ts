/**
 * Node `access-control-lists`: a filter as switches evaluate it. One unit per accessControlList (MS-NCNBI §3.1.5.1), whole in one
 * resource, so that a switch replaces it at once. Hosts with a port it applies to subscribe (node `ports`).
 */
import {
  AclAction,
  AclDirection,
  type AclRule as AclRuleMessage,
  type AddressMatch,
  AddressTag,
} from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { accessControlListKey, resourceContent } from '../../goal-state/resource.ts';
import type { AddressTagName } from '../../model/policy-text.ts';
import type { ModelView } from '../model-view.ts';
import { accessControlListScope, type CompilerNode } from '../node.ts';
import { reidentified, tagAt, tagRef } from '../policy.ts';
import type { AclRule, AclRuleEnd } from '../policy-document.ts';
import { prefixMessage } from './virtual-networks.ts';

const TAGS: Readonly<Record<AddressTagName, AddressTag>> = {
  VIRTUALNETWORK: AddressTag.VIRTUAL_NETWORK,
  INTERNET: AddressTag.INTERNET,
  AZURELOADBALANCER: AddressTag.AZURE_LOAD_BALANCER,
};

export const accessControlLists: CompilerNode = {
  name: 'access-control-lists',
  handle(change, model) {
    switch (change.kind) {
      case 'access-control-list':
        return [change.before, change.after].flatMap((list) => list?.id ?? []);
      case 'security-tag': {
        const ref = tagRef(change.before?.id ?? change.after?.id ?? '');
        return reidentified(change) ? model.referring('access-control-list', ref) : [];
      }
      default:
        return [];
    }
  },
  units: (model) => model.accessControlLists.keys(),
  compile(id, model) {
    const list = model.accessControlLists.get(id);
    if (list === undefined) return NO_OUTPUT;
    const { instanceId, resourceRef, inboundDeny, outboundDeny } = list;
    const inOrder = [...list.rules].sort(
      (a, b) => a.priority - b.priority || (a.resourceRef < b.resourceRef ? -1 : 1),
    );
    const content = resourceContent({
      key: accessControlListKey(instanceId),
      accessControlList: {
        id: instanceId,
        resourceRef,
        inboundDefault: inboundDeny ? AclAction.ACL_DENY : AclAction.ACL_PERMIT,
        outboundDefault: outboundDeny ? AclAction.ACL_DENY : AclAction.ACL_PERMIT,
        rules: inOrder.flatMap((rule) => ruleMessage(rule, model) ?? []),
      },
    });
    return {
      published: [{ scope: accessControlListScope(instanceId), content }],
      subscriptions: [],
    };
  },
};

/** Undefined for a rule that can match nothing, since none of its security tags exists. */
function ruleMessage(rule: AclRule, model: ModelView): AclRuleMessage | undefined {
  const source = addressMatch(rule.source, model);
  const destination = addressMatch(rule.destination, model);
  if (source === 'nothing' || destination === 'nothing') return undefined;
  return {
    resourceRef: rule.resourceRef,
    priority: rule.priority,
    direction: rule.outbound ? AclDirection.ACL_OUTBOUND : AclDirection.ACL_INBOUND,
    action: rule.deny ? AclAction.ACL_DENY : AclAction.ACL_PERMIT,
    protocol: rule.protocol,
    ...(source !== 'everything' && { source }),
    ...(destination !== 'everything' && { destination }),
    sourcePorts: rule.source.ports.map((span) => ({ ...span })),
    destinationPorts: rule.destination.ports.map((span) => ({ ...span })),
    logging: rule.logging,
  };
}

function addressMatch(
  { addresses, securityTags }: AclRuleEnd,
  model: ModelView,
): AddressMatch | 'everything' | 'nothing' {
  if (addresses === undefined) {
    const ids = securityTags.flatMap((ref) => tagAt(ref, model)?.instanceId ?? []);
    if (ids.length === 0) return 'nothing';
    return { prefixes: [], tags: [], securityTagIds: ids };
  }
  if (addresses.isAny) return 'everything';
  return {
    prefixes: addresses.prefixes.map(prefixMessage),
    tags: addresses.tags.map((name) => TAGS[name]),
    securityTagIds: [],
  };
}
