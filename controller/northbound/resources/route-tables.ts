/**
 * routeTables and routes — MS-NCNBI §3.1.5.10. The appliance of a route must be an address that the networks with the table can reach;
 * whether an interface has it is for configurationState to say, because appliances come and go.
 */
import {
  formatIpPrefix,
  type Ip,
  type IpPrefix,
  ipFamily,
  ipPrefixCovers,
  ipPrefixHas,
  parseIp,
  parseIpPrefix,
} from '../../../base/ip.ts';
import { RouteSchema, RouteTableSchema } from '../../../schema/northbound/route-tables.ts';
import type { JsonObject } from '../../store/store.ts';
import { restrictedCover, restrictedHost } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { ROUTES_MAX } from '../limits.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type { Properties, ReadContext, ResourceNode, ResourceType } from '../resource-type.ts';
import { reachableSpaces } from './reachable-spaces.ts';

const routes: ResourceType = {
  collection: 'routes',
  section: '3.1.5.10.2',
  summary: 'Where packets to a prefix go.',
  schema: RouteSchema,
  normalise,
  validate: validateRoute,
};

export const routeTables: ResourceType = {
  collection: 'routeTables',
  section: '3.1.5.10',
  summary: 'Routes of a tenant, for the virtual subnets that refer to them.',
  schema: RouteTableSchema,
  children: [routes],
  validate: (node, context) => [...tableFaults(node), ...applianceFaults(node, context)],
};

/** Appliances of a table that `user`, which reaches only `spaces`, could not send to. */
export function unreachableAppliances(
  table: readonly { readonly ref: string; readonly properties: JsonObject }[],
  spaces: readonly IpPrefix[],
  user: string,
): FaultDetail[] {
  return table.flatMap((route) => {
    const address = parseIp(typed(RouteSchema, route).nextHopIpAddress ?? '');
    if (address === undefined || spaces.some((space) => ipPrefixHas(space, address))) return [];
    const text = typed(RouteSchema, route).nextHopIpAddress;
    const message = `${text}, next hop of ${route.ref}, is not in the network of ${user}`;
    return [detail('RouteNextHopIpAddressNotFound', message, route.ref)];
  });
}

/** An empty text is what some clients send for no address. */
function normalise(properties: Properties): Properties {
  if (properties['nextHopIpAddress'] === '') delete properties['nextHopIpAddress'];
  return properties;
}

function tableFaults(node: ResourceNode): FaultDetail[] {
  const all = childrenIn(node, routes.collection);
  if (all.length > ROUTES_MAX) {
    const message = `${node.ref} has ${all.length} routes; ${ROUTES_MAX} are allowed`;
    return [detail('RouteCountLimitReached', message, node.ref)];
  }
  const byPrefix = new Map<string, ResourceNode>();
  return all.flatMap((route) => {
    const { addressPrefix } = typed(RouteSchema, route);
    const other = byPrefix.get(addressPrefix);
    byPrefix.set(addressPrefix, route);
    if (other === undefined) return [];
    const message = `${other.ref} and ${route.ref} are both for ${addressPrefix}`;
    return [detail('RouteConflict', message, route.ref)];
  });
}

function applianceFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const all = childrenIn(node, routes.collection);
  return [...desired.referrers(node.ref)].flatMap(({ from }) => {
    if (from.type !== 'virtualnetworks/subnets' || from.parent === undefined) return [];
    return unreachableAppliances(all, reachableSpaces(from.parent, desired), from.ref);
  });
}

function validateRoute(node: ResourceNode): readonly FaultDetail[] {
  const { addressPrefix, nextHopType } = typed(RouteSchema, node);
  const target = `${node.ref} addressPrefix`;
  const prefix = parseIpPrefix(addressPrefix);
  if (prefix === undefined) {
    const message = `'${addressPrefix}' is not an address prefix, or has host bits`;
    return [detail('InvalidRouteAddressPrefix', message, target)];
  }
  const restricted = restrictedCover(prefix);
  if (restricted !== undefined) {
    const message = `${addressPrefix} is in ${formatIpPrefix(restricted)}, which is reserved`;
    return [detail('AddressPrefixInRestrictedAddressSpace', message, target)];
  }
  if (nextHopType === 'Internet' && isPrivate(prefix)) {
    const message = `${addressPrefix} is private: no route to the Internet is for it`;
    return [detail('AddressPrefixMustBeInPublicAddressSpace', message, target)];
  }
  return nextHopFaults(node, prefix);
}

function nextHopFaults(node: ResourceNode, prefix: IpPrefix): FaultDetail[] {
  const { nextHopType, nextHopIpAddress } = typed(RouteSchema, node);
  const target = `${node.ref} nextHopIpAddress`;
  if (nextHopType !== 'VirtualAppliance') {
    if (nextHopIpAddress === undefined) return [];
    const message = `a route of type ${nextHopType} has no nextHopIpAddress`;
    return [detail('NextHopIpAddressNotAllowed', message, target)];
  }
  if (nextHopIpAddress === undefined) {
    const message = 'a route of type VirtualAppliance has a nextHopIpAddress';
    return [detail('MissingNextHopIpAddress', message, target)];
  }
  const address = parseIp(nextHopIpAddress);
  const why = address === undefined ? 'no address' : unfitReason(address, prefix);
  if (why === undefined) return [];
  return [detail('InvalidNextHopIpAddress', `'${nextHopIpAddress}' is ${why}`, target)];
}

function unfitReason(address: Ip, prefix: IpPrefix): string | undefined {
  if (ipFamily(address) !== prefix.family)
    return `no IPv${prefix.family} address, as its prefix is`;
  return restrictedHost(address) ? 'reserved' : undefined;
}

/** RFC 1918, RFC 6598, RFC 4193. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];
const PRIVATE_PREFIXES = PRIVATE.flatMap((text) => parseIpPrefix(text) ?? []);

function isPrivate(prefix: IpPrefix): boolean {
  return PRIVATE_PREFIXES.some((outer) => ipPrefixCovers(outer, prefix));
}
