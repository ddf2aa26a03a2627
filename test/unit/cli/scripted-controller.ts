/**
 * A controller that answers what a test tells it to, over TLS with client certificates like the real one, and a state directory that
 * points at it: enough to run whole command lines. Called by the tests of cli/.
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../base/clock.ts';
import { runCommandLine } from '../../../cli/program.ts';
import { openCertificateAuthority } from '../../../identity/certificate-authority.ts';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Received {
  readonly request: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** Keys are `METHOD /path`; a list is used up answer by answer, its last one for ever. */
export type Script = Readonly<Record<string, Answer | readonly Answer[]>>;

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface ScriptedController {
  readonly state: string;
  readonly url: string;
  readonly received: readonly Received[];
  /** Runs `weft ARGS…` against this controller. */
  weft(...args: readonly string[]): Promise<Outcome>;
  close(): Promise<void>;
}

export async function scriptedController(script: Script): Promise<ScriptedController> {
  const state = await mkdtemp(join(tmpdir(), 'weft-cli-'));
  const authority = await openCertificateAuthority({
    directory: join(state, 'pki'),
    clock: systemClock,
  });
  const own = await authority.ensure({ name: 'controller', kind: 'controller' });
  await authority.ensure({ name: 'admin', kind: 'client' });
  const received: Received[] = [];
  const answers = new Map(
    Object.entries(script).map(([request, answer]) => [
      request,
      Array.isArray(answer) ? [...answer] : [answer],
    ]),
  );
  const server = createServer({
    ca: await readFile(own.ca),
    cert: await readFile(own.cert),
    key: await readFile(own.key),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('request', async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const request = `${incoming.method} ${incoming.url?.replace(/^\/networking\/v1/, '')}`;
    received.push({
      request,
      headers: incoming.headers,
      body: text === '' ? undefined : JSON.parse(text),
    });
    const queue = answers.get(request) ?? [notFound(request)];
    const answer: Answer = (queue.length > 1 ? queue.shift() : queue[0]) ?? notFound(request);
    outgoing.writeHead(answer.status ?? 200, {
      'content-type': 'application/json',
      ...answer.headers,
    });
    outgoing.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const url = `https://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;
  const record = {
    name: 'test',
    supervisorPid: 1,
    northbound: url,
    hosts: ['host1'],
    unprivileged: false,
    startedAt: '2026-01-01T00:00:00Z',
  };
  await writeFile(join(state, 'fabric.json'), JSON.stringify(record));
  return {
    state,
    url,
    received,
    weft: (...args) => weft({ WEFT_STATE: state }, ...args),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await rm(state, { recursive: true });
    },
  };
}

/** One command line with nothing but these variables in its environment. */
export async function weft(
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await runCommandLine({
    args,
    env,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    isInteractive: false,
    runHere: (argv) => {
      out += `${argv.join(' ')}\n`;
      return Promise.resolve(7);
    },
    readStdin: () => Promise.resolve('{"properties":{}}'),
    clock: systemClock,
  });
  return { code, out, err };
}

function notFound(request: string): Answer {
  return { status: 404, body: { error: { code: 'NotFound', message: `no ${request}` } } };
}

/** A resource as the API would send it. */
export function resource(
  ref: string,
  properties: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return {
    resourceId: ref.slice(ref.lastIndexOf('/') + 1),
    resourceRef: ref,
    instanceId: '00000000-0000-0000-0000-000000000001',
    etag: 'W/"1"',
    properties: { provisioningState: 'Succeeded', ...properties },
  };
}
