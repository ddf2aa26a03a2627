/**
 * Records of the flow log that wait to be fetched: a ring of RECORD_QUEUE_MAX. When it is full new records are lost and counted; the switch
 * waits for nobody. Called by flow-recorder.
 */

import {
  COUNTS_AT,
  type FlowRecord,
  type FlowRecordBatch,
  type FlowSource,
  RECORD_BYTES,
  RECORD_WORDS,
  writeRecord,
} from './flow-record.ts';
import { RECORD_QUEUE_MAX, RECORDS_PER_FETCH_MAX } from './limits.ts';

export class RecordQueue {
  readonly #buffer = new ArrayBuffer(RECORD_QUEUE_MAX * RECORD_BYTES);
  readonly #words = new Uint32Array(this.#buffer);
  readonly #doubles = new Float64Array(this.#buffer);
  readonly #sources: (FlowSource | undefined)[] = new Array(RECORD_QUEUE_MAX).fill(undefined);
  #first = 0;
  #count = 0;
  #lost = 0;

  get lost(): number {
    return this.#lost;
  }

  push(record: FlowRecord): void {
    if (this.#count === RECORD_QUEUE_MAX) {
      this.#lost += 1;
      return;
    }
    const place = (this.#first + this.#count) % RECORD_QUEUE_MAX;
    const at = place * RECORD_WORDS;
    writeRecord(this.#words, at, record);
    this.#doubles.set(record.counts, (at + COUNTS_AT) / 2);
    this.#sources[place] = record.source;
    this.#count += 1;
  }

  /** At most RECORDS_PER_FETCH_MAX of the oldest, which are forgotten here. */
  take(): Omit<FlowRecordBatch, 'losses'> {
    const taken = Math.min(this.#count, RECORDS_PER_FETCH_MAX);
    const words = new Uint32Array(taken * RECORD_WORDS);
    const sources = new Map<FlowSource, number>();
    for (let index = 0; index < taken; index += 1) {
      const place = (this.#first + index) % RECORD_QUEUE_MAX;
      const source = this.#sources[place];
      this.#sources[place] = undefined;
      if (source === undefined) continue;
      const from = place * RECORD_WORDS;
      words.set(this.#words.subarray(from, from + RECORD_WORDS), index * RECORD_WORDS);
      const number = sources.get(source) ?? sources.size;
      sources.set(source, number);
      words[index * RECORD_WORDS + 1] = number;
    }
    this.#first = (this.#first + taken) % RECORD_QUEUE_MAX;
    this.#count -= taken;
    const records = new Uint8Array(words.buffer);
    return { records, sources: [...sources.keys()], hasMore: this.#count > 0 };
  }
}
