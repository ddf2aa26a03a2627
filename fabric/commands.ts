/**
 * `up`, `down` and `status`: what `npm run up`, `npm run down` and the CLI's verbs of the same names do. They print for people and
 * return the process's exit code; the machinery is fabric.ts, which the test kit uses without any of this.
 */
import { SdnError } from '../base/errors.ts';
import type { FabricStatus } from './fabric-status.ts';
import { exchangeJson } from './json-http.ts';
import { stateDirectory } from './state-directory.ts';

export interface UpOptions {
  /** State directory. */
  readonly state: string;
  /** Return once everything works, leaving a supervisor in a session of its own. */
  readonly detach: boolean;
  /** Make and prove the sample tenant. */
  readonly sample: boolean;
  /** Default 2. */
  readonly hosts?: number;
  /** First choice for the northbound's loopback port; default 8443. */
  readonly port?: number;
  /** Of the provider network; default 198.51.100.0/24. */
  readonly providerPrefix?: string;
  readonly offload?: boolean;
}

/** Resolves with the exit code: at once after the work when detached, else when the fabric was taken down. */
export function up(_options: UpOptions): Promise<number> {
  return Promise.reject(new SdnError('SDN_NOT_SUPPORTED', 'up is not built yet'));
}

/** Removes everything `up` made there, also what a crash left. */
export function down(_options: { readonly state: string }): Promise<number> {
  return Promise.reject(new SdnError('SDN_NOT_SUPPORTED', 'down is not built yet'));
}

/** undefined when no fabric runs with that state directory. */
export async function status(options: {
  readonly state: string;
}): Promise<FabricStatus | undefined> {
  const { fabricSocket } = stateDirectory(options.state);
  try {
    const response = await exchangeJson(
      { kind: 'unix', socketPath: fabricSocket },
      { method: 'GET', path: '/status' },
    );
    return response.body as FabricStatus;
  } catch (thrown) {
    if (thrown instanceof SdnError && thrown.code === 'SDN_UNREACHABLE') return undefined;
    throw thrown;
  }
}
