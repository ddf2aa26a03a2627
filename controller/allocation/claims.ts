/**
 * What a document occupies: its addresses, MAC addresses, virtual subnet identifiers and provider addresses, each in a space with an
 * owner. Read from the document alone, so that the tables can be rebuilt from desired state at any revision and follow every
 * change, a restore included, by releasing what the old document claimed and claiming what the new one does.
 */
import { parseIp } from '../../base/ip.ts';
import { parseMac } from '../../base/mac.ts';
import type { Resource } from '../model/desired-state.ts';
import { resourcesOf } from '../model/desired-state.ts';
import { refKey } from '../model/resource-ref.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import type { SpaceNumber } from './number-table.ts';

export interface Claim {
  /** `MAC_SPACE`, `VNI_SPACE` or `addressSpaceOf(subnet)`. */
  readonly space: string;
  /** Addresses are bigints (base/ip.ts), everything else is a number. */
  readonly number: SpaceNumber;
  /** Key of the resource that holds it. */
  readonly owner: string;
}

export const MAC_SPACE = 'mac';
export const VNI_SPACE = 'vni';

/** The space of a subnet's addresses, virtual or logical. */
export function addressSpaceOf(subnetRef: string): string {
  return `address ${refKey(subnetRef)}`;
}

export function claimsOf(root: Resource): Claim[] {
  return [...resourcesOf(root)].flatMap((resource) => {
    const claim = CLAIM_OF[resource.type];
    return claim?.(resource) ?? [];
  });
}

const CLAIM_OF: Readonly<Record<string, (resource: Resource) => Claim[]>> = {
  networkinterfaces: ({ key, properties }) =>
    claim(MAC_SPACE, parseMac(textOf(properties['privateMacAddress'])), key),
  // A learned address is taken by what it is shared through.
  'networkinterfaces/ipconfigurations': ({ key, properties }) =>
    properties['privateIPAllocationMethod'] === 'Learned'
      ? []
      : addressClaim(properties['subnet'], properties['privateIPAddress'], key),
  learnedipaddresses: ({ key, properties }) =>
    addressClaim(properties['virtualSubnet'], properties['ipAddress'], key),
  'virtualnetworks/subnets': ({ key, properties }) => {
    const vni = properties['virtualSubnetId'];
    return claim(VNI_SPACE, typeof vni === 'number' ? vni : undefined, key);
  },
  serviceinsertions: ({ key, body }) => {
    const segment = objectOf(body['internal'])['segment'];
    return claim(VNI_SPACE, typeof segment === 'number' ? segment : undefined, key);
  },
  publicipaddresses: ({ key, body, properties }) =>
    addressClaim(subnetBeside(body), properties['ipAddress'], key),
  loadbalancermanager: ({ key, body, properties }) =>
    addressClaim(subnetBeside(body), properties['loadBalancerManagerIPAddress'], key),
  edgerouters: ({ key, body, properties }) =>
    addressClaim(providerSubnet(body), properties['providerAddress'], key),
  loadbalancermuxes: ({ key, body, properties }) =>
    addressClaim(providerSubnet(body), properties['providerAddress'], key),
  'loadbalancers/frontendipconfigurations': ({ key, properties }) =>
    addressClaim(properties['subnet'], properties['privateIPAddress'], key),
  'edgerouters/natpools': ({ key, body, properties }) => {
    const [first, last] = ['startIpAddress', 'endIpAddress'].map((name) =>
      parseIp(textOf(properties[name])),
    );
    const subnet = textOf(subnetBeside(body)['resourceRef']);
    if (first === undefined || last === undefined || subnet === '') return [];
    const count = Math.max(0, Number(last - first) + 1);
    return Array.from({ length: count }, (_, at) => ({
      space: addressSpaceOf(subnet),
      number: first + BigInt(at),
      owner: key,
    }));
  },
  servers: ({ key, body }) =>
    addressClaim(providerSubnet(body), objectOf(body['internal'])['providerAddress'], key),
};

/** The logical subnet that an address of the outside was taken in. */
function subnetBeside(body: JsonObject): JsonObject {
  return { resourceRef: objectOf(body['internal'])['addressSubnetRef'] ?? '' };
}

function providerSubnet(body: JsonObject): JsonObject {
  return { resourceRef: objectOf(body['internal'])['providerSubnetRef'] ?? '' };
}

function addressClaim(
  subnet: JsonValue | undefined,
  address: JsonValue | undefined,
  owner: string,
): Claim[] {
  const ref = textOf(objectOf(subnet)['resourceRef']);
  return ref === '' ? [] : claim(addressSpaceOf(ref), parseIp(textOf(address)), owner);
}

function claim(space: string, number: SpaceNumber | undefined, owner: string): Claim[] {
  return number === undefined ? [] : [{ space, number, owner }];
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value) ? value : {};
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
