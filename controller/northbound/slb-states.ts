/**
 * diagnostics/SlbState — MS-NCNBI §3.1.5.22.3, §3.1.5.22.4: what the controller and its muxes say of load balancing at one moment, asked for by a PUT
 * and read when every mux has answered or has not. In memory, as connectivity checks are; the last SLB_STATES_KEPT_MAX can be read. A mux that
 * does not answer is a section with dataRetrievalFailed. Called by slb-state-routes and read-only-routes.
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { randomGuid } from '../../base/guid.ts';
import type { Rng } from '../../base/rng.ts';
import { LoadBalancerMuxSchema } from '../../schema/northbound/load-balancer-muxes.ts';
import { FrontendIpConfigurationSchema } from '../../schema/northbound/load-balancers.ts';
import { SLB_STATES_KEPT_MAX } from '../diagnostics/limits.ts';
import type { DesiredState, Resource } from '../model/desired-state.ts';
import type { RealisedState } from '../model/realised-state.ts';
import type { OperationOutcome } from '../operations/operation-history.ts';
import type { AskMux } from '../southbound/ask-target.ts';
import type { JsonObject } from '../store/store.ts';
import { typed } from './resource-node.ts';

export interface SlbStatesParts {
  readonly desired: DesiredState;
  readonly realised: Pick<RealisedState, 'configurationState'>;
  readonly askMux: AskMux;
  readonly clock: Clock;
  readonly rng: Rng;
}

interface State {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly submittedAt: number;
  /** Undefined while muxes are asked. */
  groups: readonly JsonObject[] | undefined;
}

interface Section {
  readonly name: string;
  readonly description: string;
  readonly units: readonly JsonObject[];
  readonly failed?: boolean;
}

export const SLB_STATE_REF = '/diagnostics/slbState/Action';
const RESULTS_REF = '/diagnostics/slbStateResults';

export class SlbStates {
  readonly #parts: SlbStatesParts;
  /** By id, oldest first. */
  readonly #states = new Map<string, State>();

  constructor(parts: SlbStatesParts) {
    this.#parts = parts;
  }

