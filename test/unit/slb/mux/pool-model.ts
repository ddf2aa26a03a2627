/**
 * A pool as its owner sees it, under changes of any kind: who is a member of it, what probes say, and the goal state that tells of it. Called by the property tests
 * of what flows survive.
 */
import fc from 'fast-check';
import type { HealthState, Resource } from '../../../../schema/southbound/messages.ts';
import { backend, DOWN, health, LOST, pool, UNKNOWN, UP } from './mux-world.ts';

/** Of backends that there are. */
export const NUMBERS = [1, 2, 3, 4, 5, 6] as const;

export interface Member {
  readonly weight: number;
  readonly isDraining: boolean;
  /** The host that it is on; undefined: where it belongs (hostOf). */
  readonly host?: number;
}

export type PoolChange =
  | { readonly kind: 'join'; readonly number: number; readonly member: Member }
  | { readonly kind: 'leave'; readonly number: number }
  | { readonly kind: 'probe'; readonly number: number; readonly state: HealthState };

const aNumber = fc.constantFrom(...NUMBERS);

export const aWeight: fc.Arbitrary<number> = fc.constantFrom(1, 1, 3);

export function aPoolChange(member: fc.Arbitrary<Member>): fc.Arbitrary<PoolChange> {
  return fc.oneof(
    fc.record({ kind: fc.constant('join' as const), number: aNumber, member }),
    fc.record({ kind: fc.constant('leave' as const), number: aNumber }),
    fc.record({
      kind: fc.constant('probe' as const),
      number: aNumber,
      state: fc.constantFrom(UP, UP, DOWN, LOST, UNKNOWN),
    }),
  );
}

export class PoolModel {
  readonly #members: Map<number, Member>;
  readonly #states = new Map<number, HealthState>(NUMBERS.map((number) => [number, UP]));

  /** The first three backends are members, all alike. */
  constructor(start: Member) {
    this.#members = new Map([1, 2, 3].map((number) => [number, start]));
  }

  has(number: number): boolean {
    return this.#members.has(number);
  }

  /** All that goal state says of it. */
  goal(): Resource[] {
    return [this.#pool(), health(Object.fromEntries(this.#states))];
  }

  /** What goal state says of the change. */
  take(change: PoolChange): Resource {
    switch (change.kind) {
      case 'join':
        this.#members.set(change.number, change.member);
        return this.#pool();
      case 'leave':
        this.#members.delete(change.number);
        return this.#pool();
      case 'probe':
        // UNKNOWN is no news.
        if (change.state !== UNKNOWN) this.#states.set(change.number, change.state);
        return health({ [change.number]: change.state });
    }
  }

  #pool(): Resource {
    return pool(
      [...this.#members].map(([number, { weight, isDraining, host = number }]) => {
        const { providerAddress } = backend(host);
        return backend(number, { weight, draining: isDraining, providerAddress });
      }),
    );
  }
}
