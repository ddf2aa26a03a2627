/**
 * A goal-state resource as the controller holds it: encoded once, however many targets need it, with the digest that makes
 * "has it changed?" a comparison of 32 bytes. Keys are those of weft.proto. Made by the compiler's nodes, sent by southbound.
 */
import { defined } from '../../base/assert.ts';
import { formatIp, ipFromBytes } from '../../base/ip.ts';
import {
  type UnversionedResource,
  unversionedResourceCodec,
} from '../../schema/southbound/codec.ts';
import { resourceDigest, withVersion } from '../../schema/southbound/goal-hash.ts';
import type { Revision } from '../store/store.ts';

/** What a compiler node makes: content without a version. */
export interface ResourceContent {
  readonly key: string;
  /** Wire bytes without `version`. */
  readonly bytes: Uint8Array;
  readonly digest: Uint8Array;
}

/** Content with the revision that last changed it. */
export interface GoalResource {
  readonly key: string;
  readonly version: Revision;
  /** Wire bytes of the whole Resource. */
  readonly bytes: Uint8Array;
  readonly digest: Uint8Array;
}

export function resourceContent(resource: UnversionedResource): ResourceContent {
  const bytes = unversionedResourceCodec.encode(resource);
  return { key: resource.key, bytes, digest: resourceDigest(bytes) };
}

export function goalResource(content: ResourceContent, version: Revision): GoalResource {
  const { key, bytes, digest } = content;
  return { key, version, bytes: withVersion(bytes, version), digest };
}

export const HOST_KEY = 'host';

export function virtualNetworkKey(instanceId: string): string {
  return `vnet/${instanceId}`;
}

export function virtualSubnetKey(instanceId: string): string {
  return `subnet/${instanceId}`;
}

export function portKey(networkInterfaceInstanceId: string): string {
  return `port/${networkInterfaceInstanceId}`;
}

export function mirrorKey(instanceId: string): string {
  return `mirror/${instanceId}`;
}

/** `address`: 4 or 16 bytes, network order. */
export function mappingKey(vnetInstanceId: string, address: Uint8Array): string {
  const ip = defined(ipFromBytes(address), 'an address of 4 or 16 bytes');
  return `mapping/${vnetInstanceId}/${formatIp(ip)}`;
}

export function accessControlListKey(instanceId: string): string {
  return `acl/${instanceId}`;
}

/** Of the interfaces of one virtual network. */
export function securityTagKey(vnetInstanceId: string, tagInstanceId: string): string {
  return `tag/${vnetInstanceId}/${tagInstanceId}`;
}

export function routeTableKey(instanceId: string): string {
  return `routetable/${instanceId}`;
}

export const EDGE_KEY = 'edge';

export function bgpRouterKey(instanceId: string): string {
  return `bgprouter/${instanceId}`;
}

export function bgpPeerKey(instanceId: string): string {
  return `bgppeer/${instanceId}`;
}

export function policyMapKey(instanceId: string): string {
  return `policymap/${instanceId}`;
}

export function publicAddressKey(instanceId: string): string {
  return `publicip/${instanceId}`;
}

export function natPoolKey(instanceId: string): string {
  return `natpool/${instanceId}`;
}

export function portForwardKey(instanceId: string): string {
  return `portforward/${instanceId}`;
}

export const MUX_KEY = 'mux';

/** `instanceId`: of the frontendIPConfiguration. */
export function virtualIpKey(instanceId: string): string {
  return `vip/${instanceId}`;
}

/** `instanceId`: of the backendAddressPool or inboundNatRule. */
export function backendPoolKey(instanceId: string): string {
  return `pool/${instanceId}`;
}

/** `instanceId`: of the probe. */
export function backendHealthKey(instanceId: string): string {
  return `health/${instanceId}`;
}

export function healthProbeKey(probeInstanceId: string): string {
  return `healthprobe/${probeInstanceId}`;
}

/** `address`: of the backend. */
export function snatLeaseKey(frontendInstanceId: string, address: Uint8Array): string {
  const ip = defined(ipFromBytes(address), 'an address of 4 or 16 bytes');
  return `snat/${frontendInstanceId}/${formatIp(ip)}`;
}

export function announcementKey(frontendInstanceId: string): string {
  return `announcement/${frontendInstanceId}`;
}
