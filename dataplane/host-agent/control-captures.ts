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
import { json } from '../../agent/control-answer.ts';
import type { ControlRequest, Operation, Operations } from '../../agent/control-api.ts';
import { ControlFault } from '../../agent/control-fault.ts';
import { SdnError } from '../../base/errors.ts';
import {
  type CaptureRequest,
  captureFilterFault,
} from '../../schema/southbound/diagnostics/capture.ts';
import type { HostAgent } from './host-agent.ts';
import { badRequest } from './host-fault.ts';

/** Header with the capture's state. */
export const CAPTURE_HEADER = 'weft-capture';
const PCAPNG_TYPE = 'application/x-pcapng';

export function captureOperations(
  { captures }: Pick<HostAgent, 'captures'>,
  bodyOf: (request: ControlRequest) => Promise<unknown>,
): Operations {
  return {
    'GET /captures': withStatus(async () => json({ captures: await captures.list() })),
    'POST /captures': withStatus(async (request) =>
      json(await captures.start(parseCaptureRequest(await bodyOf(request))), 201),
    ),
    'GET /captures/{id}': withStatus(async ({ segment }) => {
      const { bytes, status } = await captures.read(idOf(segment));
      const headers = { [CAPTURE_HEADER]: JSON.stringify(status) };
      return { status: 200, type: PCAPNG_TYPE, body: bytes, headers };
    }),
    'DELETE /captures/{id}': withStatus(async ({ segment }) =>
      json(await captures.stop(idOf(segment))),
    ),
  };
}

function idOf(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new ControlFault(404, 'SDN_HOST_PATH', `'${text}' is no number of a capture`, {
    remedy: 'GET /captures lists them',
  });
}

const STATUSES: Readonly<Record<string, number>> = {
  SDN_CAPTURE_FILTER: 400,
  SDN_CAPTURE_UNKNOWN: 404,
  SDN_CAPTURES_MAX: 409,
};

function withStatus(operation: Operation): Operation {
  return async (request) => {
    try {
      return await operation(request);
    } catch (thrown) {
      const status = thrown instanceof SdnError ? STATUSES[thrown.code] : undefined;
      if (!(thrown instanceof SdnError) || status === undefined) throw thrown;
      const { remedy } = thrown;
      throw new ControlFault(status, thrown.code, thrown.message, {
        cause: thrown,
        ...(remedy !== undefined && { remedy }),
      });
    }
  };
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
