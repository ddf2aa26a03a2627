/**
 * The forwarding loop, what a worker spends its life in:
 *
 *   exchange  send what the last round made, wait for frames
 *   requests  goal state, devices: between two bursts, so that a frame sees a change wholly or not at all
 *   forward   the burst
 *   close     devices that were detached a round ago: whatever was still queued for them has been sent
 *   age       idle flows, and records of those that go on, once a second, a bounded number a round
 *   tick      once a second: lost frames, devices that have disappeared
 *
 * The devices are opened by whoever makes the loop, so a test runs it over memory. Called by worker.
 */
import { defined } from '../../base/assert.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import type { HostSettings, ResourceError } from '../../schema/southbound/messages.ts';
import type { FrameIo } from '../port/frame-io.ts';
import { faultOf, type NumberedRequest } from '../port/worker-protocol.ts';
import type { SwitchCore } from './switch-core.ts';
import type { Device } from './switch-handle.ts';
import type { GoalChange } from './tables.ts';
import type { PortIndices, Request, Results, WorkerMessage } from './worker-protocol.ts';

/** Opens what frames come from, on the loop's own FrameIo; throws an SdnError where the system refuses. */
export interface DeviceOpener {
  open(device: Device): { readonly port: number; readonly wasCreated: boolean };
  openUplink(settings: HostSettings): number;
}

export interface LoopParts {
  readonly io: FrameIo;
  readonly core: SwitchCore;
  readonly devices: DeviceOpener;
  /** Requests posted and not yet taken; cheap when there are none. */
  takeRequests(): readonly NumberedRequest<Request>[];
  post(message: WorkerMessage): void;
}

/** MS-NCNBI §2.2.4: the host cannot use its provider address. */
const UPLINK_FAULT_CODE = 'PAAddressConfigurationFailure';
const TICK_MS = 1000;

