/** Goal-state resources of policy, from the few words that matter to a test: lists, tags, and NICs and subnets that have them. */
import { parseIpPrefixWords } from '../../../../base/ip-words.ts';
import {
  type AccessControlList,
  AclAction,
  AclDirection,
  type AclRule,
  AddressTag,
  NextHopType,
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

/** A route table; each next hop an address, or one of the words of MS-NCNBI §3.1.5.10.2. */
export function routeTableResource(id: string, routes: Readonly<Record<string, string>>): Resource {
  return {
    key: `routetable/${id}`,
    version: 1,
    routeTable: {
      id,
      resourceRef: `/routeTables/${id}`,
      routes: Object.entries(routes).map(([prefix, nextHop]) => ({
        resourceRef: `/routeTables/${id}/routes/${prefix.replace('/', '-')}`,
        prefix: prefixOf(prefix),
        nextHopType: NEXT_HOP_TYPES[nextHop] ?? NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        nextHop:
          NEXT_HOP_TYPES[nextHop] === undefined
            ? prefixOf(`${nextHop}/${nextHop.includes(':') ? 128 : 32}`).address
            : new Uint8Array(),
      })),
    },
  };
}

const NEXT_HOP_TYPES: Readonly<Record<string, NextHopType>> = {
  None: NextHopType.NEXT_HOP_NONE,
  VnetLocal: NextHopType.NEXT_HOP_VNET_LOCAL,
  Internet: NextHopType.NEXT_HOP_INTERNET,
  VirtualNetworkGateway: NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY,
};

/** The subnet with this route table. */
export function withRoutes(resource: Resource, routeTableId: string): Resource {
  const { virtualSubnet } = resource;
  if (virtualSubnet === undefined) throw new TypeError('not a subnet');
  return { ...resource, virtualSubnet: { ...virtualSubnet, routeTableId } };
}

/** The port that may forward for others. */
export function asAppliance(resource: Resource): Resource {
  const { port } = resource;
  if (port === undefined) throw new TypeError('not a port');
  return { ...resource, port: { ...port, ipForwarding: true } };
}

/** The network with a peering to another of this address space. */
export function peeredWith(
  resource: Resource,
  remoteVnetId: string,
  space: readonly string[],
  flags: { readonly allowAccess?: boolean; readonly allowForwarded?: boolean } = {},
): Resource {
  const { virtualNetwork } = resource;
  if (virtualNetwork === undefined) throw new TypeError('not a network');
  const { resourceRef, peerings } = virtualNetwork;
  const peering = {
    resourceRef: `${resourceRef}/virtualNetworkPeerings/${remoteVnetId}`,
    remoteVnetId,
    remoteAddressSpace: space.map(prefixOf),
    allowAccess: flags.allowAccess ?? true,
    allowForwarded: flags.allowForwarded ?? false,
  };
  return { ...resource, virtualNetwork: { ...virtualNetwork, peerings: [...peerings, peering] } };
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
