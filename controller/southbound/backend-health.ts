/**
 * What hosts' probes say of backends, from their reports: UP or DOWN as reported, LOST for a backend that was up when its host has been away for
 * HOST_LOST_WAIT, and nothing known where nobody has reported since the controller started. The host that holds the interface is believed;
 * changes go to the compiler together after HEALTH_DELAY. Flaps are the host's to damp. Called by target-hub.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { HealthState, type ProbeResult } from '../../schema/southbound/messages.ts';
import { addressText } from '../compiler/address-bytes.ts';
import type { HealthInput } from '../compiler/balancing-state.ts';
import type { ModelView } from '../compiler/model-view.ts';
import { HEALTH_DELAY, HOST_LOST_WAIT, REPORT_PROBE_RESULTS_MAX } from './limits.ts';
import type { SouthboundMetrics } from './metrics.ts';
import type { Target } from './target.ts';

export interface BackendHealthOptions {
  readonly model: ModelView;
  readonly clock: Clock;
  readonly metrics: Pick<SouthboundMetrics, 'reportEntriesDropped'>;
  /** Compiles what has changed and sends what follows. */
  change(health: readonly HealthInput[]): void;
}

/** The last word on a backend. */
export interface BackendWord {
  readonly serverId: string;
  readonly up: boolean;
  readonly reason: string;
  /** Unix time of the last change of `up`. */
  readonly sinceSec: number;
}

interface Word extends BackendWord {
  readonly portId: string;
}

interface Host {
  readonly id: string;
  words: ReadonlyMap<string, Word>;
  lost: boolean;
  away: Timer | undefined;
}

export class BackendHealthReports {
  readonly #options: BackendHealthOptions;
  readonly #hosts = new Map<string, Host>();
  /** By probe and address: hosts that have something to say of it. Two, while an interface moves. */
  readonly #sayers = new Map<string, Set<Host>>();
  /** Probe and address of what may have changed. */
  readonly #dirty = new Set<string>();
  #flushTimer: Timer | undefined;
  #closed = false;

  constructor(options: BackendHealthOptions) {
    this.#options = options;
  }

  close(): void {
    this.#closed = true;
    this.#flushTimer?.cancel();
    for (const { away } of this.#hosts.values()) away?.cancel();
  }

  take({ id, kind }: Target, results: readonly ProbeResult[]): void {
    if (kind !== 'host') return;
    const dropped = results.length - REPORT_PROBE_RESULTS_MAX;
    if (dropped > 0) this.#options.metrics.reportEntriesDropped.inc(dropped);
    const known = this.#hosts.get(id);
    if (known === undefined && results.length === 0) return;
    const host: Host = known ?? { id, words: new Map(), lost: false, away: undefined };
    this.#hosts.set(id, host);
    const words = new Map<string, Word>();
    for (const result of results.slice(0, REPORT_PROBE_RESULTS_MAX)) {
      const { probeId, portId, up, reason, sinceSec } = result;
      const key = `${probeId} ${addressText(result.address)}`;
      words.set(key, { serverId: id, portId, up, reason, sinceSec });
    }
    const before = host.words;
    host.words = words;
    for (const key of before.keys()) if (!words.has(key)) this.#unsay(key, host);
    for (const [key, word] of words) {
      const was = before.get(key);
      if (was === undefined) this.#say(key, host);
      if (was?.up !== word.up || was.portId !== word.portId) this.#changed(key);
    }
    this.connected(id);
  }

  /** The host is there: what it has said holds again. */
  connected(serverId: string): void {
    const host = this.#hosts.get(serverId);
    host?.away?.cancel();
    if (host !== undefined) host.away = undefined;
    if (host?.lost !== true) return;
    host.lost = false;
    for (const key of host.words.keys()) this.#changed(key);
  }

  disconnected(serverId: string): void {
    const host = this.#hosts.get(serverId);
    if (host === undefined || this.#closed) return;
    host.away ??= this.#options.clock.after(
      HOST_LOST_WAIT,
      () => {
        host.away = undefined;
        host.lost = true;
        for (const key of host.words.keys()) this.#changed(key);
      },
      { background: true },
    );
  }

  /** Interfaces have been attached elsewhere: another host is to be believed. */
  moved(interfaceInstanceIds: ReadonlySet<string>): void {
    if (interfaceInstanceIds.size === 0) return;
    for (const { words } of this.#hosts.values()) {
      for (const [key, { portId }] of words) {
        if (interfaceInstanceIds.has(portId)) this.#changed(key);
      }
    }
  }

  /** `address`: canonical text. */
  wordOn(probeId: string, address: string): BackendWord | undefined {
    return this.#believed(`${probeId} ${address}`)?.word;
  }

  #say(key: string, host: Host): void {
    const sayers = this.#sayers.get(key) ?? new Set();
    this.#sayers.set(key, sayers.add(host));
  }

  #unsay(key: string, host: Host): void {
    const sayers = this.#sayers.get(key);
    sayers?.delete(host);
    if (sayers?.size === 0) this.#sayers.delete(key);
    this.#changed(key);
  }

  #changed(key: string): void {
    this.#dirty.add(key);
    if (this.#closed) return;
    this.#flushTimer ??= this.#options.clock.after(HEALTH_DELAY, () => this.#flush());
  }

  #flush(): void {
    this.#flushTimer = undefined;
    const health = [...this.#dirty].map((key): HealthInput => {
      const [probeId = '', address = ''] = key.split(' ');
      return { probeId, address, state: this.#stateOf(key) };
    });
    this.#dirty.clear();
    this.#options.change(health);
  }

  #stateOf(key: string): HealthState | undefined {
    const believed = this.#believed(key);
    if (believed === undefined) return undefined;
    if (!believed.word.up) return HealthState.HEALTH_DOWN;
    return believed.host.lost ? HealthState.HEALTH_LOST : HealthState.HEALTH_UP;
  }

  #believed(key: string): { readonly host: Host; readonly word: Word } | undefined {
    for (const host of this.#sayers.get(key) ?? []) {
      const word = host.words.get(key);
      if (word !== undefined && this.#options.model.serverIdOf(word.portId) === host.id) {
        return { host, word };
      }
    }
    return undefined;
  }
}
