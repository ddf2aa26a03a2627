/**
 * The host agent: what a host does besides forwarding. It brings goal state into force (the provider address on the uplink, everything
 * else in the switch), keeps the devices of VMs attached across its own restarts, and tells the controller which ports are here.
 *
 *   control API ── attach / detach ──► HostAgent ── devices, goal ──► switch (a worker)
 *   ports.json  ◄─ before the answer ─┘     ▲ │
 *                                  apply ───┘ └── observe ──► southbound agent ──► controller
 *
 * Order at start: switch, recorded devices, then the southbound agent, which first applies the saved goal state (host-process.ts). Nothing
 * is reported before the recorded devices are attached again, so the controller never sees a host that has lost its ports.
 */
import type { Agent, GoalChange, Observation, Role } from '../../agent/agent.ts';
import { ControlFault } from '../../agent/control-fault.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { formatMac } from '../../base/mac.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { ResourceError } from '../../schema/southbound/messages.ts';
import type { SwitchMethod } from '../explain/switch-method.ts';
import type { FlowLog } from '../flow-log/flow-log.ts';
import type { HealthProber } from '../health/health-prober.ts';
import type { PlatformServices } from '../platform/platform-services.ts';
import type { ProbeMethod } from '../probe/probes.ts';
import type { FlowEntry, PortCounters, SwitchHandle } from '../switch/switch-handle.ts';
import type { AttachRequest, FlowsRequest } from './control-request.ts';
import { answerQuestion } from './diagnostics.ts';
import { EgressMeter } from './egress-meter.ts';
import type { HostCaptures } from './host-captures.ts';
import { portUnknown } from './host-fault.ts';
import type { Interfaces } from './ip-command.ts';
import {
  METER_INTERVAL,
  PORT_GOAL_TIMEOUT,
  UPLINK_CHECK_INTERVAL,
  UPLINK_RETRY_CHECKS,
} from './limits.ts';
import { type PortGoal, PortGoals } from './port-goals.ts';
import { type PortEntry, PortTable, type PortTableOptions } from './port-table.ts';
import { pingFrom } from './provider-ping.ts';

export interface HostAgentOptions extends Omit<PortTableOptions, 'handle' | 'onChange'> {
  /** Interface of the provider network. */
  readonly uplink: string;
  readonly handle: SwitchHandle;
  readonly interfaces: Interfaces;
  /** What becomes of the records of rules with logging; without, they are lost. */
  readonly flowLog?: Pick<FlowLog, 'note' | 'fault' | 'answer'>;
  /** Servers of platform addresses; none without. */
  readonly services?: Pick<PlatformServices, 'note' | 'fault'>;
  /** Health probes of load balancers' backends; without, goal state that asks for them is refused. */
  readonly prober?: Pick<HealthProber, 'apply' | 'results' | 'answer'>;
  /** Is the interface there, up and with carrier? */
  isLinkUp(name: string): boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names this run of the process, unlike every other one: meters begin at zero with it. */
  readonly run: string;
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
  readonly device: PortEntry['device'];
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

/** Key of the host's own settings in goal state. */
const HOST_KEY = 'host';

export class HostAgent implements Role {
  readonly #options: HostAgentOptions;
  readonly #goals = new PortGoals();
  readonly #ports: PortTable;
  /** By port; those without any are absent. */
  readonly #learned = new Map<string, readonly Uint8Array[]>();
  #agent: Agent | undefined;
  #providerAddress: string | undefined;
  #isUplinkUp = true;
  #checks = 0;
  #uplinkCheck: Timer | undefined;
  readonly #meter = new EgressMeter();
  #meterTimer: Timer | undefined;

  constructor(options: HostAgentOptions) {
    this.#options = options;
    this.#ports = new PortTable({ ...options, onChange: () => this.#observe() });
  }

  restorePorts(): Promise<void> {
    return this.#ports.restore();
  }

  /** From here on observations go up. */
  report(agent: Agent): void {
    this.#agent = agent;
    this.#observe();
    this.#checkUplink();
    this.#armMeter();
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
    const { services, prober, handle } = this.#options;
    services?.note(rest);
    const forwarded = prober === undefined ? rest : withoutProbes(rest);
    // The switch first: a backend that has just come is not probed before it can be reached.
    const refused = await handle.applyGoal(forwarded);
    const unprobed = prober?.apply(rest) ?? [];
    const errors = [...(hostError === undefined ? [] : [hostError]), ...refused, ...unprobed];
    this.#goals.note(change, errors);
    this.#options.flowLog?.note(rest);
    return { errors };
  }

