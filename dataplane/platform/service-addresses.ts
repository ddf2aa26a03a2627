/**
 * Addresses of the service port (switch/service-relay.ts, switch/probe-relay.ts): where the host's own servers listen, where its health
 * probes come from, and as whom a VM's port appears to them. Link-local (RFC 3927) and, for IPv6, unique local (RFC 4193), in the host's
 * namespace only; no VM ever sees them. Called by the relays, the servers, dataplane/health, host-agent.
 */
import { formatIpWords, type IpWords, ipv4Words } from '../../base/ip-words.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';

/** Name of the TAP in the host's namespace. */
export const SERVICE_DEVICE = 'weft-svc';
export const SERVICE_MAC: Mac = 0x0257_4546_5401;
/** 169.254.128.0/17: PORTS_MAX slots. */
export const SLOTS_ADDRESS: Ipv4 = 0xa9fe_8000;
export const SLOTS_PREFIX_LEN = 17;
/** Addresses of one slot: so many of a NIC's IPv4 addresses may use the services, the first ones. */
export const SLOT_ADDRESSES = 8;
/** In the slot of the uplink, which needs none. */
export const SERVER_ADDRESS: Ipv4 = SLOTS_ADDRESS + 1;
/** Where health probes come from: what the kernel chooses for a connection that is bound to no address. */
export const PROBER_ADDRESS: IpWords = ipv4Words(SLOTS_ADDRESS + 2);
/** Slots of IPv6 addresses: fd57:4546:5400::/96, numbered as those of IPv4. Only probes use them. */
const SLOTS_IPV6_WORDS = [0xfd57_4546, 0x5400_0000, 0] as const;
const SLOTS_IPV6_PREFIX_LEN = 96;
export const PROBER_IPV6_ADDRESS: IpWords = [...SLOTS_IPV6_WORDS, 2];

/** Where a port's address of this family appears; `which` of the port's addresses of the family, below SLOT_ADDRESSES. */
export function slotAddress(isIpv4: boolean, portNumber: number, which: number): IpWords {
  const slot = portNumber * SLOT_ADDRESSES + which;
  return isIpv4 ? ipv4Words(SLOTS_ADDRESS + slot) : [...SLOTS_IPV6_WORDS, slot];
}

/** Number of the slot that an address names, port number · SLOT_ADDRESSES + which; -1: none. */
export function slotAt(isIpv4: boolean, w0: number, w1: number, w2: number, w3: number): number {
  if (isIpv4) return w3 >>> 15 === SLOTS_ADDRESS >>> 15 ? w3 - SLOTS_ADDRESS : -1;
  const [p0, p1, p2] = SLOTS_IPV6_WORDS;
  return w0 === p0 && w1 === p1 && w2 === p2 ? w3 : -1;
}

/** Number of the port whose VM a server sees at `remoteAddress` (as Node writes it); undefined: none of a VM. */
export function portNumberAt(remoteAddress: string | undefined): number | undefined {
  const address = parseIpv4(remoteAddress?.replace(/^::ffff:/, '') ?? '');
  if (address === undefined || address >>> 15 !== SLOTS_ADDRESS >>> 15) return undefined;
  return Math.floor((address - SLOTS_ADDRESS) / SLOT_ADDRESSES);
}

/** `address/length` of the service port's interface. */
export function serviceInterfaceAddress(): string {
  return `${formatIpv4(SERVER_ADDRESS)}/${SLOTS_PREFIX_LEN}`;
}

/** The route to the slots, and the address that connections to them come from. */
export function slotsRoute(): { readonly prefix: string; readonly source: string } {
  const prefix = `${formatIpv4(SLOTS_ADDRESS)}/${SLOTS_PREFIX_LEN}`;
  return { prefix, source: formatIpWords(PROBER_ADDRESS) };
}

/** `address/length` of the service port's interface for IPv6. */
export function proberIpv6InterfaceAddress(): string {
  return `${formatIpWords(PROBER_IPV6_ADDRESS)}/${SLOTS_IPV6_PREFIX_LEN}`;
}
