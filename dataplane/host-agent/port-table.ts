/**
 * The devices attached on this host, and their record on disk (port-record.ts). Attachments change one at a time, in the order they were
 * asked for; a change is recorded before whoever asked hears of it. After a restart every recorded device is attached again; one that is
 * gone for good is forgotten, since its VM went with it.
 *
 * Invariant: whatever is attached in the switch is in the table and, once acknowledged, in ports.json.
 * Called by host-agent.
 */
import { ControlFault } from '../../agent/control-fault.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { SwitchHandle } from '../switch/switch-handle.ts';
import type { AttachRequest } from './control-request.ts';
import { portUnknown } from './host-fault.ts';
import { REATTACH_INTERVAL, REATTACH_TRIES_MAX } from './limits.ts';
import { loadPorts, type PortRecord, savePorts } from './port-record.ts';

export interface PortTableOptions {
  /** Path of ports.json. */
  readonly portsPath: string;
  readonly handle: Pick<SwitchHandle, 'attach' | 'detach'>;
  /** Removes a persistent TAP that nobody is attached to any more. */
  deleteTap(name: string, netns?: string): void;
  /** The table has changed. */
  onChange(): void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PortEntry extends PortRecord {
  /** The switch has its device; false after a re-attachment that failed for a reason that may pass. */
  readonly isAttached: boolean;
}

export class PortTable {
  readonly #options: PortTableOptions;
  readonly #entries = new Map<string, PortEntry>();
  /** Changes wait their turn in this chain. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: PortTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(portId: string): boolean {
    return this.#entries.has(portId);
  }

  entries(): readonly PortEntry[] {
    return [...this.#entries.values()];
  }

  /** Attaches what ports.json names. */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      const { portsPath, log } = this.#options;
      const records = await loadPorts(portsPath, log);
      await Promise.all(records.map((record) => this.#restore(record)));
      if (records.length !== this.#entries.size) await this.#save();
    });
  }

  /** Asking for what is there already is no fault. */
  attach(request: AttachRequest): Promise<void> {
    return this.#inTurn(() => this.#attach(request));
  }

