/**
 * Metrics in Prometheus' text format of a role that is asked for them whenever somebody collects: a registry for each collection, links by their
 * counters, and what every southbound agent has. Called by the metrics of edge and mux.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { LinkCounters } from '../schema/southbound/diagnostics/links.ts';
import type { Agent } from './agent.ts';
import type { MetricsText } from './control-answer.ts';

/** What a role's agent has to say. */
export interface AgentReading {
  readonly appliedRevision: number;
  readonly goalRevision: number;
  readonly isConnected: boolean;
}

export function readingOf(agent: Agent): AgentReading {
  const { appliedRevision, goalRevision, controller } = agent.status();
  return { appliedRevision, goalRevision, isConnected: controller.connected };
}

/** `labels`: of every metric, `{ edge: 'edge1' }`. */
export function collected(
  labels: Readonly<Record<string, string>>,
  fill: (registry: Registry) => void,
): Promise<MetricsText> {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  fill(registry);
  const { contentType } = registry;
  return registry.metrics().then((text) => ({ contentType, text }));
}

export function addTotal(registry: Registry, name: string, help: string, value: number): void {
  new Counter({ name, help, registers: [registry] }).inc(value);
}

export function addGauge(registry: Registry, name: string, help: string, value: number): void {
  new Gauge({ name, help, registers: [registry] }).set(value);
}

/** One total for each row, by a label of the row's. */
export function addTotalBy<F extends string>(
  registry: Registry,
  [name, help, field]: readonly [name: string, help: string, field: F],
  label: string,
  rows: readonly (readonly [of: string, counts: Readonly<Record<F, number>>])[],
): void {
  const counter = new Counter({ name, help, labelNames: [label], registers: [registry] });
  for (const [of, counts] of rows) counter.inc({ [label]: of }, counts[field]);
}

/** Drops of each row, by a label of the row's and the reason. */
export function addDrops(
  registry: Registry,
  [name, help]: readonly [name: string, help: string],
  label: string,
  rows: readonly (readonly [of: string, drops: Readonly<Record<string, number>>])[],
): void {
  const counter = new Counter({ name, help, labelNames: [label, 'reason'], registers: [registry] });
  for (const [of, drops] of rows) {
    for (const [reason, count] of Object.entries(drops))
      counter.inc({ [label]: of, reason }, count);
  }
}

/** `prefix`: of the names, `weft_edge`. `dropsHelp`: which frames those are that did not go on. */
export function addLinks(
  registry: Registry,
  prefix: string,
  links: readonly LinkCounters[],
  dropsHelp: string,
): void {
  const totals = [
    [`${prefix}_received_frames_total`, 'Frames received by a link.', 'rxFrames'],
    [`${prefix}_received_bytes_total`, 'Bytes received by a link.', 'rxBytes'],
    [`${prefix}_sent_frames_total`, 'Frames sent by a link.', 'txFrames'],
    [`${prefix}_sent_bytes_total`, 'Bytes sent by a link.', 'txBytes'],
  ] as const;
  const rows = links.map((link) => [link.name, link] as const);
  for (const total of totals) addTotalBy(registry, total, 'link', rows);
  const drops = links.map((link) => [link.name, link.drops] as const);
  addDrops(registry, [`${prefix}_dropped_frames_total`, dropsHelp], 'link', drops);
}

export function addAgent(registry: Registry, prefix: string, reading: AgentReading): void {
  const { appliedRevision, goalRevision, isConnected } = reading;
  addGauge(registry, `${prefix}_applied_revision`, 'Revision in force.', appliedRevision);
  addGauge(registry, `${prefix}_goal_revision`, 'Revision received.', goalRevision);
  addGauge(registry, `${prefix}_controller_connected`, '1: connected.', isConnected ? 1 : 0);
}
