/** The edge's metrics in Prometheus' text format, asked of the router and the speaker whenever somebody collects. Called by edge-process.ts. */
import type { Registry } from 'prom-client';
import type { MetricsText } from '../../../agent/control-answer.ts';
import {
  type AgentReading,
  addAgent,
  addGauge,
  addLinks,
  addTotal,
  collected,
} from '../../../agent/role-metrics.ts';
import type { EdgeCounters } from '../../../schema/southbound/diagnostics/edge.ts';
import { addNeighbours } from '../../control/neighbour-metrics.ts';
import type { NeighbourStatus } from '../../speaker/status.ts';

export interface EdgeReading extends AgentReading {
  readonly counters: EdgeCounters;
  readonly neighbours: readonly NeighbourStatus[];
}

const DROPS_HELP = 'Frames that did not go on, by the link they came in by and the reason.';

export function edgeMetrics(edge: string, reading: EdgeReading): Promise<MetricsText> {
  return collected({ edge }, (registry) => {
    addLinks(registry, 'weft_edge', reading.counters.links, DROPS_HELP);
    addTotals(registry, reading.counters);
    addGauges(registry, reading.counters);
    addAgent(registry, 'weft_edge', reading);
    addNeighbours(registry, 'weft_edge', reading.neighbours);
  });
}

function addTotals(registry: Registry, { nat, slowPackets }: EdgeCounters): void {
  const total = (name: string, help: string, value: number) =>
    addTotal(registry, name, help, value);
  total('weft_edge_nat_mappings_created_total', 'NAT44 mappings made.', nat.created);
  total('weft_edge_nat_mappings_removed_total', 'NAT44 mappings that have gone.', nat.removed);
  total('weft_edge_slow_packets_total', 'Packets that were decided anew.', slowPackets);
}

function addGauges(registry: Registry, { nat, flows, routes, neighbours }: EdgeCounters): void {
  const gauge = (name: string, help: string, value: number) =>
    addGauge(registry, name, help, value);
  gauge('weft_edge_nat_mappings', 'NAT44 mappings in force.', nat.mappings);
  gauge('weft_edge_nat_subscribers', 'Inside addresses with ports.', nat.subscribers);
  gauge('weft_edge_nat_blocks_leased', 'Port blocks leased.', nat.blocksLeased);
  gauge('weft_edge_nat_blocks', 'Port blocks there are.', nat.blocksTotal);
  gauge('weft_edge_flows', 'Flows remembered.', flows);
  gauge('weft_edge_routes', 'Prefixes in the forwarding table.', routes);
  gauge('weft_edge_neighbours', 'Neighbours known on links.', neighbours);
}
