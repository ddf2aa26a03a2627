/**
 * publicIPAddresses — MS-NCNBI §3.1.5.14. The address comes from those vipIpPools of the loadBalancerManager that lie in logical subnets
 * marked isPublic. It is given when the resource is made, bound or not, and stays with it for its life: what a client says of a Dynamic one is
 * not taken notice of, as the specification has it. While something uses the address it cannot change.
 */
import { formatIp, type Ip, ipFamily, parseIp } from '../../../base/ip.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import {
  IDLE_TIMEOUT_MINUTES_MAX,
  IDLE_TIMEOUT_MINUTES_MIN,
  PublicIpAddressSchema,
} from '../../../schema/northbound/public-ip-addresses.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import { refKey, typeKeyOf } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { dynamicRange } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { nodesOf, typed } from '../resource-node.ts';
import type {
  AllocateContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { type VipPool, vipPools } from './vip-pools.ts';

export const publicIpAddresses: ResourceType = {
  collection: 'publicIPAddresses',
  section: '3.1.5.14',
  summary: 'An address of the outside that leads to one inside.',
  schema: PublicIpAddressSchema,
  immutable: [
    {
      property: 'publicIPAddressVersion',
      code: 'PublicIPAddressVersionCannotUpdate',
      absent: 'IPv4',
    },
  ],
  normalise,
  validate,
  allocate,
  derive,
};

/** What holds is what is shown. */
function normalise(properties: Properties): Properties {
  const method = properties['ipAddress'] === undefined ? 'Dynamic' : 'Static';
  properties['publicIPAllocationMethod'] ??= method;
  properties['publicIPAddressVersion'] ??= 'IPv4';
  properties['idleTimeoutInMinutes'] ??= IDLE_TIMEOUT_MINUTES_MIN;
  return properties;
}

const FAMILY = { IPv4: 4, IPv6: 6 } as const;

function familyOf(holder: { readonly properties: JsonObject }): 4 | 6 {
  return FAMILY[typed(PublicIpAddressSchema, holder).publicIPAddressVersion ?? 'IPv4'];
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  return [...timeoutFaults(node), ...addressFaults(node, context), ...nameFaults(node, context)];
}

function timeoutFaults(node: ResourceNode): FaultDetail[] {
  const { idleTimeoutInMinutes: minutes = IDLE_TIMEOUT_MINUTES_MIN } = typed(
    PublicIpAddressSchema,
    node,
  );
  if (minutes >= IDLE_TIMEOUT_MINUTES_MIN && minutes <= IDLE_TIMEOUT_MINUTES_MAX) return [];
  const range = `${IDLE_TIMEOUT_MINUTES_MIN} to ${IDLE_TIMEOUT_MINUTES_MAX}`;
  const message = `idleTimeoutInMinutes is ${range}, not ${minutes}`;
  return [detail('PublicIPIdleTimeoutIsOutOfRange', message, 'idleTimeoutInMinutes')];
}

function addressFaults(node: ResourceNode, context: WriteContext): FaultDetail[] {
  const { publicIPAllocationMethod, ipAddress } = typed(PublicIpAddressSchema, node);
  if (publicIPAllocationMethod === 'Dynamic') return [];
  if (ipAddress === undefined) {
    const message = 'ipAddress is required when publicIPAllocationMethod is Static';
    return [detail('PublicIPAddressMissing', message, 'ipAddress')];
  }
  const address = parseIp(ipAddress);
  if (address === undefined || ipFamily(address) !== familyOf(node)) {
    const message = `'${ipAddress}' is not an IPv${familyOf(node)} address`;
    return [detail('InvalidIPAddress', message, 'ipAddress')];
  }
  return changedInUse(node, ipAddress, context);
}

function changedInUse(
  node: ResourceNode,
  ipAddress: string,
  { previous, desired }: WriteContext,
): FaultDetail[] {
  const was = previous?.properties['ipAddress'];
  const [user] = desired.referrers(node.ref);
  if (previous === undefined || user === undefined || was === ipAddress) return [];
  const message = `ipAddress stays ${String(was)} while ${user.from.ref} uses it`;
  return [detail('PublicIPAddressInUseCannotUpdate', message, 'ipAddress')];
}

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

function nameFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const { dnsSettings } = typed(PublicIpAddressSchema, node);
  if (dnsSettings === undefined) return [];
  const label = dnsSettings.domainNameLabel ?? '';
  const at = 'dnsSettings.domainNameLabel';
  if (label === '') {
    const message = 'dnsSettings has a domainNameLabel';
    return [detail('DomainNameLabelCannotBeNullOrEmpty', message, at)];
  }
  if (!DNS_LABEL.test(label)) {
    const message = `'${label}' is not a DNS label (RFC 1123 §2.1)`;
    return [detail('InvalidDomainNameLabel', message, at)];
  }
  const twin = [...desired.list('publicIPAddresses').values()].find(
    (other) =>
      other.key !== node.key &&
      typed(PublicIpAddressSchema, other).dnsSettings?.domainNameLabel?.toLowerCase() ===
        label.toLowerCase(),
  );
  if (twin === undefined) return [];
  return [detail('DnsRecordInUse', `${twin.ref} has the name '${label}'`, at)];
}

