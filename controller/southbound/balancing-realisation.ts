/**
 * configurationState of load balancing — MS-NCNBI §3.1.5.5.3, §3.1.5.7. A frontend is in force when every host, mux and edge that it concerns
 * has taken it in and muxes may announce it; beneath stand its ports with their backends, each as its probe last said. A mux is the state of its
 * process; whether its routers know it is asked of the mux itself (northbound/resources/load-balancer-muxes). Called by realisation.ts.
 *
 * Status of a frontend: Uninitialized without a rule; Failure where it is refused, nobody carries it, or no backend is up; Warning where a
 * target is away, a backend is not up or has fewer ports for outbound connections than it should; InProgress until it is announced.
 */
import { HealthState } from '../../schema/southbound/messages.ts';
import { type AddressBytes, addressText } from '../compiler/address-bytes.ts';
import {
  addressOf,
  isMuxServing,
  type Member,
  membersOf,
  type Side,
  scopesOf,
  settingsOf,
  sideOf,
} from '../compiler/balancing.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type {
  Frontend,
  InboundRule,
  LoadBalancer,
  LoadBalancerMux,
} from '../compiler/load-balancer-document.ts';
import { muxTarget } from '../compiler/node.ts';
import { backendPoolKey, MUX_KEY, virtualIpKey } from '../goal-state/resource.ts';
import {
  type ConfigurationDetail,
  ConfigurationStatus,
  type DipEndpointState,
  type VipEndpointState,
} from '../model/realised-state.ts';
import { away, BALANCER, detailOf, type Judgement } from './judgement.ts';
import type { TargetHub } from './target-hub.ts';

export interface FrontendJudgement extends Judgement {
  readonly vipEndpointStates: readonly VipEndpointState[];
}

export interface BalancingRealisationOptions {
  readonly compiler: Compiler;
  readonly hub: TargetHub;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

const { Success, Warning, Failure, InProgress, Uninitialized } = ConfigurationStatus;

export class BalancingRealisation {
  readonly #compiler: Compiler;
  readonly #hub: TargetHub;
  readonly #startedAt: number;

  constructor({ compiler, hub, startedAt }: BalancingRealisationOptions) {
    this.#compiler = compiler;
    this.#hub = hub;
    this.#startedAt = startedAt;
  }

  judgeMux(mux: LoadBalancerMux): Judgement {
    const key = muxTarget(mux.id);
    const target = this.#hub.target(key);
    const at = target?.heardAt ?? this.#startedAt;
    const say = (status: ConfigurationStatus, code: string, message: string): Judgement => ({
      ...{ status, at, details: [{ source: BALANCER, code, message }] },
    });
    if (!isMuxServing(mux)) {
      return say(Failure, 'PAIpAddressExhausted', `'${mux.id}' has no provider address`);
    }
    if (target?.session === undefined) {
      return say(Failure, 'VirtualServerUnreachable', away(key, target).message);
    }
    if (mux.peers.length === 0) {
      const message = 'it has no router to announce to: routerConfiguration';
      return say(Failure, 'RoutePublicationFailure', message);
    }
    const faults = [...target.faults.values()];
    const details = faults.map((fault) => detailOf(fault, target));
    if (target.faults.has(MUX_KEY)) return { status: Failure, details, at };
    if (target.ledger.hasOutstanding || target.ledger.inflightRevision !== undefined) {
      return say(InProgress, 'InProgress', 'the mux takes its goal state in');
    }
    if (details.length > 0) return { status: Warning, details, at };
    return say(Success, 'Success', 'the mux is healthy');
  }

