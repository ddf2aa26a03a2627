/**
 * A second way in to the northbound: a unix socket whose connections are handed to the HTTPS server, TLS, client certificate and all.
 * A unix socket is a file and so is reached from every network namespace, where a loopback address is not. Called by http-server.ts.
 */
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:https';
import net from 'node:net';

export interface UnixDoor {
  /** Accepts no more; connections that came in stay the server's. */
  close(): void;
}

const OWNER_ONLY = 0o600;

export async function openUnixDoor(server: Server, path: string): Promise<UnixDoor> {
  await rm(path, { force: true }); // of a controller that was killed; the database's lock says that none runs
  const door = net.createServer((socket) => server.emit('connection', socket));
  await new Promise<void>((resolve, reject) => {
    door.once('error', reject);
    door.listen(path, resolve);
  });
  await chmod(path, OWNER_ONLY);
  return { close: () => void door.close() };
}
