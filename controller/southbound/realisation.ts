/**
 * RealisedState from what the hub knows: per resource the `configurationState` of MS-NCNBI §2.2.4, per revision how far it
 * has come, per target where it stands. Everything is derived on each call, in time that does not depend on the number of
 * interfaces; nothing is stored.
 *
 * Status of a networkInterface: Uninitialized while it is attached nowhere; Failure while its host is away, refuses it, or
 * cannot hold it; InProgress until its host has answered; Warning where the host itself has a fault; else Success. A
 * virtualNetwork and a virtual subnet sum up the hosts that hold it: Warning where some are away, Failure where all are or
 * where one refuses a part of it; so does an accessControlList and a routeTable, which warns also of routes that nothing serves. A
 * server is its host, an edge router its edge, a mux and a frontend are what balancing-realisation.ts says; a public address that leads somewhere is the edges' that hold it.
 */
import type { Clock } from '../../base/clock.ts';
import { frontendWith } from '../compiler/balancing.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { EdgeRouter, PublicIpAddress } from '../compiler/edge-document.ts';
import { holderOf } from '../compiler/edges.ts';
import type { NetworkInterface, Server, VirtualNetwork } from '../compiler/network-document.ts';
import {
  accessControlListScope,
  edgeTarget,
  hostTarget,
  PUBLIC_SCOPE,
  routeTableScope,
  virtualNetworkScope,
} from '../compiler/node.ts';
import type { RouteTable } from '../compiler/policy-document.ts';
import {
  accessControlListKey,
  EDGE_KEY,
  HOST_KEY,
  portKey,
  publicAddressKey,
  routeTableKey,
  virtualNetworkKey,
  virtualSubnetKey,
} from '../goal-state/resource.ts';
import {
  type ConfigurationDetail,
  type ConfigurationState,
  ConfigurationStatus,
  type Realisation,
  type RealisedState,
  type SubnetEgress,
  type TargetState,
} from '../model/realised-state.ts';
import type { Revision } from '../store/store.ts';
import { BalancingRealisation, type FrontendJudgement } from './balancing-realisation.ts';
import type { EgressMeters } from './egress-meters.ts';
import { away, detailOf, type Judgement, sourceOf } from './judgement.ts';
import { WAITING_NAMES_MAX } from './limits.ts';
import type { RevisionProgress } from './revision-progress.ts';
import type { Target } from './target.ts';
import type { TargetHub } from './target-hub.ts';
import { unservedRoutes } from './unserved-routes.ts';

export interface RealisationOptions {
  readonly compiler: Compiler;
  readonly hub: TargetHub;
  readonly progress: RevisionProgress;
  readonly clock: Clock;
  readonly egress: Pick<EgressMeters, 'of'>;
}

const NETWORK_MANAGER = 'VirtualNetworkManager';

export function realisedState(options: RealisationOptions): RealisedState {
  return new Realised(options);
}

class Realised implements RealisedState {
  readonly #compiler: Compiler;
  readonly #hub: TargetHub;
  readonly #progress: RevisionProgress;
  readonly #startedAt: number;
  readonly #egress: Pick<EgressMeters, 'of'>;
  readonly #balancing: BalancingRealisation;

  constructor({ compiler, hub, progress, clock, egress }: RealisationOptions) {
    this.#compiler = compiler;
    this.#hub = hub;
    this.#progress = progress;
    this.#startedAt = clock.wallNow();
    this.#egress = egress;
    this.#balancing = new BalancingRealisation({ compiler, hub, startedAt: this.#startedAt });
  }

  get compiledRevision(): Revision {
    return this.#compiler.revision;
  }

