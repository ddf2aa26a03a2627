/**
 * Two tenants with the same address space on one switch over memory ports, and frames of their VMs: what the tests of layers and switch
 * begin with.
 *
 *   blue and red, each: 10.0.0.0/16 with web 10.0.0.0/24 and db 10.0.1.0/24 (VNI 5001, 5002; red 6001, 6002)
 *   here:      .0.4 and .0.5 in web, .1.4 in db          at 192.0.2.2: .0.6 in web, .1.6 in db
 */

import { ManualClock } from '../../../../base/clock.ts';
import { parseIpv4 } from '../../../../base/ipv4.ts';
import { seededRng } from '../../../../base/rng.ts';
import { BackendTables } from '../../../../dataplane/load-balancing/backend-tables.ts';
import type { Delivery } from '../../../../dataplane/port/memory-frame-io.ts';
import {
  type MemoryFrameIo,
  memoryFrameIo,
  type SentFrame,
} from '../../../../dataplane/port/memory-frame-io.ts';
import { UPLINK_PORT } from '../../../../dataplane/switch/port-registry.ts';
import { SwitchCore, type SwitchCoreParts } from '../../../../dataplane/switch/switch-core.ts';
import type { PortCounters } from '../../../../dataplane/switch/switch-handle.ts';
import type { GoalChange } from '../../../../dataplane/switch/tables.ts';
import { pseudoIpv4 } from '../../../../packet/checksum.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as tcp from '../../../../packet/tcp.ts';
import * as udp from '../../../../packet/udp.ts';
import {
  HOST_DEFAULTS,
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type { IpConfiguration, Resource } from '../../../../schema/southbound/messages.ts';
import { ethernetFrame, ipv4Packet, NO_BYTES, TCP_REPR, viewOf } from '../../packet/frames.ts';

export const HOST_ADDRESS = '192.0.2.1';
export const PEER_ADDRESS = '192.0.2.2';
export const PROVIDER_MTU = 1500;
export const INNER_MTU = 1450;
export const ROUTER_MAC = 0x1234_5678_9abc;

export interface Tenant {
  readonly name: string;
  readonly webVni: number;
  readonly dbVni: number;
}
export const BLUE: Tenant = { name: 'blue', webVni: 5001, dbVni: 5002 };
export const RED: Tenant = { name: 'red', webVni: 6001, dbVni: 6002 };

/** Octets of an address, in network order. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text.split('.').map(Number));
}

export function address(text: string): number {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
}

/** The MAC address of the NIC with this address: the same in both tenants but for one octet. */
export function macOf(tenant: Tenant, text: string): number {
  return (tenant === BLUE ? 0x0200_0b00_0000 : 0x0200_0c00_0000) + (address(text) & 0xffff);
}

export function portId(tenant: Tenant, text: string): string {
  return `${tenant.name}-${text}`;
}

function subnetOf(text: string): 'web' | 'db' {
  return text.startsWith('10.0.1.') ? 'db' : 'web';
}

export function hostResource(): Resource {
  return {
    key: 'host',
    version: 1,
    host: {
      providerAddress: octets(HOST_ADDRESS),
      ...HOST_DEFAULTS,
      providerMtu: PROVIDER_MTU,
    },
  };
}

export function networkResource(tenant: Tenant, space = '10.0.0.0', len = 16): Resource {
  return {
    key: `vnet/${tenant.name}`,
    version: 1,
    virtualNetwork: {
      id: tenant.name,
      resourceRef: `/virtualNetworks/${tenant.name}`,
      ...VIRTUAL_NETWORK_DEFAULTS,
      addressSpace: [{ address: octets(space), len }],
    },
  };
}

export function subnetResource(tenant: Tenant, name: 'web' | 'db', vni?: number): Resource {
  const third = name === 'web' ? 0 : 1;
  return {
    key: `subnet/${tenant.name}-${name}`,
    version: 1,
    virtualSubnet: {
      id: `${tenant.name}-${name}`,
      resourceRef: `/virtualNetworks/${tenant.name}/subnets/${name}`,
      vnetId: tenant.name,
      vni: vni ?? (name === 'web' ? tenant.webVni : tenant.dbVni),
      prefix: { address: octets(`10.0.${third}.0`), len: 24 },
      ...VIRTUAL_SUBNET_DEFAULTS,
      gateway: octets(`10.0.${third}.1`),
    },
  };
}

export function portResource(
  tenant: Tenant,
  text: string,
  changes: { readonly macSpoofing?: boolean; readonly more?: readonly string[] } = {},
): Resource {
  const id = portId(tenant, text);
  const configuration = (own: string): IpConfiguration => ({
    resourceRef: `/networkInterfaces/${id}/ipConfigurations/${own}`,
    subnetId: `${tenant.name}-${subnetOf(own)}`,
    address: octets(own),
    ...IP_CONFIGURATION_DEFAULTS,
  });
  return {
    key: `port/${id}`,
    version: 1,
    port: {
      id,
      resourceRef: `/networkInterfaces/${id}`,
      vnetId: tenant.name,
      subnetId: `${tenant.name}-${subnetOf(text)}`,
      mac: macOf(tenant, text),
      ipConfigurations: [text, ...(changes.more ?? [])].map(configuration),
      ...PORT_DEFAULTS,
      hostName: id,
      mtu: INNER_MTU,
      macSpoofing: changes.macSpoofing ?? false,
    },
  };
}

export function mappingResource(tenant: Tenant, text: string, at: string): Resource {
  return {
    key: `mapping/${tenant.name}/${text}`,
    version: 1,
    mapping: {
      vnetId: tenant.name,
      address: octets(text),
      subnetId: `${tenant.name}-${subnetOf(text)}`,
      mac: macOf(tenant, text),
      providerAddress: octets(at),
      ...MAPPING_DEFAULTS,
      portRef: `/networkInterfaces/${portId(tenant, text)}`,
    },
  };
}

export const LOCAL = ['10.0.0.4', '10.0.0.5', '10.0.1.4'] as const;
export const REMOTE = ['10.0.0.6', '10.0.1.6'] as const;

export function tenantGoal(tenant: Tenant): Resource[] {
  return [
    networkResource(tenant),
    subnetResource(tenant, 'web'),
    subnetResource(tenant, 'db'),
    ...LOCAL.map((text) => portResource(tenant, text)),
    ...LOCAL.map((text) => mappingResource(tenant, text, HOST_ADDRESS)),
    ...REMOTE.map((text) => mappingResource(tenant, text, PEER_ADDRESS)),
  ];
}

/** A switch, its memory ports and a clock that stands still. */
export interface Rig {
  readonly core: SwitchCore;
  readonly io: MemoryFrameIo;
  readonly clock: ManualClock;
  readonly uplink: number;
  attach(id: string): number;
  /** Delivers frames and returns all that the switch sent in answer. */
  pass(device: number, frames: readonly Uint8Array[], delivery?: Delivery): SentFrame[];
  /** As pass, from a tunnel. */
  passTunnel(vni: number, inner: Uint8Array, source?: string): SentFrame[];
  counters(id: string): PortCounters;
  uplinkCounters(): PortCounters;
  /** Drops of all ports together. */
  drops(): Readonly<Record<string, number>>;
}

/** Numbers that ports of a rig may have. */
const PORTS_COUNTED = 32;

/** A switch that is handed its tables with each change, as the host's main thread does (start-switch.ts). */
class HandedSwitch extends SwitchCore {
  readonly #made: BackendTables;

  constructor(parts: SwitchCoreParts, tablesMax: number | undefined) {
    super(parts);
    this.#made = new BackendTables(tablesMax);
  }

  override applyGoal(change: GoalChange): ReturnType<SwitchCore['applyGoal']> {
    const steps = this.#made.after(change);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const errors = super.applyGoal({ ...change, tables: step.value });
    this.#made.handedOver(step.value);
    return errors;
  }
}

export interface RigOptions extends Partial<Pick<SwitchCoreParts, 'flowsMax' | 'flowsPerPortMax'>> {
  /** Tables of backends of internal virtual addresses. */
  readonly tablesMax?: number;
}

export function rig({ tablesMax, ...options }: RigOptions = {}): Rig {
  const io = memoryFrameIo();
  const clock = new ManualClock();
  const core = new HandedSwitch({ io, clock, rng: seededRng(7), ...options }, tablesMax);
  const uplink = io.attach('uplink');
  core.setUplink(uplink);
  const pass = (device: number, frames: readonly Uint8Array[], delivery?: Delivery) => {
    for (const frame of frames) io.deliver(device, frame, delivery);
    let pending = 0;
    do pending = core.forward(io.exchange(pending, 0));
    while (pending > 0 || io.backlogCount > 0);
    return io.takeSent();
  };
  return {
    core,
    io,
    clock,
    uplink,
    attach(id) {
      const device = io.attach('ethernet');
      core.attach(id, device);
      return device;
    },
    pass,
    passTunnel: (vni, inner, source = PEER_ADDRESS) =>
      pass(uplink, [tunnelled(vni, inner)], { source: octets(source) }),
    counters: (id) => core.counters.read(core.portIndex(id) ?? -1),
    uplinkCounters: () => core.counters.read(UPLINK_PORT),
    drops: () => {
      const sum: Record<string, number> = {};
      for (let port = 0; port < PORTS_COUNTED; port += 1) {
        for (const [name, count] of Object.entries(core.counters.read(port).drops)) {
          sum[name] = (sum[name] ?? 0) + count;
        }
      }
      return sum;
    },
  };
}

export interface TenantRig extends Rig {
  /** Memory device of a tenant's VM. */
  device(tenant: Tenant, text: string): number;
}

/** Both tenants, everything attached. */
export function tenantRig(options: Parameters<typeof rig>[0] = {}): TenantRig {
  const made = rig(options);
  const errors = made.core.applyGoal({
    upserts: [hostResource(), ...tenantGoal(BLUE), ...tenantGoal(RED)],
    removes: [],
  });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const devices = new Map<string, number>();
  for (const tenant of [BLUE, RED]) {
    for (const text of LOCAL) {
      devices.set(portId(tenant, text), made.attach(portId(tenant, text)));
    }
  }
  return { ...made, device: (tenant, text) => devices.get(portId(tenant, text)) ?? -1 };
}

export function tunnelled(vni: number, inner: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + inner.length);
  viewOf(bytes).setUint32(0, 0x0800_0000);
  viewOf(bytes).setUint32(4, vni * 256);
  bytes.set(inner, 8);
  return bytes;
}

