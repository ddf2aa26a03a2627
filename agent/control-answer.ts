/** What a role's control API answers a request with. Called by the operations that roles declare (control-api.ts). */

export interface ControlAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const JSON_TYPE = 'application/json; charset=utf-8';

export function json(body: unknown, status = 200): ControlAnswer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
}

export const NOTHING: ControlAnswer = { status: 204, type: JSON_TYPE, body: '' };

/** A role's metrics as they are collected: GET /metrics. */
export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export function metricsAnswer({ contentType, text }: MetricsText): ControlAnswer {
  return { status: 200, type: contentType, body: text };
}
