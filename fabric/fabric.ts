/**
 * The one-machine fabric (docs/architecture.md): controller and hosts as processes in network namespaces of their own, joined by a
 * provider network, supervised. This process is the supervisor; when it ends, however it ends, the roles end with it, and what a kill
 * leaves of the namespaces the next `up` or `down` removes by name.
 *
 * Called by main.ts (the supervisor's process) and by the test kit, which runs several at once.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type Clock, systemClock } from '../base/clock.ts';
import { administratorClient, deploy, northboundUrl, STEP_COUNT } from './deploy.ts';
import { machineInterface, removeMachineLink } from './expose.ts';
import type { FabricStatus, RoleStatus } from './fabric-status.ts';
import { type HostControl, hostControl } from './host-control.ts';
import { STATUS_TIMEOUT } from './limits.ts';
import { listenOnLoopback } from './loopback-socket.ts';
import { sweepNamespaces } from './namespaces.ts';
import type { NorthboundClient } from './northbound-client.ts';
import { noProgress, type Progress } from './progress.ts';
import { CONTROLLER } from './roles.ts';
import type { FabricSettings } from './settings.ts';
import { type FabricRecord, type StateDirectory, stateDirectory } from './state-directory.ts';
import { createSupervisor, type RoleProcess, type Supervisor } from './supervisor.ts';
import { createVm, deleteVm, forgetVms, type VmRecord, type VmSpec } from './vm.ts';
import { within } from './within.ts';

export interface FabricOptions {
  readonly name: string;
  /** State directory. */
  readonly state: string;
  readonly settings: FabricSettings;
  readonly clock?: Clock;
  readonly progress?: Progress;
  /** The northbound's bound socket, where another process opened it; else one is opened at settings.port. */
  readonly listen?: { readonly fd: number; readonly port: number };
  readonly unprivileged?: boolean;
  /** Aborting ends the start before its next step; what was made is removed. */
  readonly signal?: AbortSignal;
  /** Steps that the caller will add, so that the numbering is one. */
  readonly extraSteps?: number;
}

export interface Fabric {
  readonly name: string;
  readonly state: StateDirectory;
  readonly settings: FabricSettings;
  /** https://127.0.0.1:8443 */
  readonly northbound: string;
  readonly supervisor: Supervisor;
  /** The administrator's. */
  readonly client: NorthboundClient;
  host(name: string): HostControl;
  status(): Promise<FabricStatus>;
  createVm(spec: VmSpec): Promise<VmRecord>;
  deleteVm(name: string): Promise<void>;
  /** Ends every role and removes every namespace; the state directory keeps certificates and database. */
  stop(): Promise<void>;
}

export async function startFabric(options: FabricOptions): Promise<Fabric> {
  const clock = options.clock ?? systemClock;
  const state = stateDirectory(options.state);
  const { name, settings } = options;
  const bound = options.listen === undefined ? await listenOnLoopback(settings.port) : undefined;
  const listen = options.listen ?? bound ?? { fd: 0, port: 0 };
  const supervisor = createSupervisor(clock);
  const progress = options.progress ?? noProgress;
  const remove = async (): Promise<void> => {
    await supervisor.stopAll();
    bound?.close();
    if (settings.exposure !== undefined) await removeMachineLink(name);
    await sweepNamespaces(name);
    forgetVms(state);
    rmSync(state.fabricFile, { force: true });
  };
  const record: FabricRecord = {
    name,
    supervisorPid: process.pid,
    northbound: northboundUrl(listen.port),
    hosts: settings.hosts,
    unprivileged: options.unprivileged === true,
    startedAt: new Date(clock.wallNow()).toISOString(),
  };
  try {
    writeRecord(state, record);
    await deploy(
      {
        ...{ name, state, settings, supervisor, clock, progress, listen },
        ...(options.signal && { signal: options.signal }),
      },
      STEP_COUNT + (options.extraSteps ?? 0),
    );
  } catch (thrown) {
    await remove();
    throw thrown;
  }
  return runningFabric({ record, state, settings, supervisor, remove });
}

