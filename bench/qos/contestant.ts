/**
 * Something that keeps a sender or a receiver to a rate: two stations, one behind a limit for what it sends, the other behind one for what it
 * receives. Both limits count Ethernet frames as they are on the wire, without preamble and check sequence.
 */
import type { Station } from '../switch/contestant.ts';

export type Direction = 'outbound' | 'inbound';

export interface LimitingContestant {
  readonly name: string;
  /** Version, for the record. */
  readonly version: string;
  readonly client: Station;
  readonly server: Station;
  /** Sets the one limit and lifts the other; in force when it resolves. */
  limit(direction: Direction, mbps: number): Promise<void>;
  /** Removes everything; never rejects for what is gone already. */
  stop(): Promise<void>;
}
