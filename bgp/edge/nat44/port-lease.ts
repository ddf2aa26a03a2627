/** What is told of leased ports. Made by router-state.ts, logged by router/main.ts. */

/** A block of ports that somebody has from now on, or no longer: what an operator keeps to tell who was behind a public port (RFC 6888 §4). */
export interface PortLease {
  readonly isLeased: boolean;
  /** Of the virtual network; '' for the provider network, and for one that is no more. */
  readonly network: string;
  /** The router's number of that network. */
  readonly domain: number;
  readonly inside: string;
  readonly outside: string;
  readonly portFirst: number;
  /** Inclusive. */
  readonly portLast: number;
}
