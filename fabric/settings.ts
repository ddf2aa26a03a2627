/**
 * What a one-machine fabric is made of, with defaults. Addresses come from documentation space (RFC 5737 TEST-NET-2), so that they
 * collide with nothing the machine really talks to.
 */

import { SdnError } from '../base/errors.ts';
import {
  formatIpv4,
  formatIpv4Prefix,
  type Ipv4Prefix,
  parseIpv4Prefix,
  prefixLast,
} from '../base/ipv4.ts';
import { HOSTS_MAX } from './limits.ts';

export interface FabricSettings {
  readonly hosts: readonly string[];
  readonly provider: ProviderNetwork;
  /** First choice of the northbound's loopback port; 0: any. */
  readonly port: number;
  /** Super-frames on the hosts' ports. */
  readonly offload: boolean;
}

export interface ProviderNetwork {
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
export const DEFAULT_PROVIDER_PREFIX = '198.51.100.0/24';
export const DEFAULT_PROVIDER_MTU = 1500;

/** Outer IPv4, UDP and VXLAN header and the inner Ethernet header: what the overlay takes of the provider's MTU (RFC 7348 §5). */
export const OVERLAY_BYTES = 50;

export function fabricSettings(
  options: {
    readonly hosts?: number;
    readonly port?: number;
    readonly providerPrefix?: string;
    readonly providerMtu?: number;
    readonly offload?: boolean;
  } = {},
): FabricSettings {
  const count = options.hosts ?? DEFAULT_HOST_COUNT;
  if (!Number.isInteger(count) || count < 1 || count > HOSTS_MAX)
    throw new SdnError('SDN_SETTING_INVALID', `${count} hosts: a fabric has 1 to ${HOSTS_MAX}`);
  return {
    hosts: Array.from({ length: count }, (_, index) => `host${index + 1}`),
    provider: providerNetwork(
      options.providerPrefix ?? DEFAULT_PROVIDER_PREFIX,
      options.providerMtu ?? DEFAULT_PROVIDER_MTU,
    ),
    port: options.port ?? DEFAULT_PORT,
    offload: options.offload ?? true,
  };
}

const PROVIDER_LEN_MAX = 25;
const FIRST_HOST_OFFSET = 10;

function providerNetwork(text: string, mtu: number): ProviderNetwork {
  const prefix = parseIpv4Prefix(text);
  if (prefix === undefined || prefix.len > PROVIDER_LEN_MAX)
    throw new SdnError(
      'SDN_SETTING_INVALID',
      `'${text}' is no provider network: an IPv4 prefix without host bits, /${PROVIDER_LEN_MAX} or larger`,
      { remedy: 'e.g. --provider 100.64.0.0/24' },
    );
  return {
    prefix: formatIpv4Prefix(prefix),
    gateway: formatIpv4(prefix.address + 1),
    firstAddress: formatIpv4(prefix.address + FIRST_HOST_OFFSET),
    lastAddress: formatIpv4(lastHost(prefix)),
    mtu,
  };
}

/** Highest address but broadcast. */
function lastHost(prefix: Ipv4Prefix): number {
  return prefixLast(prefix) - 1;
}