export class ForwardingLoop {
  readonly #parts: LoopParts;
  /** Frame I/O's number of every attached device, by port. */
  readonly #devices = new Map<string, number>();
  /** Detached devices to be closed when their last frames are out, and what to do then. */
  #closing: { readonly device: number; readonly done: () => void }[] = [];
  #uplink:
    | { readonly device: number; readonly address: string; readonly udpPort: number }
    | undefined;
  #host: HostSettings | undefined;
  #portsVersion = -1;
  #txCount = 0;
  #nextTickMs = 0;
  /** More flows are due to be forgotten than one round may take. */
  #isAgeing = false;
  #isRunning = true;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  /** Runs until a request to close. */
  run(): void {
    while (this.#isRunning) this.turn();
  }

  /** One round. */
  turn(): void {
    const { io, core } = this.#parts;
    const isBusy = this.#closing.length > 0 || this.#isAgeing;
    const received = io.exchange(this.#txCount, isBusy ? 0 : core.idleMs(TICK_MS));
    const closing = this.#closing;
    this.#closing = [];
    for (const numbered of this.#parts.takeRequests()) this.#answer(numbered);
    if (!this.#isRunning) {
      for (const { done } of closing) done();
      return;
    }
    this.#txCount = core.forward(received);
    for (const { device, done } of closing) {
      io.detach(device);
      done();
    }
    const isTick = core.nowMs >= this.#nextTickMs;
    if (isTick || this.#isAgeing) {
      const hasExpiring = core.expireFlows();
      this.#isAgeing = core.recordFlows() || hasExpiring;
    }
    if (isTick) this.#tick(core.nowMs);
  }

  #answer({ number, request }: NumberedRequest<Request>): void {
    const reply = (value: Results[keyof Results]) => {
      this.#parts.post({ kind: 'result', number, value, ports: this.#changedPorts() });
    };
    try {
      switch (request.kind) {
        case 'applyGoal':
          reply(this.#applyGoal(request.change));
          break;
        case 'attach':
          reply(this.#attach(request.portId, request.device));
          break;
        case 'detach':
          if (!this.#detach(request.portId, () => reply(true))) reply(false);
          break;
        case 'openServices':
          this.#openServices(request.name);
          reply(true);
          break;
        case 'flows':
          reply(this.#parts.core.flows(request.query));
          break;
        case 'captureStart':
          reply(this.#parts.core.captures.start(request.request));
          break;
        case 'captureRead':
          reply(this.#parts.core.captures.read(request.id, request.bytesMax));
          break;
        case 'captureStop':
          reply(this.#parts.core.captures.stop(request.id));
          break;
        case 'takeFlowRecords':
          reply(this.#parts.core.recorder.take());
          break;
        case 'captures':
          reply(this.#parts.core.captures.list());
          break;
        case 'answer':
          // Checked by the asker against the method's own shape.
          reply(this.#parts.core.answer(request.method, request.question as never));
          break;
        case 'probe':
          // Checked by the asker; a probe's answer comes later.
          this.#parts.core.probes.ask(request.method, request.question as never, reply);
          break;
        case 'close':
          this.#parts.io.close();
          this.#isRunning = false;
          reply(true);
          break;
      }
    } catch (thrown) {
      // What the system or the user got wrong goes back to who asked; anything else is a bug and ends the worker.
      if (!(thrown instanceof SdnError)) throw thrown;
      this.#parts.post({ kind: 'fault', number, fault: faultOf(thrown) });
    }
  }

  #applyGoal(change: GoalChange): ResourceError[] {
    const errors = this.#parts.core.applyGoal(change);
    for (const { host } of change.upserts) this.#host = host ?? this.#host;
    const uplink = this.#openUplink();
    return uplink === undefined ? errors : [...errors, uplink];
  }

  /** Opens the uplink on the provider address that goal state names, if it is not open there. */
  #openUplink(): ResourceError | undefined {
    const host = this.#host;
    if (host === undefined) return undefined;
    const address = host.providerAddress.join('.');
    const udpPort = host.vxlanPort;
    const old = this.#uplink;
    if (old?.address === address && old.udpPort === udpPort) return undefined;
    try {
      const device = this.#parts.devices.openUplink(host);
      this.#parts.core.setUplink(device);
      this.#uplink = { device, address, udpPort };
      if (old !== undefined) this.#closing.push({ device: old.device, done: () => undefined });
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof SdnError)) throw thrown;
      return { key: 'host', code: UPLINK_FAULT_CODE, message: messageOf(thrown) };
    }
  }

  #attach(portId: string, device: Device): Results['attach'] {
    if (this.#devices.has(portId)) {
      throw new SdnError('SDN_SWITCH_PORT_IN_USE', `port ${portId} already has a device`, {
        remedy: 'detach it first',
      });
    }
    const { port, wasCreated } = this.#parts.devices.open(device);
    if (this.#parts.core.attach(portId, port) === undefined) {
      this.#parts.io.detach(port);
      throw new SdnError('SDN_SWITCH_FULL', 'the switch has no room for another port');
    }
    this.#devices.set(portId, port);
    return { wasCreated };
  }

  #openServices(name: string): void {
    const { port } = this.#parts.devices.open({ kind: 'tap', name, mustExist: false });
    this.#parts.core.setServices(port);
  }

  /** False if the port has no device. Otherwise calls `done` when it is closed. */
  #detach(portId: string, done: () => void): boolean {
    if (!this.#devices.delete(portId)) return false;
    const device = defined(this.#parts.core.detach(portId), 'the device of an attached port');
    this.#closing.push({ device, done });
    return true;
  }

  #tick(nowMs: number): void {
    this.#nextTickMs = nowMs + TICK_MS;
    this.#parts.core.collectLosses();
    this.#parts.core.captures.age();
    for (const [portId, addresses] of this.#parts.core.takeLearned()) {
      this.#parts.post({ kind: 'learned', portId, addresses });
    }
    for (const [portId, device] of this.#devices) {
      if (!this.#parts.io.isGone(device)) continue;
      this.#detach(portId, () => {
        this.#parts.post({ kind: 'deviceGone', portId, ports: this.#ports() });
      });
    }
  }

  #changedPorts(): PortIndices | undefined {
    const version = this.#parts.core.portsVersion;
    if (version === this.#portsVersion) return undefined;
    this.#portsVersion = version;
    return this.#ports();
  }

  #ports(): PortIndices {
    return this.#parts.core.portIndices();
  }
}
