/** Virtual subnets that the backends of each backendAddressPool and inboundNatRule are in, whether they exist or not. Part of the model. */
import type { NetworkInterface } from './network-document.ts';
import type { Ref } from './ref.ts';

export class BackendSpread {
  /** By pool or inboundNatRule: ipConfigurations that are its backends, by virtual subnet. */
  readonly #counts = new Map<Ref, Map<Ref, number>>();

  subnetsOf(target: Ref): Iterable<Ref> {
    return this.#counts.get(target)?.keys() ?? [];
  }

  /** Returns the targets that have got their first backend in a subnet, or lost their last one. */
  replace(
    before: NetworkInterface | undefined,
    after: NetworkInterface | undefined,
  ): readonly Ref[] {
    const respread = new Set<Ref>();
    this.#count(after, 1, respread);
    this.#count(before, -1, respread);
    return [...respread];
  }

  #count(found: NetworkInterface | undefined, by: 1 | -1, respread: Set<Ref>): void {
    for (const { subnet, balancedBy } of found?.ipConfigurations ?? []) {
      for (const target of balancedBy) {
        const subnets = this.#counts.get(target) ?? new Map<Ref, number>();
        const count = (subnets.get(subnet) ?? 0) + by;
        if (count === 0) subnets.delete(subnet);
        else subnets.set(subnet, count);
        if (subnets.size === 0) this.#counts.delete(target);
        else this.#counts.set(target, subnets);
        if (count === 0 || (count === 1 && by === 1)) respread.add(target);
      }
    }
  }
}