export interface Addressing {
  readonly srcMac: number;
  readonly dstMac: number;
  readonly src: string;
  readonly dst: string;
  readonly ttl?: number;
  readonly dontFragment?: boolean;
}

/** Addresses of a packet between two VMs of one tenant, as the sender's kernel writes them. */
export function between(tenant: Tenant, src: string, dst: string): Addressing {
  const isOnLink = subnetOf(src) === subnetOf(dst);
  return {
    srcMac: macOf(tenant, src),
    dstMac: isOnLink ? macOf(tenant, dst) : ROUTER_MAC,
    src,
    dst,
  };
}

export function ipFrame(to: Addressing, protocol: number, payload: Uint8Array): Uint8Array {
  const { ttl = 64, dontFragment = true } = to;
  const src = address(to.src);
  const dst = address(to.dst);
  const packet = ipv4Packet({ protocol, src, dst, ttl, dontFragment }, payload);
  return addressed(ethernetFrame(ethernet.EtherType.IPV4, packet), to);
}

export function addressed(
  frame: Uint8Array,
  macs: { readonly srcMac: number; readonly dstMac: number },
): Uint8Array {
  ethernet.setDst(viewOf(frame), 0, macs.dstMac);
  ethernet.setSrc(viewOf(frame), 0, macs.srcMac);
  return frame;
}

