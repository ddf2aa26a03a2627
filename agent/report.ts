/**
 * What goes up: the role's observations, and the faults that stand. A fault that an Ack once carried is repeated in every
 * Report while it stands, so that a controller which was not there at the time learns of it. Pure; called by agent/agent.ts.
 */
import type {
  AttachedPort,
  PortMeter,
  ProbeResult,
  Report,
  Resource,
  ResourceError,
} from '../schema/southbound/messages.ts';
import { FAULTS_TOLD_MAX } from './limits.ts';
import type { GoalChange } from './reconciler.ts';

/** What a role observes. Ports: always all of them. Health: faults of the target itself, e.g. its uplink is down. */
export interface Observation {
  readonly ports: readonly AttachedPort[];
  readonly health: readonly ResourceError[];
  /** What the target has counted since its run began; absent: it meters nothing. */
  readonly metering?: { readonly run: string; readonly meters: readonly PortMeter[] };
  /** Of every backend that it probes; absent: it probes none. */
  readonly probeResults?: readonly ProbeResult[];
}

/** Resources that the role could not bring into force, by key. */
export type StandingFaults = ReadonlyMap<string, ResourceError>;

/** A change settles the faults of everything it touched and brings those that `errors` names. */
export function faultsAfter(
  standing: StandingFaults,
  change: GoalChange,
  errors: readonly ResourceError[],
): StandingFaults {
  if (standing.size === 0 && errors.length === 0) return standing;
  const faults = new Map(standing);
  for (const { key } of change.upserts) faults.delete(key);
  for (const key of change.removes) faults.delete(key);
  for (const error of errors) faults.set(error.key, error);
  return faults;
}

export function buildReport(observation: Observation, standing: StandingFaults): Report {
  const health = faultsTold([...observation.health, ...standing.values()]);
  const { run = '', meters = [] } = observation.metering ?? {};
  const { ports, probeResults = [] } = observation;
  return { ports, health, run, meters, probeResults };
}

/** As many as a message may carry. */
export function faultsTold(faults: readonly ResourceError[]): readonly ResourceError[] {
  if (faults.length <= FAULTS_TOLD_MAX) return faults;
  const told = faults.slice(0, FAULTS_TOLD_MAX);
  const message = `${faults.length - told.length} more resources have faults`;
  return [...told, { key: '', code: 'PolicyConfigurationFailure', message }];
}

/** Kinds of resource that this version of the target does not know arrive without a body: refused, by name. */
export function splitUnknown(change: GoalChange): {
  readonly known: GoalChange;
  readonly errors: readonly ResourceError[];
} {
  const unknown = change.upserts.filter((resource) => !hasBody(resource));
  if (unknown.length === 0) return { known: change, errors: [] };
  return {
    known: { ...change, upserts: change.upserts.filter(hasBody) },
    errors: unknown.map(({ key }) => ({
      key,
      code: 'PolicyConfigurationFailure',
      message: `this version of the target does not know resources like ${key}`,
    })),
  };
}

function hasBody(resource: Resource): boolean {
  return Object.values(resource).some((field) => typeof field === 'object');
}
