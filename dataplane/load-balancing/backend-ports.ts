/**
 * Ports that are sent packets for addresses that are not their own: backends of public virtual addresses, those that see a virtual address themselves
 * (floating), and those with a lease of a public address's ports. Tunnels find them by their MAC address. A port is realised anew when it becomes or
 * ceases to be one, or when what it may answer as changes. Called by virtual-addresses and leases (place), switch/configured-ports (asks).
 */
import { equalIpWords, type IpWords } from '../../base/ip-words.ts';

/** A virtual address that a backend sees, and answers as. */
export interface FloatingAddress {
  readonly address: IpWords;
  /** Segment of the backend's own address. */
  readonly segment: number;
  readonly resourceRef: string;
}

/** By port: what it may answer as. */
export type PortsFoundByMac = ReadonlyMap<string, readonly FloatingAddress[]>;
export const NO_PORTS: PortsFoundByMac = new Map();

export class BackendPorts {
  readonly #touch: (key: string) => void;
  /** By port, then by who says so. */
  readonly #ports = new Map<string, Map<string, readonly FloatingAddress[]>>();

  constructor(touch: (key: string) => void) {
    this.#touch = touch;
  }

  /** What the port may answer as; undefined: it is none of these. */
  floatingAt(portId: string): readonly FloatingAddress[] | undefined {
    const parts = this.#ports.get(portId);
    return parts && [...parts.values()].flat();
  }

  /** `owner`, by whom it was `before`, now says `after`. */
  place(owner: string, before: PortsFoundByMac, after: PortsFoundByMac): void {
    for (const portId of new Set([...before.keys(), ...after.keys()])) {
      const floating = after.get(portId);
      if (isSame(before.get(portId), floating)) continue;
      const parts = this.#ports.get(portId) ?? new Map<string, readonly FloatingAddress[]>();
      if (floating === undefined) parts.delete(owner);
      else parts.set(owner, floating);
      if (parts.size === 0) this.#ports.delete(portId);
      else this.#ports.set(portId, parts);
      this.#touch(`port/${portId}`);
    }
  }
}

function isSame(
  before: readonly FloatingAddress[] | undefined,
  after: readonly FloatingAddress[] | undefined,
): boolean {
  if (before === undefined || after === undefined) return before === after;
  return (
    before.length === after.length &&
    before.every((own, index) => {
      const other = after[index];
      return (
        other !== undefined &&
        own.segment === other.segment &&
        equalIpWords(own.address, other.address)
      );
    })
  );
}
