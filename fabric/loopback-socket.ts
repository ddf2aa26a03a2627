/**
 * The northbound's listening socket, opened outside the namespace its server lives in. A socket belongs to the namespace it was
 * made in, whoever holds it: the supervisor binds it to the machine's loopback and the controller, in a namespace of its own,
 * inherits it as a file descriptor and listens. While a controller restarts, the kernel keeps queueing connections on it.
 *
 * Called by commands.ts, and by fabric.ts where the caller brings no descriptor.
 */
import net from 'node:net';
import { SdnError } from '../base/errors.ts';
import { LISTEN_PORT_TRIES_MAX } from './limits.ts';

export interface LoopbackSocket {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

interface BoundHandle {
  readonly fd: number;
  close(): void;
}

/**
 * What node:cluster itself uses to bind in the primary and listen in a worker. The public net.Server cannot: it starts to accept as it
 * binds, and the supervisor would take connections that are the controller's.
 */
type CreateServerHandle = (
  address: string,
  port: number,
  addressType: 4 | 6,
) => BoundHandle | number;

const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })
  ._createServerHandle;

/** Binds 127.0.0.1 at `firstPort`, or at the next one that is free. 0: any. */
export function bindLoopback(firstPort: number): LoopbackSocket {
  for (let port = firstPort; port < firstPort + LISTEN_PORT_TRIES_MAX; port++) {
    const handle = createServerHandle('127.0.0.1', port, 4);
    if (typeof handle === 'number')
      throw new SdnError('SDN_LISTEN_FAILED', `binding 127.0.0.1:${port} failed: errno ${-handle}`);
    // libuv keeps EADDRINUSE back until listen(2); a socket that is not bound then has no port.
    const bound = boundPort(handle);
    if (bound !== 0) return { fd: handle.fd, port: bound, close: () => handle.close() };
    handle.close();
  }
  throw new SdnError(
    'SDN_LISTEN_FAILED',
    `ports ${firstPort} to ${firstPort + LISTEN_PORT_TRIES_MAX - 1} of 127.0.0.1 are all taken`,
    { remedy: 'choose another with --port' },
  );
}

function boundPort(handle: BoundHandle): number {
  const address: { port?: number } = {};
  const { getsockname } = handle as BoundHandle & { getsockname(out: { port?: number }): number };
  getsockname.call(handle, address);
  return address.port ?? 0;
}
