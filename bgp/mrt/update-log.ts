/**
 * What neighbours say, as it comes: a BGP4MP_ET record for every message received, and for every session that comes up or goes down (RFC 6396 §4.4).
 * Records go to a sink that somebody else owns (a file, a socket). One that does not keep up loses records, counted; the speaker waits for nobody.
 *
 * Messages of a neighbour without four-octet AS numbers are in the form of that session, for which no subtype of the four-octet kind is right:
 * they are counted and left out. Called by the speaker's neighbours.
 */
import { MRT_PENDING_BYTES_MAX } from '../limits.ts';
import { type MrtSession, messageRecord, stateRecord } from './record.ts';

export interface MrtSink {
  /** Taken, but not yet written. */
  readonly pendingBytes: number;
  write(record: Uint8Array): void;
}

export class UpdateLog {
  #sink: MrtSink | undefined;
  writtenCount = 0;
  /** Left out because the sink did not keep up. */
  lostCount = 0;
  /** Left out because they have no form here. */
  unsuitableCount = 0;

  /** Undefined: nobody wants records, until `to`. */
  constructor(sink: MrtSink | undefined) {
    this.#sink = sink;
  }

  /** Records go there from now on. */
  to(sink: MrtSink | undefined): void {
    this.#sink = sink;
  }

  message(
    session: MrtSession,
    message: Uint8Array,
    how: { readonly wallMs: number; readonly fourOctetAs: boolean; readonly hasPathIds: boolean },
  ): void {
    if (this.#sink === undefined) return;
    if (!how.fourOctetAs) this.unsuitableCount += 1;
    else if (this.#hasRoom()) this.#write(messageRecord(session, message, how));
  }

  state(
    session: MrtSession,
    change: { readonly from: number; readonly to: number; readonly wallMs: number },
  ): void {
    if (this.#hasRoom()) this.#write(stateRecord(session, change));
  }

  #hasRoom(): boolean {
    if (this.#sink === undefined) return false;
    const hasRoom = this.#sink.pendingBytes < MRT_PENDING_BYTES_MAX;
    if (!hasRoom) this.lostCount += 1;
    return hasRoom;
  }

  #write(record: Uint8Array): void {
    this.writtenCount += 1;
    this.#sink?.write(record);
  }
}