function allocate(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const all = vipPools(context.desired);
  if (all === undefined) {
    const message = 'public addresses come from the vipIpPools of loadBalancerManager/config';
    return [detail('LbManagerResourceNotConfigured', `${message}; there is none`, node.ref)];
  }
  const family = familyOf(node);
  const pools = all.filter((pool) => pool.isPublic && pool.family === family);
  const { publicIPAllocationMethod } = typed(PublicIpAddressSchema, node);
  return publicIPAllocationMethod === 'Static'
    ? takeStatic(node, pools, context)
    : takeDynamic(node, pools, context);
}

function takeStatic(
  node: ResourceNode,
  pools: readonly VipPool[],
  { draft }: AllocateContext,
): readonly FaultDetail[] {
  const text = typed(PublicIpAddressSchema, node).ipAddress ?? '';
  const address = parseIp(text);
  const pool = pools.find((one) => address !== undefined && holds(one, address));
  if (address === undefined || pool === undefined) {
    const message = `${text} is in none of the vipIpPools of a public subnet`;
    return [detail('FrontEndIpNotInVipPool', message, 'ipAddress')];
  }
  const owner = draft.take(pool.space, address, node.key);
  if (owner !== undefined) {
    return [detail('PublicIPAddressInUse', `${text} is in use by ${owner}`, 'ipAddress')];
  }
  keep(node, address, pool);
  return [];
}

function takeDynamic(
  node: ResourceNode,
  pools: readonly VipPool[],
  { draft, previous }: AllocateContext,
): readonly FaultDetail[] {
  const kept = parseIp(String(previous?.properties['ipAddress'] ?? ''));
  for (const pool of pools) {
    if (kept === undefined || !holds(pool, kept)) continue;
    if (draft.take(pool.space, kept, node.key) !== undefined) continue;
    keep(node, kept, pool);
    return [];
  }
  for (const pool of pools) {
    const range = dynamicRange(pool.range);
    const address = draft.takeLowest(pool.space, range, node.key, pool.isReserved);
    if (address === undefined) continue;
    keep(node, address, pool);
    return [];
  }
  const message = `no pool of loadBalancerManager/config in a public subnet has a free IPv${familyOf(node)} address`;
  return [detail('SubnetIsFull', message, node.ref)];
}

function holds({ range, isReserved }: VipPool, address: Ip): boolean {
  return address >= range.first && address <= range.last && !isReserved(address);
}

function keep(node: ResourceNode, address: Ip, { subnet }: VipPool): void {
  node.properties['ipAddress'] = formatIp(address);
  node.internal = { ...node.internal, addressSubnetRef: subnet.ref };
}

function derive({ ref }: Resource, { desired }: ReadContext): JsonObject {
  const [user] = desired.referrers(ref);
  return user === undefined ? {} : { ipConfiguration: { resourceRef: user.from.ref } };
}

/** What is wrong with the public address of an ipConfiguration: it is somebody's already, or leads nowhere from there. */
export function publicAddressFaults(
  node: ResourceNode,
  { desired, root }: WriteContext,
): FaultDetail[] {
  const { publicIPAddress, privateIPAddress, subnet } = typed(IpConfigurationSchema, node);
  if (publicIPAddress === undefined) return [];
  const key = refKey(publicIPAddress.resourceRef);
  const at = `${node.ref} publicIPAddress`;
  const user = otherUser(node, key, root, desired);
  if (user !== undefined) {
    const message = `${publicIPAddress.resourceRef} is in use by ${user}`;
    return [detail('PublicIPAddressInUse', message, at)];
  }
  if (typeKeyOf(subnet?.resourceRef ?? '') !== 'virtualnetworks/subnets') {
    const message = 'a public address leads to a virtual network';
    return [detail('OperationNotSupported', message, at)];
  }
  const target = desired.byRef(publicIPAddress.resourceRef);
  const inside = parseIp(privateIPAddress ?? '') ?? parseIpOfSubnet(subnet?.resourceRef, desired);
  if (target === undefined || inside === undefined) return [];
  if (ipFamily(inside) === familyOf(target)) return [];
  const message = `${target.ref} is IPv${familyOf(target)}, the private address IPv${ipFamily(inside)}`;
  return [detail('InvalidParameterValue', message, at)];
}

/** Any address of a virtual subnet, for its family: that of a Dynamic configuration is not chosen yet. */
function parseIpOfSubnet(ref: string | undefined, desired: DesiredState): Ip | undefined {
  const prefix = desired.byRef(ref ?? '')?.properties['addressPrefix'];
  return typeof prefix === 'string' ? parseIp(prefix.split('/')[0] ?? '') : undefined;
}

/** The interface being written is judged as it will be, everything else as it is. */
export function otherUser(
  node: ResourceNode,
  publicKey: string,
  root: ResourceNode,
  desired: DesiredState,
): string | undefined {
  for (const other of nodesOf(root)) {
    const { publicIPAddress } = typed(IpConfigurationSchema, other);
    if (other.key !== node.key && refKey(publicIPAddress?.resourceRef ?? '') === publicKey) {
      return other.ref;
    }
  }
  for (const { from } of desired.referrers(publicKey)) {
    if (from.key !== root.key && !from.key.startsWith(`${root.key}/`)) return from.ref;
  }
  return undefined;
}
