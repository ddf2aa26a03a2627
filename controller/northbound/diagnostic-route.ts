/** The shape of a question's route under `/networking/weft/v1/`. Used by diagnostic-routes.ts and edge-routes.ts. */
import type { Explained } from '../diagnostics/hosts.ts';

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
