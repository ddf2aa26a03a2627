/** What every contestant is held to: the sessions of a scene, and how a daemon with them is started. Called by main.ts and the daemons. */

/** The daemon's side of every session. */
export const TARGET = { asn: 65_001, ipv4: '192.0.2.1', ipv6: '2001:db8::1' } as const;
/** All sessions offer it. */
export const HOLD_TIME_SEC = 3;

export interface TesterSession {
  readonly address: string;
  readonly asn: number;
  /** Routes that it announces; 0: it is only told. */
  readonly count: number;
  /** Which part of the address space they are of. */
  readonly block: number;
}

export interface Scene {
  readonly name: string;
  readonly sessions: readonly TesterSession[];
}

export interface Contestant {
  readonly name: string;
  /** Absolute path of the program, and whose package it is. */
  readonly program: string;
  /** Takes part in scenes of so many routes at most, and in the first round only: it would take all evening. */
  readonly routesMax?: number;
  version(): Promise<string>;
  /** Files for the folder by name, and the command that runs the daemon in the foreground; `@` stands for the folder. */
  files(scene: Scene): Readonly<Record<string, string>>;
  command: readonly [string, ...string[]];
}

/** One peer that has everything, `receiverCount` that want it. */
export function fullTable(ipv4Count: number, ipv6Count: number): Scene {
  const family = (addressOf: (host: number) => string, count: number): TesterSession[] => [
    { address: addressOf(10), asn: 64_610, count, block: 0 },
    { address: addressOf(100), asn: 64_700, count: 0, block: 0 },
    { address: addressOf(101), asn: 64_701, count: 0, block: 0 },
  ];
  return {
    name: `${thousands(ipv4Count)} IPv4 + ${thousands(ipv6Count)} IPv6 routes`,
    sessions: [...family(ipv4, ipv4Count), ...family(ipv6, ipv6Count)],
  };
}

/** Many peers with a part each. */
export function manyPeers(peerCount: number, count: number): Scene {
  const feeders = Array.from({ length: peerCount }, (_, index) => ({
    ...{ address: ipv4(10 + index), asn: 64_610 + index, count, block: index },
  }));
  const receivers = [100, 101].map((host) => ({
    ...{ address: ipv4(host), asn: 64_600 + host, count: 0, block: 0 },
  }));
  return {
    name: `${peerCount} peers × ${thousands(count)} routes`,
    sessions: [...feeders, ...receivers],
  };
}

function ipv4(host: number): string {
  return `192.0.2.${host}`;
}

function ipv6(host: number): string {
  return `2001:db8::${host.toString(16)}`;
}

function thousands(count: number): string {
  return count >= 1_000_000 ? `${count / 1_000_000} M` : `${count / 1_000} k`;
}
