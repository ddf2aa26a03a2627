/** Which of the interfaces that share a learned address has it. Part of the model. */
import type { AddressInNetwork } from './model-view.ts';
import { Multimap } from './multimap.ts';

export class AddressHolders {
  /** By network and address: instanceId of the interface. */
  readonly #holders = new Map<string, string>();
  readonly #heldBy = new Multimap<string, string>();

  holderOf({ vnetId, address }: AddressInNetwork): string | undefined {
    return this.#holders.get(`${vnetId} ${address}`);
  }

  heldBy(interfaceInstanceId: string): readonly AddressInNetwork[] {
    return Array.from(this.#heldBy.get(interfaceInstanceId), (key) => {
      const [vnetId = '', address = ''] = key.split(' ');
      return { vnetId, address };
    });
  }

  /** Undefined: nobody. */
  set({ vnetId, address }: AddressInNetwork, interfaceInstanceId: string | undefined): void {
    const key = `${vnetId} ${address}`;
    const before = this.#holders.get(key);
    if (before !== undefined) this.#heldBy.remove(before, key);
    if (interfaceInstanceId === undefined) {
      this.#holders.delete(key);
    } else {
      this.#holders.set(key, interfaceInstanceId);
      this.#heldBy.add(interfaceInstanceId, key);
    }
  }
}