function runningFabric(parts: {
  readonly record: FabricRecord;
  readonly state: StateDirectory;
  readonly settings: FabricSettings;
  readonly supervisor: Supervisor;
  remove(): Promise<void>;
}): Fabric {
  const { record, state, settings, supervisor, remove } = parts;
  const client = administratorClient(state, record.northbound);
  const vmFabric = { name: record.name, state };
  let stopping: Promise<void> | undefined;
  return {
    name: record.name,
    state,
    settings,
    northbound: record.northbound,
    supervisor,
    client,
    host: (host) => hostControl(state.role(host).controlSocket),
    status: () => statusOf({ record, state, settings, supervisor, client }),
    createVm: (spec) => createVm(vmFabric, spec),
    deleteVm: (vm) => deleteVm(vmFabric, vm),
    stop() {
      client.close();
      stopping ??= remove();
      return stopping;
    },
  };
}

function writeRecord(state: StateDirectory, record: FabricRecord): void {
  mkdirSync(state.root, { recursive: true, mode: 0o700 });
  writeFileSync(state.fabricFile, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}

async function statusOf(parts: {
  readonly record: FabricRecord;
  readonly state: StateDirectory;
  readonly settings: FabricSettings;
  readonly supervisor: Supervisor;
  readonly client: NorthboundClient;
}): Promise<FabricStatus> {
  const { record, state, settings, supervisor, client } = parts;
  const roles = await Promise.all(
    supervisor
      .roles()
      .map((role) =>
        role.spec.role === CONTROLLER
          ? controllerStatus(role, record, client)
          : hostStatus(role, state),
      ),
  );
  const { name, supervisorPid, unprivileged, startedAt } = record;
  const { exposure } = settings;
  return {
    fabric: { name, state: state.root, supervisorPid, unprivileged, startedAt },
    northbound: record.northbound,
    ...(exposure && {
      exposed: {
        publicPrefixes: exposure.map(({ publicPrefix }) => publicPrefix),
        interface: machineInterface(name),
        firstAddress: exposure[0]?.firstAddress ?? '',
      },
    }),
    roles,
  };
}

async function controllerStatus(
  role: RoleProcess,
  record: FabricRecord,
  client: NorthboundClient,
): Promise<RoleStatus> {
  const base = { ...baseStatus(role), address: record.northbound };
  if (base.health !== 'healthy') return base;
  try {
    const asked = client.raw('GET', '/networking/weft/v1/revisions?limit=1');
    const { status, body } = await within(systemClock, STATUS_TIMEOUT, asked);
    if (status >= 500) return { ...base, health: 'unhealthy', reason: `answers ${status}` };
    return { ...base, appliedRevision: newestRevision(body) };
  } catch (thrown) {
    return { ...base, health: 'unhealthy', reason: reasonOf(thrown) };
  }
}

async function hostStatus(role: RoleProcess, state: StateDirectory): Promise<RoleStatus> {
  const base = baseStatus(role);
  if (base.health !== 'healthy') return base;
  try {
    const asked = hostControl(state.role(role.spec.name).controlSocket).status();
    const status = await within(systemClock, STATUS_TIMEOUT, asked);
    const [address = ''] = status.providerAddress.split('/');
    const reason = status.workerHealthy
      ? status.controller.connected
        ? ''
        : 'not connected to the controller; forwards from its saved goal state'
      : 'its forwarding worker does not answer';
    return {
      ...base,
      address,
      appliedRevision: status.appliedRevision,
      health: reason === '' ? 'healthy' : 'unhealthy',
      reason,
    };
  } catch (thrown) {
    return { ...base, health: 'unhealthy', reason: reasonOf(thrown) };
  }
}

function baseStatus(role: RoleProcess): RoleStatus {
  const { spec, pid, health, restarts, lastExit } = role;
  return {
    role: spec.role,
    name: spec.name,
    pid,
    namespace: spec.namespace,
    address: '',
    health,
    appliedRevision: 0,
    restarts,
    reason: health === 'healthy' || lastExit === '' ? '' : `ended: ${lastExit}`,
  };
}

function newestRevision(body: unknown): number {
  if (typeof body !== 'object' || body === null || !('value' in body)) return 0;
  const [newest]: unknown[] = Array.isArray(body.value) ? body.value : [];
  if (typeof newest !== 'object' || newest === null || !('revision' in newest)) return 0;
  return typeof newest.revision === 'number' ? newest.revision : 0;
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
