/**
 * Starts the forwarding worker and is its face on the main thread (switch-handle.ts): requests go out as messages, counters are read
 * from shared memory. A worker that dies takes its devices with it; that is reported once, every request then fails, and the
 * process is expected to start anew. Called by dataplane/main and by tests.
 */
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { SwitchMethod } from '../explain/switch-method.ts';
import { BackendTables, type TableChange } from '../load-balancing/backend-tables.ts';
import { ForwardingWorker } from '../port/forwarding-worker.ts';
import type { RequestErrors } from '../port/request-book.ts';
import { WorkerFault } from '../port/worker-protocol.ts';
import type { ProbeMethod } from '../probe/probes.ts';
import { Counters } from './counters.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import { UPLINK_PORT } from './port-registry.ts';
import type { StartSwitch, SwitchHandle, SwitchOptions } from './switch-handle.ts';
import type {
  PortIndices,
  Request,
  Results,
  WorkerData,
  WorkerMessage,
} from './worker-protocol.ts';

/** The switch refused a request, or the system a device: as thrown in the worker. */
export class SwitchFault extends WorkerFault {
  override readonly name = 'SwitchFault';
}

const ERRORS: RequestErrors = {
  refused: (fault) => new SwitchFault(fault),
  notRunning: () =>
    new SdnError('SDN_SWITCH_STOPPED', 'the switch does not run', {
      remedy: 'restart the host process; the reason is in its log',
    }),
};

export const startSwitch: StartSwitch = async (options) => {
  const face = new WorkerSwitch(options, systemClock);
  await face.started;
  return face;
};

class WorkerSwitch implements SwitchHandle {
  readonly #options: SwitchOptions;
  readonly #worker: ForwardingWorker<Request, Results, WorkerMessage, WorkerData>;
  readonly #namespaces: NamespaceWatch;
  readonly #counters = new Counters();
  readonly #tables = new BackendTables();
  #indices: ReadonlyMap<string, number> = new Map();
  #ids: ReadonlyMap<number, string> = new Map();

  constructor(options: SwitchOptions, clock: Clock) {
    this.#options = options;
    this.#namespaces = new NamespaceWatch(clock, (portId) => void this.#namespaceGone(portId));
    this.#worker = new ForwardingWorker({
      entry: new URL('./worker.js', import.meta.url),
      data: { counters: this.#counters.buffer, hasOffload: options.hasOffload },
      errors: ERRORS,
      onMessage: (message) => this.#hear(message),
      onFailed: (reason) => {
        this.#namespaces.close();
        options.log.error({ err: reason }, 'the forwarding worker has died');
        options.onFailed(reason);
      },
    });
  }

  get started(): Promise<void> {
    return this.#worker.started;
  }

  get isHealthy(): boolean {
    return this.#worker.isHealthy;
  }

  /** One at a time, as its agent asks. */
  async applyGoal(change: Parameters<SwitchHandle['applyGoal']>[0]): Promise<Results['applyGoal']> {
    const { upserts, removes } = change;
    const tables = await this.#tablesAfter(change);
    const errors = await this.#worker.ask({
      kind: 'applyGoal',
      change: { upserts, removes, tables },
    });
    this.#tables.handedOver(tables);
    return errors;
  }

  async attach(
    ...[portId, device]: Parameters<SwitchHandle['attach']>
  ): Promise<Results['attach']> {
    const attached = await this.#worker.ask({ kind: 'attach', portId, device });
    if (device.namespace !== undefined) await this.#namespaces.add(portId, device.namespace);
    return attached;
  }

  detach(portId: string): Promise<boolean> {
    this.#namespaces.remove(portId);
    return this.#worker.ask({ kind: 'detach', portId });
  }

  async openServices(name: string): Promise<void> {
    await this.#worker.ask({ kind: 'openServices', name });
  }

  portIdAt(number: number): string | undefined {
    return this.#ids.get(number);
  }

  portNumber(portId: string): number | undefined {
    return this.#indices.get(portId);
  }

  flows(query: Parameters<SwitchHandle['flows']>[0]): Promise<Results['flows']> {
    return this.#worker.ask({ kind: 'flows', query });
  }

  startCapture(
    request: Parameters<SwitchHandle['startCapture']>[0],
  ): Promise<Results['captureStart']> {
    return this.#worker.ask({ kind: 'captureStart', request });
  }

  readCapture(id: number, bytesMax?: number): Promise<Results['captureRead']> {
    return this.#worker.ask({ kind: 'captureRead', id, bytesMax });
  }

  stopCapture(id: number): Promise<Results['captureStop']> {
    return this.#worker.ask({ kind: 'captureStop', id });
  }

  captures(): Promise<Results['captures']> {
    return this.#worker.ask({ kind: 'captures' });
  }

  takeFlowRecords(): Promise<Results['takeFlowRecords']> {
    return this.#worker.ask({ kind: 'takeFlowRecords' });
  }

  async answer<M extends SwitchMethod>(method: M, question: Question<M>): Promise<Answer<M>> {
    // Of the shape that the method promises: the worker runs the same code.
    return (await this.#worker.ask({ kind: 'answer', method, question })) as Answer<M>;
  }

  async probe<M extends ProbeMethod>(method: M, question: Question<M>): Promise<Answer<M>> {
    // Of the shape that the method promises: the worker runs the same code.
    return (await this.#worker.ask({ kind: 'probe', method, question })) as Answer<M>;
  }

  counters(portId: string): ReturnType<SwitchHandle['counters']> {
    const index = this.#indices.get(portId);
    return index === undefined ? undefined : this.#counters.read(index);
  }

  uplinkCounters(): ReturnType<SwitchHandle['uplinkCounters']> {
    return this.#counters.read(UPLINK_PORT);
  }

  async close(): Promise<void> {
    if (!this.isHealthy) return;
    this.#namespaces.close();
    await this.#worker.close({ kind: 'close' });
  }

  /** Timers and sockets of this thread have their turn between two tables. */
  async #tablesAfter(change: Parameters<BackendTables['after']>[0]): Promise<TableChange> {
    const steps = this.#tables.after(change);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await setImmediate();
    }
  }

  #hear(message: WorkerMessage): void {
    if (message.kind === 'learned') {
      this.#options.onLearned(message.portId, message.addresses);
      return;
    }
    if (message.ports !== undefined) this.#setIndices(message.ports);
    if (message.kind !== 'deviceGone') return;
    this.#namespaces.remove(message.portId);
    this.#options.onDeviceGone(message.portId);
  }

  async #namespaceGone(portId: string): Promise<void> {
    try {
      if (await this.detach(portId)) this.#options.onDeviceGone(portId);
    } catch (fault) {
      // The worker has died in between, which is reported by itself.
      this.#options.log.debug({ portId, err: fault }, 'device of a deleted namespace not closed');
    }
  }

  #setIndices(ports: PortIndices): void {
    this.#indices = new Map(ports);
    this.#ids = new Map(ports.map(([id, number]) => [number, id]));
  }
}
