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
import type {
  AccessControlList,
  Prefix,
  Resource,
  RouteTable,
  SecurityTag,
  TagList,
} from '../../schema/southbound/messages.ts';
import { type Address, bytesOf, isIpv6 } from './address.ts';

/** This host is the first. */
export const HOSTS: readonly Address[] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const PROVIDER_MTU = 1500;

/** Address spaces and subnets every tenant may have: the same for all. */
const SPACES: readonly (readonly [Address, number])[] = [
  ['10.0.0.0', 16],
  ['10.1.0.0', 16],
  ['fd00::', 48],
];
const SUBNETS: readonly (readonly [Address, number])[] = [
  ['10.0.0.0', 24],
  ['10.0.1.0', 24],
  ['10.1.0.0', 16],
  ['fd00:0:0:1::', 64],
  ['fd00:0:0:2::', 64],
];
/** Lists a tenant has at most. */
export const LIST_COUNT = 2;
export const SUBNET_COUNT: number = SUBNETS.length;

export interface Nic {
  readonly id: string;
  readonly mac: number;
  readonly addresses: readonly { readonly subnet: number; readonly address: Address }[];
  macSpoofing: boolean;
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
  /** By index into SPACES: is it part of the address space? */
  readonly spaces: boolean[];
  readonly nics: readonly Nic[];
  readonly lists: AccessControlList[];
  readonly routeTables: readonly RouteTable[];
  readonly securityTags: readonly SecurityTag[];
  /** By index into SUBNETS: which list and which table apply; beyond the lists: none. */
  readonly subnetLists: number[];
  readonly subnetTables: number[];
}

export interface NicPlan {
  readonly addresses: readonly { readonly subnet: number; readonly host: number }[];
  readonly macSpoofing: boolean;
  readonly host: number;
  readonly list: number;
}

export interface TenantPlan {
  readonly nics: readonly NicPlan[];
  readonly lists: readonly AccessControlList[];
  readonly routeTables: readonly RouteTable[];
  readonly securityTags: readonly SecurityTag[];
  readonly subnetLists: readonly number[];
  readonly subnetTables: readonly number[];
}

export function newTenant(index: number, plan: TenantPlan): Tenant {
  const id = `t${index}`;
  const taken = new Set<Address>();
  const nics = plan.nics.flatMap((nic, number): Nic[] => {
    const addresses = nic.addresses
      .map(({ subnet, host }) => ({ subnet, address: hostAddress(subnet, host) }))
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
    spaces: SPACES.map(() => true),
    nics,
    lists: plan.lists.map((list, at) => ({ ...list, id: `${id}-l${at}` })),
    routeTables: plan.routeTables.map((table, at) => ({ ...table, id: `${id}-r${at}` })),
    securityTags: plan.securityTags.map((tag) => ({ ...tag, vnetId: id })),
    subnetLists: [...plan.subnetLists],
    subnetTables: [...plan.subnetTables],
  };
}

/** Address `host` of the subnet: 1 is its gateway. */
export function hostAddress(subnet: number, host: number): Address {
  const [base = '', len = 0] = SUBNETS[subnet] ?? [];
  if (len === 64) return `${base}${host.toString(16)}`;
  return base.replace(/0$/, String(host));
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
    networkOf(tenant),
    ...SUBNETS.map((_, subnet) => subnetOf(tenant, index, subnet)),
    ...tenant.nics.flatMap((nic) => nicResources(tenant, nic)),
    ...tenant.lists.map((list) => resource(`acl/${list.id}`, { accessControlList: list })),
    ...tenant.routeTables.map((table) => resource(`routetable/${table.id}`, { routeTable: table })),
    ...tenant.securityTags.map((tag) =>
      resource(`tag/${tenant.id}/${tag.id}`, { securityTag: tag }),
    ),
  ]);
  return [{ key: 'host', version: 1, host }, ...own];
}

function resource(key: string, body: Omit<Resource, 'key' | 'version'>): Resource {
  return { key, version: 1, ...body };
}

function networkOf(tenant: Tenant): Resource {
  const { id } = tenant;
  const addressSpace = SPACES.flatMap((space, index) =>
    tenant.spaces[index] === true ? [prefixOf(space)] : [],
  );
  const resourceRef = `/virtualNetworks/${id}`;
  const virtualNetwork = { ...VIRTUAL_NETWORK_DEFAULTS, id, resourceRef, addressSpace };
  return { key: `vnet/${id}`, version: 1, virtualNetwork };
}

function subnetOf(tenant: Tenant, index: number, subnet: number): Resource {
  const id = subnetId(tenant, subnet);
  const virtualSubnet = {
    ...VIRTUAL_SUBNET_DEFAULTS,
    id,
    resourceRef: `/virtualNetworks/${tenant.id}/subnets/s${subnet}`,
    vnetId: tenant.id,
    vni: vniOf(index, subnet),
    prefix: prefixOf(SUBNETS[subnet] ?? ['', 0]),
    gateway: bytesOf(hostAddress(subnet, 1)),
    accessControlListId: tenant.lists[tenant.subnetLists[subnet] ?? -1]?.id ?? '',
    routeTableId: tenant.routeTables[tenant.subnetTables[subnet] ?? -1]?.id ?? '',
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
  const { id, mac, addresses, host, macSpoofing, isConfigured } = nic;
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

function prefixOf([address, len]: readonly [Address, number]): Prefix {
  return { address: bytesOf(address), len };
}