  /** Attaches a device and waits until goal state for its port is in force. */
  async attach(request: AttachRequest): Promise<AttachedPort> {
    await this.#ports.attach(request);
    const { portId, name, device, netns } = request;
    const { mac, address, mtu } = await this.#awaitGoal(portId);
    if (device === 'tap') {
      const where = netns === undefined ? { name } : { name, netns };
      await this.#options.interfaces.configureGuest(where, { mac, mtu });
    }
    return { portId, name, mac: formatMac(mac), address, mtu };
  }

  detach(portId: string): Promise<void> {
    this.#learned.delete(portId);
    this.#readMeter(portId);
    return this.#ports.detach(portId);
  }

  /** The switch says that a port's device has gone with its namespace. */
  deviceGone(portId: string): void {
    this.#learned.delete(portId);
    this.#readMeter(portId);
    this.#ports.deviceGone(portId);
  }

  /** The switch says which addresses a port has learned by now. */
  learned(portId: string, addresses: readonly Uint8Array[]): void {
    if (addresses.length === 0) this.#learned.delete(portId);
    else this.#learned.set(portId, addresses);
    this.#observe();
  }

  ports(): readonly PortView[] {
    return this.#ports.entries().map((entry) => this.#view(entry));
  }

  /** With its prefix length; undefined until goal state has named it. */
  get providerAddress(): string | undefined {
    return this.#providerAddress;
  }

  /** What the switch answers itself. */
  switchAnswer<M extends SwitchMethod>(method: M, question: Question<M>): Promise<Answer<M>> {
    return this.#options.handle.answer(method, question);
  }

  /** A packet of the switch's own, as a VM's. */
  probe<M extends ProbeMethod>(method: M, question: Question<M>): Promise<Answer<M>> {
    return this.#options.handle.probe(method, question);
  }

  /** A packet of the host's own, over the provider network. */
  providerPing(question: Question<'providerPing'>): Promise<Answer<'providerPing'>> {
    const source = this.#providerAddress?.split('/')[0];
    return pingFrom(source, question, this.#options.clock);
  }

  /** Southbound: a question of the controller. */
  answer(method: string, question: unknown): Promise<unknown> {
    return answerQuestion(this, method, question);
  }

  counters(): CountersView {
    const { handle, uplink } = this.#options;
    const ports = this.#ports.entries().flatMap(({ portId, name }) => {
      const counters = handle.counters(portId);
      return counters === undefined ? [] : [{ portId, name, ...counters }];
    });
    return { ports, uplink: { name: uplink, ...handle.uplinkCounters() } };
  }

  flowLog(question: Question<'flowLog'>): Answer<'flowLog'> {
    const { flowLog } = this.#options;
    if (flowLog !== undefined) return flowLog.answer(question);
    throw new SdnError('SDN_QUESTION_UNKNOWN', 'this host keeps no flow log');
  }

  probes({ probeId }: Question<'probes'>): Answer<'probes'> {
    const { prober } = this.#options;
    if (prober !== undefined) return prober.answer(probeId);
    throw new SdnError('SDN_QUESTION_UNKNOWN', 'this host probes no backends');
  }

  /** What health probes have found out has changed. */
  probesChanged(): void {
    this.#observe();
  }

  /** Number of an attached port in the switch. */
  portNumber(portId: string): number | undefined {
    return this.#ports.has(portId) ? this.#options.handle.portNumber(portId) : undefined;
  }

  flows(request: FlowsRequest): Promise<readonly FlowEntry[]> {
    const { portId } = request;
    if (portId !== undefined && !this.#ports.has(portId)) throw portUnknown(portId);
    return this.#options.handle.flows(request);
  }

  /** Packet captures of this host's switch. */
  get captures(): HostCaptures {
    const { handle } = this.#options;
    return {
      start: (request) => handle.startCapture(request),
      read: (id, bytesMax) => handle.readCapture(id, bytesMax),
      stop: (id) => handle.stopCapture(id),
      list: () => handle.captures(),
    };
  }

  /** Waits for what is being done. The devices stay recorded, for the next start. */
  async close(): Promise<void> {
    this.#uplinkCheck?.cancel();
    this.#meterTimer?.cancel();
    await this.#ports.idle();
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

  async #awaitGoal(portId: string): Promise<PortGoal> {
    const waiter = this.#goals.wait(portId);
    const timer = this.#options.clock.after(PORT_GOAL_TIMEOUT, () => waiter.cancel());
    const state = await waiter.settled;
    timer.cancel();
    if (state.kind === 'applied') return state.goal;
    if (state.kind === 'refused') {
      throw new ControlFault(502, 'SDN_HOST_PORT_REFUSED', `port ${portId}: ${state.reason}`, {
        remedy: 'correct the network interface; the device stays attached',
      });
    }
    throw this.#noGoal(portId);
  }

  #noGoal(portId: string): ControlFault {
    const controller = this.#agent?.status().controller;
    if (controller?.connected === true) {
      const text = `the controller has sent nothing for port ${portId}`;
      return new ControlFault(504, 'SDN_HOST_NO_GOAL', text, {
        remedy:
          'check that portId is the instanceId of a networkInterface with an ipConfiguration; ' +
          'the device stays attached and is programmed when it comes',
      });
    }
    const reason = controller?.reason === undefined ? '' : `: ${controller.reason}`;
    return new ControlFault(504, 'SDN_HOST_NO_CONTROLLER', `no controller is connected${reason}`, {
      remedy: 'start the controller; the device stays attached and is programmed when it is back',
    });
  }

