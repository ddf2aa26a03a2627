/**
 * The northbound's listening socket, opened outside the namespace its server lives in. A socket belongs to the namespace it was
 * made in, whoever holds it: the supervisor listens on the machine's loopback, and the controller, in a namespace of its own,
 * inherits the descriptor and serves it. While a controller restarts, the kernel keeps queueing connections on it.
 *
 * net.Server cannot do this: it starts to accept as it listens, and the supervisor would take connections that are the controller's.
 * Called by commands.ts, and by fabric.ts where the caller brings no descriptor.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { SdnError } from '../base/errors.ts';
import { LISTEN_PORT_TRIES_MAX } from './limits.ts';

export interface LoopbackSocket {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** Listens on 127.0.0.1 at `firstPort`, or at the next one that is free. 0: any. */
export async function listenOnLoopback(firstPort: number): Promise<LoopbackSocket> {
  // Loaded only here: the rest of the command line works without the addon.
  const { closeFd, listenTcp } = await import('../native/socket.ts');
  for (let port = firstPort; port < firstPort + LISTEN_PORT_TRIES_MAX; port++) {
    try {
      const fd = listenTcp(LOOPBACK, port);
      return { fd, port: port === 0 ? boundPort(fd) : port, close: () => closeFd(fd) };
    } catch (thrown) {
      const isTaken = thrown instanceof Error && 'errno' in thrown && thrown.errno === 'EADDRINUSE';
      if (!isTaken) throw thrown;
    }
  }
  throw new SdnError(
    'SDN_LISTEN_FAILED',
    `ports ${firstPort} to ${firstPort + LISTEN_PORT_TRIES_MAX - 1} of 127.0.0.1 are all taken`,
    { remedy: 'choose another with --port' },
  );
}

/** Which port the kernel chose: the line of /proc/net/tcp (proc(5)) that has the descriptor's inode. */
function boundPort(fd: number): number {
  const inode = /\d+/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[0];
  for (const line of readFileSync('/proc/self/net/tcp', 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[INODE_FIELD] === inode)
      return Number.parseInt(fields[LOCAL_FIELD]?.split(':')[1] ?? '0', 16);
  }
  throw new SdnError('SDN_LISTEN_FAILED', `descriptor ${fd} is no TCP socket of this namespace`);
}

const LOCAL_FIELD = 1;
const INODE_FIELD = 9;
