/**
 * Reads the documents of policy (MS-NCNBI §3.1.5.1 accessControlLists, §3.1.5.31 securityTags, §3.1.5.10 routeTables), as document.ts
 * reads the others. A list with a rule that cannot be read, or a table with a route, is unreadable as a whole: without it, it would
 * mean something else.
 */

import { formatIp, type Ip, type IpPrefix, parseIp } from '../../base/ip.ts';
import {
  type AddressTerms,
  type PortSpan,
  parseAddressTerms,
  parsePortSpans,
} from '../model/policy-text.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { addressPrefix, children, object, references, text } from './json-fields.ts';

export interface AccessControlList {
  readonly kind: 'access-control-list';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly inboundDeny: boolean;
  readonly outboundDeny: boolean;
  /** Refs of the tags whose interfaces it filters. */
  readonly securityTags: readonly string[];
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

export interface RouteTable {
  readonly kind: 'route-table';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly routes: readonly Route[];
  /** Canonical texts of the next hops of its appliance routes. */
  readonly appliances: ReadonlySet<string>;
}

export interface Route {
  readonly resourceRef: string;
  readonly prefix: IpPrefix;
  readonly nextHopType: NextHopWord;
  /** Of a VirtualAppliance. */
  readonly nextHop: Ip | undefined;
}

const NEXT_HOP_WORDS = [
  'VirtualAppliance',
  'VnetLocal',
  'VirtualNetworkGateway',
  'Internet',
  'None',
] as const;
export type NextHopWord = (typeof NEXT_HOP_WORDS)[number];

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
  const properties = object(value['properties']);
  const { inboundDefaultAction, outboundDefaultAction } = properties;
  return {
    kind: 'access-control-list',
    id,
    instanceId,
    resourceRef,
    inboundDeny: inboundDefaultAction === 'Deny',
    outboundDeny: outboundDefaultAction === 'Deny',
    securityTags: references(properties['securityTags']),
    rules: readable,
  };
}

export function readSecurityTag(id: string, value: JsonObject): SecurityTag | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  return { kind: 'security-tag', id, instanceId, resourceRef };
}

export function readRouteTable(id: string, value: JsonObject): RouteTable | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  const routes = children(value, 'routes').map(readRoute);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  const readable = routes.flatMap((route) => route ?? []);
  if (readable.length < routes.length) return undefined;
  const appliances = readable.flatMap(({ nextHop }) =>
    nextHop === undefined ? [] : [formatIp(nextHop)],
  );
  return {
    kind: 'route-table',
    id,
    instanceId,
    resourceRef,
    routes: readable,
    appliances: new Set(appliances),
  };
}

function readRoute(value: JsonObject): Route | undefined {
  const properties = object(value['properties']);
  const resourceRef = text(value['resourceRef']);
  const prefix = addressPrefix(properties['addressPrefix']);
  const nextHopType = NEXT_HOP_WORDS.find((word) => word === properties['nextHopType']);
  if (resourceRef === undefined || prefix === undefined || nextHopType === undefined) {
    return undefined;
  }
  if (nextHopType !== 'VirtualAppliance') {
    return { resourceRef, prefix, nextHopType, nextHop: undefined };
  }
  const nextHop = parseIp(text(properties['nextHopIpAddress']) ?? '');
  return nextHop === undefined ? undefined : { resourceRef, prefix, nextHopType, nextHop };
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
