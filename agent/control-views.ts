/**
 * The control API of a role that can only be looked at: every operation is a GET, and most are the questions that the controller asks over the
 * southbound stream (schema/southbound/diagnostics). Called by the control servers of edge and mux.
 */
import type { Logger } from '../base/log.ts';
import { json, type MetricsText, metricsAnswer } from './control-answer.ts';
import { type Operation, type Operations, pathsOf, serveControlApi } from './control-api.ts';
import { ControlFault } from './control-fault.ts';
import type { SocketFaults } from './control-socket.ts';

/** Error codes of a role's control socket and API, and its name for the sentence. */
export interface ViewFaults extends SocketFaults {
  /** There is no such operation. */
  readonly path: string;
  readonly internal: string;
}

export interface ControlViews {
  readonly path: string;
  /** By their paths, in the order in which they are told. */
  readonly views: Readonly<Record<string, Operation>>;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<MetricsText>;
  readonly faults: ViewFaults;
  readonly log: Logger;
}

/** Serves them on a claimed path. */
export function serveControlViews(options: ControlViews): Promise<{ close(): Promise<void> }> {
  const { path, views, status, metrics, faults, log } = options;
  const operations: Operations = Object.fromEntries(
    Object.entries({
      ...views,
      '/status': () => json(status()),
      '/metrics': async () => metricsAnswer(await metrics()),
    } satisfies Record<string, Operation>).map(([name, view]) => [`GET ${name}`, view]),
  );
  return serveControlApi({
    path,
    operations,
    unknown: (method, asked) =>
      new ControlFault(404, faults.path, `${method} ${asked}: there is no such operation`, {
        remedy: `there are GET ${pathsOf(operations).join(', ')}`,
      }),
    faults: { status: 400, internal: faults.internal },
    log,
  });
}

/** How parameters become properties of a question: those not named here are text. */
export interface ParameterKinds {
  readonly numbers: readonly string[];
  /** `true`, or not. */
  readonly flags?: readonly string[];
}

/** The view that answers a question of the role's. */
export function questionView(
  role: { answer(method: string, question: unknown): Promise<unknown> },
  method: string,
  kinds: ParameterKinds,
): Operation {
  return async ({ parameters }) => json(await role.answer(method, questionOf(parameters, kinds)));
}

function questionOf(
  parameters: URLSearchParams,
  { numbers, flags = [] }: ParameterKinds,
): Record<string, unknown> {
  return Object.fromEntries(
    [...parameters].map(([name, text]) => {
      if (numbers.includes(name)) return [name, Number(text)];
      return [name, flags.includes(name) ? text === 'true' : text];
    }),
  );
}
