/**
 * The edge role's process, put together: router, BGP, edge agent, southbound agent, control socket. What it starts it stops again, in the opposite
 * order. Called by bgp/edge/main.ts; tests start it with timeouts of their own.
 */
import { join } from 'node:path';
import type { Agent } from '../../../agent/agent.ts';
import type { Interfaces } from '../../../agent/interfaces.ts';
import { startRoleAgent } from '../../../agent/role-agent.ts';
import type { RoleArguments } from '../../../agent/role-arguments.ts';
import { readingOf } from '../../../agent/role-metrics.ts';
import { readCredentials, roleStatus } from '../../../agent/role-status.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/log.ts';
import type { Rng } from '../../../base/rng.ts';
import type { EdgeCounters } from '../../../schema/southbound/diagnostics/edge.ts';
import { TargetKind } from '../../../schema/southbound/messages.ts';
import { BgpControl } from '../../control/bgp-control.ts';
import { systemSpeakers } from '../../control/system-speaker.ts';
import type { NatTimeouts } from '../nat44/mapping-table.ts';
import type { RouterHandle } from '../router/router-handle.ts';
import type { StartRouter } from '../router/start-router.ts';
import { EdgeAgent } from './edge-agent.ts';
import { claimEdgeControl, serveEdgeControl } from './edge-control.ts';
import { type EdgeReading, edgeMetrics } from './edge-metrics.ts';

export interface EdgeDependencies {
  readonly startRouter: StartRouter;
  readonly interfaces: Interfaces;
  /** Default: those of limits.ts. */
  readonly natTimeouts?: NatTimeouts;
  /** The process cannot go on and should start anew. */
  onFailed(reason: Error): void;
  readonly softwareVersion: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** Resolves when the edge forwards by its saved goal state and answers on its control socket. */
export async function startEdge(
  options: RoleArguments,
  dependencies: EdgeDependencies,
): Promise<{ close(): Promise<void> }> {
  const { log, clock, rng, natTimeouts } = dependencies;
  await claimEdgeControl(options.controlPath);
  const tls = await readCredentials(options, 'SDN_EDGE_CREDENTIALS');
  const router = await dependencies.startRouter({
    hasOffload: options.hasOffload,
    ...(natTimeouts !== undefined && { natTimeouts }),
    onFailed: dependencies.onFailed,
  });
  if (router.isAdopted) await router.relearn();
  const bgp = new BgpControl({
    createSpeaker: systemSpeakers(clock, rng),
    learn: (routes) => router.learn(routes),
    isRestarting: router.isAdopted,
    forget: () => router.forget(),
    exports: { systemName: options.id, mrtDirectory: join(options.stateDirectory, 'mrt') },
    clock,
    log,
  });
  const { interfaces } = dependencies;
  const edge = new EdgeAgent({ uplink: options.uplink, router, bgp, interfaces, clock, log });
  const agent = await startRoleAgent(options, {
    kind: TargetKind.EDGE,
    tls,
    softwareVersion: dependencies.softwareVersion,
    role: edge,
    clock,
    rng,
    log,
  });
  edge.report(agent);
  const control = await serveEdgeControl({
    path: options.controlPath,
    edge,
    status: () => statusOf(options, edge, agent, router),
    metrics: async () => edgeMetrics(options.id, await read(edge, agent)),
    log,
  });
  return {
    async close() {
      await control.close();
      await agent.close();
      await edge.close();
      await router.close();
    },
  };
}

async function read(edge: EdgeAgent, agent: Agent): Promise<EdgeReading> {
  return {
    // Of the shape that the question has been asked for.
    counters: (await edge.answer('edgeCounters', {})) as EdgeCounters,
    neighbours: edge.bgp.speaker?.neighbours() ?? [],
    ...readingOf(agent),
  };
}

function statusOf(
  options: RoleArguments,
  edge: EdgeAgent,
  agent: Agent,
  router: RouterHandle,
): object {
  return {
    ...roleStatus(options, agent),
    providerAddress: edge.providerAddress ?? '',
    ...edge.bgp.sessions,
    workerHealthy: router.isHealthy,
    routerPid: router.pid,
    bgpRestarting: edge.bgp.isRestarting,
  };
}
