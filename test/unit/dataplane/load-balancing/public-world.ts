/**
 * A public virtual address with two backends at this host and one at another, as muxes bring a client's connection to it, and what else may be said of
 * that connection. Called by the tests of public addresses.
 */
import * as icmp from '../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import type { LoadBalancingRule } from '../../../../schema/southbound/messages.ts';
import { viewOf } from '../../packet/frames.ts';
import { BLUE, ipFrame, macOf, ROUTER_MAC, type TenantRig, tenantRig } from '../switch/tenants.ts';
import {
  apply,
  backend,
  balancedHost,
  CLIENT,
  type Ends,
  PUBLIC,
  pool,
  ruleOf,
  virtualIp,
} from './balanced.ts';

export const DIP = '10.0.0.4';
export const OTHER = '10.0.0.5';
/** At another host. */
export const THERE = '10.0.0.6';
/** The client's connection, and what DIP answers. */
export const REQUEST: Ends = { src: CLIENT, srcPort: 40_000, dst: PUBLIC, dstPort: 80 };
export const ANSWER: Ends = { src: DIP, srcPort: 8080, dst: CLIENT, dstPort: 40_000 };

export function publicWorld(
  changes: Partial<LoadBalancingRule> = {},
  muxes?: readonly string[],
): TenantRig {
  const net = tenantRig();
  apply(net, [
    virtualIp(PUBLIC, [ruleOf(changes)]),
    pool([backend(DIP), backend(OTHER), backend(THERE)]),
    balancedHost(muxes),
  ]);
  return net;
}

/** A router on the client's way has no use for a packet from the address that begins so: told to DIP. */
export function errorAbout(quoted: Uint8Array): Uint8Array {
  const unreachable = { type: icmp.Type.DESTINATION_UNREACHABLE, code: 4, rest: 1400 };
  const repr = { ...unreachable, data: quoted };
  const bytes = new Uint8Array(icmp.reprLen(repr));
  icmp.emit(repr, viewOf(bytes), 0);
  const macs = { srcMac: ROUTER_MAC, dstMac: macOf(BLUE, DIP) };
  return ipFrame({ ...macs, src: '198.18.0.1', dst: PUBLIC }, IpProtocol.ICMP, bytes);
}
