/**
 * Sockets Node cannot make: packet sockets with a virtio_net_hdr, and listeners another process inherits. Called by dataplane/port
 * and by the fabric's supervisor.
 */
import { addon } from './addon.ts';
import { DeviceError, deviceCall } from './device-error.ts';
import { namespacePath } from './tap-device.ts';

/** A packet socket on an existing interface, receiving everything but what this socket sends. */
export function openPacketSocket(name: string, namespace?: string): number {
  return deviceCall(`interface ${name}`, () =>
    addon.openPacketSocket(name, namespacePath(namespace)),
  );
}

/** An instruction of classic BPF (linux/filter.h): operation, jumps if true and if false, operand. */
export type FilterInstruction = readonly [code: number, jt: number, jf: number, k: number];

/** Lets a socket receive only what the program says: it returns how many bytes of a frame are wanted. At most 256 instructions. */
export function setSocketFilter(fd: number, program: readonly FilterInstruction[]): void {
  deviceCall('socket filter', () => addon.setSocketFilter(fd, instructionBytes(program)));
}

/**
 * Keeps from the kernel's own stack what the program returns 0 for, until the descriptor is closed; packet sockets see it as before. The program
 * may load at absolute offsets, AND, compare (JEQ, JSET) and return. Undefined where the kernel has no such hook (Linux < 6.6): then
 * it looks at every frame, as ever.
 */
export function openIngressFilter(
  name: string,
  program: readonly FilterInstruction[],
  namespace?: string,
): number | undefined {
  try {
    return deviceCall(`interface ${name}`, () =>
      addon.openIngressFilter(name, namespacePath(namespace), instructionBytes(program)),
    );
  } catch (thrown) {
    if (thrown instanceof DeviceError && NO_HOOK.includes(thrown.errno)) return undefined;
    throw thrown;
  }
}

/** Too old, without BPF, or not allowed to load programs. */
const NO_HOOK: readonly string[] = ['EINVAL', 'ENOSYS', 'EPERM', 'EOPNOTSUPP'];

function instructionBytes(program: readonly FilterInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, jt, jf, k]] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}

const BACKLOG = 511;

/**
 * A listening TCP socket in the calling thread's network namespace, close-on-exec until a child gets it as one of its `stdio`; there
 * `net.Server.listen({fd})` serves it. `address`: 4 or 16 bytes, network order; port 0 lets the kernel choose.
 */
export function listenTcp(address: Uint8Array, port: number): number {
  return deviceCall(`listen on port ${port}`, () => addon.listenTcp(address, port, BACKLOG));
}

export function closeFd(fd: number): void {
  deviceCall(`descriptor ${fd}`, () => addon.closeFd(fd));
}
