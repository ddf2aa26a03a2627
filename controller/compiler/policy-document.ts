/**
 * Reads the documents of policy (MS-NCNBI §3.1.5.1 accessControlLists, §3.1.5.31 securityTags), as document.ts reads the others. A list
 * with a rule that cannot be read is unreadable as a whole: without that rule it would mean something else.
 */

import {
  type AddressTerms,
  type PortSpan,
  parseAddressTerms,
  parsePortSpans,
} from '../model/policy-text.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { children, object, references, text } from './json-fields.ts';

export interface AccessControlList {
  readonly kind: 'access-control-list';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly inboundDeny: boolean;
  readonly outboundDeny: boolean;
  readonly rules: readonly AclRule[];
}

export interface AclRule {
  readonly resourceRef: string;
  readonly priority: number;
  readonly outbound: boolean;
  readonly deny: boolean;
  /** IP protocol number; 0: any. */
  readonly protocol: number;
  readonly source: AclRuleEnd;
  readonly destination: AclRuleEnd;
  readonly logging: boolean;
}

export interface AclRuleEnd {
  /** Undefined: security tags say it. */
  readonly addresses: AddressTerms | undefined;
  readonly securityTags: readonly string[];
  /** Empty: every port. */
  readonly ports: readonly PortSpan[];
}

export interface SecurityTag {
  readonly kind: 'security-tag';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
}

/** IANA protocol numbers of the words of §3.1.5.1.2. */
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  All: 0,
  ICMPv4: 1,
  TCP: 6,
  UDP: 17,
  ICMPv6: 58,
};

export function readAccessControlList(
  id: string,
  value: JsonObject,
): AccessControlList | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  const rules = children(value, 'aclRules').map(readRule);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  const readable = rules.flatMap((rule) => rule ?? []);
  if (readable.length < rules.length) return undefined;
  const { inboundDefaultAction, outboundDefaultAction } = object(value['properties']);
  return {
    kind: 'access-control-list',
    id,
    instanceId,
    resourceRef,
    inboundDeny: inboundDefaultAction === 'Deny',
    outboundDeny: outboundDefaultAction === 'Deny',
    rules: readable,
  };
}

export function readSecurityTag(id: string, value: JsonObject): SecurityTag | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  return { kind: 'security-tag', id, instanceId, resourceRef };
}

function readRule(value: JsonObject): AclRule | undefined {
  const properties = object(value['properties']);
  const resourceRef = text(value['resourceRef']);
  const { priority, type, action, logging } = properties;
  const protocol = PROTOCOL_NUMBERS[text(properties['protocol']) ?? ''];
  const source = readEnd(properties, 'source');
  const destination = readEnd(properties, 'destination');
  if (resourceRef === undefined || typeof priority !== 'number') return undefined;
  if (protocol === undefined || source === undefined || destination === undefined) return undefined;
  if (!isOneOf(type, 'Inbound', 'Outbound') || !isOneOf(action, 'Allow', 'Deny')) return undefined;
  return {
    resourceRef,
    priority,
    outbound: type === 'Outbound',
    deny: action === 'Deny',
    protocol,
    source,
    destination,
    logging: logging === 'Enabled',
  };
}

function readEnd(properties: JsonObject, name: 'source' | 'destination'): AclRuleEnd | undefined {
  const securityTags = references(properties[`${name}SecurityTags`]);
  const addressText = text(properties[`${name}AddressPrefix`]);
  const addresses = addressText === undefined ? undefined : parseAddressTerms(addressText);
  const ports = parsePortSpans(text(properties[`${name}PortRange`]) ?? '');
  if (ports === undefined || (addresses === undefined && securityTags.length === 0)) {
    return undefined;
  }
  return { addresses, securityTags, ports };
}

function isOneOf(value: JsonValue | undefined, ...words: readonly string[]): boolean {
  return words.some((word) => word === value);
}
