/**
 * The host agent: what a host does besides forwarding. It brings goal state into force (the provider address on the uplink, everything
 * else in the switch), keeps the devices of VMs attached across its own restarts, and tells the controller which ports are here.
 *
 *   control API ── attach / detach ──► HostAgent ── devices, goal ──► switch (a worker)
 *   ports.json  ◄─ before the answer ─┘     ▲ │
 *                                  apply ───┘ └── observe ──► southbound agent ──► controller
 *
 * Order at start: switch, recorded devices, then the southbound agent (main.ts), which first applies the saved goal state. Nothing is
 * reported before the recorded devices are attached again, so the controller never sees a host that has lost its ports.
 * Invariant: whatever is attached in the switch is in `#ports` and, once acknowledged, in ports.json.
 */
import type { Agent, GoalChange, Observation, Role } from '../../agent/agent.ts';
import { type Clock, sleep, type Timer } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { formatMac } from '../../base/mac.ts';
import type { ResourceError } from '../../schema/southbound/messages.ts';
import type { FlowEntry, PortCounters, SwitchHandle } from '../switch/switch-handle.ts';
import type { AttachRequest, FlowsRequest } from './control-request.ts';
import { HostFault } from './host-fault.ts';
import type { Interfaces } from './ip-command.ts';
import {
  CHECK_INTERVAL,
  PORT_GOAL_TIMEOUT,
  REATTACH_INTERVAL,
  REATTACH_TRIES_MAX,
} from './limits.ts';
import { type PortGoal, PortGoals } from './port-goals.ts';
import { loadPorts, type PortRecord, savePorts } from './port-record.ts';

