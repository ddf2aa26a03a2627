/** What the host's control API answers a request with. Called by control-server and control-captures. */

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
