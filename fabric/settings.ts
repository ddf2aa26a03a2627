/**
 * What a one-machine fabric is made of, with defaults. Addresses come from documentation space (RFC 5737 TEST-NET-2), so that they
 * collide with nothing the machine really talks to. The provider network is of IPv4 or of IPv6.
 */

import { SdnError } from '../base/errors.ts';
import {
  familyBits,
  formatIp,
  formatIpPrefix,
  type IpFamily,
  ipPrefixesOverlap,
  ipPrefixLast,
  parseIpPrefix,
} from '../base/ip.ts';
import { type EdgeNetwork, edgeNetwork } from './edge-network.ts';
import { type Exposure, exposure, machineHasIpv6 } from './expose.ts';
import { HOSTS_MAX, MUXES_MAX } from './limits.ts';
import type { MuxNetwork } from './mux-network.ts';

export interface FabricSettings {
  readonly hosts: readonly string[];
  readonly provider: ProviderNetwork;
  /** Undefined: nothing leads out. */
  readonly edge: EdgeNetwork | undefined;
  /** Beside an edge alone: the load balancer's. */
  readonly muxes: readonly MuxNetwork[];
  /** Undefined: the machine itself has no way to the public addresses. */
  readonly exposure: Exposure | undefined;
  /** First choice of the northbound's loopback port; 0: any. */
  readonly port: number;
  /** Super-frames on the hosts' ports. */
  readonly offload: boolean;
  /** What load balancers say of time is divided by this: for tests; else 1. */
  readonly hasten: number;
}

export interface ProviderNetwork {
  readonly family: IpFamily;
  readonly prefix: string;
  readonly gateway: string;
  /** Pool of the hosts' addresses, inclusive. */
  readonly firstAddress: string;
  readonly lastAddress: string;
  /** Bytes. */
  readonly mtu: number;
}

export const DEFAULT_PORT = 8443;
export const DEFAULT_HOST_COUNT = 2;
export const DEFAULT_MUX_COUNT = 2;
export const DEFAULT_PROVIDER_PREFIX = '198.51.100.0/24';
export const DEFAULT_PROVIDER_MTU = 1500;

/** Inner Ethernet, VXLAN, UDP and outer IP header: what the overlay takes of the provider's MTU (RFC 7348 §5). */
const OVERLAY_BYTES: Readonly<Record<IpFamily, number>> = { 4: 50, 6: 70 };

/** What a VM's interface may send in one packet. */
export function overlayMtu({ family, mtu }: ProviderNetwork): number {
  return mtu - OVERLAY_BYTES[family];
}

export function fabricSettings(
  options: {
    readonly hosts?: number;
    readonly port?: number;
    readonly providerPrefix?: string;
    readonly providerMtu?: number;
    readonly offload?: boolean;
    readonly edge?: boolean;
    /** Default none. */
    readonly muxes?: number;
    readonly expose?: boolean;
    readonly hasten?: number;
  } = {},
): FabricSettings {
  const count = options.hosts ?? DEFAULT_HOST_COUNT;
  if (!Number.isInteger(count) || count < 1 || count > HOSTS_MAX)
    throw new SdnError('SDN_SETTING_INVALID', `${count} hosts: a fabric has 1 to ${HOSTS_MAX}`);
  const provider = providerNetwork(
    options.providerPrefix ?? DEFAULT_PROVIDER_PREFIX,
    options.providerMtu ?? DEFAULT_PROVIDER_MTU,
  );
  const edge = options.edge === true ? edgeBeside(provider) : undefined;
  return {
    hosts: Array.from({ length: count }, (_, index) => `host${index + 1}`),
    provider,
    edge,
    muxes: muxesBeside(edge, provider, options.muxes ?? 0),
    exposure: options.expose === true ? exposureOf(edge, provider) : undefined,
    port: options.port ?? DEFAULT_PORT,
    offload: options.offload ?? true,
    hasten: options.hasten ?? 1,
  };
}

