/**
 * Virtual addresses over the tenants of tenants.ts: goal state of load balancing, muxes and edges, and packets as they come from them.
 */
import { defined } from '../../../../base/assert.ts';
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import { isValid, pseudoIpv4 } from '../../../../packet/checksum.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as tcp from '../../../../packet/tcp.ts';
import {
  BACKEND_DEFAULTS,
  LOAD_BALANCING_RULE_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type {
  Backend,
  HealthState,
  LoadBalancingRule,
  Resource,
  SnatLease,
  VirtualIp,
} from '../../../../schema/southbound/messages.ts';
import {
  healthResource,
  poolResource,
  virtualIpResource,
} from '../../../fixtures/balancing-resources.ts';
import {
  BLUE,
  HOST_ADDRESS,
  hostResource,
  LOCAL,
  macOf,
  octets,
  PEER_ADDRESS,
  portId,
  type Rig,
  ROUTER_MAC,
  type Tenant,
  tcpFrame,
  udpFrame,
} from '../switch/tenants.ts';

export const MUX = '192.0.2.3';
export const EDGE = { address: '192.0.2.101', mac: 0x0200_5e00_0001 };
export const PUBLIC = '203.0.113.10';
export const INTERNAL = '10.0.0.100';
export const CLIENT = '198.18.0.7';

/** The host's settings with a mux and an edge. */
export function balancedHost(muxes: readonly string[] = [MUX]): Resource {
  const resource = hostResource();
  const edges = [
    { providerAddress: octets(EDGE.address), mac: EDGE.mac, resourceRef: '/edgeRouters/edge' },
  ];
  return {
    ...resource,
    host: {
      ...defined(resource.host, 'a host'),
      edges,
      muxes: muxes.map((mux) => ({
        providerAddress: octets(mux),
        resourceRef: `/loadBalancerMuxes/${mux}`,
      })),
    },
  };
}

export function ruleOf(changes: Partial<LoadBalancingRule> = {}): LoadBalancingRule {
  return {
    ...LOAD_BALANCING_RULE_DEFAULTS,
    id: 'web',
    resourceRef: '/loadBalancers/lb/loadBalancingRules/web',
    protocol: 6,
    port: 80,
    poolId: 'pool',
    backendPort: 8080,
    ...changes,
  };
}

export function virtualIp(
  address: string,
  rules: readonly LoadBalancingRule[] = [ruleOf()],
  changes: Partial<VirtualIp> = {},
): Resource {
  const internal = address.startsWith('10.');
  const subnetId = internal ? 'blue-web' : '';
  return virtualIpResource(address, {
    id: `vip-${address}`,
    rules,
    internal,
    subnetId,
    ...changes,
  });
}

export function backend(address: string, changes: Partial<Backend> = {}): Backend {
  const tenant = BLUE;
  return {
    ...BACKEND_DEFAULTS,
    address: octets(address),
    vni: address.startsWith('10.0.1.') ? tenant.dbVni : tenant.webVni,
    mac: macOf(tenant, address),
    providerAddress: octets(LOCAL.some((own) => own === address) ? HOST_ADDRESS : PEER_ADDRESS),
    portId: portId(tenant, address),
    resourceRef: `/networkInterfaces/${portId(tenant, address)}/ipConfigurations/${address}`,
    ...changes,
  };
}

export function pool(backends: readonly Backend[], id = 'pool'): Resource {
  return poolResource(id, backends);
}

export function health(states: Readonly<Record<string, HealthState>>, id = 'health'): Resource {
  return healthResource(id, states);
}

/** Ports 1024 to 1031 of the public address for a backend. */
export function lease(changes: Partial<SnatLease> = {}, address = '10.0.0.4'): Resource {
  const snatLease: SnatLease = {
    vipId: 'vip',
    resourceRef: '/loadBalancers/lb/outboundNatRules/out',
    publicAddress: octets(PUBLIC),
    vnetId: BLUE.name,
    address: octets(address),
    vni: BLUE.webVni,
    mac: macOf(BLUE, address),
    providerAddress: octets(HOST_ADDRESS),
    portId: portId(BLUE, address),
    protocol: 0,
    ports: [{ from: 1024, to: 1031 }],
    idleTimeoutSec: 240,
    tcpReset: false,
    ...changes,
  };
  return { key: `snat/${snatLease.vipId}/${address}`, version: 1, snatLease };
}

export function apply(
  net: Pick<Rig, 'core'>,
  upserts: readonly Resource[],
  removes: readonly string[] = [],
): void {
  const errors = net.core.applyGoal({ upserts, removes });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

export interface Ends {
  readonly src: string;
  readonly srcPort: number;
  readonly dst: string;
  readonly dstPort: number;
}

export function segmentFrom(
  { src, srcPort, dst, dstPort }: Ends,
  macs: { readonly srcMac: number; readonly dstMac: number },
  flags: number = tcp.Flag.SYN,
): Uint8Array {
  return tcpFrame({ ...macs, src, dst }, { srcPort, dstPort, flags });
}

/** What a VM sends off its subnet, or to an address that the virtual router answers for. */
export function fromVm(ends: Ends, flags?: number, tenant: Tenant = BLUE): Uint8Array {
  return segmentFrom(ends, { srcMac: macOf(tenant, ends.src), dstMac: ROUTER_MAC }, flags);
}

export function datagramFromVm({ src, dst, srcPort, dstPort }: Ends): Uint8Array {
  const macs = { srcMac: macOf(BLUE, src), dstMac: ROUTER_MAC };
  return udpFrame({ ...macs, src, dst }, { src: srcPort, dst: dstPort });
}

/** What a mux sends to the host of a backend. */
export function fromMux(ends: Ends, to: string, flags?: number): Uint8Array {
  return segmentFrom(ends, { srcMac: ROUTER_MAC, dstMac: macOf(BLUE, to) }, flags);
}

/** Addresses, ports and MACs of a TCP segment or UDP datagram that the switch has sent; its checksums are right. */
export function read(sent: SentFrame | undefined): Ends & { readonly dstMac: number } {
  const { bytes, uplink } = defined(sent, 'a frame');
  const at = uplink === undefined ? 0 : 8;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const l3 = ethernet.HEADER_LEN;
  const l4 = l3 + ipv4.HEADER_LEN;
  const end = l3 + ipv4.totalLength(view, l3);
  const pseudo = pseudoIpv4(view, l3, ipv4.protocol(view, l3), end - l4);
  if (!ipv4.hasValidChecksum(view, l3)) throw new Error('a wrong header checksum');
  if (!isValid(view, l4, end, pseudo)) throw new Error('a wrong transport checksum');
  const text = (word: number) => [24, 16, 8, 0].map((bits) => (word >>> bits) & 0xff).join('.');
  return {
    src: text(ipv4.src(view, l3)),
    dst: text(ipv4.dst(view, l3)),
    srcPort: view.getUint16(l4),
    dstPort: view.getUint16(l4 + 2),
    dstMac: ethernet.dst(view, 0),
  };
}
