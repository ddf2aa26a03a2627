/**
 * The mux role's process, put together: forwarder, BGP, mux agent, southbound agent, control socket. What it starts it stops again, in the opposite
 * order, but routes go first: so a mux that is restarted loses nobody's packets. Called by slb/main.ts; tests start it with parts of their own.
 */
import type { Agent } from '../../../agent/agent.ts';
import type { Interfaces } from '../../../agent/interfaces.ts';
import { startRoleAgent } from '../../../agent/role-agent.ts';
import type { RoleArguments } from '../../../agent/role-arguments.ts';
import { readingOf } from '../../../agent/role-metrics.ts';
import { readCredentials, roleStatus } from '../../../agent/role-status.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/log.ts';
import type { Rng } from '../../../base/rng.ts';
import { BgpControl } from '../../../bgp/control/bgp-control.ts';
import { systemSpeakers } from '../../../bgp/control/system-speaker.ts';
import type { MuxCounters, MuxStatus } from '../../../schema/southbound/diagnostics/slb.ts';
import { TargetKind } from '../../../schema/southbound/messages.ts';
import type { Overload } from '../forwarder/overload.ts';
import type { StartForwarder } from '../forwarder/start-forwarder.ts';
import { MuxAgent } from './mux-agent.ts';
import { claimMuxControl, serveMuxControl } from './mux-control.ts';
import { type MuxReading, muxMetrics } from './mux-metrics.ts';

export interface MuxDependencies {
  readonly startForwarder: StartForwarder;
  readonly interfaces: Interfaces;
  /** The process cannot go on and should start anew. */
  onFailed(reason: Error): void;
  readonly softwareVersion: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** Resolves when the mux forwards by its saved goal state and answers on its control socket. */
export async function startMux(
  options: RoleArguments,
  dependencies: MuxDependencies,
): Promise<{ close(): Promise<void> }> {
  const { log, clock, rng, interfaces } = dependencies;
  await claimMuxControl(options.controlPath);
  const tls = await readCredentials(options, 'SDN_MUX_CREDENTIALS');
  const told: { mux: MuxAgent | undefined } = { mux: undefined };
  const forwarder = await dependencies.startForwarder({
    hasOffload: options.hasOffload,
    onOverload: (overload: Overload) => told.mux?.overloaded(overload),
    onFailed: dependencies.onFailed,
  });
  const createSpeaker = systemSpeakers(clock, rng);
  const bgp = new BgpControl({ createSpeaker, hasMappedNextHops: true, clock, log });
  const mux = new MuxAgent({ uplink: options.uplink, forwarder, bgp, interfaces, clock, log });
  told.mux = mux;
  const agent = await startRoleAgent(options, {
    kind: TargetKind.MUX,
    tls,
    softwareVersion: dependencies.softwareVersion,
    role: mux,
    clock,
    rng,
    log,
  });
  mux.report(agent);
  const control = await serveMuxControl({
    path: options.controlPath,
    mux,
    status: () => statusOf(options, mux, agent, forwarder.isHealthy),
    metrics: async () => muxMetrics(options.id, await read(mux, agent)),
    log,
  });
  return {
    async close() {
      await mux.drain();
      await control.close();
      await agent.close();
      await mux.close();
      await forwarder.close();
    },
  };
}

async function read(mux: MuxAgent, agent: Agent): Promise<MuxReading> {
  return {
    // Of the shape that the questions have been asked for.
    status: (await mux.answer('muxStatus', {})) as MuxStatus,
    counters: (await mux.answer('muxCounters', {})) as MuxCounters,
    neighbours: mux.bgp.speaker?.neighbours() ?? [],
    ...readingOf(agent),
  };
}

function statusOf(options: RoleArguments, mux: MuxAgent, agent: Agent, isHealthy: boolean): object {
  return {
    ...roleStatus(options, agent),
    providerAddress: mux.providerAddress ?? '',
    inSync: mux.isInSync,
    ...mux.bgp.sessions,
    workerHealthy: isHealthy,
  };
}
