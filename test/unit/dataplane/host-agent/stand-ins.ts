/** A switch, a southbound agent and interfaces that only remember what they were asked, for the host agent's tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent, AgentStatus, GoalChange, Observation } from '../../../../agent/agent.ts';
import { ManualClock } from '../../../../base/clock.ts';
import { SdnError } from '../../../../base/errors.ts';
import { silentLogger } from '../../../../base/log.ts';
import type { FlowRecordBatch } from '../../../../dataplane/flow-log/flow-record.ts';
import { HostAgent, type HostAgentOptions } from '../../../../dataplane/host-agent/host-agent.ts';
import type { Interfaces } from '../../../../dataplane/host-agent/ip-command.ts';
import type {
  Device,
  PortCounters,
  SwitchHandle,
} from '../../../../dataplane/switch/switch-handle.ts';
import {
  HOST_DEFAULTS,
  IP_CONFIGURATION_DEFAULTS,
  PORT_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type {
  CaptureRequest,
  CaptureStatus,
} from '../../../../schema/southbound/diagnostics/capture.ts';
import type { Port, Resource, ResourceError } from '../../../../schema/southbound/messages.ts';

export const NO_COUNTERS: PortCounters = {
  rxPackets: 1,
  rxBytes: 60,
  txPackets: 2,
  txBytes: 120,
  givenBack: 4,
  drops: { SpoofedMac: 3 },
  txDrops: {},
  flows: { current: 2, halfOpen: 1, created: 5, expired: 2, evicted: 1, refused: 0 },
};

export const CAPTURE: CaptureStatus = { id: 3, filter: {}, packets: 1, bytes: 3, lost: 0 };

/** What the kernel says, in the shape of native/addon's DeviceError. */
export class RefusedDevice extends SdnError {
  readonly errno: string;

  constructor(errno: string) {
    super('SDN_DEVICE', `TAP: ${errno}`, { remedy: 'see to the device' });
    this.errno = errno;
  }
}

export class StandInSwitch implements SwitchHandle {
  readonly attached: Map<string, Device> = new Map();
  readonly changes: GoalChange[] = [];
  /** Answers of the next calls of attach: an errno, or '' for success. */
  readonly attachAnswers: string[] = [];
  refuse: readonly ResourceError[] = [];
  existing: ReadonlySet<string> = new Set();
  readonly isHealthy: boolean = true;

  applyGoal(change: GoalChange): Promise<readonly ResourceError[]> {
    this.changes.push(change);
    return Promise.resolve(this.refuse);
  }

  attach(portId: string, device: Device): Promise<{ wasCreated: boolean }> {
    const errno = this.attachAnswers.shift() ?? '';
    if (errno !== '') return Promise.reject(new RefusedDevice(errno));
    this.attached.set(portId, device);
    return Promise.resolve({ wasCreated: !device.mustExist && !this.existing.has(device.name) });
  }

  detach(portId: string): Promise<boolean> {
    return Promise.resolve(this.attached.delete(portId));
  }

  openServices(): Promise<void> {
    return Promise.resolve();
  }

  portIdAt(): string | undefined {
    return undefined;
  }

  portNumber(): number | undefined {
    return undefined;
  }

  answer(): Promise<never> {
    return Promise.reject(new SdnError('SDN_SWITCH_PORT_UNKNOWN', 'a stand-in knows no port'));
  }

  probe(): Promise<never> {
    return Promise.reject(new SdnError('SDN_SWITCH_PORT_UNKNOWN', 'a stand-in knows no port'));
  }

  counters(portId: string): PortCounters | undefined {
    return this.attached.has(portId) ? NO_COUNTERS : undefined;
  }

  uplinkCounters(): PortCounters {
    return NO_COUNTERS;
  }

  flows(query: { readonly portId?: string; readonly limit: number }): Promise<never[]> {
    this.flowQueries.push(query);
    return Promise.resolve([]);
  }

  readonly flowQueries: object[] = [];
  readonly captureRequests: CaptureRequest[] = [];

  startCapture(request: CaptureRequest): Promise<CaptureStatus> {
    this.captureRequests.push(request);
    return Promise.resolve(CAPTURE);
  }

  readCapture(id: number): Promise<{ bytes: Uint8Array; isLast: boolean; status: CaptureStatus }> {
    if (id !== CAPTURE.id) return Promise.reject(new SdnError('SDN_CAPTURE_UNKNOWN', 'none'));
    return Promise.resolve({ bytes: Uint8Array.of(0, 255, 128), isLast: false, status: CAPTURE });
  }

