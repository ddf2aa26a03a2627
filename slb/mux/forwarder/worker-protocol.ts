/**
 * What the mux's main thread and its forwarding worker say to each other. Requests are numbered and answered in order; a shared word counts them,
 * so that the loop sees with one load whether there are any. Called by start-forwarder.ts and mux-loop.ts.
 */
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

export interface NumberedRequest {
  readonly number: number;
  readonly request: Request;
}

/** An SdnError on its way between threads. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | undefined;
}

export type WorkerMessage =
  /** The loop runs; `wakeFd` ends its wait. */
  | { readonly kind: 'ready'; readonly wakeFd: number }
  | { readonly kind: 'result'; readonly number: number; readonly value: Results[keyof Results] }
  | { readonly kind: 'fault'; readonly number: number; readonly fault: Fault }
  | { readonly kind: 'overload'; readonly overload: Overload };

export interface WorkerData {
  /** One 32-bit word: requests posted so far. */
  readonly requestCount: SharedArrayBuffer;
  readonly hasOffload: boolean;
}
