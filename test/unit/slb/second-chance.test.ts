/**
 * Every packet of a TCP connection reaches its backend, as long as that stays in the pool: muxes and hosts as they are, over memory, under any sequence of
 * changes of the pool and its health, of muxes that are killed, come, and of routers that change their mind (docs/design/0027).
 *
 *   client ──► one of the muxes, by the connection and who is there ──► host of a backend ──► VM
 *                     ▲                                                  │
 *                     └───────────────── not here ───────────────────────┘
 *
 * A VM that gets a segment of a connection that it does not know would reset it: that is what must not happen.
 */
import test from 'ava';
import fc from 'fast-check';
import { defined } from '../../../base/assert.ts';
import { seconds } from '../../../base/units.ts';
import type { SentFrame } from '../../../dataplane/port/memory-frame-io.ts';
import type { Resource } from '../../../schema/southbound/messages.ts';
import { bytesOf } from '../../fixtures/addresses.ts';
import { segmentFrom } from '../dataplane/load-balancing/balanced.ts';
import {
  BLUE,
  hostResource,
  networkResource,
  octets,
  portResource,
  type Rig,
  rig,
  subnetResource,
} from '../dataplane/switch/tenants.ts';
import {
  ACK,
  backend,
  CLIENT,
  hostOf,
  MuxWorld,
  ROUTER_MAC,
  rule,
  SYN,
  tcpPacket,
  vip,
} from './mux/mux-world.ts';
import { aPoolChange, aWeight, NUMBERS, type PoolChange, PoolModel } from './mux/pool-model.ts';

const HOSTS = 4;
const FLOWS_EACH_TIME = 6;
const MUXES_MAX = 4;

type Step =
  | PoolChange
  | { readonly kind: 'wait'; readonly sec: number }
  | { readonly kind: 'restart' | 'lose' | 'rehash' | 'add' };

const aMember = fc.record({ weight: aWeight, isDraining: fc.boolean() });
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: aPoolChange(aMember) },
  fc.record({ kind: fc.constant('wait' as const), sec: fc.constantFrom(1, 9, 70) }),
  fc.record({ kind: fc.constantFrom('restart', 'lose', 'rehash', 'add') }),
);

const muxAddress = (index: number) => `198.51.100.${3 + index}`;

/** A host with its VMs, which know the connections that have begun at them. */
class Host {
  readonly net: Rig = rig();
  readonly #numbers = new Map<number, number>();
  readonly #known = new Map<number, Set<number>>();

  constructor(index: number) {
    const own = NUMBERS.filter((number) => number % HOSTS === index);
    const base = hostResource();
    const host: Resource = {
      ...base,
      host: {
        ...defined(base.host, 'a host'),
        providerAddress: octets(hostOf(index)),
        edges: [
          { providerAddress: octets('198.51.100.2'), mac: 0x0200_5e00_0001, resourceRef: '' },
        ],
        muxes: Array.from({ length: MUXES_MAX }, (_, mux) => ({
          providerAddress: octets(muxAddress(mux)),
          resourceRef: `/loadBalancerMuxes/${mux}`,
        })),
      },
    };
    this.apply([host, networkResource(BLUE), subnetResource(BLUE, 'web'), ...own.map(portOf)]);
    for (const number of own) {
      this.#numbers.set(this.net.attach(`port${number}`), number);
      this.#known.set(number, new Set());
    }
  }

  apply(upserts: readonly Resource[]): void {
    const errors = this.net.core.applyGoal({ upserts, removes: [] });
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
  }

  /** What a mux has sent: whoever has got it, or what the host has returned. */
  receive(inner: Uint8Array, mux: number): number | SentFrame | undefined {
    const [out] = this.net.passTunnel(BLUE.webVni, inner, muxAddress(mux));
    if (out === undefined || out.uplink !== undefined) return out;
    const number = defined(this.#numbers.get(out.port), 'a VM');
    const view = new DataView(out.bytes.buffer, out.bytes.byteOffset, out.bytes.length);
    this.#answer(number, out.port, view.getUint16(34), view.getUint8(47));
    return number;
  }

  #answer(number: number, device: number, clientPort: number, flags: number): void {
    const known = defined(this.#known.get(number), 'its connections');
    if (flags === SYN) known.add(clientPort);
    else if (!known.has(clientPort)) {
      throw new Error(`VM ${number} would reset the connection from port ${clientPort}`);
    }
    const ends = { src: `10.0.0.${number}`, srcPort: 8080, dst: CLIENT, dstPort: clientPort };
    const macs = { srcMac: backend(number).mac, dstMac: ROUTER_MAC };
    this.net.pass(device, [segmentFrom(ends, macs, flags | ACK)]);
  }
}

function portOf(number: number): Resource {
  const made = portResource(BLUE, `10.0.0.${number}`);
  const port = { ...defined(made.port, 'a port'), id: `port${number}`, mac: backend(number).mac };
  return { ...made, key: `port/port${number}`, port };
}

class World {
  readonly pool = new PoolModel({ weight: 1, isDraining: false });
  readonly #hosts = Array.from({ length: HOSTS }, (_, index) => new Host(index));
  /** By place; undefined: dead. */
  readonly #muxes: (MuxWorld | undefined)[] = [undefined, undefined];
  #salt = 0;

