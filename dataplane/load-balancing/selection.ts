/**
 * Which backend of a pool a new flow goes to, and whether an open one may stay where it is.
 *
 * New flows go to backends that are up; where none is, to those whose host is lost, which may well be up; without a probe every backend is taken
 * to be up. One that drains, or is attached nowhere, gets none. Among them the row of the packet decides, in the table that a mux would make of
 * the same backends (slb/hashing): every host chooses alike. An established TCP connection stays at its backend as long as that is in the pool,
 * whatever its state; what else is sent to a backend that has gone down is chosen for anew.
 *
 * The table is never made here, on the thread that forwards: it comes ready with the change of goal state that it follows from (backend-tables). Called
 * by translation, and for the candidates alone by backend-tables.
 */
import type { Mac } from '../../base/mac.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { HealthState } from '../../schema/southbound/messages.ts';
import { type Distribution, rowOf } from '../../slb/hashing/distribution.ts';
import { TABLE_SEED } from '../../slb/hashing/maglev.ts';
import { inTableOrder, signatureOf, type Table } from '../../slb/hashing/table-builder.ts';
import { isOpening } from '../engine/flow-state.ts';
import type { Backend, Health, Pool } from './pools.ts';

export class Selection {
  /** That get new flows. */
  readonly candidates: readonly Backend[];
  readonly #pool: Pool;
  readonly #health: Health | undefined;
  readonly #rows: Uint16Array | undefined;
  /** Candidates by their position in the table. */
  readonly #places: readonly Backend[];

  /** `health`: undefined where nobody probes; `table`: of the candidates; one of others is none. */
  constructor(
    pool: Pool,
    health: Health | undefined,
    table?: Pick<Table, 'signature' | 'rows'> | undefined,
  ) {
    this.#pool = pool;
    this.#health = health;
    const ready = pool.backends.filter(({ isDraining, isAttached }) => isAttached && !isDraining);
    const inState = (state: HealthState) => ready.filter((own) => this.#stateOf(own) === state);
    const up = inState(HealthState.HEALTH_UP);
    this.candidates = up.length > 0 ? up : inState(HealthState.HEALTH_LOST);
    this.#places = table === undefined ? [] : inTableOrder(this.candidates);
    this.#rows = table?.signature === signatureOf(this.#places) ? table.rows : undefined;
  }

  /** Can it choose? Among several candidates the table decides, which must be there. */
  get isReady(): boolean {
    return this.candidates.length < 2 || this.#rows !== undefined;
  }

  /** All members of the pool. */
  get backends(): readonly Backend[] {
    return this.#pool.backends;
  }

  /** What is known of it; UP where nobody probes. */
  stateOf({ name }: Backend): HealthState {
    if (this.#health === undefined) return HealthState.HEALTH_UP;
    return this.#health.get(name) ?? HealthState.HEALTH_UNKNOWN;
  }

  /** The backend of this name, whatever its state; undefined: it is not in the pool. */
  backend(name: string): Backend | undefined {
    return this.#pool.byName.get(name);
  }

  backendWithMac(mac: Mac): Backend | undefined {
    return this.#pool.backends.find((own) => own.mac === mac);
  }

  /** Undefined: nobody gets new flows, or it is not ready. */
  choose(key: FlowKey, distribution: Distribution): Backend | undefined {
    const { candidates } = this;
    if (candidates.length < 2) return candidates[0];
    if (this.#rows === undefined) return undefined;
    return this.#places[this.#rows[rowOf(key, distribution, TABLE_SEED)] ?? 0];
  }

  /** May a packet of a flow that goes to `backend` still go there? */
  mayStay({ protocol, tcpFlags }: FlowKey, backend: Backend): boolean {
    const isOpen = protocol === IpProtocol.TCP && !isOpening(tcpFlags);
    if (isOpen || this.candidates.includes(backend)) return true;
    return protocol !== IpProtocol.TCP && this.#stateOf(backend) !== HealthState.HEALTH_DOWN;
  }

  /** Nobody is chosen of whom nothing is known. */
  #stateOf(backend: Backend): HealthState {
    const state = this.stateOf(backend);
    return state === HealthState.HEALTH_UNKNOWN ? HealthState.HEALTH_DOWN : state;
  }
}
