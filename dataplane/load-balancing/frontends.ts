/**
 * Virtual addresses of one network as packets meet them: address, then protocol and port, lead to the rule that serves them. What belongs to a rule's
 * pool and health is in its selection, which is replaced when either changes. Written by virtual-addresses, read by translation.
 */
import type { IpWords } from '../../base/ip-words.ts';
import { Lpm, NONE } from '../../base/lpm.ts';
import type { Distribution } from '../../slb/hashing/distribution.ts';
import type { EpochCell } from '../engine/epochs.ts';
import type { IdleLimit, RuleCounter } from '../engine/rule.ts';
import type { Selection } from './selection.ts';

/** A frontend of a load balancer. */
export interface Frontend {
  readonly id: string;
  readonly resourceRef: string;
  readonly address: IpWords;
  /** The address is one of the network's own; else it is public. */
  readonly isInternal: boolean;
  /** Flows that it translates learn of changes by it. */
  readonly cell: EpochCell;
  /** By ruleKey. */
  readonly rules: ReadonlyMap<number, BalancingRule>;
}

export interface BalancingRule {
  readonly frontend: Frontend;
  readonly resourceRef: string;
  /** 6 or 17; 0 with port 0: every port of both. */
  readonly protocol: number;
  readonly port: number;
  /** 0 with port 0: that of the packet. */
  readonly backendPort: number;
  /** The backend sees the virtual address. */
  readonly isFloating: boolean;
  readonly distribution: Distribution;
  /** Of TCP connections. */
  readonly idle: IdleLimit;
  readonly counters: RuleCounters;
  /** Undefined: its pool, or its backends' health, has not arrived. */
  readonly selection: Selection | undefined;
}

export interface RuleCounters {
  /** Flows that have been given a backend. */
  readonly opened: RuleCounter;
  /** Packets that found none. */
  readonly unserved: RuleCounter;
}

const PORTS = 0x1_0000;

export function ruleKey(protocol: number, port: number): number {
  return protocol * PORTS + port;
}

const ANY = ruleKey(0, 0);

/** The rule for this protocol and port; undefined: the address is not served there. */
export function ruleOf(
  frontend: Frontend,
  protocol: number,
  port: number,
): BalancingRule | undefined {
  return frontend.rules.get(ruleKey(protocol, port)) ?? frontend.rules.get(ANY);
}

/** Those of one network. */
export class NetworkFrontends {
  readonly #places = new Lpm();
  readonly #frontends: (Frontend | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.size;
  }

  at(w0: number, w1: number, w2: number, w3: number): Frontend | undefined {
    const place = this.#places.lookup(w0, w1, w2, w3);
    return place === NONE ? undefined : this.#frontends[place];
  }

  atWords([w0, w1, w2, w3]: IpWords): Frontend | undefined {
    return this.at(w0, w1, w2, w3);
  }

  /** Adds it, or replaces the one with its address. */
  set(frontend: Frontend): void {
    const prefix = { words: frontend.address, len: 128 };
    const known = this.#places.get(prefix);
    const place = known === NONE ? (this.#free.pop() ?? this.#frontends.length) : known;
    this.#frontends[place] = frontend;
    this.#places.set(prefix, place);
  }

  remove(address: IpWords): void {
    const place = this.#places.remove({ words: address, len: 128 });
    if (place === NONE) return;
    this.#frontends[place] = undefined;
    this.#free.push(place);
  }

  all(): readonly Frontend[] {
    return this.#frontends.filter((own) => own !== undefined);
  }
}