/** The edge's address is the first after the gateway's. */
function edgeBeside({ prefix }: ProviderNetwork): EdgeNetwork {
  const own = parseIpPrefix(prefix);
  const edge = edgeNetwork(own === undefined ? '' : formatIp(own.first + EDGE_OFFSET));
  const outside = [...edge.outside.prefixes, ...edge.publicNetworks.map((one) => one.prefix)];
  for (const text of outside) refuseOverlap(prefix, text, 'leave the edge out with --no-edge');
  return edge;
}

/** The muxes' addresses follow the edge's. */
function muxesBeside(
  edge: EdgeNetwork | undefined,
  { prefix }: ProviderNetwork,
  count: number,
): readonly MuxNetwork[] {
  if (!Number.isInteger(count) || count < 0 || count > MUXES_MAX)
    throw new SdnError('SDN_SETTING_INVALID', `${count} muxes: a fabric has 0 to ${MUXES_MAX}`);
  if (count > 0 && edge === undefined)
    throw new SdnError(
      'SDN_SETTING_INVALID',
      'without an edge router nobody would send anything to a mux',
      { remedy: 'leave out --muxes or --no-edge' },
    );
  const first = parseIpPrefix(prefix)?.first ?? 0n;
  return Array.from({ length: count }, (_, index) => ({
    name: `mux${index + 1}`,
    providerAddress: formatIp(first + FIRST_MUX_OFFSET + BigInt(index)),
  }));
}

function exposureOf(edge: EdgeNetwork | undefined, { prefix }: ProviderNetwork): Exposure {
  if (edge === undefined)
    throw new SdnError(
      'SDN_SETTING_INVALID',
      'without an edge router there are no public addresses to expose',
      { remedy: 'leave out --expose or --no-edge' },
    );
  const wanted = exposure(edge, machineHasIpv6());
  for (const { linkPrefix } of wanted) refuseOverlap(prefix, linkPrefix, 'leave out --expose');
  return wanted;
}

function refuseOverlap(provider: string, outside: string, otherwise: string): void {
  const [own, other] = [parseIpPrefix(provider), parseIpPrefix(outside)];
  if (own === undefined || other === undefined || !ipPrefixesOverlap(own, other)) return;
  throw new SdnError(
    'SDN_SETTING_INVALID',
    `the provider network ${provider} overlaps with ${outside}, which is outside of the fabric`,
    { remedy: `choose another --provider-prefix, or ${otherwise}` },
  );
}

/** Of the hosts' addresses; leaves at least 128. */
const PROVIDER_LEN_MAX: Readonly<Record<IpFamily, number>> = { 4: 25, 6: 120 };
const EDGE_OFFSET = 2n;
const FIRST_MUX_OFFSET = 3n;
const FIRST_HOST_OFFSET = 10n;
/** Of an IPv6 prefix no more is pooled: 65,526 hosts are enough. */
const IPV6_POOL_LAST_OFFSET = 0xffffn;

function providerNetwork(text: string, mtu: number): ProviderNetwork {
  const prefix = parseIpPrefix(text);
  if (prefix === undefined || prefix.len > PROVIDER_LEN_MAX[prefix.family])
    throw new SdnError(
      'SDN_SETTING_INVALID',
      `'${text}' is no provider network: an IPv4 prefix of /${PROVIDER_LEN_MAX[4]} or larger, or an IPv6 one of ` +
        `/${PROVIDER_LEN_MAX[6]} or larger, without host bits`,
      { remedy: 'e.g. --provider-prefix 100.64.0.0/24 or --provider-prefix 2001:db8:f::/64' },
    );
  const { family, first } = prefix;
  const isLarge = family === 6 && familyBits(family) - prefix.len > 16;
  // All but broadcast.
  const last = isLarge ? first + IPV6_POOL_LAST_OFFSET : ipPrefixLast(prefix) - 1n;
  return {
    family,
    prefix: formatIpPrefix(prefix),
    gateway: formatIp(first + 1n),
    firstAddress: formatIp(first + FIRST_HOST_OFFSET),
    lastAddress: formatIp(last),
    mtu,
  };
}
