/**
 * How a deployment tells what it is doing: numbered steps that begin and end, notes in between. The supervisor sends these to the
 * process that shows them; the test kit discards them.
 */
import { assertNever } from '../base/assert.ts';

export type ProgressEvent =
  | {
      readonly kind: 'step';
      readonly number: number;
      readonly count: number;
      readonly title: string;
    }
  /** The last step is done; `detail` says what came of it. */
  | { readonly kind: 'done'; readonly detail: string; readonly elapsedMs: number }
  | { readonly kind: 'note'; readonly text: string };

export type Progress = (event: ProgressEvent) => void;

export const noProgress: Progress = () => undefined;

/** One line per event, aligned so that the details form a column. */
export function formatProgress(event: ProgressEvent): string {
  switch (event.kind) {
    case 'step':
      return `[${event.number}/${event.count}] ${event.title}`;
    case 'done':
      return `      ${event.detail} (${(event.elapsedMs / 1000).toFixed(1)} s)`;
    case 'note':
      return `      ${event.text}`;
    default:
      return assertNever(event);
  }
}