  #view(entry: PortEntry): PortView {
    const { portId, device, name, netns } = entry;
    const base = { portId, device, name, ...(netns === undefined ? {} : { netns }) };
    if (!entry.isAttached) return { ...base, state: 'detached' };
    const goal = this.#goals.state(portId);
    if (goal.kind === 'absent') return { ...base, state: 'waiting' };
    if (goal.kind === 'refused') return { ...base, state: 'refused', reason: goal.reason };
    const { mac, address, mtu, resourceRef } = goal.goal;
    return { ...base, mac: formatMac(mac), address, mtu, resourceRef, state: 'forwarding' };
  }

  #observe(): void {
    const ports = this.#ports.entries().map(({ portId, name, isAttached }) => ({
      portId,
      linkUp: isAttached,
      device: name,
      learnedAddresses: this.#learned.get(portId) ?? [],
    }));
    const observation: Observation = {
      ports,
      metering: { run: this.#options.run, meters: this.#meter.totals() },
      probeResults: this.#options.prober?.results() ?? [],
      health: [
        ...(this.#isUplinkUp ? [] : [this.#downUplink()]),
        ...this.#servicesFault(),
        ...this.#flowLogFault(),
      ],
    };
    this.#agent?.observe(observation);
  }

  #readMeter(portId: string): boolean {
    return this.#meter.read(portId, this.#options.handle.counters(portId)?.egress);
  }

  #armMeter(): void {
    this.#meterTimer = this.#options.clock.after(METER_INTERVAL, () => this.#readMeters(), {
      background: true,
    });
  }

  #readMeters(): void {
    const ports = new Set(this.#ports.entries().map(({ portId }) => portId));
    let hasGrown = false;
    for (const portId of ports) hasGrown = this.#readMeter(portId) || hasGrown;
    this.#meter.endRound(ports);
    if (hasGrown) this.#observe();
    this.#armMeter();
  }

  /** What keeps the servers of platform addresses from running has changed. */
  servicesChanged(): void {
    this.#observe();
  }

  #servicesFault(): readonly ResourceError[] {
    const fault = this.#options.services?.fault;
    if (fault === undefined) return [];
    const message = `DNS and metadata are not served: ${fault}`;
    return [{ key: HOST_KEY, code: 'PortBlocked', message }];
  }

  /** What keeps the flow log from being written has changed. */
  flowLogChanged(): void {
    this.#observe();
  }

  #flowLogFault(): readonly ResourceError[] {
    const fault = this.#options.flowLog?.fault;
    if (fault === undefined) return [];
    const message = `the flow log is not written: ${fault}`;
    return [{ key: HOST_KEY, code: 'PolicyConfigurationFailure', message }];
  }

  #downUplink(): ResourceError {
    const message = `the uplink ${this.#options.uplink} is down`;
    return { key: HOST_KEY, code: 'HostUnreachable', message };
  }

  /** Nobody tells of the uplink's state, or that what kept its address or its tunnel socket from it is gone: it is looked at. */
  #checkUplink(): void {
    const { uplink, isLinkUp, log, clock } = this.#options;
    // Before the provider address is there the interface counts as down to everybody, which is no fault.
    const isUp = this.#providerAddress === undefined || isLinkUp(uplink);
    if (isUp !== this.#isUplinkUp) {
      this.#isUplinkUp = isUp;
      log.warn({ uplink }, isUp ? 'uplink is up' : 'uplink is down');
      this.#observe();
    }
    this.#checks += 1;
    if (this.#checks % UPLINK_RETRY_CHECKS === 0) this.#retryUplink();
    this.#uplinkCheck = clock.after(UPLINK_CHECK_INTERVAL, () => this.#checkUplink(), {
      background: true,
    });
  }

  /** Mappings cannot be in force either while there is no tunnel: everything that is not is tried with it. */
  #retryUplink(): void {
    const faults = this.#agent?.status().faults ?? [];
    if (faults.some(({ key }) => key === HOST_KEY)) this.#agent?.retry();
  }
}

/** What the switch has to do with. */
function withoutProbes(change: GoalChange): GoalChange {
  return {
    ...change,
    upserts: change.upserts.filter(({ healthProbe }) => healthProbe === undefined),
  };
}
