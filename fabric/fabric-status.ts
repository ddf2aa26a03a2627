/** What a fabric says about itself: `GET /status` on fabric.sock, and `weft status --json`. */

export type Health = 'starting' | 'healthy' | 'unhealthy' | 'restarting' | 'failed' | 'stopped';

export interface RoleStatus {
  /** `controller` or `host`. */
  readonly role: string;
  readonly name: string;
  /** 0 while no process runs. */
  readonly pid: number;
  readonly namespace: string;
  /** On the provider network; the northbound URL for the controller; empty while unknown. */
  readonly address: string;
  readonly health: Health;
  /** Of hosts: last revision in force; of the controller: last committed revision where it tells, else 0. */
  readonly appliedRevision: number;
  /** Times the role was started again since the fabric came up. */
  readonly restarts: number;
  /** Why it is not healthy, empty when it is. */
  readonly reason: string;
}

export interface ExposedStatus {
  /** What the machine reaches, by which interface of its own. */
  readonly publicPrefixes: readonly string[];
  readonly interface: string;
  /** Of the pool; the first public address is given this one. */
  readonly firstAddress: string;
}

/** One line for people. */
export function describeExposed(exposed: ExposedStatus): string {
  const rest = exposed.publicPrefixes.join(' and ');
  return `http://${exposed.firstAddress} and the rest of ${rest}, by ${exposed.interface}`;
}

export interface FabricStatus {
  readonly fabric: {
    readonly name: string;
    readonly state: string;
    readonly supervisorPid: number;
    readonly unprivileged: boolean;
    readonly startedAt: string;
  };
  /** e.g. https://127.0.0.1:8443 */
  readonly northbound: string;
  /** Where the machine itself has a way to the public addresses. */
  readonly exposed?: ExposedStatus;
  readonly roles: readonly RoleStatus[];
}
