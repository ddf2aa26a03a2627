/**
 * What a client got wrong, or found wrong, as an answer: HTTP status, one of the closed list of codes, and where — MS-NCNBI §3.1.5.35.
 * Thrown by the code that notices, turned into a body by the HTTP layer, kept in an operation's record when it failed later.
 */
import { SdnError } from '../../base/errors.ts';
import type { ErrorContent } from '../../schema/northbound/operations.ts';
import { type ErrorCode, statusOfCode } from './error-codes.ts';
import { FAULT_DETAILS_MAX } from './limits.ts';

export interface FaultDetail {
  readonly code: ErrorCode;
  readonly message: string;
  /** A property path, a resourceRef, or a header's name. */
  readonly target?: string;
}

export class NorthboundFault extends SdnError {
  override readonly name = 'NorthboundFault';
  readonly status: number;
  readonly detail: FaultDetail;
  readonly further: readonly FaultDetail[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    detail: FaultDetail,
    options: {
      readonly status?: number;
      readonly further?: readonly FaultDetail[];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super('SDN_NORTHBOUND_FAULT', `${detail.code}: ${detail.message}`);
    this.status = options.status ?? statusOfCode(detail.code);
    this.detail = detail;
    this.further = options.further ?? [];
    this.headers = options.headers ?? {};
  }
}

export function fault(code: ErrorCode, message: string, target?: string): NorthboundFault {
  return new NorthboundFault(detail(code, message, target));
}

export function detail(code: ErrorCode, message: string, target?: string): FaultDetail {
  return { code, message, ...(target === undefined ? {} : { target }) };
}

/** Throws the first of `faults`, with the others as details; returns when there is none. */
export function refuse(faults: readonly FaultDetail[]): void {
  const [first, ...rest] = faults;
  if (first !== undefined) throw new NorthboundFault(first, { further: rest });
}

export function errorContent(thrown: NorthboundFault): ErrorContent {
  const { code, message, target } = thrown.detail;
  const further = thrown.further.slice(0, FAULT_DETAILS_MAX);
  return {
    code,
    message,
    ...(target === undefined ? {} : { target }),
    ...(further.length === 0 ? {} : { details: further.map((entry) => ({ ...entry })) }),
  };
}
