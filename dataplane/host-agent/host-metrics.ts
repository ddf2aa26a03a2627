/**
 * The host's metrics in Prometheus' text format, read from the switch's counters whenever somebody asks: nothing is counted twice and an
 * idle host does nothing. Called by main.ts for GET /metrics.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { FlowLogCounters } from '../flow-log/flow-log.ts';
import type { PlatformCounters } from '../platform/platform-services.ts';
import type { CountersView } from './host-agent.ts';

export interface HostReading {
  readonly counters: CountersView;
  readonly services: PlatformCounters;
  readonly flowLog: FlowLogCounters;
  readonly appliedRevision: number;
  readonly goalRevision: number;
  readonly isConnected: boolean;
  readonly isWorkerHealthy: boolean;
}

type Totals = (
  name: string,
  help: string,
  labels: readonly string[],
  fill: (add: (labels: Record<string, string>, value: number) => void) => void,
) => void;

/** One registry for a process; `read` is asked on every collection. */
export function hostMetrics(host: string, read: () => HostReading): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ host });
  const totals: Totals = (name, help, labels, fill) => {
    new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        fill((values, amount) => this.inc(values, amount));
      },
    });
  };
  addTraffic(totals, read);
  addServices(totals, read);
  addFlowLog(totals, read);
  addGauges(registry, read);
  return registry;
}

const TRAFFIC = [
  [
    'weft_port_received_packets_total',
    'Packets that the port has sent to the switch.',
    'rxPackets',
  ],
  ['weft_port_received_bytes_total', 'Bytes that the port has sent to the switch.', 'rxBytes'],
  ['weft_port_delivered_packets_total', 'Packets delivered to the port.', 'txPackets'],
  ['weft_port_delivered_bytes_total', 'Bytes delivered to the port.', 'txBytes'],
] as const;

/** The uplink is a port like the others, named `uplink`. */
function addTraffic(totals: Totals, read: () => HostReading): void {
  const rows = () => {
    const { ports, uplink } = read().counters;
    return [...ports, { ...uplink, portId: 'uplink' }];
  };
  for (const [name, help, field] of TRAFFIC) {
    totals(name, help, ['port', 'device'], (add) => {
      for (const row of rows()) add({ port: row.portId, device: row.name }, row[field]);
    });
  }
  const help = 'Frames not delivered, by reason.';
  totals('weft_port_drops_total', help, ['port', 'device', 'reason'], (add) => {
    for (const row of rows()) {
      for (const [reason, count] of Object.entries(row.drops)) {
        add({ port: row.portId, device: row.name, reason }, count);
      }
    }
  });
}

/** Servers of platform addresses: one metric each, a label for what came of it. */
function addServices(totals: Totals, read: () => HostReading): void {
  const rows = [
    [
      'weft_dns_events_total',
      'What became of DNS questions of VMs, and of those to forwarders.',
      'dns',
    ],
    ['weft_metadata_requests_total', 'Requests to the metadata server.', 'metadata'],
  ] as const;
  for (const [name, help, server] of rows) {
    totals(name, help, ['event'], (add) => {
      for (const [event, count] of Object.entries(read().services[server])) add({ event }, count);
    });
  }
}

function addFlowLog(totals: Totals, read: () => HostReading): void {
  const help = 'What became of records of the flow log, and hours of it removed to make room.';
  totals('weft_flow_log_events_total', help, ['event'], (add) => {
    const { bytes: _, ...events } = read().flowLog;
    for (const [event, count] of Object.entries(events)) add({ event }, count);
  });
}

function addGauges(registry: Registry, read: () => HostReading): void {
  const gauge = (name: string, help: string, value: (reading: HostReading) => number) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value(read()));
      },
    });
  };
  gauge('weft_flow_log_bytes', 'Files of the flow log.', ({ flowLog }) => flowLog.bytes);
  gauge('weft_ports', 'Attached ports.', ({ counters }) => counters.ports.length);
  gauge('weft_applied_revision', 'Last revision in force.', (reading) => reading.appliedRevision);
  gauge('weft_goal_revision', 'Last revision received.', (reading) => reading.goalRevision);
  gauge('weft_controller_connected', '1 while a controller is connected.', (reading) =>
    Number(reading.isConnected),
  );
  gauge('weft_worker_healthy', '1 while the forwarding loop answers.', (reading) =>
    Number(reading.isWorkerHealthy),
  );
}