  get programmedRevision(): Revision {
    let lowest = this.#compiler.revision;
    for (const target of this.#hub.targets()) {
      if (target.session !== undefined) lowest = Math.min(lowest, this.#appliedRevision(target));
    }
    return lowest;
  }

  serverOf(networkInterfaceInstanceId: string): string | undefined {
    return this.#compiler.model.serverIdOf(networkInterfaceInstanceId);
  }

  holderOf(virtualNetworkInstanceId: string, address: string): string | undefined {
    return this.#compiler.model.holderOf(virtualNetworkInstanceId, address);
  }

  egressOf(subnetInstanceId: string): SubnetEgress | undefined {
    return this.#egress.of(subnetInstanceId);
  }

  targets(): readonly TargetState[] {
    return Array.from(this.#hub.targets(), (target) => ({
      kind: target.kind,
      id: target.id,
      connected: target.session !== undefined,
      appliedRevision: this.#appliedRevision(target),
      softwareVersion: target.softwareVersion,
      since: target.since,
      resourceCount: this.#compiler.slice(target.key)?.resources.size ?? 0,
      faults: [...target.faults.values()].map((fault) => detailOf(fault, target)),
    }));
  }

  programmed(revision: Revision): Realisation {
    const nothing = { waitingFor: [], programmedAfterMs: undefined };
    if (revision > this.#compiler.revision) return { status: 'Unknown', ...nothing };
    const progress = this.#progress.of(revision);
    if (progress === undefined) return { status: 'Forgotten', ...nothing };
    const { waitingFor, refusedBy, elapsedMs } = progress;
    if (waitingFor.size > 0) {
      const names = [...waitingFor].slice(0, WAITING_NAMES_MAX);
      return { status: 'Pending', waitingFor: names, programmedAfterMs: undefined };
    }
    const status = refusedBy.size > 0 ? 'Refused' : 'Programmed';
    return { status, waitingFor: [], programmedAfterMs: elapsedMs };
  }

  configurationState(instanceId: string): ConfigurationState | undefined {
    const document = this.#compiler.model.byInstanceId(instanceId);
    switch (document?.kind) {
      case 'network-interface':
        return written(this.#judgeInterface(document));
      case 'virtual-network':
        return written(this.#judgeNetwork(document, instanceId));
      case 'server':
        return written(this.#judgeServer(document));
      case 'access-control-list': {
        const key = accessControlListKey(instanceId);
        return written(
          this.#judgeShared(accessControlListScope(instanceId), (each) => each === key),
        );
      }
      case 'route-table':
        return written(this.#judgeRouteTable(document));
      case 'edge-router':
        return written(this.#judgeEdge(document, instanceId));
      case 'public-ip-address':
        return written(this.#judgePublicAddress(document));
      case 'load-balancer':
        return written(this.#balancing.judgeFrontend(document, instanceId));
      case 'load-balancer-mux':
        return written(this.#balancing.judgeMux(document));
      case 'logical-network':
      case 'security-tag':
      case 'settings':
      case 'service-insertion':
      case 'backend-settings':
      case undefined:
        return undefined;
    }
  }

  /** Of a target that has nothing to answer, whatever has been compiled is in force. */
  #appliedRevision(target: Target): Revision {
    if (target.session === undefined || target.ledger.outstandingKeys() === undefined) {
      return target.appliedRevision;
    }
    const first = this.#progress.firstUnanswered(target.key);
    return first === undefined ? this.#compiler.revision : first - 1;
  }

  #judgeInterface(networkInterface: NetworkInterface): Judgement {
    const { instanceId } = networkInterface;
    const serverId = this.serverOf(instanceId);
    if (serverId === undefined) {
      return { status: ConfigurationStatus.Uninitialized, details: [], at: this.#startedAt };
    }
    const key = hostTarget(serverId);
    const target = this.#hub.target(key);
    const at = target?.heardAt ?? this.#startedAt;
    if (target?.session === undefined) {
      return { status: ConfigurationStatus.Failure, details: [away(key, target)], at };
    }
    const port = portKey(instanceId);
    if (this.#compiler.slice(key)?.resources.has(port) !== true) {
      const message = `'${serverId}' holds the interface, but its subnet or the server's provider address is missing`;
      const details = [{ source: NETWORK_MANAGER, code: 'PolicyConfigurationFailure', message }];
      return { status: ConfigurationStatus.Failure, details, at };
    }
    const fault = target.faults.get(port);
    if (fault !== undefined) {
      return { status: ConfigurationStatus.Failure, details: [detailOf(fault, target)], at };
    }
    if (target.ledger.isOutstanding(port)) {
      return { status: ConfigurationStatus.InProgress, details: [], at };
    }
    const own = target.faults.get(HOST_KEY);
    if (own === undefined) return { status: ConfigurationStatus.Success, details: [], at };
    return { status: ConfigurationStatus.Warning, details: [detailOf(own, target)], at };
  }

  #judgeServer(server: Server): Judgement {
    const key = hostTarget(server.id);
    const target = this.#hub.target(key);
    const at = target?.heardAt ?? this.#startedAt;
    if (server.providerAddress === undefined) {
      const message = `no provider address was allocated for '${server.id}'`;
      const details = [{ source: NETWORK_MANAGER, code: 'PAIpAddressExhausted', message }];
      return { status: ConfigurationStatus.Failure, details, at };
    }
    if (target?.session === undefined) {
      return { status: ConfigurationStatus.Failure, details: [away(key, target)], at };
    }
    const details = [...target.faults.values()].map((fault) => detailOf(fault, target));
    if (target.faults.has(HOST_KEY)) return { status: ConfigurationStatus.Failure, details, at };
    if (target.ledger.isOutstanding(HOST_KEY)) {
      return { status: ConfigurationStatus.InProgress, details, at };
    }
    const status = details.length > 0 ? ConfigurationStatus.Warning : ConfigurationStatus.Success;
    return { status, details, at };
  }

  /** `instanceId`: of the edge, or of what belongs to it. */
  #judgeEdge(edge: EdgeRouter, instanceId: string): Judgement {
    const key = edgeTarget(edge.id);
    const target = this.#hub.target(key);
    const at = target?.heardAt ?? this.#startedAt;
    if (target?.session === undefined) {
      const details = [{ ...away(key, target), code: 'HostUnreachable' }];
      return { status: ConfigurationStatus.Failure, details, at };
    }
    const isWhole = instanceId === edge.instanceId;
    const belongs = (each: string) => isWhole || each.endsWith(`/${instanceId}`);
    const faults = [...target.faults.values()].filter((fault) => belongs(fault.key));
    const details = faults.map((fault) => detailOf(fault, target));
    if (faults.some((fault) => !isWhole || fault.key === EDGE_KEY)) {
      return { status: ConfigurationStatus.Failure, details, at };
    }
    const keys = target.ledger.outstandingKeys();
    if (keys === undefined || keys.some(belongs)) {
      return { status: ConfigurationStatus.InProgress, details, at };
    }
    const status = details.length > 0 ? ConfigurationStatus.Warning : ConfigurationStatus.Success;
    return { status, details, at };
  }

  /** An address that nobody has leads nowhere, and nothing is wrong with that. */
  #judgePublicAddress({ id, instanceId }: PublicIpAddress): Judgement | FrontendJudgement {
    const balanced = frontendWith(id, this.#compiler.model);
    const judgedThere =
      balanced && this.#balancing.judgeFrontend(balanced.balancer, balanced.frontend.instanceId);
    if (judgedThere !== undefined) return judgedThere;
    const key = publicAddressKey(instanceId);
    const judged = this.#judgeShared(PUBLIC_SCOPE, (each) => each === key);
    if (holderOf(id, this.#compiler.model) === undefined) {
      return { ...judged, status: ConfigurationStatus.Uninitialized };
    }
    if (judged.status !== ConfigurationStatus.Uninitialized) return judged;
    const message = 'there is no edge router that leads to it: create /edgeRouters/{id}';
    const details = [{ source: NETWORK_MANAGER, code: 'PolicyConfigurationFailure', message }];
    return { ...judged, status: ConfigurationStatus.Failure, details };
  }

  /** `instanceId`: of the network, or of one of its subnets. */
  #judgeNetwork(network: VirtualNetwork, instanceId: string): Judgement {
    const scope = virtualNetworkScope(network.instanceId);
    return this.#judgeShared(scope, keyFilter(network, instanceId));
  }

  #judgeRouteTable(table: RouteTable): Judgement {
    const key = routeTableKey(table.instanceId);
    const judged = this.#judgeShared(routeTableScope(table.instanceId), (each) => each === key);
    const warnings = unservedRoutes(table, this.#compiler.model);
    const details = [...judged.details, ...warnings];
    const isMore = warnings.length > 0 && judged.status === ConfigurationStatus.Success;
    return { ...judged, details, status: isMore ? ConfigurationStatus.Warning : judged.status };
  }

  /** What several hosts hold: the resources of a scope that `belongs` names. */
  #judgeShared(scope: string, belongs: (key: string) => boolean): Judgement {
    const details: ConfigurationDetail[] = [];
    let at = this.#startedAt;
    let holding = 0;
    let absent = 0;
    let refused = false;
    let outstanding = false;
    for (const key of this.#compiler.targetsOf(scope)) {
      holding++;
      const target = this.#hub.target(key);
      at = Math.max(at, target?.heardAt ?? 0);
      if (target?.session === undefined) {
        absent++;
        details.push(away(key, target));
        continue;
      }
      for (const fault of target.faults.values()) {
        if (!belongs(fault.key)) continue;
        refused = true;
        details.push({ ...detailOf(fault, target), source: `${sourceOf(target)} ${target.id}` });
      }
      const keys = target.ledger.outstandingKeys();
      outstanding ||= keys === undefined || keys.some(belongs);
    }
    return { status: summary({ holding, absent, refused, outstanding }), details, at };
  }
}

function summary(hosts: {
  readonly holding: number;
  readonly absent: number;
  readonly refused: boolean;
  readonly outstanding: boolean;
}): ConfigurationStatus {
  if (hosts.holding === 0) return ConfigurationStatus.Uninitialized;
  if (hosts.refused || hosts.absent === hosts.holding) return ConfigurationStatus.Failure;
  if (hosts.absent > 0) return ConfigurationStatus.Warning;
  return hosts.outstanding ? ConfigurationStatus.InProgress : ConfigurationStatus.Success;
}

/** Keys of goal-state resources that make up a network, or one of its subnets. */
function keyFilter(network: VirtualNetwork, instanceId: string): (key: string) => boolean {
  if (instanceId !== network.instanceId) {
    const subnet = virtualSubnetKey(instanceId);
    return (key) => key === subnet;
  }
  const own = virtualNetworkKey(instanceId);
  const mappings = `mapping/${instanceId}/`;
  const subnets = new Set(network.subnets.map((subnet) => virtualSubnetKey(subnet.instanceId)));
  return (key) => key === own || subnets.has(key) || key.startsWith(mappings);
}

function written(judged: Judgement | FrontendJudgement): ConfigurationState;
function written(judged: FrontendJudgement | undefined): ConfigurationState | undefined;
function written(
  judged: Judgement | FrontendJudgement | undefined,
): ConfigurationState | undefined {
  if (judged === undefined) return undefined;
  const { status, details, at } = judged;
  return {
    ...{ status, detailedInfo: details, lastUpdatedTime: new Date(at).toISOString() },
    ...('vipEndpointStates' in judged && { vipEndpointStates: judged.vipEndpointStates }),
  };
}
