/**
 * What a caller of a role's control API did wrong, or what the role cannot do for it: an HTTP status, a stable code, a sentence and a remedy.
 * docs/errors.md lists the codes. Called by the roles' control APIs.
 */
import { messageOf, SdnError } from '../base/errors.ts';
import { type ControlAnswer, json } from './control-answer.ts';

export class ControlFault extends SdnError {
  override readonly name = 'ControlFault';
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

/** What the role makes of faults that have no status of their own. */
export interface FaultDefaults {
  /** Of an SdnError: 400 where the role answers questions, which alone can be at fault; 500 where it does things. */
  readonly status: 400 | 500;
  /** Code of everything else. */
  readonly internal: string;
}

/** The answer to a request that ended in `thrown`. */
export function faultAnswer(thrown: unknown, { status, internal }: FaultDefaults): ControlAnswer {
  if (!(thrown instanceof SdnError)) {
    return json({ error: { code: internal, message: messageOf(thrown) } }, 500);
  }
  const { code, remedy } = thrown;
  const error = { code, message: messageOf(thrown), ...(remedy !== undefined && { remedy }) };
  return json({ error }, thrown instanceof ControlFault ? thrown.status : status);
}
