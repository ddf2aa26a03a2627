/**
 * How soon everybody knows what a probe has found out: from the moment at which the backend's host takes it for down or for up (as the host itself
 * says, to the millisecond), until each mux has a table without it or with it, and until the controller's API says so. A backend has a dozen servers,
 * each behind a rule with a probe of its own, so all are probed at different moments; they are killed together, so their ports refuse, and started
 * again. Muxes and controller are asked again and again, which makes what is found at most LOOK and an answer's time too long. Called by fabric-scenes.ts.
 */
import type { ChildProcess } from 'node:child_process';
import { defined } from '../../base/assert.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import type { VmRecord } from '../../fabric/vm.ts';
import type { MuxStatus, ProbesAnswer } from '../../schema/southbound/diagnostics/slb.ts';
import { quantile } from '../statistics.ts';
import { type BalancedFabric, LB, PROBE_INTERVAL_SEC, PROBED_PORTS } from './balanced-fabric.ts';
import { WEFT } from './names.ts';
import { connections } from './programs.ts';
import type { Recorder } from './recorder.ts';

export const GOES_DOWN = 'a probe finds a server gone: its host knows, then';
export const COMES_BACK = 'a probe finds a server again: its host knows, then';

type Health = 'up' | 'down';

/** A backend that has gone down more often in ten minutes has to answer longer before it is up again. */
const CYCLES = 2;
const LOOK = millis(10);
const PATIENCE = seconds(2 * PROBE_INTERVAL_SEC + 30);
const CONTROLLER = 'controller';

export async function probeResults(scene: BalancedFabric, recorder: Recorder): Promise<void> {
  const [first, second] = scene.backends;
  const backend = defined(second, 'second backend');
  await startServers(scene, defined(first, 'first backend'));
  const delays = { up: new Delays(), down: new Delays() };
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    const servers = await startServers(scene, backend);
    await observe(scene, backend, 'up', delays.up);
    for (const each of servers) each.kill('SIGKILL');
    await observe(scene, backend, 'down', delays.down);
  }
  const of = { contestant: WEFT, round: 1 };
  recorder.take({ ...of, scene: GOES_DOWN }, delays.down.figures());
  recorder.take({ ...of, scene: COMES_BACK }, delays.up.figures());
}

/** Milliseconds, of each result. */
class Delays {
  readonly #muxes: number[] = [];
  readonly #controller: number[] = [];

  add({ muxes, controller }: { readonly muxes: number; readonly controller: number }): void {
    this.#muxes.push(muxes);
    this.#controller.push(controller);
  }

  figures(): Readonly<Record<string, number>> {
    return {
      muxes50: quantile(this.#muxes, 0.5),
      muxesMax: Math.max(...this.#muxes),
      controller50: quantile(this.#controller, 0.5),
      controllerMax: Math.max(...this.#controller),
    };
  }
}

async function startServers(
  { serve }: BalancedFabric,
  machine: VmRecord,
): Promise<readonly ChildProcess[]> {
  const start = (port: number) => serve(machine, [connections(), 'serve', `${port}`]);
  return Promise.all(PROBED_PORTS.map(start));
}

/** Until all servers of the backend are known by everybody to be so. */
async function observe(
  scene: BalancedFabric,
  backend: VmRecord,
  health: Health,
  delays: Delays,
): Promise<void> {
  const observers = observersOf(scene, backend, health);
  const ends = await Promise.all(observers.map(knownAt));
  const found = await foundAt(scene, backend, health);
  for (const port of PROBED_PORTS) {
    const start = defined(found.get(port), `when port ${port} was found ${health}`);
    const after = (at: number) => (ends[at]?.get(port) ?? Number.NaN) - start;
    const muxes = observers.flatMap(({ name }, at) => (name === CONTROLLER ? [] : [after(at)]));
    const controller = after(observers.findIndex(({ name }) => name === CONTROLLER));
    delays.add({ muxes: Math.max(...muxes), controller });
  }
}

interface Observer {
  readonly name: string;
  /** Ports whose server it knows to be so. */
  look(): Promise<readonly number[]>;
}

/** By port, when the observer was first seen to know: wall clock, ms. */
async function knownAt({ name, look }: Observer): Promise<ReadonlyMap<number, number>> {
  const known = new Map<number, number>();
  const deadline = systemClock.now() + PATIENCE;
  for (;;) {
    const ports = await look();
    const now = systemClock.wallNow();
    for (const port of ports) if (!known.has(port)) known.set(port, now);
    if (PROBED_PORTS.every((port) => known.has(port))) return known;
    if (systemClock.now() > deadline) throw new Error(`${name} has not heard of all results`);
    await sleep(systemClock, LOOK);
  }
}

function observersOf(
  { fabric, virtualAddress }: BalancedFabric,
  { address }: VmRecord,
  health: Health,
): readonly Observer[] {
  const path = `/addresses?address=${virtualAddress}`;
  const muxes = fabric.settings.muxes.map(({ name }): Observer => {
    const { controlSocket: socketPath } = fabric.state.role(name);
    return {
      name,
      async look() {
        const { body } = await exchangeJson({ kind: 'unix', socketPath }, { method: 'GET', path });
        return portsAtMux(body as MuxStatus, address, health);
      },
    };
  });
  const frontend = `${LB}/frontendIPConfigurations/vip`;
  const controller: Observer = {
    name: CONTROLLER,
    async look() {
      const { properties } = await fabric.client.get<Frontend>(frontend);
      return portsAtController(properties, address, health);
    },
  };
  return [...muxes, controller];
}

/** Its table is what counts: by it new connections go. */
function portsAtMux({ addresses }: MuxStatus, backend: string, health: Health): number[] {
  const rules = addresses.flatMap((each) => each.rules);
  return rules.flatMap(({ port, backends }) => {
    const own = backends.find(({ address }) => address === backend);
    return own?.health === health && own.share > 0 === (health === 'up') ? [port] : [];
  });
}

interface Frontend {
  readonly configurationState: {
    readonly vipEndpointStates?: readonly {
      readonly dipEndpointStates: readonly {
        readonly dipEndpoint: string;
        readonly status: string;
      }[];
    }[];
  };
}

function portsAtController(
  { configurationState }: Frontend,
  backend: string,
  health: Health,
): number[] {
  const { vipEndpointStates = [] } = configurationState;
  const wanted = health === 'up' ? 'Success' : 'Failure';
  return vipEndpointStates
    .flatMap(({ dipEndpointStates }) => dipEndpointStates)
    .filter(({ status, dipEndpoint }) => status === wanted && dipEndpoint.startsWith(`${backend}:`))
    .map(({ dipEndpoint }) => Number(dipEndpoint.slice(backend.length + 1)));
}

/** By port, when the backend's host has found it out: wall clock, ms. */
async function foundAt(
  { fabric, virtualAddress }: BalancedFabric,
  { address }: VmRecord,
  health: Health,
): Promise<ReadonlyMap<number, number>> {
  const path = `/networking/weft/v1/virtualAddresses/${virtualAddress}`;
  const { probes } = (await fabric.client.ask('GET', path)) as {
    readonly probes: ProbesAnswer['backends'];
  };
  return new Map(
    probes
      .filter((each) => each.address === address && each.state === health)
      .map(({ port, since = '' }) => [port, Date.parse(since)]),
  );
}