  static async start(): Promise<World> {
    const world = new World();
    for (const host of world.#hosts) host.apply(world.#goal());
    for (const place of [0, 1]) await world.#startMux(place);
    return world;
  }

  #goal(): Resource[] {
    return [...this.pool.goal(), vip([WEB])];
  }

  async #startMux(place: number): Promise<void> {
    const mux = new MuxWorld();
    await mux.set(this.#goal());
    this.#muxes[place] = mux;
  }

  /** `between`: packets while some have been told and others have not. */
  async take(step: Step, between: () => void): Promise<void> {
    switch (step.kind) {
      case 'join':
      case 'probe':
        return this.#tell([this.pool.take(step)], between);
      case 'leave':
        return this.#tell([this.pool.take(step)], () => undefined);
      case 'wait':
        for (const mux of this.#muxes) mux?.advance(step.sec);
        for (const { net } of this.#hosts) net.clock.advance(seconds(step.sec));
        return;
      case 'rehash':
        this.#salt += 1;
        return;
      case 'restart':
        return this.#startMux(this.#places()[0] ?? 0);
      case 'add':
        if (this.#muxes.length < MUXES_MAX) await this.#startMux(this.#muxes.length);
        return;
      case 'lose': {
        const [first, ...others] = this.#places();
        if (first !== undefined && others.length > 0) this.#muxes[first] = undefined;
      }
    }
  }

  async #tell(resources: readonly Resource[], between: () => void): Promise<void> {
    for (const mux of this.#muxes) {
      await mux?.set(resources);
      between();
    }
    for (const host of this.#hosts) host.apply(resources);
  }

  #places(): readonly number[] {
    return [...this.#muxes.keys()].filter((place) => this.#muxes[place] !== undefined);
  }

  /** The VM that has got the segment; undefined: none. */
  send(srcPort: number, flags: number): number | undefined {
    const places = this.#places();
    const place = defined(places[(srcPort + this.#salt) % places.length], 'a mux');
    const mux = defined(this.#muxes[place], 'a mux');
    let [sent] = mux.send(tcpPacket({ srcPort, flags }));
    while (sent !== undefined) {
      const { host } = sent;
      const at = this.#hosts.find((_, index) => hostOf(index) === host);
      const got = defined(at, 'a host').receive(sent.frame.bytes.slice(8), place);
      if (typeof got === 'number' || got === undefined) return got;
      const to = defined(got.uplink, 'a tunnel').address;
      if (to.join() !== bytesOf(muxAddress(place)).join()) throw new Error('to another mux');
      [sent] = mux.giveBack({ ...sent, frame: got });
    }
    return undefined;
  }

  checkInvariants(): void {
    for (const mux of this.#muxes) mux?.core.checkInvariants();
    for (const { net } of this.#hosts) net.core.checkInvariants();
  }
}

const WEB = rule({ healthId: 'h', idleTimeoutSec: 1800 });

test('a connection reaches its backend whatever becomes of tables and muxes', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { maxLength: 14 }), async (steps) => {
      const world = await World.start();
      const flows = new Map<number, number>();
      const begin = (): void => {
        for (let count = 0; count < FLOWS_EACH_TIME; count += 1) {
          const srcPort = 10_000 + begun;
          begun += 1;
          const number = world.send(srcPort, SYN);
          if (number !== undefined) flows.set(srcPort, number);
        }
        talk();
      };
      const talk = (): void => {
        for (const [srcPort, number] of flows) {
          // Whose backend has left may be reset, and is of no concern any more.
          if (!world.pool.has(number)) flows.delete(srcPort);
          else if (world.send(srcPort, ACK) !== number) {
            throw new Error(`port ${srcPort} of backend ${number}`);
          }
        }
      };
      let begun = 0;
      begin();
      for (const step of steps) {
        await world.take(step, talk);
        begin();
      }
      world.checkInvariants();
    }),
    { numRuns: 25 },
  );
  t.pass();
});