  /** Begins to collect. The resource as it is now. */
  start(): { readonly id: string; readonly body: JsonObject } {
    const { clock, rng } = this.#parts;
    for (const id of this.#states.keys()) {
      if (this.#states.size < SLB_STATES_KEPT_MAX) break;
      this.#states.delete(id);
    }
    const state: State = {
      id: randomGuid(rng),
      submittedAt: clock.wallNow(),
      groups: undefined,
    };
    this.#states.set(state.id, state);
    void this.#collect().then((groups) => {
      state.groups = groups;
    });
    return { id: state.id, body: actionView(state) };
  }

  /** Undefined where it is not known, or no longer. */
  result(id: string): JsonObject | undefined {
    const state = this.#states.get(id.toLowerCase());
    return state && resultView(state);
  }

  /** Newest first. */
  results(): JsonObject[] {
    return [...this.#states.values()].reverse().map(resultView);
  }

  /** As operations tell it. */
  operation(id: string): OperationOutcome | undefined {
    const state = this.#states.get(id.toLowerCase());
    if (state === undefined) return undefined;
    const record = {
      ...{ id: state.id, method: 'PUT' as const, resourceRef: SLB_STATE_REF },
      ...{ revision: 0, startedAt: state.submittedAt },
    };
    const status = state.groups === undefined ? 'InProgress' : 'Succeeded';
    return { record, status, error: undefined };
  }

  async #collect(): Promise<readonly JsonObject[]> {
    const { desired } = this.#parts;
    const muxes = [...desired.list('loadBalancerMuxes').values()];
    const frontends = [...desired.list('loadBalancers/frontendIPConfigurations').values()];
    const addresses = frontends.flatMap((frontend) => {
      const address = frontendAddress(frontend, desired);
      return address === undefined ? [] : [{ frontend, address }];
    });
    const states = await Promise.all(muxes.map((mux) => this.#muxSection(mux)));
    return [
      group('Fabric', 'Fabric Slb State', [
        section('SlbmVips', 'Slbm Vips', [unit(addresses.map(({ address }) => address))]),
        ...states,
        section('RouterConfiguration', 'Router Configuration', muxes.flatMap(routerUnits)),
      ]),
      group('Tenant', 'Tenant Slb State', [
        section(
          'VipConsolidatedState',
          'Vip Consolidated State',
          addresses.map(({ frontend, address }) => unit([this.#stateText(frontend)], address)),
        ),
      ]),
    ];
  }

  async #muxSection(mux: Resource): Promise<Section> {
    const { askMux, realised } = this.#parts;
    const state = realised.configurationState(mux.instanceId);
    const name = 'MuxState';
    const description = `Mux State of ${mux.resourceId}`;
    const own = unit([JSON.stringify({ mux: mux.resourceId, configurationState: state })], 'State');
    try {
      const status = await askMux(mux.resourceId, 'muxStatus', {});
      return { name, description, units: [own, unit([JSON.stringify(status)], 'Status')] };
    } catch (thrown) {
      return { name, description, units: [own, unit([messageOf(thrown)])], failed: true };
    }
  }

  #stateText({ ref, instanceId }: Resource): string {
    const state = this.#parts.realised.configurationState(instanceId);
    return JSON.stringify({ frontend: ref, configurationState: state });
  }
}

/** Of a frontendIPConfiguration; undefined: it has none yet. */
export function frontendAddress(frontend: Resource, desired: DesiredState): string | undefined {
  const { publicIPAddress, privateIPAddress } = typed(FrontendIpConfigurationSchema, frontend);
  if (publicIPAddress === undefined) return privateIPAddress;
  const address = desired.byRef(publicIPAddress.resourceRef)?.properties['ipAddress'];
  return typeof address === 'string' ? address : undefined;
}

function routerUnits(mux: Resource): JsonObject[] {
  const { routerConfiguration } = typed(LoadBalancerMuxSchema, mux);
  const { localASN, localASN4, peerRouterConfigurations } = routerConfiguration;
  return peerRouterConfigurations.map(({ routerName, routerIPAddress, peerASN, peerASN4 }) =>
    unit(
      [
        JSON.stringify({
          ...{ mux: mux.resourceId, routerID: routerName, routerIP: routerIPAddress },
          ...{ routerAS: peerASN4 ?? peerASN, bgpSharpAS: localASN4 ?? localASN },
        }),
      ],
      routerName,
    ),
  );
}

function unit(value: readonly string[], name?: string): JsonObject {
  return { ...(name !== undefined && { name }), value };
}

function section(name: string, description: string, units: readonly JsonObject[]): Section {
  return { name, description, units };
}

function group(name: string, description: string, sections: readonly Section[]): JsonObject {
  const dataSections = sections.map((each) => ({
    ...{ name: each.name, description: each.description },
    ...{ dataRetrievalFailed: each.failed ?? false, dataUnits: each.units },
  }));
  return { name, description, dataSections };
}

function actionView({ id, submittedAt }: State): JsonObject {
  return {
    resourceRef: SLB_STATE_REF,
    resourceId: 'Action',
    instanceId: id,
    properties: {
      provisioningState: 'Updating',
      operationId: id,
      slbStateResult: { resourceRef: `${RESULTS_REF}/${id}` },
      submitTime: new Date(submittedAt).toISOString(),
    },
  };
}

function resultView({ id, submittedAt, groups }: State): JsonObject {
  const isDone = groups !== undefined;
  return {
    resourceRef: `${RESULTS_REF}/${id}`,
    resourceId: id,
    instanceId: id,
    properties: {
      provisioningState: isDone ? 'Succeeded' : 'Updating',
      operationId: id,
      submitTime: new Date(submittedAt).toISOString(),
      status: isDone ? 'Success' : 'InProgress',
      output: { dataGroups: groups ?? [] },
    },
  };
}
