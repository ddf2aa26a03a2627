/**
 * MuxCore: one mux over any FrameIo — tables, flow memory, forwarder and counters put together. Knows no threads and opens no devices, so that the
 * same mux runs in a worker over interfaces and in a test over memory.
 *
 *   core.forward(n) → number of descriptors to send with the next exchange; between two of them: configure, apply
 *
 * Called by mux-loop.ts and by tests.
 */
import type { Clock } from '../../../base/clock.ts';
import type { IpWords } from '../../../base/ip-words.ts';
import { isIpv4Words } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { Rng } from '../../../base/rng.ts';
import { DeviceLosses, type DeviceOfLink } from '../../../dataplane/port/device-losses.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { LinkCounters } from '../../../dataplane/port/link-counters.ts';
import * as vxlan from '../../../packet/vxlan.ts';
import { FLOWS_CONFIRMED_MAX, FLOWS_UNCONFIRMED_MAX, SWEEP_SEC } from '../../limits.ts';
import { AddressCounters } from './address-counters.ts';
import { Balancer } from './balancer.ts';
import { FlowMemory, type FlowMemoryLimits } from './flow-memory.ts';
import { Forwarder } from './forwarder.ts';
import { LINK_NAMES, OVERLAY, UPLINK } from './links.ts';
import { MuxTables, TABLE_LIMITS, type TableLimits } from './mux-tables.ts';
import { type Overload, OverloadWatch } from './overload.ts';
import type { TableChange, TableFault } from './table-change.ts';

export interface MuxConfiguration {
  /** Name and MAC address of the interface of the provider network. */
  readonly uplink: { readonly name: string; readonly mac: number };
  readonly providerAddress: IpWords;
  readonly vxlanPort: number;
  readonly providerMtu: number;
  /** Inner source of what is tunnelled: the virtual router's. */
  readonly mac: number;
}

export interface MuxCoreParts {
  readonly io: FrameIo;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Default: those of limits.ts. */
  readonly flows?: FlowMemoryLimits;
  readonly limits?: TableLimits;
  /** A virtual address takes what the others need. */
  onOverload?(overload: Overload): void;
}

const FLOWS: FlowMemoryLimits = {
  confirmedMax: FLOWS_CONFIRMED_MAX,
  unconfirmedMax: FLOWS_UNCONFIRMED_MAX,
};

export class MuxCore {
  readonly tables: MuxTables;
  readonly memory: FlowMemory;
  readonly counters: LinkCounters = new LinkCounters(LINK_NAMES.length);
  readonly addressCounters: AddressCounters;
  readonly balancer: Balancer;
  readonly forwarder: Forwarder;
  readonly #io: FrameIo;
  readonly #clock: Clock;
  readonly #watch: OverloadWatch;
  readonly #onOverload: (overload: Overload) => void;
  readonly #gone: Uint8Array;
  #isAddressGone = false;
  #devices: readonly DeviceOfLink[] = [];
  readonly #losses: DeviceLosses;
  #tickSec: number;

  constructor(parts: MuxCoreParts) {
    const { io, clock, rng, limits = TABLE_LIMITS, flows = FLOWS } = parts;
    this.#io = io;
    this.#losses = new DeviceLosses(io, this.counters);
    this.#clock = clock;
    this.#tickSec = this.nowSec;
    this.#gone = new Uint8Array(limits.addressesMax);
    this.tables = new MuxTables(
      {
        setPeer: (peer, address, udpPort) => io.setPeer(peer, address, udpPort),
        onAddressGone: (number) => {
          this.#gone[number] = 1;
          this.#isAddressGone = true;
          this.addressCounters.clear(number);
        },
      },
      limits,
    );
    this.memory = new FlowMemory(flows, this.tables, rng.uint32());
    this.addressCounters = new AddressCounters(limits.addressesMax);
    this.#watch = new OverloadWatch(limits.addressesMax);
    this.#onOverload = parts.onOverload ?? (() => undefined);
    const { tables, memory, counters, addressCounters } = this;
    this.balancer = new Balancer({ tables, memory, addressCounters, limits });
    this.forwarder = new Forwarder({
      ...{ io, tables, counters, addressCounters },
      balancer: this.balancer,
      fragmentSeed: rng.uint32(),
    });
  }

  /** Seconds of the clock, by which everything ages. */
  get nowSec(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  /** Settings from now on; `uplink` and `overlay` are the frame I/O's numbers of the mux's ports. */
  configure(configuration: MuxConfiguration, uplink: number, overlay: number): void {
    const { providerAddress, providerMtu, vxlanPort, mac } = configuration;
    const overhead = isIpv4Words(providerAddress) ? vxlan.OVERHEAD_IPV4 : vxlan.OVERHEAD_IPV6;
    this.tables.hosts.setUdpPort(vxlanPort);
    this.tables.targets.configure(mac, providerMtu - overhead);
    this.forwarder.bind(uplink, overlay, {
      mac: configuration.uplink.mac,
      address: providerAddress,
    });
    this.#devices = [
      [UPLINK, uplink],
      [OVERLAY, overlay],
    ];
  }

  apply(change: TableChange): readonly TableFault[] {
    const faults = this.tables.apply(change, this.nowSec);
    if (this.#isAddressGone) {
      this.memory.forgetAddresses(this.#gone);
      this.#gone.fill(0);
      this.#isAddressGone = false;
    }
    return faults;
  }

  forward(received: number): number {
    const { nowSec } = this;
    if (nowSec !== this.#tickSec) this.#tick(nowSec);
    return this.forwarder.forward(received, nowSec);
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    this.tables.checkInvariants();
    this.memory.checkInvariants();
  }

  #tick(nowSec: number): void {
    const seconds = Math.min(SWEEP_SEC, Math.max(1, nowSec - this.#tickSec));
    this.#tickSec = nowSec;
    this.memory.sweep(nowSec, Math.ceil((this.memory.capacity / SWEEP_SEC) * seconds));
    this.#losses.collect(this.#devices);
    const overload = this.#watch.look({
      lost: this.#lostInReception(),
      received: this.counters.frames(UPLINK),
      displaced: this.memory.displaced,
      addresses: this.tables.addresses.all().map(({ number, goal }) => ({
        number,
        key: goal.key,
        packets: this.addressCounters.frames(number),
        syns: this.addressCounters.syns(number),
      })),
    });
    if (overload !== undefined) this.#onOverload(overload);
  }

  #lostInReception(): number {
    const [uplink] = this.#devices;
    return uplink === undefined || uplink[1] === NONE ? 0 : this.#io.receiveDrops(uplink[1]);
  }
}
