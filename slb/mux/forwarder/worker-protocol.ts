/**
 * What the mux's main thread and its forwarding worker say to each other, in the frame that all roles share (dataplane/port/worker-protocol.ts).
 * Called by start-forwarder.ts and mux-loop.ts.
 */
import type { WorkerAnswer } from '../../../dataplane/port/worker-protocol.ts';
import type { MuxAnswer, MuxQuestionToForwarder } from './answers.ts';
import type { MuxConfiguration } from './mux-core.ts';
import type { Overload } from './overload.ts';
import type { TableChange, TableFault } from './table-change.ts';

export type Request =
  | { readonly kind: 'configure'; readonly configuration: MuxConfiguration }
  | { readonly kind: 'apply'; readonly change: TableChange }
  | { readonly kind: 'ask'; readonly question: MuxQuestionToForwarder }
  | { readonly kind: 'close' };

/** What each kind of request is answered with. */
export interface Results {
  readonly configure: true;
  readonly apply: readonly TableFault[];
  readonly ask: MuxAnswer;
  readonly close: true;
}

export type WorkerMessage =
  | WorkerAnswer<Results[keyof Results]>
  | { readonly kind: 'overload'; readonly overload: Overload };