  detach(portId: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(portId);
      if (entry === undefined) throw portUnknown(portId);
      await this.#options.handle.detach(portId);
      await this.#forget(entry, 'detached');
      if (entry.device === 'tap' && entry.wasCreated) this.#removeTap(entry);
    });
  }

  /** The switch says that a port's device has gone with its namespace, and has closed it. */
  deviceGone(portId: string): void {
    void this.#inTurn(async () => {
      const entry = this.#entries.get(portId);
      if (entry !== undefined) await this.#forget(entry, 'device gone');
    });
  }

  /** Resolves when everything asked for so far is done. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async #attach(request: AttachRequest): Promise<void> {
    const { portId, device, name, netns } = request;
    const existing = this.#entries.get(portId);
    if (existing?.isAttached === true) {
      if (isSameDevice(existing, request)) return;
      throw inUse(`port ${portId} is attached to ${describe(existing)}`);
    }
    const holder = this.entries().find(
      (other) => other.portId !== portId && isSameDevice(other, request),
    );
    if (holder !== undefined) throw inUse(`${describe(request)} is attached to ${holder.portId}`);
    const opened = await this.#open(request, false);
    // A TAP that an earlier run made stays ours, also if that run could not attach it again.
    const wasOurs =
      existing !== undefined && isSameDevice(existing, request) && existing.wasCreated;
    const wasCreated = opened.wasCreated || wasOurs;
    this.#entries.set(portId, { ...request, wasCreated, isAttached: true });
    await this.#saveOrUndo(portId);
    this.#options.log.info({ portId, device, name, netns, wasCreated }, 'port attached');
    this.#options.onChange();
  }

  /** An attachment that is not recorded is not acknowledged, and must not stay: a restart would not know of it. */
  async #saveOrUndo(portId: string): Promise<void> {
    try {
      await this.#save();
    } catch (cause) {
      await this.#options.handle.detach(portId);
      this.#entries.delete(portId);
      const text = `${this.#options.portsPath}: ${messageOf(cause)}`;
      const remedy = 'make room in, or access to, the state directory';
      throw new ControlFault(500, 'SDN_HOST_STATE', text, { cause, remedy });
    }
  }

  async #open(request: AttachRequest, mustExist: boolean): Promise<{ wasCreated: boolean }> {
    const { portId, device: kind, name, netns } = request;
    const namespace = netns === undefined ? {} : { namespace: netns };
    try {
      return await this.#options.handle.attach(portId, { kind, name, ...namespace, mustExist });
    } catch (cause) {
      const remedy = cause instanceof SdnError ? cause.remedy : undefined;
      const options = { cause, ...(remedy === undefined ? {} : { remedy }) };
      const text = `${describe(request)}: ${messageOf(cause)}`;
      throw new ControlFault(
        errnoOf(cause) === 'EBUSY' ? 409 : 422,
        'SDN_HOST_DEVICE',
        text,
        options,
      );
    }
  }

  async #restore(record: PortRecord): Promise<void> {
    const { clock, log } = this.#options;
    const { portId, name, netns } = record;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#open(record, true);
        this.#entries.set(portId, { ...record, isAttached: true });
        log.info({ portId, name, netns }, 'port attached again');
        return;
      } catch (fault) {
        const errno = errnoOf(fault instanceof Error ? fault.cause : undefined);
        if (errno !== undefined && GONE.has(errno)) {
          log.warn({ portId, name, netns, reason: messageOf(fault) }, 'port forgotten');
          return;
        }
        if (errno !== 'EBUSY' || tries === REATTACH_TRIES_MAX) {
          log.error({ portId, name, netns, err: fault }, 'port not attached again');
          this.#entries.set(portId, { ...record, isAttached: false });
          return;
        }
        await sleep(clock, REATTACH_INTERVAL);
      }
    }
  }

  async #forget(entry: PortEntry, event: string): Promise<void> {
    this.#entries.delete(entry.portId);
    await this.#save();
    const { portId, name, netns } = entry;
    this.#options.log.info({ portId, name, netns }, `port ${event}`);
    this.#options.onChange();
  }

  #removeTap({ name, netns }: PortEntry): void {
    try {
      this.#options.deleteTap(name, netns);
    } catch (thrown) {
      // It went with its namespace, or somebody else uses it by now: either way it is not ours any more.
      this.#options.log.debug({ name, netns, reason: messageOf(thrown) }, 'TAP not removed');
    }
  }

  #save(): Promise<void> {
    const records = this.entries().map(({ isAttached: _, ...record }) => record);
    return savePorts(this.#options.portsPath, records);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#work.then(act);
    // The chain goes on whatever becomes of one of its links; whoever asked has the result.
    this.#work = result.catch((thrown: unknown) => {
      if (!(thrown instanceof ControlFault)) this.#options.log.error({ err: thrown }, 'ports');
    });
    return result;
  }
}

/** What the system says when a device or its namespace does not exist any more. */
const GONE: ReadonlySet<string> = new Set(['ENODEV', 'ENOENT', 'EINVAL']);

function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'errno' in thrown && typeof thrown.errno === 'string'
    ? thrown.errno
    : undefined;
}

function isSameDevice(a: AttachRequest, b: AttachRequest): boolean {
  return a.device === b.device && a.name === b.name && a.netns === b.netns;
}

function describe({ device, name, netns }: AttachRequest): string {
  return `${device} ${name}${netns === undefined ? '' : ` in ${netns}`}`;
}

function inUse(text: string): ControlFault {
  return new ControlFault(409, 'SDN_HOST_PORT_IN_USE', text, {
    remedy: 'detach it first: DELETE /ports/<portId>',
  });
}
