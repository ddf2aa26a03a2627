/** One short TCP connection (RFC 9293) to a server that says its name: tcp-load.ts, who-serves.ts. */
import net from 'node:net';
import { millis } from '../../base/units.ts';

/** A short connection that has not heard its server's name by then has failed: a SYN is repeated after one second (RFC 6298 §2). */
const VISIT_TIMEOUT = millis(5000);

export interface Visit {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

/** The name that the server says. */
export function visitOnce(visit: Visit): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(visit);
    socket.setTimeout(VISIT_TIMEOUT, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('end', () => socket.destroy(new Error('ended without a word')));
    socket.once('data', (data) => {
      // A reset leaves no TIME-WAIT behind: the port can be used again at once.
      socket.resetAndDestroy();
      resolve(data.toString().trim());
    });
  });
}
