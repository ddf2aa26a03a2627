/**
 * A target as the controller knows it: its ledger, its faults and its ports, across streams. One per host, mux, gateway or edge that
 * has connected or has a slice. Plain data with its rules; target-hub.ts and target-sessions.ts move it.
 */

import type { Timer } from '../../base/clock.ts';
import type { AttachedPort, ResourceError } from '../../schema/southbound/messages.ts';
import { TargetKind } from '../../schema/southbound/messages.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import type { TargetState } from '../model/realised-state.ts';
import type { Revision } from '../store/store.ts';
import { Ledger } from './ledger.ts';
import { TARGET_FAULTS_MAX } from './limits.ts';
import type { SouthboundStream } from './server.ts';
import type { SessionState } from './session.ts';

export type TargetKindName = TargetState['kind'];

/** A stream and where its protocol stands. */
export interface Session {
  readonly stream: SouthboundStream;
  state: SessionState;
  deadline: Timer | undefined;
}

export interface Target {
  readonly key: TargetKey;
  readonly kind: TargetKindName;
  readonly id: string;
  readonly ledger: Ledger;
  /** Undefined while it is away. */
  session: Session | undefined;
  softwareVersion: string;
  /** Revision of the last message it has answered. */
  appliedRevision: Revision;
  /** Revision it was last told. */
  toldRevision: Revision;
  /** Milliseconds since 1970: last connect or disconnect; last word from it. */
  since: number;
  heardAt: number;
  /** Resources it could not bring into force and faults of its own, by key. */
  faults: ReadonlyMap<string, ResourceError>;
  /** Its last report, by instanceId of the interface. */
  ports: ReadonlyMap<string, AttachedPort>;
}

const KIND_NAMES: Readonly<Record<TargetKind, TargetKindName | undefined>> = {
  [TargetKind.TARGET_KIND_UNSPECIFIED]: undefined,
  [TargetKind.HOST]: 'host',
  [TargetKind.MUX]: 'mux',
  [TargetKind.GATEWAY]: 'gateway',
  [TargetKind.EDGE]: 'edge',
};

/** Undefined for a number that is no kind: it came from outside. */
export function kindName(kind: number): TargetKindName | undefined {
  return new Map(Object.entries(KIND_NAMES)).get(String(kind));
}

export function targetKey(kind: TargetKindName, id: string): TargetKey {
  return `${kind}/${id}`;
}

export function newTarget(kind: TargetKindName, id: string, now: number): Target {
  return {
    key: targetKey(kind, id),
    kind,
    id,
    ledger: new Ledger(),
    session: undefined,
    softwareVersion: '',
    appliedRevision: 0,
    toldRevision: 0,
    since: now,
    heardAt: now,
    faults: new Map(),
    ports: new Map(),
  };
}

/** An Ack settles the faults of the keys it answers (undefined: of all) and brings those it names. */
export function faultsAfterAck(
  faults: Target['faults'],
  keys: Iterable<string> | undefined,
  errors: readonly ResourceError[],
): Target['faults'] {
  if (faults.size === 0 && errors.length === 0) return faults;
  const after = new Map(keys === undefined ? [] : faults);
  for (const key of keys ?? []) after.delete(key);
  for (const error of errors) after.set(error.key, error);
  return limited(after);
}

/** A report names every fault that stands. */
export function faultsOfReport(health: readonly ResourceError[]): Target['faults'] {
  return limited(new Map(health.map((fault) => [fault.key, fault])));
}

function limited(faults: ReadonlyMap<string, ResourceError>): Target['faults'] {
  if (faults.size <= TARGET_FAULTS_MAX) return faults;
  return new Map([...faults].slice(0, TARGET_FAULTS_MAX));
}
