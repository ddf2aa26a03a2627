/**
 * What a caller of the host's control API did wrong, or what the host cannot do for it: an HTTP status, a stable code, a sentence and a
 * remedy. docs/errors.md lists the codes.
 */
import { messageOf, SdnError } from '../../base/errors.ts';

export class HostFault extends SdnError {
  override readonly name = 'HostFault';
  readonly status: number;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { cause?: unknown; remedy?: string } = {},
  ) {
    super(code, message, options);
    this.status = status;
  }
}

export function badRequest(message: string, remedy: string): HostFault {
  return new HostFault(400, 'SDN_HOST_BAD_REQUEST', message, { remedy });
}

export function portUnknown(portId: string): HostFault {
  return new HostFault(404, 'SDN_HOST_PORT_UNKNOWN', `no port ${portId} is attached here`, {
    remedy: 'GET /ports lists the attached ones',
  });
}

/** The answer to a request that ended in `thrown`: its status and its JSON body. */
export function faultAnswer(thrown: unknown): { status: number; body: object } {
  const status = thrown instanceof HostFault ? thrown.status : 500;
  const code = thrown instanceof SdnError ? thrown.code : 'SDN_HOST_INTERNAL';
  const remedy = thrown instanceof SdnError ? thrown.remedy : undefined;
  const error = { code, message: messageOf(thrown), ...(remedy === undefined ? {} : { remedy }) };
  return { status, body: { error } };
}
