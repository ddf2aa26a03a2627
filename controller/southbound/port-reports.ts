/**
 * Takes a target's Report in: its standing faults, and for a host the ports of its switch, from which placements follow
 * (placement-policy.ts), and who has which learned address (learned-addresses.ts). Both go to the compiler at once and to the
 * store's observations behind it: they survive a restart of the controller and the host's absence. Called by target-hub.ts.
 */
import type { Clock } from '../../base/clock.ts';
import type { AttachedPort, Report } from '../../schema/southbound/messages.ts';
import type { Compiler, HolderInput, PlacementInput } from '../compiler/compiler.ts';
import type { JsonObject } from '../store/store.ts';
import type { EgressMeters } from './egress-meters.ts';
import { holdersAfter } from './learned-addresses.ts';
import { REPORT_PORTS_MAX } from './limits.ts';
import type { SouthboundMetrics } from './metrics.ts';
import { placementsAfter } from './placement-policy.ts';
import { faultsOfReport, type Target } from './target.ts';

export interface PortReportsOptions {
  readonly compiler: Compiler;
  readonly clock: Clock;
  readonly metrics: SouthboundMetrics;
  readonly egress: Pick<EgressMeters, 'take'>;
  /** The target that realises a server. */
  host(serverId: string): Target | undefined;
  /** Compiles placements and sends what follows. */
  place(placements: readonly PlacementInput[]): void;
  /** Likewise who has learned addresses. */
  hold(holders: readonly HolderInput[]): void;
  /** Stores an observation; `value` undefined deletes. */
  observe(key: string, value: JsonObject | undefined): void;
}

/** Of the observations that say who has a learned address: `learned/<instanceId of the network>/<address>`. */
export const LEARNED_PREFIX = 'learned/';

type Ports = ReadonlyMap<string, AttachedPort>;

export class PortReports {
  readonly #options: PortReportsOptions;

  constructor(options: PortReportsOptions) {
    this.#options = options;
  }

  take(target: Target, report: Report): void {
    target.faults = faultsOfReport(report.health);
    const dropped = Math.max(0, report.ports.length - REPORT_PORTS_MAX);
    if (dropped > 0) this.#options.metrics.reportEntriesDropped.inc(dropped);
    if (target.kind !== 'host') return;
    this.#options.egress.take(target.id, report);
    const before = target.ports;
    const taken = report.ports.slice(0, REPORT_PORTS_MAX);
    target.ports = new Map(taken.map((port) => [port.portId, port]));
    const moves = this.#moves(target, before);
    if (moves.size > 0) {
      this.#options.place(
        Array.from(moves, ([interfaceInstanceId, serverId]) => ({ interfaceInstanceId, serverId })),
      );
    }
    this.#record(target, before, moves);
    this.#takeHolders(target, before, moves);
  }

  #takeHolders(
    target: Target,
    portsBefore: Ports,
    moves: ReadonlyMap<string, string | undefined>,
  ): void {
    const { clock, compiler, hold, host, observe } = this.#options;
    const { model } = compiler;
    const holders = holdersAfter({
      serverId: target.id,
      ports: target.ports,
      portsBefore,
      detached: [...moves].flatMap(([id, serverId]) => (serverId === undefined ? [id] : [])),
      model,
      reported(interfaceInstanceId) {
        const at = host(model.serverIdOf(interfaceInstanceId) ?? '');
        if (at?.session === undefined) return [];
        return at.ports.get(interfaceInstanceId)?.learnedAddresses ?? [];
      },
    });
    if (holders.length === 0) return;
    hold(holders);
    for (const { vnetId, address, interfaceInstanceId } of holders) {
      const key = `${LEARNED_PREFIX}${vnetId}/${address}`;
      const value = { interface: interfaceInstanceId ?? '', since: clock.wallNow() };
      observe(key, interfaceInstanceId === undefined ? undefined : value);
    }
  }

  #moves(target: Target, portsBefore: Ports): ReadonlyMap<string, string | undefined> {
    const { model } = this.#options.compiler;
    return placementsAfter({
      serverId: target.id,
      ports: target.ports,
      portsBefore,
      placedHere: model.placedOn(target.id),
      placed: (instanceId) => {
        const serverId = model.serverIdOf(instanceId);
        const holder = serverId === undefined ? undefined : this.#options.host(serverId);
        return {
          serverId,
          held: holder?.session !== undefined && holder.ports.has(instanceId),
        };
      },
    });
  }

  #record(
    target: Target,
    portsBefore: Ports,
    moves: ReadonlyMap<string, string | undefined>,
  ): void {
    const { clock, compiler, observe } = this.#options;
    for (const [instanceId, serverId] of moves) {
      if (serverId === undefined) observe(`placement/${instanceId}`, undefined);
    }
    for (const [instanceId, port] of target.ports) {
      if (compiler.model.serverIdOf(instanceId) !== target.id) continue;
      if (!moves.has(instanceId) && samePort(port, portsBefore.get(instanceId))) continue;
      const { device, linkUp } = port;
      const at = clock.wallNow();
      observe(`placement/${instanceId}`, { server: target.id, device, linkUp, at });
    }
  }
}

function samePort(a: AttachedPort, b: AttachedPort | undefined): boolean {
  return b !== undefined && a.device === b.device && a.linkUp === b.linkUp;
}
