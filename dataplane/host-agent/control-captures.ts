/**
 * Captures in the host's control API. A capture is read in pieces: each GET answers with what was recorded since the last one, as
 * pcapng, and with the capture's state as JSON in a header; the piece whose state says `ended` is the last.
 *
 *   POST   /captures {filter, …}      201 with its state
 *   GET    /captures                  {captures: […]}
 *   GET    /captures/{id}             a piece of the file
 *   DELETE /captures/{id}             records nothing more; what is there can still be read
 *
 * Called by control-server.
 */
import { SdnError } from '../../base/errors.ts';
import {
  type CaptureRequest,
  captureFilterFault,
} from '../../schema/southbound/diagnostics/capture.ts';
import { type ControlAnswer, json } from './control-answer.ts';
import type { HostAgent } from './host-agent.ts';
import { badRequest, HostFault } from './host-fault.ts';

/** Header with the capture's state. */
export const CAPTURE_HEADER = 'weft-capture';
const PCAPNG_TYPE = 'application/x-pcapng';

/** Undefined: no such operation. */
export async function answerCapture(
  host: Pick<HostAgent, 'captures'>,
  method: string,
  resource: string,
  readBody: () => Promise<unknown>,
): Promise<ControlAnswer | undefined> {
  const { captures } = host;
  try {
    if (resource === '/captures') {
      if (method === 'GET') return json({ captures: await captures.list() });
      if (method !== 'POST') return undefined;
      return json(await captures.start(parseCaptureRequest(await readBody())), 201);
    }
    const id = Number(/^\/captures\/([0-9]{1,9})$/.exec(resource)?.[1]);
    if (!Number.isInteger(id)) return undefined;
    if (method === 'DELETE') return json(await captures.stop(id));
    if (method !== 'GET') return undefined;
    const { bytes, status } = await captures.read(id);
    const headers = { [CAPTURE_HEADER]: JSON.stringify(status) };
    return { status: 200, type: PCAPNG_TYPE, body: bytes, headers };
  } catch (thrown) {
    throw withStatus(thrown);
  }
}

const STATUSES: Readonly<Record<string, number>> = {
  SDN_CAPTURE_FILTER: 400,
  SDN_CAPTURE_UNKNOWN: 404,
  SDN_CAPTURES_MAX: 409,
};

function withStatus(thrown: unknown): unknown {
  if (!(thrown instanceof SdnError)) return thrown;
  const status = STATUSES[thrown.code];
  if (status === undefined) return thrown;
  const { remedy } = thrown;
  return new HostFault(status, thrown.code, thrown.message, {
    cause: thrown,
    ...(remedy !== undefined && { remedy }),
  });
}

const BOUNDS = ['snapLen', 'packetsMax', 'bytesMax', 'secondsMax'] as const;
const EXAMPLE = 'send {"filter":{"protocol":6,"either":{"ports":[443,443]}},"packetsMax":1000}';

export function parseCaptureRequest(body: unknown): CaptureRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('the body is not a JSON object', EXAMPLE);
  }
  const fields = body as Readonly<Record<string, unknown>>;
  const names: readonly string[] = ['filter', ...BOUNDS];
  const unknown = Object.keys(fields).find((name) => !names.includes(name));
  if (unknown !== undefined) throw badRequest(`unknown property '${unknown}'`, EXAMPLE);
  const filter = fields['filter'] ?? {};
  const fault = captureFilterFault(filter);
  if (fault !== undefined) throw badRequest(fault, EXAMPLE);
  const request: { -readonly [Name in keyof CaptureRequest]: CaptureRequest[Name] } = { filter };
  for (const name of BOUNDS) {
    const value = fields[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw badRequest(`'${name}' is no whole number above 0`, EXAMPLE);
    }
    request[name] = value;
  }
  return request;
}