export function udpFrame(
  to: Addressing,
  ports: { readonly src: number; readonly dst: number },
  payload: Uint8Array = Uint8Array.of(1, 2, 3, 4),
): Uint8Array {
  const datagram = new Uint8Array(udp.HEADER_LEN + payload.length);
  datagram.set(payload, udp.HEADER_LEN);
  udp.emit(
    { srcPort: ports.src, dstPort: ports.dst, payloadLen: payload.length, checksum: 0 },
    viewOf(datagram),
    0,
  );
  const frame = ipFrame(to, IpProtocol.UDP, datagram);
  const view = viewOf(frame);
  udp.fillChecksum(view, 34, pseudoIpv4(view, 14, IpProtocol.UDP, datagram.length));
  return frame;
}

export function tcpFrame(
  to: Addressing,
  segment: Partial<tcp.Repr>,
  payload: Uint8Array = NO_BYTES,
): Uint8Array {
  const repr = { ...TCP_REPR, ...segment };
  const bytes = new Uint8Array(tcp.reprLen(repr) + payload.length);
  tcp.emit(repr, viewOf(bytes), 0);
  bytes.set(payload, tcp.reprLen(repr));
  const frame = ipFrame(to, IpProtocol.TCP, bytes);
  const view = viewOf(frame);
  const pseudo = pseudoIpv4(view, 14, IpProtocol.TCP, bytes.length);
  tcp.fillChecksum(view, 34, frame.length, pseudo);
  return frame;
}

export function echoFrame(to: Addressing, type: number = icmp.Type.ECHO_REQUEST): Uint8Array {
  const repr = { type, code: 0, rest: 0x0042_0001, data: Uint8Array.of(7, 7) };
  const bytes = new Uint8Array(icmp.reprLen(repr));
  icmp.emit(repr, viewOf(bytes), 0);
  return ipFrame(to, IpProtocol.ICMP, bytes);
}

/** What is left of a frame after routing: the virtual router's MAC, a TTL less, the header sum anew. */
export function routed(frame: Uint8Array, dstMac: number): Uint8Array {
  const copy = addressed(frame.slice(), { srcMac: ROUTER_MAC, dstMac });
  const view = viewOf(copy);
  view.setUint8(14 + 8, view.getUint8(14 + 8) - 1);
  ipv4.fillChecksum(view, 14);
  return copy;
}
