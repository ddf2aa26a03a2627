/** Counters and histograms of compiler and southbound, in the registry that the northbound serves. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface SouthboundMetrics {
  /** Commit to the last target's answer. */
  readonly timeToProgrammed: Histogram;
  readonly compileTime: Histogram;
  readonly connectedTargets: Gauge<'kind'>;
  /** `body`: snapshot or delta. */
  readonly messagesSent: Counter<'body'>;
  readonly resourcesSent: Counter;
  /** `outcome`: equal, difference or snapshot. */
  readonly streamsAccepted: Counter<'outcome'>;
  /** `status`: name of a gRPC status code. */
  readonly streamsEnded: Counter<'status'>;
  readonly resourcesRefused: Counter;
  /** Ports and faults beyond REPORT_PORTS_MAX and TARGET_FAULTS_MAX. */
  readonly reportEntriesDropped: Counter;
  /** `outcome`: answered, refused by the target, timeout, lost with its stream, busy, away. */
  readonly questions: Counter<'outcome'>;
  /** Of public virtual addresses, to backends. */
  readonly snatPortsLeased: Gauge;
  readonly snatPortsLacking: Gauge;
}

const TIME_BUCKETS_SEC = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600,
];

export function southboundMetrics(registry: Registry): SouthboundMetrics {
  const registers = [registry];
  return {
    timeToProgrammed: new Histogram({
      name: 'weft_time_to_programmed_seconds',
      help: 'From the commit of a revision until every target it concerns has it in force',
      buckets: TIME_BUCKETS_SEC,
      registers,
    }),
    compileTime: new Histogram({
      name: 'weft_compile_seconds',
      help: 'Time to compile one revision into changes of goal states',
      buckets: [0.0001, 0.0002, 0.0005, ...TIME_BUCKETS_SEC],
      registers,
    }),
    connectedTargets: new Gauge({
      name: 'weft_targets_connected',
      help: 'Targets with a stream',
      labelNames: ['kind'],
      registers,
    }),
    messagesSent: new Counter({
      name: 'weft_southbound_messages_total',
      help: 'Messages sent to targets',
      labelNames: ['body'],
      registers,
    }),
    resourcesSent: new Counter({
      name: 'weft_southbound_resources_total',
      help: 'Upserts and removals sent to targets',
      registers,
    }),
    streamsAccepted: new Counter({
      name: 'weft_southbound_streams_accepted_total',
      help: 'Streams by what the target had to be sent first',
      labelNames: ['outcome'],
      registers,
    }),
    streamsEnded: new Counter({
      name: 'weft_southbound_streams_ended_total',
      help: 'Streams ended by the controller',
      labelNames: ['status'],
      registers,
    }),
    resourcesRefused: new Counter({
      name: 'weft_southbound_resources_refused_total',
      help: 'Resources that a target could not bring into force',
      registers,
    }),
    reportEntriesDropped: new Counter({
      name: 'weft_southbound_report_entries_dropped_total',
      help: 'Entries of reports beyond the limits',
      registers,
    }),
    snatPortsLeased: new Gauge({
      name: 'weft_snat_ports_leased',
      help: 'Ports of public virtual addresses leased to backends for their outbound connections',
      registers,
    }),
    snatPortsLacking: new Gauge({
      name: 'weft_snat_ports_lacking',
      help: 'Ports that backends should have been leased and that their addresses do not have',
      registers,
    }),
    questions: new Counter({
      name: 'weft_southbound_questions_total',
      help: 'Questions to targets',
      labelNames: ['outcome'],
      registers,
    }),
  };
}
