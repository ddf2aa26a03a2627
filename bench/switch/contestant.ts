/**
 * A switch in the benchmark: two stations that talk through it on one host, two that talk across two hosts, or both, and the same once
 * more through a filter that keeps the state of connections, where it has one. Every contestant gets the same MTU, the same programs at the same ends, and is set up once, before the first round.
 */

export const SAME_HOST = 'same host';
export const ACROSS_HOSTS = 'across hosts';
/** As the two above, with stateful-policy.ts between the stations. */
export const SAME_HOST_GUARDED = 'same host, stateful policy';
export const ACROSS_HOSTS_GUARDED = 'across hosts, stateful policy';

/** In the order they are played. */
export const SCENES: readonly string[] = [
  SAME_HOST,
  ACROSS_HOSTS,
  SAME_HOST_GUARDED,
  ACROSS_HOSTS_GUARDED,
];

/** Of every station: what VXLAN leaves of a provider network's 1500 bytes. */
export const STATION_MTU = 1450;

/** A network namespace with an address: what stands for a VM. */
export interface Station {
  /** Name under /run/netns. */
  readonly namespace: string;
  readonly address: string;
}

export interface Scene {
  readonly name: string;
  readonly client: Station;
  readonly server: Station;
}

export interface Contestant {
  readonly name: string;
  readonly scenes: readonly Scene[];
  /** Version, for the record. */
  readonly version: string;
  /** Processes that forward, and on how many hosts: for the processor time they take while nobody talks. */
  readonly processes: readonly number[];
  readonly hostCount: number;
  /** Removes everything; never rejects for what is gone already. */
  stop(): Promise<void>;
}
