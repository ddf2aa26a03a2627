/**
 * Addresses of the service port (switch/service-relay.ts): where the host's own servers listen, and as whom a VM's port appears to
 * them. Link-local (RFC 3927), in the host's namespace only; no VM ever sees them. Called by service-relay, the servers, host-agent.
 */
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
