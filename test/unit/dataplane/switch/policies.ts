/** Goal-state resources of policy, from the few words that matter to a test: lists, tags, and NICs and subnets that have them. */
import { parseIpPrefixWords } from '../../../../base/ip-words.ts';
import {
  type AccessControlList,
  AclAction,
  AclDirection,
  type AclRule,
  AddressTag,
  type Prefix,
  type Resource,
} from '../../../../schema/southbound/messages.ts';
import { octets } from './tenants.ts';

export interface RuleWords {
  /** Default: permit. */
  readonly deny?: boolean;
  /** Default: inbound. */
  readonly outbound?: boolean;
  readonly protocol?: number;
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly ports?: readonly (readonly [from: number, to: number])[];
  readonly sourcePorts?: readonly (readonly [from: number, to: number])[];
  readonly logging?: boolean;
}

/** A list of rules by name, tried in the order given. */
export function aclResource(
  id: string,
  rules: Readonly<Record<string, RuleWords>>,
  defaults: Partial<Pick<AccessControlList, 'inboundDefault' | 'outboundDefault'>> = {},
): Resource {
  return {
    key: `acl/${id}`,
    version: 1,
    accessControlList: {
      id,
      resourceRef: `/accessControlLists/${id}`,
      inboundDefault: AclAction.ACL_PERMIT,
      outboundDefault: AclAction.ACL_PERMIT,
      ...defaults,
      rules: Object.entries(rules).map(([name, words], index) =>
        aclRule(`/accessControlLists/${id}/aclRules/${name}`, 101 + index, words),
      ),
    },
  };
}

function aclRule(resourceRef: string, priority: number, words: RuleWords): AclRule {
  const { from, to } = words;
  const ports = (ranges: RuleWords['ports']) =>
    (ranges ?? []).map(([first, last]) => ({ from: first, to: last }));
  return {
    resourceRef,
    priority,
    direction: words.outbound === true ? AclDirection.ACL_OUTBOUND : AclDirection.ACL_INBOUND,
    action: words.deny === true ? AclAction.ACL_DENY : AclAction.ACL_PERMIT,
    protocol: words.protocol ?? 0,
    ...(from !== undefined && { source: matchOf(from) }),
    ...(to !== undefined && { destination: matchOf(to) }),
    sourcePorts: ports(words.sourcePorts),
    destinationPorts: ports(words.ports),
    logging: words.logging ?? false,
  };
}

const TAGS: Readonly<Record<string, AddressTag>> = {
  VIRTUALNETWORK: AddressTag.VIRTUAL_NETWORK,
  INTERNET: AddressTag.INTERNET,
  AZURELOADBALANCER: AddressTag.AZURE_LOAD_BALANCER,
};

/** Prefixes, tags, and `tag:<id>` for security tags. */
function matchOf(terms: readonly string[]): NonNullable<AclRule['source']> {
  return {
    prefixes: terms.filter((term) => term.includes('/')).map(prefixOf),
    tags: terms.flatMap((term) => TAGS[term] ?? []),
    securityTagIds: terms.flatMap((term) => (term.startsWith('tag:') ? term.slice(4) : [])),
  };
}

export function prefixOf(text: string): Prefix {
  const [address = '', len = ''] = text.split('/');
  const words = parseIpPrefixWords(text)?.words;
  if (words === undefined) throw new TypeError(text);
  if (!address.includes(':')) return { address: octets(address), len: Number(len) };
  const bytes = new Uint8Array(16);
  for (const [index, word] of words.entries())
    new DataView(bytes.buffer).setUint32(index * 4, word);
  return { address: bytes, len: Number(len) };
}

export function tagResource(vnetId: string, id: string, addresses: readonly string[]): Resource {
  return {
    key: `tag/${vnetId}/${id}`,
    version: 1,
    securityTag: {
      id,
      resourceRef: `/securityTags/${id}`,
      vnetId,
      addresses: addresses.map(octets),
    },
  };
}

/** The port with this list at each of its IP configurations. */
export function withList(resource: Resource, accessControlListId: string): Resource {
  const { port, virtualSubnet } = resource;
  if (virtualSubnet !== undefined) {
    return { ...resource, virtualSubnet: { ...virtualSubnet, accessControlListId } };
  }
  if (port === undefined) throw new TypeError('neither a port nor a subnet');
  const ipConfigurations = port.ipConfigurations.map((own) => ({ ...own, accessControlListId }));
  return { ...resource, port: { ...port, ipConfigurations } };
}
