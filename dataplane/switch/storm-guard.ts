/**
 * Storm limit: how many broadcast and multicast frames a port may send in one second. None of them is ever flooded, but each takes the slow
 * path, and a loop in one VM must not take that from the others. Called by forwarder for frames to a group.
 */
import { BROADCAST_PER_SEC_MAX, PORTS_MAX } from '../limits.ts';

export class StormGuard {
  readonly #counts = new Uint32Array(PORTS_MAX);
  readonly #seconds = new Float64Array(PORTS_MAX);

  /** `limit`: the port's own; 0: the switch's. */
  mayPass(port: number, limit: number, nowSec: number): boolean {
    if (this.#seconds[port] !== nowSec) {
      this.#seconds[port] = nowSec;
      this.#counts[port] = 0;
    }
    const count = (this.#counts[port] ?? 0) + 1;
    this.#counts[port] = count;
    return count <= (limit === 0 ? BROADCAST_PER_SEC_MAX : limit);
  }
}
