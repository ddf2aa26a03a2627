/**
 * What has really happened: the answer that flows back from the targets to the northbound. Asked by the northbound on every
 * read of a networkInterface, virtualNetwork or server (`configurationState`, MS-NCNBI §2.2.4) and by revisions (when a
 * write was in force everywhere). Implemented by controller/southbound/realisation.ts; answers come from memory, at once.
 */
import type { Revision } from '../store/store.ts';

export const ConfigurationStatus = {
  /** No target has been asked to realise it: a NIC that is attached nowhere. */
  Uninitialized: 'Uninitialized',
  InProgress: 'InProgress',
  Success: 'Success',
  Warning: 'Warning',
  Failure: 'Failure',
} as const;
export type ConfigurationStatus = (typeof ConfigurationStatus)[keyof typeof ConfigurationStatus];

export interface ConfigurationDetail {
  /** e.g. `VirtualSwitch`; with the name of the target where more than one could be meant. */
  readonly source: string;
  /** A code of MS-NCNBI §2.2.4, e.g. `HostNotConnectedToController`. */
  readonly code: string;
  /** For people: what is wrong and where. */
  readonly message: string;
}

export interface ConfigurationState {
  readonly status: ConfigurationStatus;
  readonly detailedInfo: readonly ConfigurationDetail[];
  /** ISO 8601, UTC. */
  readonly lastUpdatedTime: string;
  /** Of a frontend of a load balancer, and of a public address that one has (MS-NCNBI §3.1.5.5.3). */
  readonly vipEndpointStates?: readonly VipEndpointState[];
}

/** One port of a virtual address. */
export interface VipEndpointState {
  readonly status: ConfigurationStatus;
  /** `Tcp:203.0.113.9:80`; all ports: `All:203.0.113.9:0`. */
  readonly vipEndpoint: string;
  readonly dipEndpointStates: readonly DipEndpointState[];
}

/** One backend of it. */
export interface DipEndpointState {
  readonly status: ConfigurationStatus;
  readonly detailedInfo: readonly ConfigurationDetail[];
  /** `10.0.0.4:8080`. */
  readonly dipEndpoint: string;
  /** Provider address of its server; empty: attached nowhere. */
  readonly hostIPAddress: string;
  /** instanceId of its server. */
  readonly hostId: string;
  readonly adapterId: string;
  /** Reference of the probe; empty: none. */
  readonly probeRule: string;
}

export interface Realisation {
  /**
   * `Programmed`: every target that the revision concerned has it in force (also when it concerned none).
   * `Refused`: all have answered and some could not apply a part of it. `Pending`: `waitingFor` have not answered.
   * `Forgotten`: older than what is remembered. `Unknown`: not committed, or not compiled yet.
   */
  readonly status: 'Programmed' | 'Refused' | 'Pending' | 'Forgotten' | 'Unknown';
  /** Names of targets, at most WAITING_NAMES_MAX. */
  readonly waitingFor: readonly string[];
  /** From the commit to the last target's answer; undefined until then. */
  readonly programmedAfterMs: number | undefined;
}

export interface TargetState {
  readonly kind: 'host' | 'mux' | 'gateway' | 'edge';
  readonly id: string;
  readonly connected: boolean;
  /** Everything up to this revision that concerns the target is in force there. */
  readonly appliedRevision: Revision;
  readonly softwareVersion: string;
  /** Milliseconds since 1970 of the last connect or disconnect. */
  readonly since: number;
  readonly resourceCount: number;
  /** Faults that stand on the target now. */
  readonly faults: readonly ConfigurationDetail[];
}

/** What a virtual subnet's interfaces have sent where metering is on, bytes. */
export interface SubnetEgress {
  readonly billedBytes: number;
  readonly unbilledBytes: number;
}

export interface RealisedState {
  /** Of a networkInterface, virtualNetwork, virtual subnet, server, accessControlList or routeTable, by its instanceId. Undefined: no such resource. */
  configurationState(instanceId: string): ConfigurationState | undefined;
  programmed(revision: Revision): Realisation;
  /** resourceId of the server a networkInterface is attached to. */
  serverOf(networkInterfaceInstanceId: string): string | undefined;
  /** instanceId of the networkInterface that has a learned address (canonical text) of a virtualNetwork; undefined: none has it. */
  holderOf(virtualNetworkInstanceId: string, address: string): string | undefined;
  /** Of a virtual subnet, by its instanceId; undefined: nothing has been metered. */
  egressOf(subnetInstanceId: string): SubnetEgress | undefined;
  /** Latest revision the compiler has turned into goal states. */
  readonly compiledRevision: Revision;
  /** Revision that is in force on every connected target. */
  readonly programmedRevision: Revision;
  targets(): readonly TargetState[];
}
