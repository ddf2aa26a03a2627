/**
 * What goal state says of each port, as far as it is in force, and who waits for it: POST /ports answers once the port's goal is applied.
 * Called by host-agent.
 */

import type { GoalChange } from '../../agent/agent.ts';
import { formatIpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import type { Port, ResourceError } from '../../schema/southbound/messages.ts';

export interface PortGoal {
  readonly portId: string;
  readonly resourceRef: string;
  readonly mac: Mac;
  /** Of the primary ipConfiguration. */
  readonly address: string;
  readonly mtu: number;
}

/** In force; refused by the switch, with its reason; or not there. */
export type PortGoalState =
  | { readonly kind: 'applied'; readonly goal: PortGoal }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'absent' };

export interface GoalWaiter {
  /** Resolves when the state is no longer `absent`, or when cancelled with what it is then. */
  readonly settled: Promise<PortGoalState>;
  cancel(): void;
}

const KEY = /^port\/(.+)$/;
const ABSENT: PortGoalState = { kind: 'absent' };

export class PortGoals {
  readonly #goals = new Map<string, PortGoal>();
  readonly #refusals = new Map<string, string>();
  readonly #waiting = new Map<string, Set<(state: PortGoalState) => void>>();

  /** Notes a change that the switch has applied but for `errors`. */
  note(change: GoalChange, errors: readonly ResourceError[]): void {
    const refused = new Map(errors.map((error) => [error.key, error.message]));
    for (const { key, port } of change.upserts) {
      const portId = KEY.exec(key)?.[1];
      if (portId === undefined || port === undefined) continue;
      const reason = refused.get(key);
      if (reason === undefined) {
        this.#refusals.delete(portId);
        this.#goals.set(portId, goalOf(portId, port));
      } else {
        this.#refusals.set(portId, reason);
      }
      this.#settle(portId);
    }
    for (const key of change.removes) {
      const portId = KEY.exec(key)?.[1];
      if (portId === undefined) continue;
      this.#goals.delete(portId);
      this.#refusals.delete(portId);
    }
  }

  state(portId: string): PortGoalState {
    const reason = this.#refusals.get(portId);
    if (reason !== undefined) return { kind: 'refused', reason };
    const goal = this.#goals.get(portId);
    return goal === undefined ? ABSENT : { kind: 'applied', goal };
  }

  wait(portId: string): GoalWaiter {
    let finish: (state: PortGoalState) => void = () => undefined;
    const settled = new Promise<PortGoalState>((resolve) => {
      finish = resolve;
    });
    if (this.state(portId).kind === 'absent') {
      const waiting = this.#waiting.get(portId) ?? new Set();
      this.#waiting.set(portId, waiting.add(finish));
    } else {
      finish(this.state(portId));
    }
    const cancel = () => {
      this.#waiting.get(portId)?.delete(finish);
      if (this.#waiting.get(portId)?.size === 0) this.#waiting.delete(portId);
      finish(this.state(portId));
    };
    return { settled, cancel };
  }

  #settle(portId: string): void {
    const waiting = this.#waiting.get(portId);
    this.#waiting.delete(portId);
    for (const finish of waiting ?? []) finish(this.state(portId));
  }
}

function goalOf(portId: string, port: Port): PortGoal {
  const [primary] = port.ipConfigurations;
  const words = primary === undefined ? undefined : ipWordsFromBytes(primary.address);
  return {
    portId,
    resourceRef: port.resourceRef,
    mac: port.mac,
    address: words === undefined ? '' : formatIpWords(words),
    mtu: port.mtu,
  };
}
