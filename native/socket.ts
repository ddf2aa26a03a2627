/**
 * Sockets Node cannot make: packet sockets with a virtio_net_hdr, and listeners another process inherits. Called by dataplane/port
 * and by the fabric's supervisor.
 */
import { addon } from './addon.ts';
import { deviceCall } from './device-error.ts';
import { namespacePath } from './tap-device.ts';

/** A packet socket on an existing interface, receiving everything but what this socket sends. */
export function openPacketSocket(name: string, namespace?: string): number {
  return deviceCall(`interface ${name}`, () =>
    addon.openPacketSocket(name, namespacePath(namespace)),
  );
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