  /** Undefined for another part of a load balancer. */
  judgeFrontend(balancer: LoadBalancer, instanceId: string): FrontendJudgement | undefined {
    const { model } = this.#compiler;
    const frontend = balancer.frontends.find((each) => each.instanceId === instanceId);
    const side = sideOf(balancer, model);
    const address = frontend && addressOf(frontend, model);
    if (frontend === undefined) return undefined;
    const rules = balancer.rules.filter(({ frontends }) => frontends.includes(frontend.ref));
    const isUsed = [...rules, ...balancer.outboundRules].some(({ frontends }) =>
      frontends.includes(frontend.ref),
    );
    if (side === undefined || address === undefined || !isUsed) {
      return { status: Uninitialized, details: [], at: this.#startedAt, vipEndpointStates: [] };
    }
    const endpoints = rules.map((rule) => this.#endpoint(rule, address, balancer));
    const carried = this.#judgeCarriers(frontend, rules, balancer, side);
    const below = endpoints.map(({ status }) => status);
    const lacking = this.#lacking(instanceId, balancer);
    const details = [...carried.details, ...worstOf(endpoints), ...lacking];
    const status = worst([carried.status, ...below, ...lacking.map(() => Warning)]);
    return { status, details, at: carried.at, vipEndpointStates: endpoints };
  }

  /** Whether whoever carries the address's traffic has it. */
  #judgeCarriers(
    frontend: Frontend,
    rules: readonly InboundRule[],
    balancer: LoadBalancer,
    side: Side,
  ): Judgement {
    const { model } = this.#compiler;
    const keys = new Set([
      virtualIpKey(frontend.instanceId),
      ...rules.map(({ target }) => backendPoolKey(partId(target, balancer))),
    ]);
    const details: ConfigurationDetail[] = [];
    let at = this.#startedAt;
    let status: ConfigurationStatus = Success;
    let muxes = 0;
    for (const key of this.#compiler.targetsOf(scopesOf(balancer, side).vips)) {
      const target = this.#hub.target(key);
      at = Math.max(at, target?.heardAt ?? 0);
      if (target?.session === undefined) {
        status = worst([status, Warning]);
        details.push(away(key, target));
        continue;
      }
      if (target.kind === 'mux') muxes++;
      const faults = [...keys].flatMap((each) => target.faults.get(each) ?? []);
      if (faults.length > 0) status = Failure;
      details.push(...faults.map((fault) => detailOf(fault, target)));
      const isWaiting = [...keys].some((each) => target.ledger.isOutstanding(each));
      if (isWaiting) status = worst([status, InProgress]);
    }
    if (side.kind === 'internal') return { status, details, at };
    if (muxes === 0) {
      const message = 'no mux is connected that could announce it: /loadBalancerMuxes';
      details.push({ source: BALANCER, code: 'VirtualServerUnreachable', message });
      return { status: Failure, details, at };
    }
    const isAnnounced = model.balancing.isAnnounced(frontend.instanceId);
    return { status: isAnnounced ? status : worst([status, InProgress]), details, at };
  }

  /** What is said of rules whose backends have too few ports to open connections by. */
  #lacking(vipId: string, { rules, outboundRules }: LoadBalancer): ConfigurationDetail[] {
    return this.#hub.snatShortagesOf(vipId).map(({ ruleId, backends, portsLacking }) => {
      const rule = [...outboundRules, ...rules].find(({ instanceId }) => instanceId === ruleId);
      const name = rule?.resourceRef ?? ruleId;
      const message = `backends of ${name} lack ports to open connections by: ${backends} of them, ${portsLacking} ports together`;
      return { source: BALANCER, code: 'SnatPortsLacking', message };
    });
  }

  #endpoint(rule: InboundRule, address: AddressBytes, balancer: LoadBalancer): VipEndpointState {
    const members = membersOf(rule.target, this.#compiler.model);
    const dipEndpointStates = members.map((member) => this.#dip(member, rule, balancer));
    const name = PROTOCOLS[rule.protocol] ?? 'All';
    const up = dipEndpointStates.filter(({ status }) => status === Success).length;
    const isPending = dipEndpointStates.some(({ status }) => status === InProgress);
    const status =
      up === members.length && up > 0
        ? Success
        : up > 0
          ? Warning
          : isPending
            ? InProgress
            : Failure;
    return {
      status,
      vipEndpoint: `${name}:${endpointText(address, rule.port)}`,
      dipEndpointStates,
    };
  }

  #dip(member: Member, rule: InboundRule, balancer: LoadBalancer): DipEndpointState {
    const { networkInterface, ipConfiguration, serverId, providerAddress } = member;
    const server = serverId === undefined ? undefined : this.#compiler.model.servers.get(serverId);
    const probe = balancer.probes.find(({ ref }) => ref === rule.probe);
    return {
      ...this.#judgeBackend(member, rule, probe?.instanceId),
      dipEndpoint: endpointText(ipConfiguration.address, rule.backendPort),
      hostIPAddress: providerAddress === undefined ? '' : addressText(providerAddress),
      hostId: server?.instanceId ?? '',
      adapterId: networkInterface.mac.toString(16).padStart(12, '0').toUpperCase(),
      probeRule: probe?.resourceRef ?? '',
    };
  }

  #judgeBackend(
    { ipConfiguration, serverId, providerAddress }: Member,
    { target }: InboundRule,
    probeId: string | undefined,
  ): Pick<DipEndpointState, 'status' | 'detailedInfo'> {
    const { model } = this.#compiler;
    const say = (status: ConfigurationStatus, code: string, message: string) => ({
      ...{ status, detailedInfo: [{ source: BALANCER, code, message }] },
    });
    if (serverId === undefined || providerAddress === undefined) {
      return say(Failure, 'HostUnreachable', 'its interface is attached to no host');
    }
    if (settingsOf(ipConfiguration, target, model).draining) {
      return say(Warning, 'Draining', 'an administrator has it drained: /backendSettings');
    }
    if (probeId === undefined) return { status: Success, detailedInfo: [] };
    const address = addressText(ipConfiguration.address);
    const word = this.#hub.wordOn(probeId, address);
    const state = model.balancing.healthOf(probeId).get(address);
    if (state === HealthState.HEALTH_UP) return { status: Success, detailedInfo: [] };
    if (state === HealthState.HEALTH_LOST) {
      const message = `its host '${serverId}' is not connected; it was up`;
      return say(Warning, 'HostNotConnectedToController', message);
    }
    if (word === undefined) return say(InProgress, 'InProgress', 'no probe has answered yet');
    const since = new Date(word.sinceSec * 1_000).toISOString();
    return say(Failure, 'ProbeFailed', `${word.reason}; down since ${since}`);
  }
}

const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'Tcp', 17: 'Udp' };

/** `10.0.0.4:80`, `[2001:db8::4]:80`. */
function endpointText(address: AddressBytes, port: number): string {
  const text = addressText(address);
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}

function partId(target: string, { pools, rules }: LoadBalancer): string {
  return [...pools, ...rules].find(({ ref }) => ref === target)?.instanceId ?? '';
}

const ORDER = [Failure, Warning, InProgress, Success];

function worst(statuses: readonly ConfigurationStatus[]): ConfigurationStatus {
  return ORDER.find((status) => statuses.includes(status)) ?? Success;
}

/** What is said of ports none of whose backends serves. */
function worstOf(endpoints: readonly VipEndpointState[]): ConfigurationDetail[] {
  return endpoints
    .filter(({ status }) => status === Failure)
    .map(({ vipEndpoint, dipEndpointStates }) => ({
      source: BALANCER,
      code: 'NoLiveBackend',
      message: `none of the ${dipEndpointStates.length} backends of ${vipEndpoint} is up`,
    }));
}
