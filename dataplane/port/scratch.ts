/** Room in the ring for frames that whoever forwards makes itself, handed out one after the other until the next burst. Called by bgp/edge/router and slb/mux/forwarder. */

import { VNET_HEADER_LEN } from '../../packet/vnet-header.ts';
import { HEADROOM } from './frame-io.ts';

export const NO_ROOM = -1;

export class Scratch {
  readonly #start: number;
  readonly #end: number;
  #next: number;

  constructor({
    scratchAt,
    scratchBytes,
  }: { readonly scratchAt: number; readonly scratchBytes: number }) {
    this.#start = scratchAt;
    this.#end = scratchAt + scratchBytes;
    this.#next = scratchAt;
  }

  /** What was handed out has been sent. */
  clear(): void {
    this.#next = this.#start;
  }

  /** Where a frame of so many bytes may be written, with room for a virtio_net_hdr right before it; or NO_ROOM. */
  take(bytes: number): number {
    const at = this.#next + HEADROOM;
    if (at + bytes > this.#end) return NO_ROOM;
    this.#next = at + Math.ceil(bytes / 8) * 8;
    return at;
  }
}

/** Where the virtio_net_hdr of a frame in scratch lies. */
export function vnetAtOf(at: number): number {
  return at - VNET_HEADER_LEN;
}
