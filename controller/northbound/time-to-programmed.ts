/** Percentiles of the time from a commit to its being in force everywhere, read from the southbound's own histogram. */
import type { Registry } from 'prom-client';

export interface TimeToProgrammed {
  readonly count: number;
  /** Upper bound of the bucket that holds the percentile; null without observations, or past the last bucket. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

const HISTOGRAM = 'weft_time_to_programmed_seconds';

export async function timeToProgrammed(registry: Registry): Promise<TimeToProgrammed> {
  const values = (await registry.getSingleMetric(HISTOGRAM)?.get())?.values ?? [];
  const buckets = values.flatMap(({ value, labels }) => {
    const bound = Number(Object.entries(labels).find(([name]) => name === 'le')?.[1]);
    return Number.isFinite(bound) ? [{ bound, count: value }] : [];
  });
  const count = values.find((entry) => 'metricName' in entry && isCount(entry))?.value ?? 0;
  const percentile = (share: number): number | null => {
    const found = count === 0 ? undefined : buckets.find((b) => b.count >= count * share);
    return found === undefined ? null : found.bound * 1000;
  };
  return { count, p50Ms: percentile(0.5), p99Ms: percentile(0.99) };
}

function isCount(entry: object): boolean {
  return 'metricName' in entry && entry.metricName === `${HISTOGRAM}_count`;
}
