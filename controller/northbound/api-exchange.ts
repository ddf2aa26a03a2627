/**
 * A request to the northbound and the answer to it, and the answers that every kind of resource gives in the same words. Called by api and
 * connectivity-routes.
 */
import type { Readable } from 'node:stream';
import { messageOf } from '../../base/errors.ts';
import type { JsonObject } from '../store/store.ts';
import { detail, fault, NorthboundFault } from './fault.ts';

export interface ApiRequest {
  readonly method: string;
  readonly url: string;
  /** Names lower-cased. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer | undefined;
  /** Who asks: name from the certificate or the token. Throws the fault that answers a stranger. */
  readonly identify: () => string;
  /** `https://host:port`, for the absolute URLs of §1.3.2. */
  readonly origin: string;
}

export interface ApiReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text, or something else with its own Content-Type; a stream is sent as it comes. */
  readonly body?: string | Readable | undefined;
}

export function jsonReply(
  status: number,
  body: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): ApiReply {
  return { status, headers, body: JSON.stringify(body) };
}

export function notFound(what: string): NorthboundFault {
  return fault('NotFound', `there is no ${what}`, what);
}

export function methodRefused(method: string, allowed: string): NorthboundFault {
  const message = `${method} is not supported here; ${allowed} is`;
  return new NorthboundFault(detail('OperationNotSupported', message), {
    status: 405,
    headers: { Allow: allowed },
  });
}

/** The body of a PUT or POST as JSON. */
export function parseBody(request: Pick<ApiRequest, 'headers' | 'body'>): unknown {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type.trim())) {
    const message = `Content-Type must be application/json; charset=UTF-8, not '${type.slice(0, 64)}'`;
    throw fault('InternalServerError', message, 'Content-Type');
  }
  try {
    return JSON.parse(UTF8.decode(request.body ?? new Uint8Array()));
  } catch (thrown) {
    const invalid = detail('InvalidJson', `the body is not JSON: ${messageOf(thrown)}`);
    throw new NorthboundFault(detail('InvalidRequestFormat', invalid.message), {
      further: [invalid],
    });
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
