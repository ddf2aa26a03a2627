/**
 * The unix socket of a role's control API: claimed before anything that two processes of one role must not do at once, and open to its owner
 * only. What is served on it is the role's. Called by the roles' processes.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { SdnError } from '../base/errors.ts';
import { SOCKET_PATH_BYTES_MAX } from './limits.ts';

/** Error codes of a role, and its name for the sentence. */
export interface SocketFaults {
  readonly role: string;
  readonly pathTooLong: string;
  readonly running: string;
}

/** Makes `path` free, or says who has it: a socket that a dead process left is removed, one that answers means that the role runs already. */
export async function claimControlSocket(path: string, faults: SocketFaults): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new SdnError(faults.pathTooLong, `${path} is too long for a unix socket`, {
      remedy: `choose a path of at most ${SOCKET_PATH_BYTES_MAX} bytes with --control`,
    });
  }
  await mkdir(dirname(path), { recursive: true });
  if (await answers(path)) {
    throw new SdnError(faults.running, `another ${faults.role} process serves ${path}`, {
      remedy: 'stop it first, or choose another --state and --control',
    });
  }
  await rm(path, { force: true });
}

/** Serves HTTP on a claimed path. */
export async function serveControlSocket(
  path: string,
  handle: RequestListener,
): Promise<{ close(): Promise<void> }> {
  const server = createServer(handle);
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isAnswered: boolean) => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
