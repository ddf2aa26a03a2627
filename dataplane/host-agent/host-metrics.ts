/**
 * The host's metrics in Prometheus' text format, read from the switch's counters whenever somebody asks: nothing is counted twice and an
 * idle host does nothing. Called by main.ts for GET /metrics.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { RuleCountersAnswer } from '../../schema/southbound/diagnostics/rule-counters.ts';
import type { FlowLogCounters } from '../flow-log/flow-log.ts';
import type { HealthCounters } from '../health/health-prober.ts';
import { FLOWS_MAX } from '../limits.ts';
import type { PlatformCounters } from '../platform/platform-services.ts';
import type { CountersView, PortView } from './host-agent.ts';
import { RULE_SERIES_MAX } from './limits.ts';

export interface HostReading {
  readonly counters: CountersView;
  /** The interface behind each port, where goal state has named it. */
  readonly ports: readonly Pick<PortView, 'portId' | 'name' | 'resourceRef'>[];
  readonly services: PlatformCounters;
  readonly probes: HealthCounters;
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

/** One registry for a process; `read`, and `rules` of the switch, are asked on every collection. */
export function hostMetrics(
  host: string,
  read: () => HostReading,
  rules: (question: Question<'ruleCounters'>) => Promise<RuleCountersAnswer>,
): Registry {
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
  addFlows(registry, totals, read);
  addRules(registry, read, rules);
  addServices(totals, read);
  addFlowLog(totals, read);
  addProbes(registry, totals, read);
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
  const returned = 'Packets returned to muxes, since their connection is not here.';
  totals('weft_returned_packets_total', returned, [], (add) => {
    add({}, read().counters.uplink.givenBack ?? 0);
  });
  const help = 'Frames not delivered, by reason.';
  totals('weft_port_drops_total', help, ['port', 'device', 'reason'], (add) => {
    for (const row of rows()) {
      for (const [reason, count] of Object.entries(row.drops)) {
        add({ port: row.portId, device: row.name, reason }, count);
      }
    }
  });
}

const FLOW_TOTALS = [
  ['weft_flows_created_total', 'Flows of the port that were made.', 'created'],
  ['weft_flows_expired_total', 'Flows forgotten in their time.', 'expired'],
  ['weft_flows_evicted_total', 'Flows forgotten before their time, to make room.', 'evicted'],
  ['weft_flows_refused_total', 'Flows for which there was no room.', 'refused'],
] as const;

/** The flow table: each flow belongs to one port, the receiver's own of the same conversation to the receiver. */
function addFlows(registry: Registry, totals: Totals, read: () => HostReading): void {
  for (const [name, help, field] of FLOW_TOTALS) {
    totals(name, help, ['port'], (add) => {
      for (const { portId, flows } of read().counters.ports) add({ port: portId }, flows[field]);
    });
  }
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    fill: (set: (labels: Record<string, string>, value: number) => void) => void,
  ) => {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        fill((labels, value) => this.set(labels, value));
      },
    });
  };
  gauge('weft_flows', 'Flows of the port, each with its reverse.', ['port'], (set) => {
    for (const { portId, flows } of read().counters.ports) set({ port: portId }, flows.current);
  });
  gauge('weft_flows_half_open', 'Of these, not answered yet.', ['port'], (set) => {
    for (const { portId, flows } of read().counters.ports) set({ port: portId }, flows.halfOpen);
  });
  gauge('weft_flows_max', 'Flows that this host has room for.', [], (set) => set({}, FLOWS_MAX));
  const help = 'The network interface behind the port; always 1.';
  gauge('weft_port_info', help, ['port', 'device', 'nic'], (set) => {
    for (const { portId, name, resourceRef = '' } of read().ports) {
      set({ port: portId, device: name, nic: resourceRef }, 1);
    }
  });
}

const NO_RULES: RuleCountersAnswer = { rules: [], total: 0 };

/** Rules come and go with policy and are many, so only so many have a series; how many do not is counted. */
function addRules(
  registry: Registry,
  read: () => HostReading,
  ask: (question: Question<'ruleCounters'>) => Promise<RuleCountersAnswer>,
): void {
  let asked: Promise<RuleCountersAnswer> | undefined;
  /** One question for both metrics of a collection. A switch that does not answer takes none of the others with it. */
  const current = () => {
    if (!read().isWorkerHealthy) return Promise.resolve(NO_RULES);
    asked ??= ask({ limit: RULE_SERIES_MAX }).finally(() => {
      asked = undefined;
    });
    return asked;
  };
  new Counter({
    name: 'weft_rule_decisions_total',
    help: 'First packets of flows, and refused packets, that an access control rule has decided about.',
    labelNames: ['rule', 'direction', 'action'],
    registers: [registry],
    async collect() {
      const { rules } = await current();
      this.reset();
      for (const { resourceRef: rule, direction, action, decisions } of rules) {
        this.inc({ rule, direction, action }, decisions);
      }
    },
  });
  new Gauge({
    name: 'weft_rule_series_left_out',
    help: 'Access control rules that have decided something and have no series of their own.',
    registers: [registry],
    async collect() {
      const { rules, total } = await current();
      this.set(total - rules.length);
    },
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

/** Health probes of load balancers' backends. */
function addProbes(registry: Registry, totals: Totals, read: () => HostReading): void {
  const help = 'What became of health probes: of backends, and of those that say nothing of one.';
  totals('weft_health_probes_total', help, ['result'], (add) => {
    const { succeeded, failed, leftOut, discarded, unable } = read().probes;
    const results = { succeeded, failed, left_out: leftOut, discarded, unable };
    for (const [result, count] of Object.entries(results)) add({ result }, count);
  });
  const changes = 'Backends that have gone up or down.';
  totals('weft_backend_changes_total', changes, [], (add) => add({}, read().probes.changes));
  const backends = new Gauge({
    name: 'weft_backends',
    help: 'Backends on this host, once for each probe that they have.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { up, down, unknown } = read().probes;
      for (const [state, count] of Object.entries({ up, down, unknown })) {
        backends.set({ state }, count);
      }
    },
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
  gauge(
    'weft_health_probes_in_flight',
    'Health probes that wait for their answers.',
    (reading) => reading.probes.inFlight,
  );
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
