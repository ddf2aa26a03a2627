/**
 * A small cloud that a generator can turn over: tenants whose addresses overlap, their NICs here and at two other hosts, and the goal state
 * that a controller would send this host for it. Everything is an index into short lists, so that a failing case shrinks to a few words.
 */
import {
  HOST_DEFAULTS,
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import {
  type AccessControlList,
  NextHopType,
  type Peering,
  type Prefix,
  type Resource,
  type Route,
  type SecurityTag,
  type TagList,
} from '../../schema/southbound/messages.ts';
import { type Address, bytesOf, isIpv6, textOf } from './address.ts';
import { type PeeringPlan, prefix, type RouteTablePlan } from './policy-plans.ts';

/** This host is the first. */
export const HOSTS: readonly Address[] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const PROVIDER_MTU = 1500;

/** Address spaces and subnets a tenant may have, by its block: the same for all tenants of a block. */
const SPACE_COUNT = 3;
/** Lists a tenant has at most. */
export const LIST_COUNT = 2;
export const SUBNET_COUNT = 5;
/** Two tenants of one block have the same addresses; tenants of different blocks can be peered to some purpose. */
export const BLOCK_COUNT = 3;

function spacesOf(block: number): readonly string[] {
  const even = block * 2;
  return [`10.${even}.0.0/16`, `10.${even + 1}.0.0/16`, `fd00:${even}::/48`];
}

function subnetsOf(block: number): readonly string[] {
  const even = block * 2;
  return [
    `10.${even}.0.0/24`,
    `10.${even}.1.0/24`,
    `10.${even + 1}.0.0/16`,
    `fd00:${even}:0:1::/64`,
    `fd00:${even}:0:2::/64`,
  ];
}

export interface Nic {
  readonly id: string;
  readonly mac: number;
  readonly addresses: readonly { readonly subnet: number; readonly address: Address }[];
  macSpoofing: boolean;
  ipForwarding: boolean;
  /** Which list applies to its first address, the next one to its second; beyond the lists: none. */
  list: number;
  /** Where its addresses are mapped to; index into HOSTS, undefined: nowhere. */
  host: number | undefined;
  /** Goal state of this host describes its port. */
  isConfigured: boolean;
  /** A device of this host stands behind it. */
  isAttached: boolean;
}

export interface Tenant {
  readonly id: string;
  /** First octet of every payload byte its NICs send. */
  readonly mark: number;
  readonly block: number;
  /** By index into spacesOf its block: is it part of the address space? */
  readonly spaces: boolean[];
  readonly nics: readonly Nic[];
  readonly lists: AccessControlList[];
  readonly routeTables: readonly RouteTablePlan[];
  securityTags: readonly SecurityTag[];
  /** At most one to each remote. */
  readonly peerings: PeeringPlan[];
  /** By index into SUBNETS: which list and which table apply; beyond the lists: none. */
  readonly subnetLists: number[];
  readonly subnetTables: number[];
}

export interface NicPlan {
  readonly addresses: readonly { readonly subnet: number; readonly host: number }[];
  readonly macSpoofing: boolean;
  readonly ipForwarding: boolean;
  readonly host: number;
  readonly list: number;
}

export interface TenantPlan {
  readonly block: number;
  readonly nics: readonly NicPlan[];
  readonly lists: readonly AccessControlList[];
  readonly routeTables: readonly RouteTablePlan[];
  readonly peerings: readonly PeeringPlan[];
  readonly securityTags: readonly SecurityTag[];
  readonly subnetLists: readonly number[];
  readonly subnetTables: readonly number[];
}

export function newTenant(index: number, plan: TenantPlan): Tenant {
  const id = `t${index}`;
  const taken = new Set<Address>();
  const nics = plan.nics.flatMap((nic, number): Nic[] => {
    const addresses = nic.addresses
      .map(({ subnet, host }) => ({ subnet, address: hostAddress(plan.block, subnet, host) }))
      .filter(({ address }) => !taken.has(address) && taken.add(address) !== undefined)
      // The primary configuration is the first, and of IPv4 if any is, as in Azure.
      .sort((a, b) => Number(isIpv6(a.address)) - Number(isIpv6(b.address)));
    if (addresses.length === 0) return [];
    const isHere = nic.host === 0;
    return [
      {
        id: `${id}-n${number}`,
        mac: 0x0200_0000_0000 + index * 256 + number + 1,
        addresses,
        macSpoofing: nic.macSpoofing,
        ipForwarding: nic.ipForwarding,
        list: nic.list,
        host: nic.host,
        isConfigured: isHere,
        isAttached: isHere,
      },
    ];
  });
  return {
    id,
    mark: 0xa0 + index,
    block: plan.block,
    spaces: new Array<boolean>(SPACE_COUNT).fill(true),
    nics,
    lists: plan.lists.map((list, at) => ({ ...list, id: `${id}-l${at}` })),
    routeTables: plan.routeTables,
    securityTags: plan.securityTags.map((tag) => ({ ...tag, vnetId: id })),
    peerings: [...new Map(plan.peerings.map((peering) => [peering.remote, peering])).values()],
    subnetLists: [...plan.subnetLists],
    subnetTables: [...plan.subnetTables],
  };
}

/** Address `host` of the subnet: 1 is its gateway. */
function hostAddress(block: number, subnet: number, host: number): Address {
  const [base = '', len] = (subnetsOf(block)[subnet] ?? '').split('/');
  const text = len === '64' ? `${base}${host.toString(16)}` : base.replace(/0$/, String(host));
  return textOf(bytesOf(text));
}

/** The tenants that a VM of `tenant` may hope to reach: its own, and those it has peerings with, whatever their flags. */
export function withPeers(tenant: Tenant, tenants: readonly Tenant[]): readonly Tenant[] {
  return [tenant, ...tenant.peerings.flatMap(({ remote }) => tenants[remote] ?? [])].filter(
    (one, at, all) => all.indexOf(one) === at,
  );
}

export function vniOf(tenant: number, subnet: number): number {
  return 5000 + tenant * 100 + subnet;
}

/** All that this host is sent about these tenants. */
export function goalOf(tenants: readonly Tenant[]): Resource[] {
  const host = {
    ...HOST_DEFAULTS,
    providerAddress: bytesOf(HOSTS[0] ?? ''),
    providerMtu: PROVIDER_MTU,
  };
  const own = tenants.flatMap((tenant, index) => [
    networkOf(tenant, tenants),
    ...subnetsOf(tenant.block).map((text, subnet) => subnetOf(tenant, index, subnet, text)),
    ...tenant.nics.flatMap((nic) => nicResources(tenant, nic)),
    ...tenant.lists.map((list) => resource(`acl/${list.id}`, { accessControlList: list })),
    ...tenant.routeTables.map((table, at) => routeTableOf(tenant, tenants, table, at)),
    ...tenant.securityTags.map((tag) =>
      resource(`tag/${tenant.id}/${tag.id}`, { securityTag: tag }),
    ),
  ]);
  return [{ key: 'host', version: 1, host }, ...own];
}

function resource(key: string, body: Omit<Resource, 'key' | 'version'>): Resource {
  return { key, version: 1, ...body };
}

function networkOf(tenant: Tenant, tenants: readonly Tenant[]): Resource {
  const { id } = tenant;
  const resourceRef = `/virtualNetworks/${id}`;
  const peerings = tenant.peerings.flatMap((plan): Peering[] => {
    const { remote, allowAccess, allowForwarded } = plan;
    if (tenants[remote] === tenant) return [];
    // One that this host knows nothing of has the last block's addresses.
    const remoteAddressSpace =
      tenants[remote] === undefined
        ? spacesOf(BLOCK_COUNT - 1).map(prefix)
        : addressSpaceOf(tenants[remote]);
    return [
      {
        resourceRef: `${resourceRef}/virtualNetworkPeerings/p${remote}`,
        remoteVnetId: `t${remote}`,
        remoteAddressSpace,
        allowAccess,
        allowForwarded,
      },
    ];
  });
  const addressSpace = addressSpaceOf(tenant);
  const virtualNetwork = { ...VIRTUAL_NETWORK_DEFAULTS, id, resourceRef, addressSpace, peerings };
  return { key: `vnet/${id}`, version: 1, virtualNetwork };
}

export function addressSpaceOf({ block, spaces }: Tenant): Prefix[] {
  return spacesOf(block).flatMap((text, index) => (spaces[index] === true ? [prefix(text)] : []));
}

/** Appliances are interfaces of the tenant, then those of others; the last is nobody. */
function routeTableOf(
  tenant: Tenant,
  tenants: readonly Tenant[],
  { routes }: RouteTablePlan,
  at: number,
): Resource {
  const id = routeTableId(tenant, at);
  const others = tenants.filter((other) => other !== tenant);
  const nics = [tenant, ...others].flatMap((one) => one.nics);
  const routeOf = (plan: RouteTablePlan['routes'][number], number: number): Route => {
    const isSix = isIpv6(plan.prefix);
    const nobody = isSix ? 'fd00:0:0:1::99' : '10.0.0.99';
    const appliances = nics.flatMap(({ addresses }) => addresses.map(({ address }) => address));
    const candidates = [...appliances.filter((address) => isIpv6(address) === isSix), nobody];
    const isAppliance = plan.nextHopType === NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE;
    const via = candidates[plan.via % candidates.length] ?? nobody;
    return {
      resourceRef: `/routeTables/${id}/routes/r${number}`,
      prefix: prefix(plan.prefix),
      nextHopType: plan.nextHopType,
      nextHop: isAppliance ? bytesOf(via) : new Uint8Array(),
    };
  };
  const routeTable = { id, resourceRef: `/routeTables/${id}`, routes: routes.map(routeOf) };
  return resource(`routetable/${id}`, { routeTable });
}

function routeTableId(tenant: Tenant, at: number): string {
  return `${tenant.id}-r${at}`;
}

function subnetOf(tenant: Tenant, index: number, subnet: number, text: string): Resource {
  const id = subnetId(tenant, subnet);
  const virtualSubnet = {
    ...VIRTUAL_SUBNET_DEFAULTS,
    id,
    resourceRef: `/virtualNetworks/${tenant.id}/subnets/s${subnet}`,
    vnetId: tenant.id,
    vni: vniOf(index, subnet),
    prefix: prefix(text),
    gateway: bytesOf(hostAddress(tenant.block, subnet, 1)),
    accessControlListId: tenant.lists[tenant.subnetLists[subnet] ?? -1]?.id ?? '',
    routeTableId:
      (tenant.subnetTables[subnet] ?? 0) < tenant.routeTables.length
        ? routeTableId(tenant, tenant.subnetTables[subnet] ?? 0)
        : '',
  };
  return { key: `subnet/${id}`, version: 1, virtualSubnet };
}

/** Every other interface carries a security tag that a list is applied to. */
function tagListsOf(tenant: Tenant, { list }: Nic): readonly TagList[] {
  const applied = list % 2 === 0 ? undefined : tenant.lists[(list + 1) % LIST_COUNT];
  if (applied === undefined) return [];
  return [{ securityTagRef: '/securityTags/carried', accessControlListId: applied.id }];
}

function nicResources(tenant: Tenant, nic: Nic): Resource[] {
  const { id, mac, addresses, host, macSpoofing, ipForwarding, isConfigured } = nic;
  const resourceRef = `/networkInterfaces/${id}`;
  const ipConfigurations = addresses.map(({ subnet, address }, at) => ({
    ...IP_CONFIGURATION_DEFAULTS,
    accessControlListId: tenant.lists[(nic.list + at) % (LIST_COUNT + 1)]?.id ?? '',
    resourceRef: `${resourceRef}/ipConfigurations/${address}`,
    subnetId: subnetId(tenant, subnet),
    address: bytesOf(address),
  }));
  const port = {
    ...PORT_DEFAULTS,
    id,
    resourceRef,
    vnetId: tenant.id,
    subnetId: subnetId(tenant, addresses[0]?.subnet ?? 0),
    mac,
    macSpoofing,
    ipForwarding,
    ipConfigurations,
    tagLists: tagListsOf(tenant, nic),
  };
  const mappings = addresses.map(({ subnet, address }) => ({
    ...MAPPING_DEFAULTS,
    vnetId: tenant.id,
    subnetId: subnetId(tenant, subnet),
    address: bytesOf(address),
    mac,
    providerAddress: bytesOf(HOSTS[host ?? 0] ?? ''),
    portRef: resourceRef,
  }));
  return [
    ...(isConfigured ? [{ key: `port/${id}`, version: 1, port }] : []),
    ...(host === undefined
      ? []
      : mappings.map((mapping, at) => {
          return { key: `mapping/${tenant.id}/${addresses[at]?.address}`, version: 1, mapping };
        })),
  ];
}

function subnetId(tenant: Tenant, subnet: number): string {
  return `${tenant.id}-s${subnet}`;
}
