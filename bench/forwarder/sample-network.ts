/**
 * The smallest tenant that shows every way through the switch, and frames of its VMs: 10.0.0.4 and 10.0.0.5 here in one subnet, 10.0.1.4
 * here in another, 10.0.0.6 at another host. Called by bench/forwarder and the allocation test.
 */
import { defined } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { seededRng } from '../../base/rng.ts';
import type { FrameIo } from '../../dataplane/port/frame-io.ts';
import { SwitchCore } from '../../dataplane/switch/switch-core.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';
import * as vxlan from '../../packet/vxlan.ts';
import {
  HOST_DEFAULTS,
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import type { Resource } from '../../schema/southbound/messages.ts';

/** The frame I/O's numbers of the ports' devices, and of the uplink. */
export const DEVICES: Readonly<Record<string, number>> = {
  '10.0.0.4': 0,
  '10.0.0.5': 1,
  '10.0.1.4': 2,
};
export const UPLINK = 9;
/** Outer source of what comes from the other host, 192.0.2.2, as words. */
export const PEER_WORDS = [0, 0, 0xffff, 0xc000_0202] as const;

const REMOTE = '10.0.0.6';
const HOST = octets('192.0.2.1');
const PEER = octets('192.0.2.2');
const VNI = { web: 5001, db: 5002 } as const;
const NO_BYTES = new Uint8Array();

/** The network's goal state. */
export function sampleGoal(): readonly Resource[] {
  return [
    HOST_RESOURCE,
    NETWORK,
    subnet('web'),
    subnet('db'),
    ...Object.keys(DEVICES).flatMap((address) => [port(address), mapping(address, HOST)]),
    mapping(REMOTE, PEER),
  ];
}

export interface SampleLimits {
  readonly flowsMax: number;
  /** Default: as limits.ts has it. */
  readonly flowsPerPortMax?: number;
}

/** A switch that knows the network, or a variant of it, and has everything attached. */
export function sampleSwitch(
  io: FrameIo,
  clock: Clock,
  limits: SampleLimits,
  upserts: readonly Resource[] = sampleGoal(),
): SwitchCore {
  const core = new SwitchCore({ io, clock, rng: seededRng(1), ...limits });
  const locals = Object.keys(DEVICES);
  const errors = core.applyGoal({ upserts, removes: [] });
  if (errors[0] !== undefined) throw new TypeError(`${errors[0].key}: ${errors[0].message}`);
  core.setUplink(UPLINK);
  for (const address of locals) core.attach(address, defined(DEVICES[address], address));
  return core;
}

/** A UDP datagram, or with `isTcp` a SYN, from one VM to another as the sender's kernel writes it. */
export function sampleFrame(
  src: string,
  dst: string,
  ports: { readonly src: number; readonly dst: number },
  isTcp = false,
): Uint8Array {
  const transportLen = isTcp ? tcp.HEADER_LEN : udp.HEADER_LEN + 18;
  const bytes = new Uint8Array(ethernet.HEADER_LEN + ipv4.HEADER_LEN + transportLen);
  const view = new DataView(bytes.buffer);
  const dstMac = subnetOf(src) === subnetOf(dst) ? macOf(dst) : VIRTUAL_ROUTER_MAC;
  const etherType = ethernet.EtherType.IPV4;
  ethernet.emit({ dst: dstMac, src: macOf(src), etherType }, view, 0);
  const protocol = isTcp ? IpProtocol.TCP : IpProtocol.UDP;
  const header = { tos: 0, identification: 0, reservedFlag: false, dontFragment: true };
  const rest = { moreFragments: false, fragmentOffset: 0, ttl: 64, protocol, options: NO_BYTES };
  const ends = { src: addressOf(src), dst: addressOf(dst), payloadLen: transportLen };
  ipv4.emit({ ...header, ...rest, ...ends }, view, ethernet.HEADER_LEN);
  const at = ethernet.HEADER_LEN + ipv4.HEADER_LEN;
  const { src: srcPort, dst: dstPort } = ports;
  if (isTcp) {
    const numbers = { sequence: 1, acknowledgment: 0, reserved: 0, flags: tcp.Flag.SYN };
    const tail = { window: 1000, checksum: 0, urgentPointer: 0, options: NO_BYTES };
    tcp.emit({ srcPort, dstPort, ...numbers, ...tail }, view, at);
  } else udp.emit({ srcPort, dstPort, payloadLen: 18, checksum: 0 }, view, at);
  return bytes;
}

/** The same as the other host sends it through a tunnel. */
export function tunnelledFrame(
  dst: string,
  ports: { readonly src: number; readonly dst: number },
): Uint8Array {
  const inner = sampleFrame(REMOTE, dst, ports);
  const bytes = new Uint8Array(vxlan.HEADER_LEN + inner.length);
  vxlan.emit({ vni: VNI[subnetOf(dst)] }, new DataView(bytes.buffer), 0);
  bytes.set(inner, vxlan.HEADER_LEN);
  return bytes;
}

const HOST_RESOURCE: Resource = {
  key: 'host',
  version: 1,
  host: {
    providerAddress: HOST,
    ...HOST_DEFAULTS,
  },
};

const NETWORK: Resource = {
  key: 'vnet/n',
  version: 1,
  virtualNetwork: {
    id: 'n',
    resourceRef: '/virtualNetworks/n',
    ...VIRTUAL_NETWORK_DEFAULTS,
    addressSpace: [{ address: octets('10.0.0.0'), len: 16 }],
  },
};

function subnet(name: 'web' | 'db'): Resource {
  const third = name === 'web' ? 0 : 1;
  return {
    key: `subnet/${name}`,
    version: 1,
    virtualSubnet: {
      id: name,
      resourceRef: `/virtualNetworks/n/subnets/${name}`,
      vnetId: 'n',
      vni: VNI[name],
      prefix: { address: octets(`10.0.${third}.0`), len: 24 },
      ...VIRTUAL_SUBNET_DEFAULTS,
      gateway: octets(`10.0.${third}.1`),
    },
  };
}

function port(address: string): Resource {
  const resourceRef = `/networkInterfaces/${address}`;
  const subnetId = subnetOf(address);
  return {
    key: `port/${address}`,
    version: 1,
    port: {
      id: address,
      resourceRef,
      vnetId: 'n',
      subnetId,
      mac: macOf(address),
      ipConfigurations: [
        { resourceRef, subnetId, address: octets(address), ...IP_CONFIGURATION_DEFAULTS },
      ],
      ...PORT_DEFAULTS,
    },
  };
}

function mapping(address: string, providerAddress: Uint8Array): Resource {
  return {
    key: `mapping/n/${address}`,
    version: 1,
    mapping: {
      vnetId: 'n',
      address: octets(address),
      subnetId: subnetOf(address),
      mac: macOf(address),
      providerAddress,
      ...MAPPING_DEFAULTS,
      portRef: `/networkInterfaces/${address}`,
    },
  };
}

function subnetOf(address: string): 'web' | 'db' {
  return address.startsWith('10.0.1.') ? 'db' : 'web';
}

function macOf(address: string): number {
  return 0x0200_0000_0000 + addressOf(address);
}

function addressOf(text: string): number {
  return defined(parseIpv4(text), text);
}

function octets(text: string): Uint8Array {
  return Uint8Array.from(text.split('.').map(Number));
}
