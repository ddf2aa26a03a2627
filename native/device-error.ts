/**
 * What the system refuses when devices and sockets are opened, as a fault with the errno's name and a remedy. Called by the faces of this
 * folder and by dataplane/port.
 */
import { messageOf, SdnError } from '../base/errors.ts';

/** What the system refused: `code` of the cause is the errno's name. */
export class DeviceError extends SdnError {
  override readonly name = 'DeviceError';
  /** Name of the errno: 'EBUSY', 'ENODEV', … */
  readonly errno: string;

  constructor(what: string, cause: unknown) {
    const errno = errnoOf(cause);
    const remedy = errno === undefined ? undefined : REMEDIES[errno];
    super('SDN_DEVICE', `${what}: ${messageOf(cause)}`, {
      cause,
      ...(remedy === undefined ? {} : { remedy }),
    });
    this.errno = errno ?? 'UNKNOWN';
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  EPERM: 'Run as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN in this user namespace.',
  EACCES: 'Run as root, or with access to /dev/net/tun.',
  EBUSY: 'Another process holds this device; stop it first.',
  ENODEV: 'The device does not exist in that network namespace.',
  EADDRINUSE: 'Another process has this address and port; stop it or choose another.',
  EADDRNOTAVAIL: 'Give an interface of this namespace that address first.',
};

function errnoOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
}

/** Runs `act`; what the system refuses becomes a DeviceError that begins with `what`. */
export function deviceCall<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause;
    throw new DeviceError(what, cause);
  }
}
