/**
 * A controller, its simulated hosts and a network that grows: what the benchmark of the control plane measures. Every change is a write
 * of the northbound API, and counts as applied when the last host that needs it has been handed it.
 */
import { defined } from '../../base/assert.ts';
import { below, type Rng } from '../../base/rng.ts';
import { type BenchController, startController } from './controller.ts';
import { machineNow } from './machine-time.ts';
import { SimulatedHosts } from './simulated-hosts.ts';
import {
  hostName,
  hostOf,
  inParallel,
  makeFabric,
  makeNetwork,
  mappingKey,
  type Nic,
  type Shape,
  writeNic,
} from './tenants.ts';

/** Requests under way at once while the network is made, and while writes per second are measured. */
const WIDTH = 16;
const HOST_PROCESSES = 2;
/** Addresses beyond those that interfaces start with; a change takes the next one. */
const CHANGED_OFFSET_MIN = 8192;
const CHANGED_OFFSET_MAX = 65_000;

export interface Sustained {
  readonly writesPerSec: number;
  /** Of each change, from its request to the last host. */
  readonly latenciesMs: readonly number[];
}

export class World {
  readonly controller: BenchController;
  readonly #hosts: SimulatedHosts;
  readonly #shape: Shape;
  readonly #rng: Rng;
  readonly #networks: string[] = [];
  readonly #nics: Nic[] = [];
  readonly #portsOf = new Map<string, string[]>();
  #offset = CHANGED_OFFSET_MIN;

  private constructor(
    controller: BenchController,
    hosts: SimulatedHosts,
    options: { shape: Shape; rng: Rng },
  ) {
    this.controller = controller;
    this.#hosts = hosts;
    this.#shape = options.shape;
    this.#rng = options.rng;
  }

  static async start(options: { readonly shape: Shape; readonly rng: Rng }): Promise<World> {
    const controller = await startController();
    try {
      const { hostCount } = options.shape;
      await makeFabric(controller.client, hostCount);
      const ids = Array.from({ length: hostCount }, (_, at) => hostName(at));
      const hosts = await SimulatedHosts.start({
        controller: controller.southbound,
        hosts: await Promise.all(ids.map((id) => controller.host(id))),
        processCount: HOST_PROCESSES,
      });
      return new World(controller, hosts, options);
    } catch (error) {
      await controller.stop();
      throw error;
    }
  }

  /** Makes interfaces, and networks for them, until there are `nicCount`, all attached. Returns writes per second. */
  async grow(nicCount: number): Promise<number> {
    const { networkSize } = this.#shape;
    const firstNetwork = this.#networks.length;
    const firstNic = this.#nics.length;
    const networkCount = Math.ceil(nicCount / networkSize);
    const startedAt = machineNow();
    await inParallel(networkCount - firstNetwork, WIDTH, async (at) => {
      this.#networks[firstNetwork + at] = await makeNetwork(
        this.controller.client,
        firstNetwork + at,
      );
    });
    await inParallel(nicCount - firstNic, WIDTH, async (at) => {
      this.#nics[firstNic + at] = await this.#makeNic(firstNic + at);
    });
    const elapsedSec = (machineNow() - startedAt) / 1000;
    for (const nic of this.#nics.slice(firstNic)) this.#place(nic);
    this.#hosts.attach(this.#portsOf);
    await this.#hosts.settled({ resources: this.#expectedResources() });
    return (networkCount - firstNetwork + nicCount - firstNic) / elapsedSec;
  }

  /** One change after the other. Returns how long each took. */
  async changes(count: number): Promise<number[]> {
    this.#hosts.watch(true);
    const latencies: number[] = [];
    for (let at = 0; at < count; at++) {
      latencies.push(await this.#change(below(this.#rng, this.#nics.length)));
    }
    this.#hosts.watch(false);
    return latencies;
  }

  /** As many changes as go, WIDTH under way at once, each from request to last host. */
  async sustained(durationSec: number): Promise<Sustained> {
    this.#hosts.watch(true);
    const latenciesMs: number[] = [];
    const share = Math.floor(this.#nics.length / WIDTH);
    const startedAt = machineNow();
    const end = startedAt + durationSec * 1000;
    await inParallel(WIDTH, WIDTH, async (worker) => {
      // Of its own interfaces, so that no change overtakes another.
      while (machineNow() < end) {
        latenciesMs.push(await this.#change(worker * share + below(this.#rng, share)));
      }
    });
    const elapsedSec = (machineNow() - startedAt) / 1000;
    this.#hosts.watch(false);
    return { writesPerSec: latenciesMs.length / elapsedSec, latenciesMs };
  }

  /** One interface more in the last network, attached. Returns the time until every host of the network can send to it. */
  async addPort(): Promise<number> {
    this.#hosts.watch(true);
    const index = this.#nics.length;
    const startedAt = machineNow();
    const nic = await this.#makeNic(index, this.#networks.length - 1);
    this.#nics.push(nic);
    this.#place(nic);
    const { networkSize, hostCount } = this.#shape;
    const key = mappingKey(nic.networkInstanceId, this.#startOffset(index));
    const applied = this.#hosts.appliedOn(Math.min(networkSize, hostCount), key);
    this.#hosts.attach(new Map([[nic.host, this.#portsOf.get(nic.host) ?? []]]));
    const at = await applied;
    this.#hosts.watch(false);
    return at - startedAt;
  }

  async stop(): Promise<void> {
    await this.#hosts.stop();
    await this.controller.stop();
  }

  async #change(index: number): Promise<number> {
    const nic = defined(this.#nics[index], 'interface');
    const offset = this.#offset++;
    if (this.#offset === CHANGED_OFFSET_MAX) this.#offset = CHANGED_OFFSET_MIN;
    const { hostCount, networkSize } = this.#shape;
    const key = mappingKey(nic.networkInstanceId, offset);
    const startedAt = machineNow();
    const applied = this.#hosts.appliedOn(Math.min(networkSize, hostCount), key);
    await writeNic(this.controller.client, { index, network: nic.network, offset });
    return (await applied) - startedAt;
  }

  async #makeNic(
    index: number,
    network = Math.floor(index / this.#shape.networkSize),
  ): Promise<Nic> {
    const { client } = this.controller;
    const instanceId = await writeNic(client, { index, network, offset: this.#startOffset(index) });
    const networkInstanceId = defined(this.#networks[network], 'network');
    return { index, network, host: hostOf(index, this.#shape), instanceId, networkInstanceId };
  }

  #startOffset(index: number): number {
    return index % CHANGED_OFFSET_MIN;
  }

  #place(nic: Nic): void {
    const ports = this.#portsOf.get(nic.host) ?? [];
    ports.push(nic.instanceId);
    this.#portsOf.set(nic.host, ports);
  }

  /** Held by all hosts together: settings, ports, and for each network of a host the network, its subnet and its mappings. */
  #expectedResources(): number {
    const sizes = new Map<number, number>();
    const held = new Set<string>();
    for (const { network, host } of this.#nics) {
      sizes.set(network, (sizes.get(network) ?? 0) + 1);
      held.add(`${network} ${host}`);
    }
    let total = this.#shape.hostCount + this.#nics.length;
    for (const pair of held) total += 2 + (sizes.get(Number(pair.split(' ')[0])) ?? 0);
    return total;
  }
}
