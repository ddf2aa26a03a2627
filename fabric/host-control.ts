/**
 * Client of a host's control API (HTTP/JSON on `<host>/control.sock`): attach and detach ports, look at flows and counters.
 * Called by vm.ts, supervisor.ts, the CLI and the test kit.
 */
import { SdnError } from '../base/errors.ts';
import { CAPTURE_HEADER } from '../dataplane/host-agent/control-captures.ts';
import type { CaptureRequest, CaptureStatus } from '../schema/southbound/diagnostics/capture.ts';
import { exchangeBytes, exchangeJson, type JsonRequest, parseBody } from './json-http.ts';
import { PORT_TIMEOUT, QUERY_TIMEOUT } from './limits.ts';

export interface HostStatus {
  readonly id: string;
  readonly pid: number;
  readonly appliedRevision: number;
  readonly goalRevision: number;
  /** The goal state is on disk: a host killed now forwards by it without a controller. */
  readonly goalSaved: boolean;
  readonly controller: { readonly connected: boolean; readonly since: string | number | null };
  /** `198.51.100.10/24`; empty until the host has been told. */
  readonly providerAddress: string;
  readonly ports: number;
  readonly workerHealthy: boolean;
}

export interface PortRequest {
  /** instanceId of the networkInterface. */
  readonly portId: string;
  readonly device: 'tap' | 'netdev';
  /** Of the interface. */
  readonly name: string;
  /** Name under /run/netns, or an absolute path; absent: the host's own namespace. */
  readonly netns?: string;
}

export interface AttachedPort {
  readonly portId: string;
  readonly name: string;
  readonly mac: string;
  readonly address: string;
  readonly mtu: number;
}

export interface HostControl {
  status(): Promise<HostStatus>;
  attach(request: PortRequest): Promise<AttachedPort>;
  /** Detaching a port that is not attached is no fault. */
  detach(portId: string): Promise<void>;
  ports(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  flows(filter?: { portId?: string; limit?: number }): Promise<unknown>;
  counters(): Promise<unknown>;
  startCapture(request: CaptureRequest): Promise<CaptureStatus>;
  /** What was recorded since the last call, a piece of a pcapng file. */
  readCapture(id: number): Promise<{ readonly bytes: Uint8Array; readonly status: CaptureStatus }>;
  stopCapture(id: number): Promise<CaptureStatus>;
}

export function hostControl(socketPath: string): HostControl {
  const send = async (request: JsonRequest): Promise<unknown> => {
    const response = await exchangeJson({ kind: 'unix', socketPath }, request);
    const absent = request.method === 'DELETE' && response.status === 404;
    if ((response.status >= 200 && response.status < 300) || absent) return response.body;
    throw refused(request.method, request.path, response.status, response.body);
  };
  const get = (path: string): Promise<unknown> =>
    send({ method: 'GET', path, timeout: QUERY_TIMEOUT });
  return {
    status: async () => (await get('/status')) as HostStatus,
    attach: async (request) =>
      (await send({
        method: 'POST',
        path: '/ports',
        body: request,
        timeout: PORT_TIMEOUT,
      })) as AttachedPort,
    detach: async (portId) => {
      await send({ method: 'DELETE', path: `/ports/${encodeURIComponent(portId)}` });
    },
    ports: async () => listOf(await get('/ports'), 'ports'),
    flows: (filter = {}) => get(`/flows${queryOf(filter)}`),
    counters: () => get('/counters'),
    startCapture: async (body) =>
      (await send({ method: 'POST', path: '/captures', body })) as CaptureStatus,
    readCapture: (id) => readCapture(socketPath, id),
    stopCapture: async (id) =>
      (await send({ method: 'DELETE', path: `/captures/${id}` })) as CaptureStatus,
  };
}

async function readCapture(
  socketPath: string,
  id: number,
): Promise<{ bytes: Uint8Array; status: CaptureStatus }> {
  const path = `/captures/${id}`;
  const { status, headers, bytes } = await exchangeBytes(
    { kind: 'unix', socketPath },
    { method: 'GET', path, timeout: QUERY_TIMEOUT },
  );
  const state = headers[CAPTURE_HEADER];
  if (status === 200 && typeof state === 'string') {
    return { bytes, status: JSON.parse(state) as CaptureStatus };
  }
  throw refused('GET', path, status, parseBody(bytes.toString('utf8')));
}

function refused(method: string, path: string, status: number, body: unknown): SdnError {
  return new SdnError('SDN_HOST_CONTROL', `${method} ${path}: ${status} ${reasonOf(body)}`);
}

function queryOf(filter: { portId?: string; limit?: number }): string {
  const query = new URLSearchParams();
  if (filter.portId !== undefined) query.set('portId', filter.portId);
  if (filter.limit !== undefined) query.set('limit', String(filter.limit));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function listOf(body: unknown, name: string): readonly Readonly<Record<string, unknown>>[] {
  if (Array.isArray(body)) return body;
  if (typeof body !== 'object' || body === null) return [];
  const inner = (body as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(inner) ? inner : [];
}

function reasonOf(body: unknown): string {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null) return '';
  const { error, message, reason } = body as Readonly<Record<string, unknown>>;
  const nested = typeof error === 'object' && error !== null ? reasonOf(error) : error;
  return [nested, message, reason].filter((part) => typeof part === 'string').join(': ');
}
