/** The shape of a question's route under `/networking/weft/v1/`. Used by diagnostic-routes.ts and the tables of routes that it puts together. */
import type Type from 'typebox';
import { mismatch } from '../../schema/southbound/diagnostics/methods.ts';
import type { Explained } from '../diagnostics/hosts.ts';
import { fault } from './fault.ts';

export interface DiagnosticRoute {
  readonly method: 'GET' | 'POST';
  /** Relative to `/networking/weft/v1/`; `{id}`: resourceId or instanceId of the resource. */
  readonly path: string;
  /** Its query, as documentation shows it. */
  readonly query: string;
  readonly summary: string;
  readonly answer: (context: Explained, call: Call) => Promise<object>;
}

export interface Call {
  /** What stands for `{id}`. */
  readonly id: string;
  readonly query: URLSearchParams;
  /** Parsed JSON of a POST. */
  readonly body: unknown;
}

/** The body, if it is of this shape. */
export function checkedBody<T extends Type.TSchema>(schema: T, body: unknown): Type.Static<T> {
  const wrong = mismatch(schema, body);
  if (wrong !== undefined) throw fault('InvalidParameterValue', wrong, 'body');
  return body as Type.Static<T>;
}
