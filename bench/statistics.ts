/** The few statistics a benchmark needs. Called by report and by the suites. */
import { assert } from '../base/assert.ts';

/** Middle value, or the mean of the two middle ones. Not of nothing. */
export function median(values: readonly number[]): number {
  assert(values.length > 0, 'a median is of something');
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? 0;
  const lower = sorted[(sorted.length - 1) >> 1] ?? 0;
  return (upper + lower) / 2;
}

/** The value below which `share` (0 … 1) of all values lie. Not of nothing. */
export function quantile(values: readonly number[], share: number): number {
  assert(values.length > 0, 'a quantile is of something');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
