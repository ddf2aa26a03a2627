/**
 * TAP devices: open, re-attach, delete, and what this kernel's TAPs can do. A device lives in the network namespace it was opened in;
 * its descriptor works from anywhere. Called by dataplane/port and by the fabric.
 */
import { isAbsolute } from 'node:path';
import type { Mac } from '../base/mac.ts';
import { addon } from './addon.ts';
import { DeviceError, deviceCall } from './device-error.ts';

export interface TapOptions {
  /** Interface name, at most 15 bytes. */
  readonly name: string;
  /** Name under /run/netns or absolute path; default: the calling thread's own. */
  readonly namespace?: string;
  readonly mac?: Mac;
  /** Re-attach only: ENODEV rather than a new device. */
  readonly mustExist?: boolean;
  /** The device stays when its descriptor is closed. */
  readonly isPersistent?: boolean;
  /** Further opens of the same name add queues. */
  readonly isMultiQueue?: boolean;
  /** Frames may be super-frames with partial checksums. */
  readonly hasOffload: boolean;
}

export interface Tap {
  readonly fd: number;
  readonly mac: Mac;
  /** False: a persistent device was there and is attached again. */
  readonly wasCreated: boolean;
  /** UDP super-frames are taken too. */
  readonly hasUso: boolean;
}

export function openTap(options: TapOptions): Tap {
  const opened = deviceCall(`TAP ${options.name}`, () =>
    addon.openTap(
      options.name,
      namespacePath(options.namespace),
      options.mac === undefined ? null : macBytes(options.mac),
      options.mustExist ?? false,
      options.isPersistent ?? false,
      options.isMultiQueue ?? false,
      options.hasOffload,
    ),
  );
  const { fd, wasCreated, hasUso } = opened;
  return { fd, wasCreated, hasUso, mac: macOf(new Uint8Array(opened.mac)) };
}

/** Removes a persistent device nobody is attached to. */
export function deleteTap(name: string, namespace?: string): void {
  deviceCall(`TAP ${name}`, () => addon.deleteTap(name, namespacePath(namespace)));
}

export interface TapAbilities {
  readonly takesTcpSuperFrames: boolean;
  readonly takesUdpSuperFrames: boolean;
}

/**
 * Tries whether this kernel takes super-frames written to a TAP: some accept the option and refuse the frames. Without the right to
 * make a namespace to try in, none are assumed.
 */
export function probeTapAbilities(): TapAbilities {
  let bits = 0;
  try {
    bits = deviceCall('TAP probe', () => addon.probeTap());
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
  }
  return { takesTcpSuperFrames: (bits & 1) !== 0, takesUdpSuperFrames: (bits & 2) !== 0 };
}

/** As `ip netns` has it: a bare name stands for /run/netns/NAME. */
export function namespacePath(namespace: string | undefined): string | null {
  if (namespace === undefined) return null;
  return isAbsolute(namespace) ? namespace : `/run/netns/${namespace}`;
}

function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from({ length: 6 }, (_, index) => Math.floor(mac / 2 ** (40 - 8 * index)));
}

function macOf(bytes: Uint8Array): Mac {
  return bytes.reduce((mac, byte) => mac * 256 + byte, 0);
}
