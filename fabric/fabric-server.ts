/**
 * The supervisor's own API, HTTP/JSON on fabric.sock: `GET /status` says what runs, `POST /stop` takes the fabric down. Only the owner
 * of the state directory can reach it: the directory is 0700. Called by main.ts; asked by `weft status`, `weft down` and `up`.
 */
import { rmSync } from 'node:fs';
import http from 'node:http';
import { messageOf } from '../base/errors.ts';
import type { Fabric } from './fabric.ts';

export interface FabricServer {
  close(): void;
}

/** `stop` is called once per request to stop; the answer is sent before anything is torn down. */
export function serveFabric(fabric: Fabric, stop: () => void): Promise<FabricServer> {
  const path = fabric.state.fabricSocket;
  rmSync(path, { force: true }); // of a supervisor that was killed: commands.ts has seen that nobody answers there
  const server = http.createServer((request, response) => {
    answer(fabric, request, stop).then(
      ({ status, body }) => reply(response, status, body),
      (thrown: unknown) => reply(response, 500, { error: messageOf(thrown) }),
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      resolve({
        close() {
          server.close();
          server.closeAllConnections();
          rmSync(path, { force: true });
        },
      });
    });
  });
}

async function answer(
  fabric: Fabric,
  request: http.IncomingMessage,
  stop: () => void,
): Promise<{ status: number; body: unknown }> {
  const what = `${request.method ?? ''} ${request.url ?? ''}`;
  if (what === 'GET /status') return { status: 200, body: await fabric.status() };
  if (what === 'POST /stop') {
    setImmediate(stop);
    return { status: 202, body: {} };
  }
  return { status: 404, body: { error: `${what}: there is GET /status and POST /stop` } };
}

function reply(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
