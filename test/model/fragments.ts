/** Which datagrams' first fragments have been seen, for the reference model: later ones are of the same flow. */
import type { PacketSpec } from './frame.ts';

/** As long as Linux waits for the rest of a datagram. */
const KNOWN_MS = 30_000;

export class SeenFragments {
  readonly #firsts = new Map<
    string,
    { readonly segment: PacketSpec['segment']; readonly atMs: number }
  >();

  /** The packet as it is to be judged at the place it comes in by: a later fragment with its first one's ports. */
  complete(
    place: string,
    packet: PacketSpec,
    nowMs: number,
  ): { readonly packet: PacketSpec; readonly isFirstKnown: boolean } {
    const name = `${place} ${packet.src} ${packet.dst} ${packet.segment.protocol}`;
    if (packet.fragment === 'first')
      this.#firsts.set(name, { segment: packet.segment, atMs: nowMs });
    if (packet.fragment !== 'later') return { packet, isFirstKnown: true };
    const first = this.#firsts.get(name);
    if (first === undefined || nowMs - first.atMs > KNOWN_MS)
      return { packet, isFirstKnown: false };
    return { packet: { ...packet, segment: first.segment }, isFirstKnown: true };
  }
}
