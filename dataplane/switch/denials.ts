/**
 * How often a port's layers have refused something within the burst at hand. What is refused is remembered nowhere, so each such packet
 * walks the layers; a port that sends, or is sent, nothing else would take the time of all others. Beyond
 * DENIALS_PER_PORT_PER_BURST_MAX its packets that would have to walk are dropped without; its known flows go on.
 * Called by forwarder and flow-tracker.
 */
import { DENIALS_PER_PORT_PER_BURST_MAX, PORTS_MAX } from '../limits.ts';

export class Denials {
  readonly #counts = new Uint8Array(PORTS_MAX);
  /** Burst of which #counts speaks. */
  readonly #bursts = new Uint32Array(PORTS_MAX);
  #burst = 1;

  startBurst(): void {
    this.#burst = (this.#burst + 1) >>> 0;
  }

  count(port: number): void {
    if (this.#bursts[port] !== this.#burst) {
      this.#bursts[port] = this.#burst;
      this.#counts[port] = 0;
    }
    this.#counts[port] = (this.#counts[port] ?? 0) + 1;
  }

  isSpent(port: number): boolean {
    return (
      this.#bursts[port] === this.#burst &&
      (this.#counts[port] ?? 0) >= DENIALS_PER_PORT_PER_BURST_MAX
    );
  }
}
