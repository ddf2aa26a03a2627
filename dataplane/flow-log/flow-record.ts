/**
 * One line of the flow log as the switch hands it to whoever writes it: 80 bytes, since a busy switch makes very many, and what people
 * read is written by another thread.
 *
 *   word 0       seconds since 1970
 *   word 1       source: place in the batch's list of what all its records share (rule, interface)
 *   word 2       protocol · direction ‹‹ 8 · decision ‹‹ 9 · state ‹‹ 10
 *   word 3       source port ‹‹ 16 · destination port; 0 where the protocol has none
 *   word 4 … 11  source and destination address, IPv4 in its mapped form
 *   word 12 …    four doubles: packets and bytes from source to destination, then those back
 *
 * Words and doubles have the machine's own byte order: they do not leave the process. Called by record-queue (writes), flow-log (reads).
 */
import type { IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';

/** 32-bit words of a record. */
export const RECORD_WORDS = 20;
export const RECORD_BYTES: number = RECORD_WORDS * 4;
export const COUNTS_AT = 12;

/** B, C and E of the flow log's version 2. A denied flow only begins. */
export const FlowEvent = { BEGIN: 0, CONTINUING: 1, END: 2 } as const;
export type FlowEvent = (typeof FlowEvent)[keyof typeof FlowEvent];
const EVENTS: readonly FlowEvent[] = Object.values(FlowEvent);

/** What records of one interface and one rule share. */
export interface FlowSource {
  /** instanceId of the network interface. */
  readonly portId: string;
  readonly mac: Mac;
  /** resourceRef of the rule that has decided. */
  readonly ruleRef: string;
}

/** Since the last record of the same flow: packets and bytes from source to destination, and back. */
export type FlowCounts = readonly [
  packetsSent: number,
  bytesSent: number,
  packetsReceived: number,
  bytesReceived: number,
];

export const NO_COUNTS: FlowCounts = [0, 0, 0, 0];

/** Addresses as the flow's opener sends them, at the interface that the record is about. */
export interface FlowTuple {
  readonly src: IpWords;
  readonly dst: IpWords;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
  /** Opened by the interface's VM. */
  readonly isOutbound: boolean;
}

export interface FlowRecord extends FlowTuple {
  readonly timeSec: number;
  readonly source: FlowSource;
  readonly isDenied: boolean;
  readonly event: FlowEvent;
  readonly counts: FlowCounts;
}

/** Why records are missing. */
export interface FlowLosses {
  /** Nobody fetched them in time. */
  readonly queueFull: number;
  /** Flows beyond LOGGED_FLOWS_MAX, of which only the beginning is logged. */
  readonly unfollowed: number;
}

/** Some records, oldest first, on their way between threads. */
export interface FlowRecordBatch {
  readonly records: Uint8Array;
  readonly sources: readonly FlowSource[];
  readonly hasMore: boolean;
  /** Since the switch started. */
  readonly losses: FlowLosses;
}

export function writeRecord(words: Uint32Array, at: number, record: FlowRecord): void {
  const { protocol, isOutbound, isDenied, event, srcPort, dstPort } = record;
  words[at] = record.timeSec;
  words[at + 2] =
    protocol | (Number(isOutbound) << 8) | (Number(isDenied) << 9) | (Number(event) << 10);
  words[at + 3] = ((srcPort << 16) | dstPort) >>> 0;
  words.set(record.src, at + 4);
  words.set(record.dst, at + 8);
}

export function readRecords({ records, sources }: FlowRecordBatch): FlowRecord[] {
  const count = Math.floor(records.length / RECORD_BYTES);
  // A copy of their own: doubles must lie where doubles may.
  const buffer = new Uint8Array(records).buffer;
  const words = new Uint32Array(buffer, 0, count * RECORD_WORDS);
  const doubles = new Float64Array(buffer, 0, (count * RECORD_WORDS) / 2);
  const found: FlowRecord[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = index * RECORD_WORDS;
    const source = sources[words[at + 1] ?? 0];
    if (source === undefined) continue;
    const kind = words[at + 2] ?? 0;
    const ports = words[at + 3] ?? 0;
    found.push({
      timeSec: words[at] ?? 0,
      source,
      protocol: kind & 0xff,
      isOutbound: (kind & 0x100) !== 0,
      isDenied: (kind & 0x200) !== 0,
      event: EVENTS[kind >>> 10] ?? FlowEvent.BEGIN,
      srcPort: ports >>> 16,
      dstPort: ports & 0xffff,
      src: wordsAt(words, at + 4),
      dst: wordsAt(words, at + 8),
      counts: countsAt(doubles, (at + COUNTS_AT) / 2),
    });
  }
  return found;
}

function wordsAt(words: Uint32Array, at: number): IpWords {
  return [words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0];
}

function countsAt(doubles: Float64Array, at: number): FlowCounts {
  return [doubles[at] ?? 0, doubles[at + 1] ?? 0, doubles[at + 2] ?? 0, doubles[at + 3] ?? 0];
}