export interface HostAgentOptions {
  readonly id: string;
  /** Interface of the provider network. */
  readonly uplink: string;
  /** Path of ports.json. */
  readonly portsPath: string;
  readonly handle: SwitchHandle;
  readonly interfaces: Interfaces;
  /** Removes a persistent TAP that nobody is attached to any more. */
  deleteTap(name: string, netns?: string): void;
  /** Which namespace `netns` leads to now; undefined: to none. */
  namespaceId(netns: string): string | undefined;
  /** Is the interface there, up and with carrier? */
  isLinkUp(name: string): boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answer to POST /ports. */
export interface AttachedPort {
  readonly portId: string;
  readonly name: string;
  readonly mac: string;
  readonly address: string;
  readonly mtu: number;
}

/** One line of GET /ports; what goal state says is absent as long as it says nothing. */
export interface PortView extends Partial<Omit<AttachedPort, 'portId' | 'name'>> {
  readonly portId: string;
  readonly device: PortRecord['device'];
  readonly name: string;
  readonly netns?: string;
  readonly resourceRef?: string;
  /** `forwarding`; `waiting` for goal state; `refused` with reason; `detached`: its device could not be attached. */
  readonly state: 'forwarding' | 'waiting' | 'refused' | 'detached';
  readonly reason?: string;
}

export interface CountersView {
  readonly ports: readonly ({ readonly portId: string; readonly name: string } & PortCounters)[];
  readonly uplink: { readonly name: string } & PortCounters;
}

interface AttachedRecord extends PortRecord {
  /** The switch has its device; false after a re-attachment that failed for a reason that may pass. */
  readonly isAttached: boolean;
  /** The namespace its device was opened in: another one of the same name is another VM's. */
  readonly namespaceId: string | undefined;
}

export class HostAgent implements Role {
  readonly #options: HostAgentOptions;
  readonly #goals = new PortGoals();
  readonly #ports = new Map<string, AttachedRecord>();
  #agent: Agent | undefined;
  #providerAddress: string | undefined;
  #isUplinkUp = true;
  #check: Timer | undefined;
  /** Attachments change one at a time, in the order they were asked for. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: HostAgentOptions) {
    this.#options = options;
  }

  /** Attaches what ports.json names. A device that is gone for good is forgotten: its VM went with its namespace. */
  async restorePorts(): Promise<void> {
    const { portsPath, log } = this.#options;
    const records = await loadPorts(portsPath, log);
    await Promise.all(records.map((record) => this.#restore(record)));
    if (records.length !== this.#ports.size) await this.#save();
  }

  /** From here on observations go up. */
  report(agent: Agent): void {
    this.#agent = agent;
    this.#observe();
    this.#look();
  }

  get portCount(): number {
    return this.#ports.size;
  }

  /** Southbound: the uplink first, since the switch opens its tunnel socket on the provider address. */
  async apply(change: GoalChange): Promise<{ readonly errors: readonly ResourceError[] }> {
    const hostError = await this.#applyHostSettings(change);
    const rest =
      hostError === undefined
        ? change
        : { ...change, upserts: change.upserts.filter(({ key }) => key !== hostError.key) };
    const refused = await this.#options.handle.applyGoal(rest);
    const errors = hostError === undefined ? refused : [hostError, ...refused];
    this.#goals.note(change, errors);
    return { errors };
  }

  /** Attaches a device and waits until goal state for its port is in force. Asking for what is there already is no fault. */
  async attach(request: AttachRequest): Promise<AttachedPort> {
    await this.#inTurn(() => this.#attachDevice(request));
    const goal = await this.#awaitGoal(request.portId);
    const { portId, name, device, netns } = request;
    const { mac, address, mtu } = goal;
    if (device === 'tap') {
      const where = netns === undefined ? { name } : { name, netns };
      await this.#options.interfaces.configureGuest(where, { mac, mtu });
    }
    return { portId, name, mac: formatMac(mac), address, mtu };
  }

  detach(portId: string): Promise<void> {
    return this.#inTurn(async () => {
      const record = this.#ports.get(portId);
      if (record === undefined) {
        throw new HostFault(404, 'SDN_HOST_PORT_UNKNOWN', `no port ${portId} is attached here`, {
          remedy: 'GET /ports lists the attached ones',
        });
      }
      const isOurTap =
        record.device === 'tap' && record.wasCreated && this.#isInItsNamespace(record);
      await this.#options.handle.detach(portId);
      await this.#forget(record, 'detached');
      if (isOurTap) this.#removeTap(record);
    });
  }

  /** The switch says that a port's device has gone with its namespace. */
  deviceGone(portId: string): void {
    void this.#inTurn(async () => {
      const record = this.#ports.get(portId);
      if (record !== undefined) await this.#forget(record, 'device gone');
    });
  }

  ports(): readonly PortView[] {
    return [...this.#ports.values()].map((record) => this.#view(record));
  }

  counters(): CountersView {
    const { handle, uplink } = this.#options;
    const ports = [...this.#ports.values()].flatMap(({ portId, name }) => {
      const counters = handle.counters(portId);
      return counters === undefined ? [] : [{ portId, name, ...counters }];
    });
    return { ports, uplink: { name: uplink, ...handle.uplinkCounters() } };
  }

  flows(request: FlowsRequest): Promise<readonly FlowEntry[]> {
    if (request.portId !== undefined && !this.#ports.has(request.portId)) {
      const text = `no port ${request.portId} is attached here`;
      throw new HostFault(404, 'SDN_HOST_PORT_UNKNOWN', text, {
        remedy: 'GET /ports lists the attached ones',
      });
    }
    return this.#options.handle.flows(request);
  }

  /** Waits for what is being done. The devices stay recorded, for the next start. */
  async close(): Promise<void> {
    this.#check?.cancel();
    await this.#work;
  }

