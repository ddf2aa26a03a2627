/** The mux's metrics in Prometheus' text format, asked of the forwarder and the speaker whenever somebody collects. Called by mux-process.ts. */
import { Counter, Gauge, Registry } from 'prom-client';
import { addNeighbours } from '../../../bgp/control/neighbour-metrics.ts';
import type { NeighbourStatus } from '../../../bgp/speaker/status.ts';
import type { MuxCounters, MuxStatus } from '../../../schema/southbound/diagnostics/slb.ts';

export interface MuxReading {
  readonly status: MuxStatus;
  readonly counters: MuxCounters;
  readonly neighbours: readonly NeighbourStatus[];
  readonly appliedRevision: number;
  readonly goalRevision: number;
  readonly isConnected: boolean;
}

const LINK_TOTALS = [
  ['weft_mux_received_frames_total', 'Frames received by a link.', 'rxFrames'],
  ['weft_mux_received_bytes_total', 'Bytes received by a link.', 'rxBytes'],
  ['weft_mux_sent_frames_total', 'Frames sent by a link.', 'txFrames'],
  ['weft_mux_sent_bytes_total', 'Bytes sent by a link.', 'txBytes'],
] as const;

const ADDRESS_TOTALS = [
  ['weft_mux_address_packets_total', 'Packets to a virtual address.', 'packets'],
  ['weft_mux_address_bytes_total', 'Bytes to a virtual address.', 'bytes'],
  ['weft_mux_address_syns_total', 'Connections begun to a virtual address.', 'syns'],
] as const;

/** Resolves with the text; `read` is asked once. */
export async function muxMetrics(
  mux: string,
  read: () => Promise<MuxReading>,
): Promise<{ readonly contentType: string; readonly text: string }> {
  const registry = new Registry();
  registry.setDefaultLabels({ mux });
  const reading = await read();
  addLinks(registry, reading.counters);
  addAddresses(registry, reading.status);
  addGauges(registry, reading);
  addNeighbours(registry, 'weft_mux', reading.neighbours);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

function addLinks(registry: Registry, { links, memory }: MuxCounters): void {
  const registers = [registry];
  for (const [name, help, field] of LINK_TOTALS) {
    const counter = new Counter({ name, help, labelNames: ['link'], registers });
    for (const link of links) counter.inc({ link: link.name }, link[field]);
  }
  const drops = new Counter({
    name: 'weft_mux_dropped_frames_total',
    help: 'Frames to no virtual address that did not go on, by link and reason.',
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
  total(
    'weft_mux_flows_displaced_total',
    'Flows of one packet that gave way to others before their time.',
    memory.displaced,
  );
  total(
    'weft_mux_flows_unplaced_total',
    'Packets of flows that found no place among the confirmed.',
    memory.unplaced,
  );
}

function addAddresses(registry: Registry, { addresses }: MuxStatus): void {
  const registers = [registry];
  const labelNames = ['address'];
  for (const [name, help, field] of ADDRESS_TOTALS) {
    const counter = new Counter({ name, help, labelNames, registers });
    for (const each of addresses) counter.inc({ address: each.address }, each[field]);
  }
  const drops = new Counter({
    name: 'weft_mux_address_dropped_packets_total',
    help: 'Packets to a virtual address that did not go on, by reason.',
    labelNames: ['address', 'reason'],
    registers,
  });
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
    for (const [reason, count] of Object.entries(each.drops)) drops.inc({ address, reason }, count);
  }
}

function addGauges(registry: Registry, reading: MuxReading): void {
  const { counters, status } = reading;
  const gauge = (name: string, help: string, value: number) =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  gauge('weft_mux_flows_confirmed', 'Flows remembered.', counters.memory.confirmed);
  gauge('weft_mux_flows_unconfirmed', 'Flows of one packet.', counters.memory.unconfirmed);
  gauge('weft_mux_targets', 'Backends and holders of leased ports.', counters.targets);
  gauge('weft_mux_hosts', 'Hosts tunnelled to.', counters.hosts);
  gauge('weft_mux_in_sync', '1: what is in force may be announced.', status.inSync ? 1 : 0);
  gauge('weft_mux_applied_revision', 'Revision in force.', reading.appliedRevision);
  gauge('weft_mux_goal_revision', 'Revision received.', reading.goalRevision);
  gauge('weft_mux_controller_connected', '1: connected.', reading.isConnected ? 1 : 0);
}
