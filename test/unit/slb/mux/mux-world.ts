/**
 * A mux in memory: goal state in, as the controller tells it, packets in from the edge, tunnelled packets out. Time is the test's. Backends have addresses
 * 10.0.0.N and live on host 198.51.100.(100 + N modulo 4).
 */
import { defined } from '../../../../base/assert.ts';
import { ManualClock } from '../../../../base/clock.ts';
import { formatIpWords } from '../../../../base/ip-words.ts';
import { seededRng } from '../../../../base/rng.ts';
import { seconds } from '../../../../base/units.ts';
import {
  type Delivery,
  type MemoryFrameIo,
  memoryFrameIo,
  type SentFrame,
} from '../../../../dataplane/port/memory-frame-io.ts';
import * as askMark from '../../../../packet/ask-mark.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as tcp from '../../../../packet/tcp.ts';
import * as vxlan from '../../../../packet/vxlan.ts';
import { LOAD_BALANCING_RULE_DEFAULTS } from '../../../../schema/southbound/defaults.ts';
import {
  type Backend,
  HealthState,
  type LoadBalancingRule,
  type Resource,
} from '../../../../schema/southbound/messages.ts';
import { MuxGoal } from '../../../../slb/mux/agent/mux-goal.ts';
import type { FlowMemoryLimits } from '../../../../slb/mux/forwarder/flow-memory.ts';
import { MuxCore } from '../../../../slb/mux/forwarder/mux-core.ts';
import { TABLE_LIMITS, type TableLimits } from '../../../../slb/mux/forwarder/mux-tables.ts';
import type { Overload } from '../../../../slb/mux/forwarder/overload.ts';
import { bytesOf } from '../../../fixtures/addresses.ts';
import {
  healthResource,
  poolResource,
  virtualIpResource,
} from '../../../fixtures/balancing-resources.ts';
import { frameOf, type PacketSpec, words } from '../../bgp/edge/router/edge-world.ts';

export const VIP = '203.0.113.10';
export const VIP6 = '2001:db8:113::10';
export const OTHER_VIP = '203.0.113.11';
export const CLIENT = '192.0.2.9';
export const CLIENT6 = '2001:db8:ffff::9';
export const MUX_ADDRESS = '198.51.100.3';
export const MUX_MAC = 0x0200_0000_0003;
export const EDGE_MAC = 0x0200_0000_0b02;
export const ROUTER_MAC = 0x1234_5678_9abc;
const VNI = 5001;

/** A packet as it leaves. */
export interface Sent {
  /** Address of the backend, by its MAC address; '' of what goes back to the edge. */
  readonly backend: string;
  /** Host that it is tunnelled to; '' of what goes back. */
  readonly host: string;
  readonly vni: number;
  /** What its mark tells; undefined: it has none, whoever gets it keeps it. */
  readonly step: number | undefined;
  readonly key: FlowKey;
  readonly view: DataView;
  readonly frame: SentFrame;
  /** Of the Ethernet header. */
  readonly at: number;
}

export interface WorldOptions {
  readonly flows?: FlowMemoryLimits;
  readonly limits?: Partial<TableLimits>;
}

export class MuxWorld {
  readonly io: MemoryFrameIo = memoryFrameIo();
  readonly clock: ManualClock = new ManualClock();
  readonly core: MuxCore;
  readonly overloads: Overload[] = [];
  readonly #goal = new MuxGoal();
  readonly #uplink: number;
  readonly #overlay: number;