  async #applyHostSettings(change: GoalChange): Promise<ResourceError | undefined> {
    const resource = change.upserts.find(({ host }) => host !== undefined);
    if (resource?.host === undefined) return undefined;
    const { interfaces, uplink, log } = this.#options;
    try {
      const previous = this.#providerAddress;
      this.#providerAddress = await interfaces.configureUplink(uplink, resource.host, previous);
      log.info({ uplink, address: this.#providerAddress }, 'provider address configured');
      return undefined;
    } catch (thrown) {
      log.error({ err: thrown, uplink }, 'provider address not configured');
      const { key } = resource;
      return { key, code: 'ProviderAddressConfigurationFailure', message: messageOf(thrown) };
    }
  }

  async #attachDevice(request: AttachRequest): Promise<void> {
    const { portId, device, name, netns } = request;
    const existing = this.#ports.get(portId);
    if (existing?.isAttached === true) {
      if (isSameDevice(existing, request)) return;
      throw inUse(`port ${portId} is attached to ${describe(existing)}`);
    }
    const holder = [...this.#ports.values()].find(
      (other) => other.portId !== portId && isSameDevice(other, request),
    );
    if (holder !== undefined) throw inUse(`${describe(request)} is attached to ${holder.portId}`);
    const opened = await this.#open(request, false);
    const place = netns === undefined ? {} : { netns };
    // A TAP that an earlier run made stays ours, also if that run could not attach it again.
    const wasOurs =
      existing !== undefined && isSameDevice(existing, request) && existing.wasCreated;
    const wasCreated = opened.wasCreated || wasOurs;
    const namespaceId = this.#namespaceId(request);
    this.#ports.set(portId, {
      ...{ portId, device, name, ...place, wasCreated },
      ...{ isAttached: true, namespaceId },
    });
    try {
      await this.#save();
    } catch (cause) {
      // Not acknowledged, so it must not stay: a restart would not know of it.
      await this.#options.handle.detach(portId);
      this.#ports.delete(portId);
      throw new HostFault(
        500,
        'SDN_HOST_STATE',
        `${this.#options.portsPath}: ${messageOf(cause)}`,
        {
          cause,
          remedy: 'make room in, or access to, the state directory',
        },
      );
    }
    this.#options.log.info({ portId, device, name, netns, wasCreated }, 'port attached');
    this.#observe();
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
      throw new HostFault(errnoOf(cause) === 'EBUSY' ? 409 : 422, 'SDN_HOST_DEVICE', text, options);
    }
  }

  #namespaceId({ netns }: AttachRequest): string | undefined {
    return netns === undefined ? undefined : this.#options.namespaceId(netns);
  }

  async #restore(record: PortRecord): Promise<void> {
    const { clock, log } = this.#options;
    const { portId, name, netns } = record;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#open(record, true);
        const namespaceId = this.#namespaceId(record);
        this.#ports.set(portId, { ...record, isAttached: true, namespaceId });
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
          this.#ports.set(portId, { ...record, isAttached: false, namespaceId: undefined });
          return;
        }
        await sleep(clock, REATTACH_INTERVAL);
      }
    }
  }

  async #awaitGoal(portId: string): Promise<PortGoal> {
    const waiter = this.#goals.wait(portId);
    const timer = this.#options.clock.after(PORT_GOAL_TIMEOUT, () => waiter.cancel());
    const state = await waiter.settled;
    timer.cancel();
    if (state.kind === 'applied') return state.goal;
    if (state.kind === 'refused') {
      throw new HostFault(502, 'SDN_HOST_PORT_REFUSED', `port ${portId}: ${state.reason}`, {
        remedy: 'correct the network interface; the device stays attached',
      });
    }
    throw this.#noGoal(portId);
  }

  #noGoal(portId: string): HostFault {
    const controller = this.#agent?.status().controller;
    if (controller?.connected === true) {
      const text = `the controller has sent nothing for port ${portId}`;
      return new HostFault(504, 'SDN_HOST_NO_GOAL', text, {
        remedy:
          'check that portId is the instanceId of a networkInterface with an ipConfiguration; ' +
          'the device stays attached and is programmed when it comes',
      });
    }
    const reason = controller?.reason === undefined ? '' : `: ${controller.reason}`;
    return new HostFault(504, 'SDN_HOST_NO_CONTROLLER', `no controller is connected${reason}`, {
      remedy: 'start the controller; the device stays attached and is programmed when it is back',
    });
  }

  async #forget(record: PortRecord, event: string): Promise<void> {
    this.#ports.delete(record.portId);
    await this.#save();
    const { portId, name, netns } = record;
    this.#options.log.info({ portId, name, netns }, `port ${event}`);
    this.#observe();
  }

  #removeTap({ name, netns }: PortRecord): void {
    try {
      this.#options.deleteTap(name, netns);
    } catch (thrown) {
      // It went with its namespace, or somebody else uses it by now: either way it is not ours any more.
      this.#options.log.debug({ name, netns, reason: messageOf(thrown) }, 'TAP not removed');
    }
  }

  #view(record: AttachedRecord): PortView {
    const { portId, device, name, netns } = record;
    const base = { portId, device, name, ...(netns === undefined ? {} : { netns }) };
    if (!record.isAttached) return { ...base, state: 'detached' };
    const goal = this.#goals.state(portId);
    if (goal.kind === 'absent') return { ...base, state: 'waiting' };
    if (goal.kind === 'refused') return { ...base, state: 'refused', reason: goal.reason };
    const { mac, address, mtu, resourceRef } = goal.goal;
    return { ...base, mac: formatMac(mac), address, mtu, resourceRef, state: 'forwarding' };
  }

  #observe(): void {
    const ports = [...this.#ports.values()].map(({ portId, name, isAttached }) => ({
      portId,
      linkUp: isAttached,
      device: name,
    }));
    const observation: Observation = {
      ports,
      health: this.#isUplinkUp ? [] : [this.#downUplink()],
    };
    this.#agent?.observe(observation);
  }

  #downUplink(): ResourceError {
    const message = `the uplink ${this.#options.uplink} is down`;
    return { key: 'host', code: 'HostUnreachable', message };
  }

  /** What nobody tells: the state of the uplink, and namespaces that ended. */
  #look(): void {
    this.#checkUplink();
    this.#checkNamespaces();
    this.#check = this.#options.clock.after(CHECK_INTERVAL, () => this.#look(), {
      background: true,
    });
  }

  #checkUplink(): void {
    const { uplink, isLinkUp, log } = this.#options;
    // Before the provider address is there the interface counts as down to everybody, which is no fault.
    const isUp = this.#providerAddress === undefined || isLinkUp(uplink);
    if (isUp === this.#isUplinkUp) return;
    this.#isUplinkUp = isUp;
    log.warn({ uplink }, isUp ? 'uplink is up' : 'uplink is down');
    this.#observe();
  }

  /** An open TAP keeps its namespace alive, unreachable and unnoticed by the kernel's own means; closing it lets both go. */
  #checkNamespaces(): void {
    for (const record of this.#ports.values()) {
      if (this.#isInItsNamespace(record)) continue;
      const { portId } = record;
      void this.#inTurn(async () => {
        if (this.#ports.get(portId) !== record) return;
        await this.#options.handle.detach(portId);
        await this.#forget(record, 'namespace gone');
      });
    }
  }

  #isInItsNamespace({ netns, namespaceId, isAttached }: AttachedRecord): boolean {
    if (netns === undefined || !isAttached) return true;
    return this.#options.namespaceId(netns) === namespaceId;
  }

  #save(): Promise<void> {
    const records = [...this.#ports.values()].map(
      ({ isAttached: _, namespaceId: __, ...record }) => record,
    );
    return savePorts(this.#options.portsPath, records);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#work.then(act);
    // The chain goes on whatever becomes of one of its links; the caller has the result.
    this.#work = result.catch(() => undefined);
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

function inUse(text: string): HostFault {
  return new HostFault(409, 'SDN_HOST_PORT_IN_USE', text, {
    remedy: 'detach it first: DELETE /ports/<portId>',
  });
}
