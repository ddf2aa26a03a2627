/**
 * An edge router in memory, with what stands around it: a provider network with one host (198.51.100.11) that has two networks of tenants, blue and
 * red, and the outside with its gateway (192.0.2.1). Time is the test's. Packets are built and read here, so that tests speak of addresses.
 */

import { defined } from '../../../../../base/assert.ts';
import { ManualClock } from '../../../../../base/clock.ts';
import { formatIpWords, type IpWords, parseIpWords } from '../../../../../base/ip-words.ts';
import { seededRng } from '../../../../../base/rng.ts';
import { seconds } from '../../../../../base/units.ts';
import { RouterCore } from '../../../../../bgp/edge/router/router-core.ts';
import {
  type MemoryFrameIo,
  memoryFrameIo,
  type SentFrame,
} from '../../../../../dataplane/port/memory-frame-io.ts';
import * as arp from '../../../../../packet/arp.ts';
import { isValid, pseudoIpv4, pseudoIpv6 } from '../../../../../packet/checksum.ts';
import * as ethernet from '../../../../../packet/ethernet.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../../../../packet/flow-key.ts';
import * as icmp from '../../../../../packet/icmp.ts';
import * as icmpv6 from '../../../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../../packet/ipv4.ts';
import * as ipv6 from '../../../../../packet/ipv6.ts';
import * as tcp from '../../../../../packet/tcp.ts';
import * as udp from '../../../../../packet/udp.ts';
import * as vxlan from '../../../../../packet/vxlan.ts';
import {
  MAPPING_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../../schema/southbound/messages.ts';
import { bytesOf } from '../../../../fixtures/addresses.ts';

export const EDGE_MAC = 0x0200_0000_0002;
export const ROUTER_MAC = 0x1234_5678_9abc;
export const OUTSIDE_MAC = 0x0200_0000_0a02;
export const PROVIDER_MAC = 0x0200_0000_0b02;
export const GATEWAY_MAC = 0x0200_0000_0a01;
export const GATEWAY_2_MAC = 0x0200_0000_0a03;
export const BLUE_VNI = 5001;
export const RED_VNI = 6001;
export const HOST = '198.51.100.11';
export const VMS: Readonly<Record<string, { vnet: string; address: string; mac: number }>> = {
  blue4: { vnet: 'blue', address: '10.0.0.4', mac: 0x0200_0001_0004 },
  blue5: { vnet: 'blue', address: '10.0.0.5', mac: 0x0200_0001_0005 },
  red4: { vnet: 'red', address: '10.0.0.4', mac: 0x0200_0002_0004 },
  blue6: { vnet: 'blue', address: 'fd00::4', mac: 0x0200_0001_0004 },
};

export interface PacketSpec {
  readonly src: string;
  readonly dst: string;
  readonly protocol?: number;
  readonly srcPort?: number;
  readonly dstPort?: number;
  readonly flags?: number;
  readonly ttl?: number;
  /** Bytes of payload; default 16. */
  readonly size?: number;
  readonly df?: boolean;
  /** ICMP: type; the identifier is srcPort. */
  readonly type?: number;
  readonly code?: number;
  readonly rest?: number;
  readonly body?: Uint8Array;
  readonly fragment?: { readonly id: number; readonly offset: number; readonly more: boolean };
}

export interface Seen {
  readonly way: 'outside' | 'outside2' | 'provider' | 'tunnel';
  readonly vni: number;
  readonly dstMac: number;
  readonly srcMac: number;
  readonly src: string;
  readonly dst: string;
  readonly key: FlowKey;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

export function words(text: string): IpWords {
  return defined(parseIpWords(text), text);
}

/** An IP packet behind an Ethernet header, with valid checksums. */
export function frameOf(
  spec: PacketSpec,
  macs: { readonly dst: number; readonly src: number },
): Uint8Array {
  const isIpv6 = spec.src.includes(':');
  const protocol = spec.protocol ?? IpProtocol.UDP;
  const l3At = ethernet.HEADER_LEN;
  const l4At = l3At + (isIpv6 ? ipv6.HEADER_LEN : ipv4.HEADER_LEN);
  const isLater = (spec.fragment?.offset ?? 0) > 0;
  const payload = spec.body ?? new Uint8Array(spec.size ?? 16).fill(0x61);
  const headerLen = isLater
    ? 0
    : protocol === IpProtocol.TCP
      ? tcp.HEADER_LEN
      : protocol === 47
        ? 0
        : 8;
  const payloadLen = headerLen + payload.length;
  const bytes = new Uint8Array(l4At + payloadLen);
  const view = new DataView(bytes.buffer);
  ethernet.emit(
    { ...macs, etherType: isIpv6 ? ethernet.EtherType.IPV6 : ethernet.EtherType.IPV4 },
    view,
    0,
  );
  if (isIpv6) {
    ipv6.emit(
      {
        trafficClass: 0,
        flowLabel: 0,
        payloadLen,
        nextHeader: protocol,
        hopLimit: spec.ttl ?? 64,
        src: bytesOf(spec.src),
        dst: bytesOf(spec.dst),
      },
      view,
      l3At,
    );
  } else {
    ipv4.emit(
      {
        tos: 0,
        payloadLen,
        identification: spec.fragment?.id ?? 0,
        reservedFlag: false,
        dontFragment: spec.df ?? spec.fragment === undefined,
        moreFragments: spec.fragment?.more ?? false,
        fragmentOffset: spec.fragment?.offset ?? 0,
        ttl: spec.ttl ?? 64,
        protocol,
        src: words(spec.src)[3],
        dst: words(spec.dst)[3],
        options: new Uint8Array(),
      },
      view,
      l3At,
    );
  }
  bytes.set(payload, l4At + headerLen);
  if (!isLater) writeTransport(view, l3At, l4At, bytes.length, protocol, spec, isIpv6);
  return bytes;
}

function writeTransport(
  view: DataView,
  l3At: number,
  l4At: number,
  end: number,
  protocol: number,
  spec: PacketSpec,
  isIpv6: boolean,
): void {
  const { srcPort = 1000, dstPort = 2000 } = spec;
  const len = end - l4At;
  const pseudo = isIpv6
    ? pseudoIpv6(view, l3At, protocol, len)
    : pseudoIpv4(view, l3At, protocol, len);
  if (protocol === IpProtocol.UDP) {
    view.setUint16(l4At, srcPort);
    view.setUint16(l4At + 2, dstPort);
    view.setUint16(l4At + 4, len);
    if (spec.fragment === undefined) udp.fillChecksum(view, l4At, pseudo);
  } else if (protocol === IpProtocol.TCP) {
    view.setUint16(l4At, srcPort);
    view.setUint16(l4At + 2, dstPort);
    view.setUint8(l4At + 12, 0x50);
    view.setUint8(l4At + 13, spec.flags ?? tcp.Flag.SYN);
    tcp.fillChecksum(view, l4At, end, pseudo);
  } else if (protocol === IpProtocol.ICMP || protocol === IpProtocol.ICMPV6) {
    view.setUint8(l4At, spec.type ?? (isIpv6 ? 128 : 8));
    view.setUint8(l4At + 1, spec.code ?? 0);
    if (spec.rest === undefined) view.setUint32(l4At + 4, srcPort * 0x1_0000 + 1);
    else view.setUint32(l4At + 4, spec.rest);
    if (isIpv6) icmpv6.fillChecksum(view, l4At, end, pseudo);
    else icmp.fillChecksum(view, l4At, end);
  }
}

export interface EdgeWorldOptions {
  readonly natMappingsMax?: number;
  readonly flowsMax?: number;
  readonly outsideMtu?: number;
  readonly tcpEstablishedSec?: number;
}

export class EdgeWorld {
  readonly clock: ManualClock = new ManualClock();
  readonly io: MemoryFrameIo = memoryFrameIo();
  readonly core: RouterCore;
  readonly overlay: number = this.io.attach('uplink');
  readonly provider: number = this.io.attach('ethernet');
  readonly outside: number = this.io.attach('ethernet');
  readonly outside2: number = this.io.attach('ethernet');
  #tx = 0;

  constructor(options: EdgeWorldOptions = {}) {
    const { natMappingsMax = 1000, flowsMax = 256 } = options;
    this.core = new RouterCore({
      io: this.io,
      clock: this.clock,
      rng: seededRng(7),
      natMappingsMax,
      flowsMax,
    });
    this.core.configure({
      settings: {
        mac: EDGE_MAC,
        vxlanPort: 4789,
        providerMtu: 1500,
        providerAddress: words('198.51.100.2'),
        natExemptions: [{ words: words('198.18.200.0'), len: 120 }],
      },
      overlay: this.overlay,
      links: [
        {
          number: 1,
          device: this.provider,
          name: 'uplink0',
          kind: 'provider',
          mac: PROVIDER_MAC,
          mtu: 1500,
          addresses: [
            { words: words('198.51.100.2'), len: 120 },
            { words: words('198.51.100.1'), len: 120 },
          ],
        },
        {
          number: 2,
          device: this.outside,
          name: 'outside0',
          kind: 'outside',
          mac: OUTSIDE_MAC,
          mtu: options.outsideMtu ?? 1500,
          addresses: [
            { words: words('192.0.2.2'), len: 120 },
            { words: words('2001:db8:ffff::2'), len: 64 },
          ],
        },
        {
          number: 3,
          device: this.outside2,
          name: 'outside1',
          kind: 'outside',
          mac: OUTSIDE_MAC + 0x100,
          mtu: 1500,
          addresses: [{ words: words('192.0.3.2'), len: 120 }],
        },
      ],
      gateways: [
        { linkName: 'outside0', gateway: words('192.0.2.1') },
        { linkName: 'outside0', gateway: words('2001:db8:ffff::1') },
      ],
    });
    this.apply(...networkGoal());
  }

  apply(...resources: Resource[]): readonly { readonly key: string; readonly message: string }[] {
    return this.core.apply(resources, []);
  }

  remove(...keys: string[]): void {
    this.core.apply([], keys);
  }

  /** From a VM, as its host's switch sends it. */
  fromVm(name: string, spec: Omit<PacketSpec, 'src'>): Seen[] {
    const vm = defined(VMS[name], name);
    const frame = frameOf({ ...spec, src: vm.address }, { dst: EDGE_MAC, src: ROUTER_MAC });
    return this.fromTunnel(vm.vnet === 'blue' ? BLUE_VNI : RED_VNI, frame);
  }

  fromTunnel(vni: number, frame: Uint8Array, source: string = HOST): Seen[] {
    const bytes = new Uint8Array(vxlan.HEADER_LEN + frame.length);
    vxlan.emit({ vni }, new DataView(bytes.buffer), 0);
    bytes.set(frame, vxlan.HEADER_LEN);
    this.io.deliver(this.overlay, bytes, { source: bytesOf(source) });
    return this.run();
  }

  /** From the outside's gateway. */
  fromOutside(spec: PacketSpec): Seen[] {
    return this.fromLink(this.outside, frameOf(spec, { dst: OUTSIDE_MAC, src: GATEWAY_MAC }));
  }

  fromProvider(spec: PacketSpec, src = 0x0200_0000_0b11): Seen[] {
    return this.fromLink(this.provider, frameOf(spec, { dst: PROVIDER_MAC, src }));
  }

  fromLink(device: number, frame: Uint8Array): Seen[] {
    this.io.deliver(device, frame);
    return this.run();
  }

  /** Somebody on a link says where an address is. */
  says(device: number, address: string, mac: number): Seen[] {
    const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
    const view = new DataView(bytes.buffer);
    ethernet.emit({ dst: OUTSIDE_MAC, src: mac, etherType: ethernet.EtherType.ARP }, view, 0);
    const reply = {
      opcode: arp.Opcode.REPLY,
      senderMac: mac,
      senderAddress: words(address)[3],
      targetMac: 0,
      targetAddress: 0,
    };
    arp.emit(reply, view, ethernet.HEADER_LEN);
    return this.fromLink(device, bytes);
  }

  /** The outside's gateway is resolved, as after a first packet. */
  resolveGateway(): this {
    this.fromVm('blue4', {
      dst: '203.0.113.250',
      protocol: IpProtocol.UDP,
      srcPort: 1,
      dstPort: 1,
    });
    this.core.state.neighbours.lookup(2, words('192.0.2.1'), true, this.core.nowSec);
    this.says(this.outside, '192.0.2.1', GATEWAY_MAC);
    return this;
  }

  wait(sec: number): Seen[] {
    const seen: Seen[] = [];
    for (let passed = 0; passed < sec; passed += 1) {
      this.clock.advance(seconds(1));
      seen.push(...this.run());
      while (this.core.age());
    }
    return seen;
  }

  run(): Seen[] {
    for (;;) {
      const received = this.io.exchange(this.#tx, 0);
      this.#tx = this.core.forward(received);
      if (received === 0 && this.#tx === 0) break;
    }
    return this.io.takeSent().map((sent) => this.#seen(sent));
  }

  drops(link: number): Readonly<Record<string, number>> {
    return this.core.counters.read(link).drops;
  }

  #seen(sent: SentFrame): Seen {
    const isTunnel = sent.port === this.overlay;
    const bytes = isTunnel ? sent.bytes.slice(vxlan.HEADER_LEN) : sent.bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const key = newFlowKey();
    parseFlow(view, 0, bytes.length, key);
    const way = isTunnel
      ? 'tunnel'
      : sent.port === this.outside
        ? 'outside'
        : sent.port === this.outside2
          ? 'outside2'
          : 'provider';
    return {
      way,
      vni: sent.uplink?.vni ?? 0,
      dstMac: ethernet.dst(view, 0),
      srcMac: ethernet.src(view, 0),
      src: formatIpWords([key.src0, key.src1, key.src2, key.src3]),
      dst: formatIpWords([key.dst0, key.dst1, key.dst2, key.dst3]),
      key,
      view,
      bytes,
    };
  }
}

/** Are all checksums of the packet as they should be? */
export function isSound({ key, view }: Seen): boolean {
  const len = key.l3End - key.l4At;
  const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
  if (isIpv4 && !ipv4.hasValidChecksum(view, key.l3At)) return false;
  if (key.protocol === IpProtocol.ICMP) return isValid(view, key.l4At, key.l3End);
  const pseudo = isIpv4
    ? pseudoIpv4(view, key.l3At, key.protocol, len)
    : pseudoIpv6(view, key.l3At, key.protocol, len);
  return isValid(view, key.l4At, key.l3End, pseudo);
}

function networkGoal(): Resource[] {
  const networks = [
    ['blue', BLUE_VNI],
    ['red', RED_VNI],
  ] as const;
  return [
    ...networks.flatMap(([id, vni]): Resource[] => [
      {
        key: `vnet/${id}`,
        version: 1,
        virtualNetwork: {
          id,
          resourceRef: `/virtualNetworks/${id}`,
          ...VIRTUAL_NETWORK_DEFAULTS,
          addressSpace: [{ address: bytesOf('10.0.0.0'), len: 8 }],
        },
      },
      {
        key: `subnet/${id}`,
        version: 1,
        virtualSubnet: {
          id,
          resourceRef: `/virtualNetworks/${id}/subnets/a`,
          vnetId: id,
          vni,
          prefix: { address: bytesOf('10.0.0.0'), len: 24 },
          ...VIRTUAL_SUBNET_DEFAULTS,
          gateway: bytesOf('10.0.0.1'),
        },
      },
    ]),
    ...Object.entries(VMS).map(
      ([name, vm]): Resource => ({
        key: `mapping/${vm.vnet}/${vm.address}`,
        version: 1,
        mapping: {
          vnetId: vm.vnet,
          address: bytesOf(vm.address),
          subnetId: vm.vnet,
          mac: vm.mac,
          providerAddress: bytesOf(HOST),
          ...MAPPING_DEFAULTS,
          portRef: `/networkInterfaces/${name}`,
        },
      }),
    ),
  ];
}

export function publicAddress(id: string, address: string, vm: string | undefined): Resource {
  const inside = vm === undefined ? undefined : VMS[vm];
  return {
    key: `publicip/${id}`,
    version: 1,
    publicAddress: {
      id,
      resourceRef: `/publicIPAddresses/${id}`,
      address: bytesOf(address),
      vnetId: inside?.vnet ?? '',
      privateAddress: inside === undefined ? new Uint8Array() : bytesOf(inside.address),
      idleTimeoutSec: 0,
    },
  };
}

export function natPool(
  change: {
    readonly addresses?: readonly string[];
    readonly infrastructure?: boolean;
    readonly blocks?: number;
    readonly ports?: number;
  } = {},
): Resource {
  return {
    key: 'natpool/p',
    version: 1,
    natPool: {
      id: 'p',
      resourceRef: '/natPools/p',
      addresses: (change.addresses ?? ['203.0.113.250']).map(bytesOf),
      portFirst: 1024,
      portLast: 65535,
      portsPerBlock: change.ports ?? 64,
      blocksPerAddressMax: change.blocks ?? 4,
      infrastructure: change.infrastructure ?? false,
    },
  };
}

export function portForward(change: {
  readonly id?: string;
  readonly port: number;
  readonly vm?: string;
  readonly privateAddress?: string;
  readonly privatePort: number;
  readonly protocol?: number;
}): Resource {
  const inside = change.vm === undefined ? undefined : VMS[change.vm];
  const id = change.id ?? 'f';
  return {
    key: `portforward/${id}`,
    version: 1,
    portForward: {
      id,
      resourceRef: `/portForwards/${id}`,
      protocol: change.protocol ?? IpProtocol.TCP,
      address: bytesOf('203.0.113.251'),
      port: change.port,
      vnetId: inside?.vnet ?? '',
      privateAddress: bytesOf(inside?.address ?? change.privateAddress ?? ''),
      privatePort: change.privatePort,
    },
  };
}
