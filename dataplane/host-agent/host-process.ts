/**
 * The host role's process, put together: switch, host agent, southbound agent, control socket. What it starts it stops again, in the
 * opposite order. Called by dataplane/main.ts; tests start it with a switch of their own.
 */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import { startRoleAgent } from '../../agent/role-agent.ts';
import type { RoleArguments } from '../../agent/role-arguments.ts';
import { readingOf } from '../../agent/role-metrics.ts';
import { readCredentials, roleStatus } from '../../agent/role-status.ts';
import type { Clock } from '../../base/clock.ts';
import { randomGuid } from '../../base/guid.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { TargetKind } from '../../schema/southbound/messages.ts';
import { FlowLog } from '../flow-log/flow-log.ts';
import { HealthProber } from '../health/health-prober.ts';
import { PlatformServices } from '../platform/platform-services.ts';
import type { StartSwitch, SwitchHandle } from '../switch/switch-handle.ts';
import { claimControlPath, serveControl } from './control-server.ts';
import { HostAgent } from './host-agent.ts';
import { hostMetrics } from './host-metrics.ts';
import type { Interfaces } from './ip-command.ts';

export interface HostDependencies {
  readonly startSwitch: StartSwitch;
  readonly interfaces: Interfaces;
  /** Removes a persistent TAP that nobody is attached to any more. */
  deleteTap(name: string, netns?: string): void;
  /** The process cannot go on and should start anew. */
  onFailed(reason: Error): void;
  readonly softwareVersion: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface HostProcess {
  /** Stops forwarding. Persistent TAPs and ports.json stay for the next start. */
  close(): Promise<void>;
}

/** Resolves when the host forwards by its saved goal state and answers on its control socket. */
export async function startHost(
  options: RoleArguments,
  dependencies: HostDependencies,
): Promise<HostProcess> {
  const { log, clock } = dependencies;
  await claimControlPath(options.controlPath);
  const tls = await readCredentials(options, 'SDN_HOST_CREDENTIALS');
  let host: HostAgent | undefined;
  const handle = await dependencies.startSwitch({
    hasOffload: options.hasOffload,
    log,
    // Devices are attached by the host agent, so it is there before any of them can go.
    onDeviceGone: (portId) => host?.deviceGone(portId),
    onLearned: (portId, addresses) => host?.learned(portId, addresses),
    onFailed: dependencies.onFailed,
  });
  const services = new PlatformServices({
    hostId: options.id,
    openServices: (name) => handle.openServices(name),
    portIdAt: (number) => handle.portIdAt(number),
    configureServices: (name) => dependencies.interfaces.configureServices(name),
    onFault: () => host?.servicesChanged(),
    clock,
    rng: dependencies.rng,
    log,
  });
  const flowLog = new FlowLog({
    hostId: options.id,
    defaultDirectory: join(options.stateDirectory, 'flow-log'),
    fetch: () => handle.takeFlowRecords(),
    onFault: () => host?.flowLogChanged(),
    clock,
    log,
  });
  const prober = new HealthProber({
    numberOf: (portId) => host?.portNumber(portId),
    isOpen: () => services.isOpen,
    onChange: () => host?.probesChanged(),
    clock,
    rng: dependencies.rng,
  });
  host = new HostAgent({
    services,
    prober,
    flowLog,
    uplink: options.uplink,
    portsPath: join(options.stateDirectory, 'ports.json'),
    handle,
    interfaces: dependencies.interfaces,
    deleteTap: dependencies.deleteTap,
    isLinkUp: (name) => networkInterfaces()[name] !== undefined,
    run: randomGuid(dependencies.rng),
    clock,
    log,
  });
  await host.restorePorts();
  await services.start();
  const agent = await startRoleAgent(options, {
    kind: TargetKind.HOST,
    tls,
    softwareVersion: dependencies.softwareVersion,
    role: host,
    clock,
    rng: dependencies.rng,
    log,
  });
  host.report(agent);
  return serve(options, { host, agent, handle, services, prober, flowLog, log });
}

interface Parts {
  readonly host: HostAgent;
  readonly agent: Agent;
  readonly handle: SwitchHandle;
  readonly services: PlatformServices;
  readonly prober: HealthProber;
  readonly flowLog: FlowLog;
  readonly log: Logger;
}

async function serve(options: RoleArguments, parts: Parts): Promise<HostProcess> {
  const { host, agent, handle, services, prober, flowLog, log } = parts;
  const read = () => ({
    counters: host.counters(),
    ports: host.ports(),
    services: services.counters(),
    probes: prober.counters(),
    flowLog: flowLog.counters,
    ...readingOf(agent),
    isWorkerHealthy: handle.isHealthy,
  });
  const metrics = hostMetrics(options.id, read, (question) =>
    handle.answer('ruleCounters', question),
  );
  const control = await serveControl({
    path: options.controlPath,
    host,
    status: () => statusOf(options, parts),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
    log,
  });
  return {
    async close() {
      await control.close();
      await agent.close();
      prober.close();
      await services.close();
      await flowLog.close();
      await host.close();
      await handle.close();
    },
  };
}

function statusOf(options: RoleArguments, { host, agent, handle }: Parts): object {
  return {
    ...roleStatus(options, agent),
    providerAddress: host.providerAddress ?? '',
    ports: host.portCount,
    workerHealthy: handle.isHealthy,
  };
}
