/** Hosts at the other end of the mux's tunnels: a small number each, for as long as a target is there. Called by targets.ts. */
import { assert } from '../../../base/assert.ts';
import { MUX_HOSTS_MAX } from '../../limits.ts';

interface Host {
  readonly number: number;
  readonly address: Uint8Array;
  targets: number;
}

/** Number of nowhere, which no packet is sent to. */
const NOWHERE = 0;

export class Hosts {
  readonly #byAddress = new Map<string, Host>();
  readonly #free: number[] = [];
  readonly #setPeer: (peer: number, address: Uint8Array, udpPort: number) => void;
  #udpPort = 4789;

  constructor(setPeer: (peer: number, address: Uint8Array, udpPort: number) => void) {
    this.#setPeer = setPeer;
  }

  get count(): number {
    return this.#byAddress.size;
  }

  setUdpPort(udpPort: number): void {
    if (udpPort === this.#udpPort) return;
    this.#udpPort = udpPort;
    for (const { number, address } of this.#byAddress.values()) {
      this.#setPeer(number, address, udpPort);
    }
  }

  /** Number of the host, for one more target; undefined: there are too many. */
  acquire(address: Uint8Array): number | undefined {
    if (address.length === 0) return NOWHERE;
    const key = address.join();
    const known = this.#byAddress.get(key);
    if (known !== undefined) {
      known.targets += 1;
      return known.number;
    }
    const number = this.#free.pop() ?? this.#byAddress.size;
    if (number >= MUX_HOSTS_MAX) return undefined;
    this.#byAddress.set(key, { number, address, targets: 1 });
    this.#setPeer(number, address, this.#udpPort);
    return number;
  }

  release(address: Uint8Array): void {
    if (address.length === 0) return;
    const key = address.join();
    const host = this.#byAddress.get(key);
    assert(host !== undefined, 'a host in use');
    host.targets -= 1;
    if (host.targets > 0) return;
    this.#byAddress.delete(key);
    this.#free.push(host.number);
  }
}
