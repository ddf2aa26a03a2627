/** The edge's metrics in Prometheus' text format, asked of the router and the speaker whenever somebody collects. Called by edge-process.ts. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { EdgeCounters } from '../../../schema/southbound/diagnostics/edge.ts';
import { addNeighbours } from '../../control/neighbour-metrics.ts';
import type { NeighbourStatus } from '../../speaker/status.ts';

export interface EdgeReading {
  readonly counters: EdgeCounters;
  readonly neighbours: readonly NeighbourStatus[];
  readonly appliedRevision: number;
  readonly goalRevision: number;
  readonly isConnected: boolean;
}

const LINK_TOTALS = [
  ['weft_edge_received_frames_total', 'Frames received by a link.', 'rxFrames'],
  ['weft_edge_received_bytes_total', 'Bytes received by a link.', 'rxBytes'],
  ['weft_edge_sent_frames_total', 'Frames sent by a link.', 'txFrames'],
  ['weft_edge_sent_bytes_total', 'Bytes sent by a link.', 'txBytes'],
] as const;

/** Resolves with the text; `read` is asked once. */
export async function edgeMetrics(
  edge: string,
  read: () => Promise<EdgeReading>,
): Promise<{ readonly contentType: string; readonly text: string }> {
  const registry = new Registry();
  registry.setDefaultLabels({ edge });
  const reading = await read();
  addLinks(registry, reading.counters);
  addGauges(registry, reading);
  addNeighbours(registry, 'weft_edge', reading.neighbours);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

function addLinks(registry: Registry, { links, nat, slowPackets }: EdgeCounters): void {
  const registers = [registry];
  for (const [name, help, field] of LINK_TOTALS) {
    const counter = new Counter({ name, help, labelNames: ['link'], registers });
    for (const link of links) counter.inc({ link: link.name }, link[field]);
  }
  const drops = new Counter({
    name: 'weft_edge_dropped_frames_total',
    help: 'Frames that did not go on, by the link they came in by and the reason.',
    labelNames: ['link', 'reason'],
    registers,
  });
  for (const link of links) {
    for (const [reason, count] of Object.entries(link.drops)) {
      drops.inc({ link: link.name, reason }, count);
    }
  }
  const total = (name: string, help: string, value: number) =>
    new Counter({ name, help, registers }).inc(value);
  total('weft_edge_nat_mappings_created_total', 'NAT44 mappings made.', nat.created);
  total('weft_edge_nat_mappings_removed_total', 'NAT44 mappings that have gone.', nat.removed);
  total('weft_edge_slow_packets_total', 'Packets that were decided anew.', slowPackets);
}

function addGauges(registry: Registry, reading: EdgeReading): void {
  const { counters } = reading;
  const gauge = (name: string, help: string, value: number) =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  gauge('weft_edge_nat_mappings', 'NAT44 mappings in force.', counters.nat.mappings);
  gauge('weft_edge_nat_subscribers', 'Inside addresses with ports.', counters.nat.subscribers);
  gauge('weft_edge_nat_blocks_leased', 'Port blocks leased.', counters.nat.blocksLeased);
  gauge('weft_edge_nat_blocks', 'Port blocks there are.', counters.nat.blocksTotal);
  gauge('weft_edge_flows', 'Flows remembered.', counters.flows);
  gauge('weft_edge_routes', 'Prefixes in the forwarding table.', counters.routes);
  gauge('weft_edge_neighbours', 'Neighbours known on links.', counters.neighbours);
  gauge('weft_edge_applied_revision', 'Revision in force.', reading.appliedRevision);
  gauge('weft_edge_goal_revision', 'Revision received.', reading.goalRevision);
  gauge('weft_edge_controller_connected', '1: connected.', reading.isConnected ? 1 : 0);
}
