/**
 * edgeRouters: the routers between the provider network and the outside, Weft's own (schema/northbound/edge-routers.ts). An edge is an
 * endpoint of the overlay like a server: its provider address is given by the client or comes from the pools, and is its own for its life.
 */
import {
  type Ip,
  type IpPrefix,
  ipFamily,
  ipPrefixHas,
  ipPrefixOf,
  parseIp,
} from '../../../base/ip.ts';
import {
  EdgeRouterSchema,
  type OutsideInterfaceSchema,
} from '../../../schema/northbound/edge-routers.ts';
import { addressFaults } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { OUTSIDE_ADDRESSES_MAX, OUTSIDE_INTERFACES_MAX } from '../limits.ts';
import { typed } from '../resource-node.ts';
import type { ReadContext, ResourceNode, ResourceType, WriteContext } from '../resource-type.ts';
import { bgpRouters } from './bgp-routers.ts';
import { natPools, portForwards } from './nat-pools.ts';
import { policyMaps } from './policy-maps.ts';
import { allocateProviderAddress } from './provider-address.ts';

export const edgeRouters: ResourceType = {
  collection: 'edgeRouters',
  summary:
    'A router between the provider network and the outside, with BGP and address translation.',
  schema: EdgeRouterSchema,
  children: [bgpRouters, policyMaps, natPools, portForwards],
  validate,
  allocate: allocateProviderAddress,
};

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { providerAddress, outsideInterfaces = [] } = typed(EdgeRouterSchema, node);
  const faults = addressFaults(
    providerAddress === undefined ? [] : [providerAddress],
    'providerAddress',
  );
  if (outsideInterfaces.length > OUTSIDE_INTERFACES_MAX) {
    const message = `at most ${OUTSIDE_INTERFACES_MAX} outsideInterfaces are allowed`;
    faults.push(detail('InvalidParameterValue', message, 'outsideInterfaces'));
  }
  const names = outsideInterfaces.map(({ name }) => name);
  if (new Set(names).size < names.length || names.includes('')) {
    const message = 'each of the outsideInterfaces has a name of its own';
    faults.push(detail('InvalidParameterValue', message, 'outsideInterfaces'));
  }
  for (const each of outsideInterfaces) faults.push(...interfaceFaults(each));
  return [...faults, ...gatewayTwin(node, context)];
}

type OutsideInterface = ReturnType<typeof typed<typeof OutsideInterfaceSchema>>;

function interfaceFaults({ name, addresses, gateways = [] }: OutsideInterface): FaultDetail[] {
  const target = `outsideInterfaces '${name}'`;
  if (addresses.length === 0 || addresses.length > OUTSIDE_ADDRESSES_MAX) {
    const message = `an outside interface has 1 to ${OUTSIDE_ADDRESSES_MAX} addresses`;
    return [detail('InvalidParameterValue', message, target)];
  }
  const parsed = addresses.map((text) => ({ text, own: parseInterfaceAddress(text) }));
  const faults = parsed
    .filter(({ own }) => own === undefined)
    .map(({ text }) =>
      detail('InvalidIPPrefix', `'${text}' is not an address with its prefix length`, target),
    );
  const prefixes = parsed.flatMap(({ own }) => own?.prefix ?? []);
  const families = gateways.flatMap((text) => {
    const gateway = parseIp(text);
    return gateway === undefined ? [] : [ipFamily(gateway)];
  });
  for (const text of gateways) {
    const gateway = parseIp(text);
    const isReached =
      gateway !== undefined && prefixes.some((prefix) => ipPrefixHas(prefix, gateway));
    if (isReached) continue;
    faults.push(
      detail('InvalidNextHopIpAddress', `gateway '${text}' is not reached from ${name}`, target),
    );
  }
  if (new Set(families).size < families.length) {
    faults.push(detail('InvalidParameterValue', 'one gateway of each family at most', target));
  }
  return faults;
}

/** `192.0.2.2/24`: the host bits are the point. */
export function parseInterfaceAddress(
  text: string,
): { readonly address: Ip; readonly prefix: IpPrefix } | undefined {
  const [host = '', length = '', ...rest] = text.split('/');
  const address = parseIp(host);
  const len = /^[0-9]{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (address === undefined || rest.length > 0) return undefined;
  const bits = ipFamily(address) === 4 ? 32 : 128;
  if (!(len >= 1 && len <= bits)) return undefined;
  return { address, prefix: ipPrefixOf(address, len) };
}

/** Two that answer ARP for one address would take it from each other. */
function gatewayTwin(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  if (typed(EdgeRouterSchema, node).isProviderGateway !== true) return [];
  const subnet = subnetKey(node.internal);
  const twin = [...desired.list('edgeRouters').values()].find(
    (other) =>
      other.key !== node.key &&
      typed(EdgeRouterSchema, other).isProviderGateway === true &&
      (subnet === undefined || subnetKey(other.body['internal']) === subnet),
  );
  if (twin === undefined) return [];
  const message = `${twin.ref} is the gateway of the provider network`;
  return [detail('InvalidParameterValue', message, 'isProviderGateway')];
}

function subnetKey(internal: unknown): string | undefined {
  const known =
    typeof internal === 'object' && internal !== null && 'providerSubnetRef' in internal;
  return known ? String(internal.providerSubnetRef).toLowerCase() : undefined;
}