  constructor(options: WorldOptions = {}) {
    const { flows, limits } = options;
    this.#uplink = this.io.attach('ethernet');
    this.#overlay = this.io.attach('uplink');
    this.core = new MuxCore({
      io: this.io,
      clock: this.clock,
      rng: seededRng(7),
      flows: flows ?? { confirmedMax: 1024, unconfirmedMax: 256 },
      limits: { ...TABLE_LIMITS, targetsMax: 4096, rulesMax: 1024, ...limits },
      onOverload: (overload) => this.overloads.push(overload),
    });
    const configuration = {
      uplink: { name: 'uplink0', mac: MUX_MAC },
      providerAddress: words(MUX_ADDRESS),
      vxlanPort: 4789,
      providerMtu: 1500,
      mac: ROUTER_MAC,
    };
    this.core.configure(configuration, this.#uplink, this.#overlay);
  }

  /** Goal state that comes and goes; the keys that could not be in force. */
  async set(upserts: readonly Resource[], removes: readonly string[] = []): Promise<string[]> {
    const { change, errors } = await this.#goal.apply(upserts, removes);
    const faults = this.core.apply(change);
    this.#goal.refused(faults.map(({ key }) => key));
    return [...errors, ...faults].map(({ key }) => key);
  }

  /** Sends packets from the edge, one burst; what leaves, in order. */
  send(...specs: readonly PacketSpec[]): Sent[] {
    for (const spec of specs) {
      this.io.deliver(this.#uplink, frameOf(spec, { dst: MUX_MAC, src: EDGE_MAC }));
    }
    return this.turn();
  }

  /** Sends raw bytes. */
  deliver(bytes: Uint8Array, delivery?: Delivery): Sent[] {
    this.io.deliver(this.#uplink, bytes, delivery);
    return this.turn();
  }

  /** A frame comes in by the tunnels' port. */
  deliverTunnelled(bytes: Uint8Array): Sent[] {
    this.io.deliver(this.#overlay, bytes, { source: bytesOf('198.51.100.101') });
    return this.turn();
  }

  /** A host returns what it has been sent. */
  giveBack({ frame, host }: Sent): Sent[] {
    this.io.deliver(this.#overlay, frame.bytes, { source: bytesOf(host) });
    return this.turn();
  }

  /** Sends a packet that only `keeper` keeps, as long as it is asked about: everybody who has got it, in turn. */
  askedAbout(spec: Partial<PacketSpec>, keeper: string): string[] {
    const asked: string[] = [];
    let [sent] = this.send(tcpPacket(spec));
    while (sent !== undefined) {
      asked.push(sent.backend);
      if (sent.step === undefined || sent.backend === keeper) break;
      [sent] = this.giveBack(sent);
    }
    return asked;
  }

  turn(): Sent[] {
    const sent: Sent[] = [];
    do {
      const received = this.io.exchange(0, 0);
      this.io.exchange(this.core.forward(received), 0);
      sent.push(...this.io.takeSent().map((frame) => this.#read(frame)));
    } while (this.io.backlogCount > 0);
    return sent;
  }

  /** The backend that a packet goes to; '' if it goes to none. */
  backendOf(spec: Partial<PacketSpec> = {}): string {
    const [first] = this.send(tcpPacket(spec));
    return first?.backend ?? '';
  }

  advance(sec: number): void {
    this.clock.advance(seconds(sec));
    this.turn();
  }

  /** Drops of a virtual address, by name. */
  drops(key = 'vip/web'): Readonly<Record<string, number>> {
    const number = this.core.tables.addresses.numberOf(key);
    return this.core.addressCounters.read(number).drops;
  }

  linkDrops(row = 0): Readonly<Record<string, number>> {
    return this.core.counters.read(row).drops;
  }

  #read(frame: SentFrame): Sent {
    const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.length);
    const isTunnelled = frame.uplink !== undefined;
    const at = isTunnelled ? vxlan.HEADER_LEN : 0;
    const key = newFlowKey();
    parseFlow(view, at, frame.bytes.length, key);
    const mac = view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2);
    const address = frame.uplink?.address;
    return {
      backend: isTunnelled ? `10.0.0.${mac - BACKEND_MAC}` : '',
      host: address === undefined ? '' : textOf(address),
      vni: frame.uplink?.vni ?? 0,
      step: askMark.isMarked(view, at, view.byteLength) ? askMark.step(view, at) : undefined,
      ...{ key, view, frame, at },
    };
  }
}

const BACKEND_MAC = 0x0200_0001_0000;

export function hostOf(number: number): string {
  return `198.51.100.${100 + (number % 4)}`;
}

export function backend(number: number, change: Partial<Backend> = {}): Backend {
  return {
    address: bytesOf(`10.0.0.${number}`),
    vni: VNI,
    mac: BACKEND_MAC + number,
    providerAddress: bytesOf(hostOf(number)),
    portId: `port${number}`,
    resourceRef: `/networkInterfaces/vm${number}/ipConfigurations/ip`,
    weight: 1,
    draining: false,
    ...change,
  };
}

export function pool(backends: readonly Backend[], id = 'p'): Resource {
  return poolResource(id, backends);
}

export function rule(change: Partial<LoadBalancingRule> = {}): LoadBalancingRule {
  return {
    ...LOAD_BALANCING_RULE_DEFAULTS,
    id: `rule${change.protocol ?? 6}-${change.port ?? 80}`,
    resourceRef: '/loadBalancers/lb/loadBalancingRules/web',
    protocol: IpProtocol.TCP,
    port: 80,
    poolId: 'p',
    backendPort: 8080,
    ...change,
  };
}

export function vip(
  rules: readonly LoadBalancingRule[],
  address: string = VIP,
  id = 'web',
): Resource {
  return virtualIpResource(address, { id, rules });
}

/** By numbers of backends. */
export function health(states: Readonly<Record<number, HealthState>>, id = 'h'): Resource {
  const known = Object.entries(states).map(([number, state]) => [`10.0.0.${number}`, state]);
  return healthResource(id, Object.fromEntries(known));
}

export function lease(number: number, from: number, to: number, protocol = 0): Resource {
  const { address, vni, mac, providerAddress, portId } = backend(number);
  return {
    key: `snat/web/10.0.0.${number}`,
    version: 1,
    snatLease: {
      vipId: 'web',
      resourceRef: '/loadBalancers/lb/outboundNatRules/out',
      publicAddress: bytesOf(VIP),
      vnetId: 'blue',
      ...{ address, vni, mac, providerAddress, portId, protocol },
      ports: [{ from, to }],
      idleTimeoutSec: 240,
      tcpReset: false,
    },
  };
}

export const UP: HealthState = HealthState.HEALTH_UP;
export const DOWN: HealthState = HealthState.HEALTH_DOWN;
export const LOST: HealthState = HealthState.HEALTH_LOST;
export const UNKNOWN: HealthState = HealthState.HEALTH_UNKNOWN;
export const SYN: number = tcp.Flag.SYN;
export const ACK: number = tcp.Flag.ACK;

/** A segment of a client's to port 80. */
export function tcpPacket(change: Partial<PacketSpec> = {}): PacketSpec {
  return {
    src: CLIENT,
    dst: VIP,
    protocol: IpProtocol.TCP,
    srcPort: 40_000,
    dstPort: 80,
    flags: SYN,
    ...change,
  };
}

export function udpPacket(change: Partial<PacketSpec> = {}): PacketSpec {
  return tcpPacket({ protocol: IpProtocol.UDP, dstPort: 53, ...change });
}

function textOf(address: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.length === 4 ? address : address.slice(12);
  return formatIpWords(words([a, b, c, d].join('.')));
}

/** The one that is there. */
export function only<T>(all: readonly T[]): T {
  if (all.length !== 1) throw new Error(`${all.length}, not one`);
  return defined(all[0], 'one');
}
