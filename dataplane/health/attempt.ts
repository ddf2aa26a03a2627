/**
 * One probe: a TCP connection to the backend, and for HTTP and HTTPS a GET on it. Real sockets of the host process (the switch makes them
 * come from the platform's address), each bounded in time, bytes and messages, since what answers is a tenant's own program.
 *
 *   TCP     the connection is established: success. It is closed at once.
 *   HTTP    status 200: success. Everything else is none, a redirection included: none is followed. The body is not read.
 *   HTTPS   as HTTP over TLS 1.2 or newer. Certificates are not checked, as in Azure: a probe asks whether the backend works, not who it is.
 *
 * Called by health-prober.
 */
import { type ClientRequest, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { assertNever } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Millis } from '../../base/units.ts';
import { ProbeProtocol } from '../../schema/southbound/messages.ts';
import type { Outcome } from './backend-state.ts';
import { failureReason, isOfThisHost } from './failure-reason.ts';
import {
  PROBE_CLOSE_TIMEOUT,
  PROBE_CLOSING_BYTES_MAX,
  PROBE_HEADER_BYTES_MAX,
  PROBE_INFORMATIONAL_MAX,
} from './limits.ts';

export interface AttemptOptions {
  readonly protocol: ProbeProtocol;
  /** Where the backend is reached from here. */
  readonly host: string;
  readonly port: number;
  /** HTTP and HTTPS. */
  readonly path: string;
  /** What the backend is told that it is called: its own address and port. */
  readonly authority: string;
  readonly timeout: Millis;
}

export type AttemptResult =
  | { readonly kind: 'answered'; readonly outcome: Outcome }
  /** It has said nothing about the backend: this host could not ask. */
  | { readonly kind: 'unable'; readonly reason: string };

export interface Attempt {
  /** Ends it, and nobody is told of an outcome. */
  cancel(): void;
}

/** As Azure's probes say. */
const USER_AGENT = 'Load Balancer Agent';
const STATUS_UP = 200;

/** Starts a probe; `done` is told once, never within this call. */
export function startAttempt(
  options: AttemptOptions,
  clock: Clock,
  done: (result: AttemptResult) => void,
): Attempt {
  const { timeout } = options;
  let isOver = false;
  let isConnected = false;
  let close: () => void = () => undefined;
  const end = (result: AttemptResult | undefined) => {
    if (isOver) return;
    isOver = true;
    timer.cancel();
    close();
    if (result !== undefined) done(result);
  };
  const answered = (isSuccess: boolean, reason: string) =>
    end({ kind: 'answered', outcome: { isSuccess, reason } });
  const progress: Progress = {
    connected: () => {
      isConnected = true;
    },
    succeed: (reason) => answered(true, reason),
    fail: (reason) => answered(false, reason),
    failWith: (error) => {
      const reason = failureReason(error);
      if (isOfThisHost(error)) end({ kind: 'unable', reason });
      else answered(false, reason);
    },
  };
  const timer = clock.after(timeout, () => {
    const what = isConnected ? `no ${NAMES[options.protocol]} answer` : 'no connection';
    progress.fail(`${what} within ${Math.round(timeout / 100) / 10} s`);
  });
  try {
    close = START[options.protocol](options, progress, clock);
  } catch (thrown) {
    // What Node refuses to send at all: a path with characters that no request line may have.
    queueMicrotask(() => progress.failWith(thrown));
  }
  return { cancel: () => end(undefined) };
}

interface Progress {
  connected(): void;
  succeed(reason: string): void;
  fail(reason: string): void;
  failWith(error: unknown): void;
}

/** Begins; the result ends what is left of it. */
type Start = (options: AttemptOptions, progress: Progress, clock: Clock) => () => void;

const NAMES: Readonly<Record<ProbeProtocol, string>> = {
  [ProbeProtocol.PROBE_TCP]: 'TCP',
  [ProbeProtocol.PROBE_HTTP]: 'HTTP',
  [ProbeProtocol.PROBE_HTTPS]: 'HTTPS',
};

const START: Readonly<Record<ProbeProtocol, Start>> = {
  [ProbeProtocol.PROBE_TCP]: startTcp,
  [ProbeProtocol.PROBE_HTTP]: (options, progress) => startRequest(options, progress),
  [ProbeProtocol.PROBE_HTTPS]: (options, progress) => startRequest(options, progress),
};

function startTcp({ host, port }: AttemptOptions, progress: Progress, clock: Clock): () => void {
  const socket = connect({ host, port });
  let isEstablished = false;
  socket.on('error', (error) => progress.failWith(error));
  socket.on('close', () => progress.fail('closed without an answer'));
  socket.on('connect', () => {
    isEstablished = true;
    progress.succeed('connected');
  });
  return () => {
    if (isEstablished) closePolitely(socket, clock);
    else socket.destroy();
  };
}

/**
 * FIN, and what the backend still says is read to its own FIN, so that it sees an ordinary close; within bounds. Then the kernel has the rest of
 * it: a reset where there is something unread. (Node's own reset is refused after a FIN, and would leave the handle open.)
 */
function closePolitely(socket: Socket, clock: Clock): void {
  const timer = clock.after(PROBE_CLOSE_TIMEOUT, () => socket.destroy());
  socket.on('close', () => timer.cancel());
  socket.on('data', () => {
    if (socket.bytesRead > PROBE_CLOSING_BYTES_MAX) socket.destroy();
  });
  socket.end();
}

function startRequest(options: AttemptOptions, progress: Progress): () => void {
  const request = openRequest(options);
  let informational = 0;
  request.on('socket', (socket) => socket.on('connect', () => progress.connected()));
  request.on('information', ({ statusCode }) => {
    informational += 1;
    if (informational > PROBE_INFORMATIONAL_MAX) {
      progress.fail(`${informational} answers of status ${statusCode} and no final one`);
    }
  });
  request.on('upgrade', ({ statusCode }) => progress.fail(`HTTP ${statusCode}`));
  request.on('response', ({ statusCode = 0 }) => {
    if (statusCode === STATUS_UP) progress.succeed(`HTTP ${statusCode}`);
    else progress.fail(`HTTP ${statusCode}`);
  });
  request.on('error', (error) => progress.failWith(error));
  request.on('close', () => progress.fail('closed without an answer'));
  request.end();
  return () => request.destroy();
}

function openRequest(options: AttemptOptions): ClientRequest {
  const { host, port, path, authority, protocol } = options;
  const shared: RequestOptions = {
    host,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    method: 'GET',
    agent: false,
    setHost: false,
    headers: { host: authority, 'user-agent': USER_AGENT, connection: 'close' },
    maxHeaderSize: PROBE_HEADER_BYTES_MAX,
  };
  switch (protocol) {
    case ProbeProtocol.PROBE_HTTP:
      return requestHttp(shared);
    case ProbeProtocol.PROBE_HTTPS:
      // RFC 6066 §3: an address is no server name.
      return requestHttps({ ...shared, rejectUnauthorized: false, servername: '' });
    case ProbeProtocol.PROBE_TCP:
      throw new TypeError('a TCP probe requests nothing');
    default:
      return assertNever(protocol);
  }
}
