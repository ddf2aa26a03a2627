/** Which server each interface is attached to, by instanceId of the interface: whether that exists or not. Part of the model. */
import { Multimap } from './multimap.ts';

export class Placements {
  readonly #serverIds = new Map<string, string>();
  readonly #placedOn = new Multimap<string, string>();

  serverIdOf(interfaceInstanceId: string): string | undefined {
    return this.#serverIds.get(interfaceInstanceId);
  }

  /** instanceIds of the interfaces placed there. */
  placedOn(serverId: string): Iterable<string> {
    return this.#placedOn.get(serverId);
  }

  /** Undefined: nowhere. Returns whether that is new. */
  set(interfaceInstanceId: string, serverId: string | undefined): boolean {
    const before = this.#serverIds.get(interfaceInstanceId);
    if (before === serverId) return false;
    if (before !== undefined) this.#placedOn.remove(before, interfaceInstanceId);
    if (serverId === undefined) {
      this.#serverIds.delete(interfaceInstanceId);
    } else {
      this.#serverIds.set(interfaceInstanceId, serverId);
      this.#placedOn.add(serverId, interfaceInstanceId);
    }
    return true;
  }
}