  stopCapture(_id: number): Promise<CaptureStatus> {
    return Promise.resolve({ ...CAPTURE, ended: 'stopped' });
  }

  captures(): Promise<readonly CaptureStatus[]> {
    return Promise.resolve([CAPTURE]);
  }

  takeFlowRecords(): Promise<FlowRecordBatch> {
    const none = { records: new Uint8Array(), sources: [], hasMore: false };
    const losses = { queueFull: 0, unfollowed: 0 };
    return Promise.resolve(this.flowRecords.shift() ?? { ...none, losses });
  }

  readonly flowRecords: FlowRecordBatch[] = [];

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The newest observation, and what status() says. */
export class StandInAgent implements Agent {
  observations: Observation[] = [];
  connected = true;

  observe(observation: Observation): void {
    this.observations.push(observation);
  }

  faults: readonly ResourceError[] = [];
  retries = 0;

  retry(): void {
    this.retries += 1;
  }

  get last(): Observation | undefined {
    return this.observations.at(-1);
  }

  status(): AgentStatus {
    return {
      appliedRevision: 7,
      goalRevision: 8,
      controller: { connected: this.connected, since: 0, reason: 'it is away' },
      resourceCount: 0,
      goalSaved: true,
      faults: this.faults,
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface Bench {
  readonly host: HostAgent;
  readonly handle: StandInSwitch;
  readonly agent: StandInAgent;
  readonly clock: ManualClock;
  readonly portsPath: string;
  /** Lines of what was done to interfaces: `uplink 10.0.0.1/24`, `guest eth0 …`, `delete eth0`. */
  readonly done: string[];
  uplinkFault: Error | undefined;
  isUplinkUp: boolean;
  /** The same state directory, after a restart. */
  restarted(): Bench;
}

export function bench(portsPath: string = join(temporaryDirectory(), 'ports.json')): Bench {
  const done: string[] = [];
  const handle = new StandInSwitch();
  const agent = new StandInAgent();
  const clock = new ManualClock();
  const interfaces: Interfaces = {
    configureUplink: (_uplink, settings, previous) => {
      if (made.uplinkFault !== undefined) return Promise.reject(made.uplinkFault);
      const address = `${settings.providerAddress.join('.')}/${settings.providerPrefixLen}`;
      done.push(`uplink ${address}${previous === undefined ? '' : ` instead of ${previous}`}`);
      return Promise.resolve(address);
    },
    configureGuest: (device, guest) => {
      done.push(`guest ${device.name} ${guest.mac.toString(16)} ${guest.mtu}`);
      return Promise.resolve();
    },
    configureServices: () => Promise.resolve(),
  };
  const options: HostAgentOptions = {
    uplink: 'uplink0',
    portsPath,
    handle,
    interfaces,
    deleteTap: (name, netns) => done.push(`delete ${name} ${netns ?? ''}`),
    isLinkUp: () => made.isUplinkUp,
    run: 'this run',
    clock,
    log: silentLogger,
  };
  const made: Bench = {
    host: new HostAgent(options),
    handle,
    agent,
    clock,
    portsPath,
    done,
    uplinkFault: undefined,
    isUplinkUp: true,
    restarted: () => bench(portsPath),
  };
  return made;
}

const directories: string[] = [];
process.once('exit', () => {
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

/** Removed when the tests end. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-host-agent-'));
  directories.push(path);
  return path;
}

const PORT: Port = {
  id: '',
  resourceRef: '/networkInterfaces/nic1',
  vnetId: 'v',
  subnetId: 's',
  mac: 0x001d_d800_0001,
  ipConfigurations: [
    {
      resourceRef: '',
      subnetId: 's',
      address: Uint8Array.of(10, 0, 0, 4),
      ...IP_CONFIGURATION_DEFAULTS,
    },
  ],
  ...PORT_DEFAULTS,
  hostName: 'vm1',
};

export function portGoal(portId: string): Resource {
  return { key: `port/${portId}`, version: 1, port: { ...PORT, id: portId } };
}

export function hostGoal(...address: number[]): Resource {
  const providerAddress = Uint8Array.from(address);
  const host = {
    providerAddress,
    ...HOST_DEFAULTS,
  };
  return { key: 'host', version: 1, host };
}

export function changeOf(
  upserts: readonly Resource[],
  removes: readonly string[] = [],
): GoalChange {
  return { revision: 1, upserts, removes };
}
