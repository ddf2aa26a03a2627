/**
 * Starts the forwarding worker and is its face on the main thread (switch-handle.ts): requests go out as messages, counters are read
 * from shared memory. A worker that dies takes its devices with it; that is reported once, every request then fails, and the
 * process is expected to start anew. Called by dataplane/main and by tests.
 */
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { wake } from '../../native/burst.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { SwitchMethod } from '../explain/switch-method.ts';
import type { ProbeMethod } from '../probe/probes.ts';
import { Counters } from './counters.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import { UPLINK_PORT } from './port-registry.ts';
import type { StartSwitch, SwitchHandle, SwitchOptions } from './switch-handle.ts';
import type {
  Fault,
  PortIndices,
  Request,
  Results,
  WorkerData,
  WorkerMessage,
} from './worker-protocol.ts';

/** The switch refused a request, or the system a device: as thrown in the worker. */
export class SwitchFault extends SdnError {
  override readonly name = 'SwitchFault';
  /** Name of the errno where the system refused, e.g. 'EBUSY'. */
  readonly errno: string | undefined;

  constructor(fault: Fault) {
    const { code, message, remedy } = fault;
    super(code, message, remedy === undefined ? {} : { remedy });
    this.errno = fault.errno;
  }
}

export const startSwitch: StartSwitch = (options) =>
  new Promise((resolve, reject) => {
    new WorkerSwitch(options, systemClock, resolve, reject);
  });

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

class WorkerSwitch implements SwitchHandle {
  readonly #options: SwitchOptions;
  readonly #worker: Worker;
  readonly #namespaces: NamespaceWatch;
  readonly #counters = new Counters();
  readonly #requestCount = new Int32Array(new SharedArrayBuffer(4));
  readonly #waiting = new Map<number, Waiting>();
  #nextNumber = 0;
  #wakeFd = -1;
  #indices: ReadonlyMap<string, number> = new Map();
  #ids: ReadonlyMap<number, string> = new Map();
  #state: 'starting' | 'running' | 'closing' | 'dead' = 'starting';

  constructor(
    options: SwitchOptions,
    clock: Clock,
    started: (handle: SwitchHandle) => void,
    failed: (reason: Error) => void,
  ) {
    this.#options = options;
    this.#namespaces = new NamespaceWatch(clock, (portId) => void this.#namespaceGone(portId));
    const data: WorkerData = {
      counters: this.#counters.buffer,
      requestCount: this.#requestCount.buffer as SharedArrayBuffer,
      hasOffload: options.hasOffload,
    };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data });
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.kind !== 'ready') this.#receive(message);
      else {
        this.#wakeFd = message.wakeFd;
        this.#state = 'running';
        started(this);
      }
    });
    this.#worker.on('error', (reason) => this.#die(reason, failed));
    this.#worker.on('exit', () => {
      if (this.#state !== 'closing') this.#die(new Error('the worker has ended'), failed);
    });
  }

  get isHealthy(): boolean {
    return this.#state === 'running';
  }

  applyGoal(change: Parameters<SwitchHandle['applyGoal']>[0]): Promise<Results['applyGoal']> {
    const { upserts, removes } = change;
    return this.#ask({ kind: 'applyGoal', change: { upserts, removes } });
  }

  async attach(
    ...[portId, device]: Parameters<SwitchHandle['attach']>
  ): Promise<Results['attach']> {
    const attached = await this.#ask({ kind: 'attach', portId, device });
    if (device.namespace !== undefined) await this.#namespaces.add(portId, device.namespace);
    return attached;
  }

  detach(portId: string): Promise<boolean> {
    this.#namespaces.remove(portId);
    return this.#ask({ kind: 'detach', portId });
  }

  async openServices(name: string): Promise<void> {
    await this.#ask({ kind: 'openServices', name });
  }

  portIdAt(number: number): string | undefined {
    return this.#ids.get(number);
  }

  portNumber(portId: string): number | undefined {
    return this.#indices.get(portId);
  }

  flows(query: Parameters<SwitchHandle['flows']>[0]): Promise<Results['flows']> {
    return this.#ask({ kind: 'flows', query });
  }

  startCapture(
    request: Parameters<SwitchHandle['startCapture']>[0],
  ): Promise<Results['captureStart']> {
    return this.#ask({ kind: 'captureStart', request });
  }

  readCapture(id: number, bytesMax?: number): Promise<Results['captureRead']> {
    return this.#ask({ kind: 'captureRead', id, bytesMax });
  }

  stopCapture(id: number): Promise<Results['captureStop']> {
    return this.#ask({ kind: 'captureStop', id });
  }

  captures(): Promise<Results['captures']> {
    return this.#ask({ kind: 'captures' });
  }

  takeFlowRecords(): Promise<Results['takeFlowRecords']> {
    return this.#ask({ kind: 'takeFlowRecords' });
  }

  async answer<M extends SwitchMethod>(method: M, question: Question<M>): Promise<Answer<M>> {
    // Of the shape that the method promises: the worker runs the same code.
    return (await this.#ask({ kind: 'answer', method, question })) as Answer<M>;
  }

  async probe<M extends ProbeMethod>(method: M, question: Question<M>): Promise<Answer<M>> {
    // Of the shape that the method promises: the worker runs the same code.
    return (await this.#ask({ kind: 'probe', method, question })) as Answer<M>;
  }

  counters(portId: string): ReturnType<SwitchHandle['counters']> {
    const index = this.#indices.get(portId);
    return index === undefined ? undefined : this.#counters.read(index);
  }

  uplinkCounters(): ReturnType<SwitchHandle['uplinkCounters']> {
    return this.#counters.read(UPLINK_PORT);
  }

  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#namespaces.close();
    const closed = this.#ask({ kind: 'close' });
    this.#state = 'closing';
    await closed;
    await this.#worker.terminate();
    // Of a probe, whose answer was still to come.
    for (const { reject } of this.#waiting.values()) reject(notRunning());
    this.#waiting.clear();
  }

  #ask<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
  ): Promise<Results[Kind]> {
    if (this.#state !== 'running') return Promise.reject(notRunning());
    const number = this.#nextNumber++;
    return new Promise<Results[Kind]>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, request });
      Atomics.add(this.#requestCount, 0, 1);
      wake(this.#wakeFd);
    });
  }

  #receive(message: Exclude<WorkerMessage, { kind: 'ready' }>): void {
    if (message.kind === 'deviceGone') {
      this.#setIndices(message.ports);
      this.#namespaces.remove(message.portId);
      this.#options.onDeviceGone(message.portId);
      return;
    }
    if (message.kind === 'learned') {
      this.#options.onLearned(message.portId, message.addresses);
      return;
    }
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    if (message.kind === 'fault') waiting?.reject(new SwitchFault(message.fault));
    else {
      if (message.ports !== undefined) this.#setIndices(message.ports);
      // The result is that of the request of this number, hence of the type its asker waits for.
      waiting?.resolve(message.value as never);
    }
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

  #die(reason: Error, failed: (reason: Error) => void): void {
    if (this.#state === 'dead') return;
    const wasStarting = this.#state === 'starting';
    this.#state = 'dead';
    this.#namespaces.close();
    for (const { reject } of this.#waiting.values()) reject(notRunning());
    this.#waiting.clear();
    if (wasStarting) failed(reason);
    else {
      this.#options.log.error({ err: reason }, 'the forwarding worker has died');
      this.#options.onFailed(reason);
    }
  }
}

function notRunning(): SdnError {
  return new SdnError('SDN_SWITCH_STOPPED', 'the switch does not run', {
    remedy: 'restart the host process; the reason is in its log',
  });
}
