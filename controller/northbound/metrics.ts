/** Counters and gauges of the northbound, in the registry that `/metrics` serves. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface NorthboundMetrics {
  readonly requests: Counter<'method' | 'status'>;
  readonly requestTime: Histogram;
  /** Answers given again for the same x-ms-client-request-id. */
  readonly replays: Counter;
}

/** What is read when metrics are asked for. */
export interface NorthboundGauges {
  readonly queuedWrites: () => number;
  readonly refusedWrites: () => number;
  readonly operations: () => number;
  readonly resources: () => number;
}

const TIME_BUCKETS_SEC = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];

export function northboundMetrics(registry: Registry, gauges: NorthboundGauges): NorthboundMetrics {
  const registers = [registry];
  gauge('weft_northbound_writes_queued', 'Writes waiting or running', gauges.queuedWrites);
  gauge('weft_northbound_writes_refused', 'Writes refused for load', gauges.refusedWrites);
  gauge('weft_operations', 'Operations in the history', gauges.operations);
  gauge('weft_trees', 'Resource trees in desired state', gauges.resources);
  return {
    requests: new Counter({
      name: 'weft_northbound_requests_total',
      help: 'Requests by method and status',
      labelNames: ['method', 'status'],
      registers,
    }),
    requestTime: new Histogram({
      name: 'weft_northbound_request_seconds',
      help: 'Time to answer a request',
      buckets: TIME_BUCKETS_SEC,
      registers,
    }),
    replays: new Counter({
      name: 'weft_northbound_replays_total',
      help: 'Answers given again to a retried write',
      registers,
    }),
  };

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
}
