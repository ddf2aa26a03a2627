/**
 * The burst engine's face: one per forwarding loop. dataplane/port/native-frame-io.ts makes a FrameIo of it; only wake() is called from
 * other threads, with the descriptor's number.
 */
import { addon, type Burst } from './addon.ts';
import { deviceCall } from './device-error.ts';

export type { Burst } from './addon.ts';

export function openBurst(): Burst {
  return deviceCall('burst engine', () => addon.openBurst());
}

/** Makes the exchange in progress, or else the next one, of the burst with this `wakeFd` return. From any thread. */
export function wake(wakeFd: number): void {
  addon.wake(wakeFd);
}

/** RFC 1071 checksum of `bytes` as the number that belongs in the field. */
export function checksum(bytes: Uint8Array): number {
  return addon.checksum(bytes);
}
