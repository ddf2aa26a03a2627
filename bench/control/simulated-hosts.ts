/** The simulated hosts as the benchmark sees them: several processes of agents, and what has been applied where and when. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import type { HostFiles, Notice, Order } from './host-process.ts';

const SETTLE_TIMEOUT = seconds(300);
const APPLY_TIMEOUT = seconds(30);
const POLL = millis(50);

export interface Applied {
  /** Hosts that have it. */
  readonly hosts: number;
  /** machineNow() of the last of them. */
  readonly lastAt: number;
}

interface Waiter {
  readonly hosts: number;
  readonly resolve: (lastAt: number) => void;
}

export class SimulatedHosts {
  readonly #processes: readonly ChildProcess[];
  readonly #processOf: ReadonlyMap<string, ChildProcess>;
  readonly #applied = new Map<string, Applied>();
  readonly #waiters = new Map<string, Waiter>();

  private constructor(
    processes: readonly ChildProcess[],
    processOf: ReadonlyMap<string, ChildProcess>,
  ) {
    this.#processes = processes;
    this.#processOf = processOf;
    for (const process of processes) process.on('message', (notice: Notice) => this.#take(notice));
  }

  static async start(options: {
    readonly controller: string;
    readonly hosts: readonly HostFiles[];
    readonly processCount: number;
  }): Promise<SimulatedHosts> {
    const program = fileURLToPath(new URL('./host-process.js', import.meta.url));
    const processes = Array.from({ length: options.processCount }, () => fork(program));
    const processOf = new Map<string, ChildProcess>();
    processes.forEach((process, index) => {
      const own = options.hosts.filter((_, at) => at % options.processCount === index);
      for (const { id } of own) processOf.set(id, process);
      send(process, { kind: 'start', controller: options.controller, hosts: own });
    });
    const hosts = new SimulatedHosts(processes, processOf);
    await hosts.settled({ connected: options.hosts.length });
    return hosts;
  }

  /** All ports of the hosts named. */
  attach(ports: ReadonlyMap<string, readonly string[]>): void {
    for (const process of this.#processes) {
      const own = [...ports].filter(([id]) => this.#processOf.get(id) === process);
      if (own.length > 0) send(process, { kind: 'attach', ports: Object.fromEntries(own) });
    }
  }

  watch(on: boolean): void {
    this.#applied.clear();
    for (const process of this.#processes) send(process, { kind: 'watch', on });
  }

  /** machineNow() at which the last of `hosts` hosts has got the mapping. */
  appliedOn(hosts: number, key: string): Promise<number> {
    const applied = this.#applied.get(key);
    if (applied !== undefined && applied.hosts >= hosts) {
      this.#applied.delete(key);
      return Promise.resolve(applied.lastAt);
    }
    return new Promise((resolve, reject) => {
      const timer = systemClock.after(APPLY_TIMEOUT, () => {
        this.#waiters.delete(key);
        const count = this.#applied.get(key)?.hosts ?? 0;
        reject(new Error(`${key}: ${count} of ${hosts} hosts have it`));
      });
      const done = (lastAt: number): void => {
        timer.cancel();
        resolve(lastAt);
      };
      this.#waiters.set(key, { hosts, resolve: done });
    });
  }

  /** Waits until so many hosts are connected and hold, together, so many resources. */
  async settled(wanted: {
    readonly connected?: number;
    readonly resources?: number;
  }): Promise<void> {
    const deadline = systemClock.now() + SETTLE_TIMEOUT;
    for (;;) {
      const { connected, resources } = await this.#count();
      const enough = wanted.connected === undefined || connected === wanted.connected;
      if (enough && (wanted.resources === undefined || resources === wanted.resources)) return;
      if (systemClock.now() > deadline) {
        throw new Error(
          `hosts do not settle: ${connected} connected, ${resources} resources, not ${JSON.stringify(wanted)}`,
        );
      }
      await sleep(systemClock, POLL);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(async (process) => {
        if (process.exitCode !== null) return;
        const gone = once(process, 'exit');
        send(process, { kind: 'stop' });
        const timer = systemClock.after(seconds(10), () => process.kill('SIGKILL'));
        await gone;
        timer.cancel();
      }),
    );
  }

  async #count(): Promise<{ connected: number; resources: number }> {
    const counts = await Promise.all(
      this.#processes.map(async (process) => {
        const answer = nextCount(process);
        send(process, { kind: 'count' });
        return answer;
      }),
    );
    return {
      connected: counts.reduce((sum, { connected }) => sum + connected, 0),
      resources: counts.reduce((sum, { resources }) => sum + resources, 0),
    };
  }

  #take(notice: Notice): void {
    if (notice.kind !== 'applied') return;
    for (const { key, at } of notice.arrivals) {
      const before = this.#applied.get(key);
      const applied = {
        hosts: (before?.hosts ?? 0) + 1,
        lastAt: Math.max(before?.lastAt ?? 0, at),
      };
      this.#applied.set(key, applied);
      const waiter = this.#waiters.get(key);
      if (waiter === undefined || applied.hosts < waiter.hosts) continue;
      this.#waiters.delete(key);
      this.#applied.delete(key);
      waiter.resolve(applied.lastAt);
    }
  }
}

function nextCount(process: ChildProcess): Promise<Extract<Notice, { kind: 'count' }>> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('a process of simulated hosts has ended'));
    const take = (notice: Notice): void => {
      if (notice.kind !== 'count') return;
      process.off('message', take);
      process.off('exit', gone);
      resolve(notice);
    };
    process.on('message', take);
    process.once('exit', gone);
  });
}

function send(process: ChildProcess, order: Order): void {
  process.send(order);
}
