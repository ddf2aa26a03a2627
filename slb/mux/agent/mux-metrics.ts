/** The mux's metrics in Prometheus' text format, asked of the forwarder and the speaker whenever somebody collects. Called by mux-process.ts. */
import { Gauge, type Registry } from 'prom-client';
import type { MetricsText } from '../../../agent/control-answer.ts';
import {
  type AgentReading,
  addAgent,
  addDrops,
  addGauge,
  addLinks,
  addTotal,
  addTotalBy,
  collected,
} from '../../../agent/role-metrics.ts';
import { addNeighbours } from '../../../bgp/control/neighbour-metrics.ts';
import type { NeighbourStatus } from '../../../bgp/speaker/status.ts';
import type { MuxCounters, MuxStatus } from '../../../schema/southbound/diagnostics/slb.ts';

export interface MuxReading extends AgentReading {
  readonly status: MuxStatus;
  readonly counters: MuxCounters;
  readonly neighbours: readonly NeighbourStatus[];
}

const DROPS_HELP = 'Frames to no virtual address that did not go on, by link and reason.';

const ADDRESS_TOTALS = [
  ['weft_mux_address_packets_total', 'Packets to a virtual address.', 'packets'],
  ['weft_mux_address_bytes_total', 'Bytes to a virtual address.', 'bytes'],
  ['weft_mux_address_syns_total', 'Connections begun to a virtual address.', 'syns'],
  [
    'weft_mux_address_returned_packets_total',
    'Packets that a host has returned, since their connection is not there.',
    'returned',
  ],
  [
    'weft_mux_address_unclaimed_connections_total',
    'Connections in their middle that no backend knows.',
    'unclaimed',
  ],
] as const;

const ADDRESS_DROPS = [
  'weft_mux_address_dropped_packets_total',
  'Packets to a virtual address that did not go on, by reason.',
] as const;

export function muxMetrics(mux: string, reading: MuxReading): Promise<MetricsText> {
  return collected({ mux }, (registry) => {
    addLinks(registry, 'weft_mux', reading.counters.links, DROPS_HELP);
    addMemory(registry, reading.counters);
    addAddresses(registry, reading.status);
    addGauges(registry, reading);
    addAgent(registry, 'weft_mux', reading);
    addNeighbours(registry, 'weft_mux', reading.neighbours);
  });
}

function addMemory(registry: Registry, { memory }: MuxCounters): void {
  addTotal(
    registry,
    'weft_mux_flows_displaced_total',
    'Flows of one packet that gave way to others before their time.',
    memory.displaced,
  );
  addTotal(
    registry,
    'weft_mux_flows_unplaced_total',
    'Packets of flows that found no place among the confirmed.',
    memory.unplaced,
  );
}

function addAddresses(registry: Registry, { addresses }: MuxStatus): void {
  const rows = addresses.map((each) => [each.address, each] as const);
  for (const total of ADDRESS_TOTALS) addTotalBy(registry, total, 'address', rows);
  const drops = addresses.map((each) => [each.address, each.drops] as const);
  addDrops(registry, ADDRESS_DROPS, 'address', drops);
  const registers = [registry];
  const labelNames = ['address'];
  const flows = new Gauge({
    name: 'weft_mux_address_flows',
    help: 'Flows of a virtual address that are remembered.',
    labelNames,
    registers,
  });
  const announced = new Gauge({
    name: 'weft_mux_address_announced',
    help: '1: the virtual address is announced.',
    labelNames,
    registers,
  });
  for (const { address, announced: isAnnounced, ...each } of addresses) {
    flows.set({ address }, each.flows);
    announced.set({ address }, isAnnounced ? 1 : 0);
  }
}

function addGauges(registry: Registry, { counters, status }: MuxReading): void {
  const gauge = (name: string, help: string, value: number) =>
    addGauge(registry, name, help, value);
  gauge('weft_mux_flows_confirmed', 'Flows remembered.', counters.memory.confirmed);
  gauge('weft_mux_flows_unconfirmed', 'Flows of one packet.', counters.memory.unconfirmed);
  gauge('weft_mux_targets', 'Backends and holders of leased ports.', counters.targets);
  gauge('weft_mux_hosts', 'Hosts tunnelled to.', counters.hosts);
  gauge('weft_mux_in_sync', '1: what is in force may be announced.', status.inSync ? 1 : 0);
}
