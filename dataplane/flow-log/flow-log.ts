/**
 * The flow log of a host (auditingSettings, MS-NCNBI §3.1.5.20; `logging` of aclRules, §3.1.5.1.2), on the main thread: fetches the switch's
 * records, has them written, and keeps the newest for people who ask.
 *
 *   switch (flow-recorder, record-queue) ──every second──► FlowLog ──► FlowLogWriter ──► files
 *                                                             └──► the newest, by number: `weft flow-log`
 *
 * Every step is bounded and counts what it loses; a disk that is full, slow or not there is a fault of the host that the controller hears of,
 * and forwarding knows nothing of it. Called by host-agent and host-process.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { formatIpWords } from '../../base/ip-words.ts';
import type { Logger } from '../../base/log.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { FlowLogWriter, type WriterCounters } from './flow-log-writer.ts';
import {
  FlowEvent,
  type FlowLosses,
  type FlowRecord,
  type FlowRecordBatch,
  readRecords,
} from './flow-record.ts';
import {
  FETCH_INTERVAL,
  FETCHES_PER_INTERVAL_MAX,
  RECENT_RECORDS_MAX,
  WRITE_INTERVAL,
} from './limits.ts';

export interface FlowLogOptions {
  /** resourceId of the host's server. */
  readonly hostId: string;
  /** Where the files go if goal state does not say it. */
  readonly defaultDirectory: string;
  fetch(): Promise<FlowRecordBatch>;
  /** What keeps records from being written has changed. */
  onFault(): void;
  readonly clock: Clock;
  readonly log: Logger;
}

export type FlowLogCounters = FlowLosses & WriterCounters;
export type FlowLogRow = Answer<'flowLog'>['records'][number];

const NO_LOSSES: FlowLosses = { queueFull: 0, unfollowed: 0 };
const NOTHING_WRITTEN: WriterCounters = { written: 0, unwritten: 0, hoursRemoved: 0, bytes: 0 };
const ACL_KEY = /^acl\/(.+)$/;

export class FlowLog {
  readonly #options: FlowLogOptions;
  /** resourceRef by instanceId. */
  readonly #lists = new Map<string, string>();
  /** The newest, oldest first. */
  readonly #recent: FlowLogRow[] = [];
  #lastNumber: number;
  #losses = NO_LOSSES;
  #writer: FlowLogWriter | undefined;
  #directory: string | undefined;
  #fault: string | undefined;
  #timer: Timer | undefined;
  #turning: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #nextWriteMs = 0;

  constructor(options: FlowLogOptions) {
    this.#options = options;
    // Numbers go on growing over restarts of the host, whoever has seen one finds what came after it.
    this.#lastNumber = options.clock.wallNow() * 1000;
  }

  /** Goal state that is in force from now on. */
  note(change: {
    readonly upserts: readonly Resource[];
    readonly removes: readonly string[];
  }): void {
    for (const { accessControlList, host } of change.upserts) {
      if (accessControlList !== undefined) {
        this.#lists.set(accessControlList.id, accessControlList.resourceRef);
      }
      if (host !== undefined) this.#configure(host.flowLog);
    }
    for (const key of change.removes) this.#lists.delete(ACL_KEY.exec(key)?.[1] ?? '');
  }

  /** Why records are not being written; undefined: they are, or there is nothing to write. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get counters(): FlowLogCounters {
    return { ...this.#losses, ...(this.#writer?.counters ?? NOTHING_WRITTEN) };
  }

  answer({ portId, after, limit }: Question<'flowLog'>): Answer<'flowLog'> {
    const own = this.#recent.filter(
      (row) => (portId === undefined || row.portId === portId) && row.number > (after ?? 0),
    );
    const records = after === undefined ? own.slice(-limit) : own.slice(0, limit);
    const isAll = after === undefined || own.length <= limit;
    const { queueFull, unfollowed, unwritten, hoursRemoved } = this.counters;
    return {
      isOn: this.#directory !== undefined,
      ...(this.#directory !== undefined && { directory: this.#directory }),
      ...(this.#fault !== undefined && { fault: this.#fault }),
      losses: { queueFull, unfollowed, unwritten, hoursRemoved },
      last: isAll ? this.#lastNumber : (records.at(-1)?.number ?? this.#lastNumber),
      records,
    };
  }

  /** Fetches and writes what there is. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#turning;
    await this.#fetch();
    this.#write();
    await this.#writing;
  }

  #configure(
    settings: { readonly intervalSec: number; readonly directory: string } | undefined,
  ): void {
    const { hostId, defaultDirectory, log } = this.#options;
    const isOn = settings !== undefined && settings.intervalSec > 0;
    const directory = isOn ? settings.directory || defaultDirectory : undefined;
    if (directory === this.#directory) return;
    this.#directory = directory;
    log.info({ directory }, directory === undefined ? 'no flow log' : 'flow log');
    this.#setFault(undefined);
    // What the old directory is still to get; without a new one, the next turn writes the last records there.
    if (directory === undefined) return;
    this.#write();
    this.#nextWriteMs = 0;
    this.#writer = new FlowLogWriter({
      directory,
      hostId,
      systemIdOf: (listRef) => this.#systemIdOf(listRef),
    });
    this.#timer ??= this.#later();
  }

  #later(): Timer {
    const { clock } = this.#options;
    return clock.after(FETCH_INTERVAL, () => this.#startTurn(), { background: true });
  }

  #startTurn(): void {
    this.#timer = this.#later();
    this.#turning ??= this.#turn().finally(() => {
      this.#turning = undefined;
    });
  }

  async #turn(): Promise<void> {
    await this.#fetch();
    const now = this.#options.clock.now();
    if (this.#directory === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#write();
      this.#writer = undefined;
    } else if (now >= this.#nextWriteMs && this.#writing === undefined) {
      this.#nextWriteMs = now + WRITE_INTERVAL;
      this.#write();
    }
  }

  async #fetch(): Promise<void> {
    try {
      for (let count = 0; count < FETCHES_PER_INTERVAL_MAX; count += 1) {
        const batch = await this.#options.fetch();
        this.#losses = batch.losses;
        for (const record of readRecords(batch)) this.#keep(record);
        const surplus = this.#recent.length - RECENT_RECORDS_MAX;
        if (surplus > 0) this.#recent.splice(0, surplus);
        if (!batch.hasMore) return;
      }
    } catch (thrown) {
      // The switch has ended, which is reported by itself.
      this.#options.log.debug({ err: thrown }, 'flow records not fetched');
    }
  }

  #keep(record: FlowRecord): void {
    this.#writer?.add(record);
    this.#lastNumber += 1;
    this.#recent.push(rowOf(record, this.#lastNumber));
  }

  /** One write after the other: two directories may be the same. */
  #write(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const written = (this.#writing ?? Promise.resolve())
      .then(() => writer.write(this.#time()))
      .then(() => {
        if (writer === this.#writer && this.#directory !== undefined) this.#setFault(writer.fault);
        if (this.#writing === written) this.#writing = undefined;
      });
    this.#writing = written;
  }

  #setFault(fault: string | undefined): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    const { log, onFault } = this.#options;
    if (fault === undefined) log.info('the flow log is written');
    else log.error({ fault }, 'the flow log cannot be written');
    onFault();
  }

  #systemIdOf(listRef: string): string | undefined {
    for (const [id, ref] of this.#lists) if (ref === listRef) return id;
    return undefined;
  }

  #time(): string {
    return new Date(this.#options.clock.wallNow()).toISOString();
  }
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  [IpProtocol.TCP]: 'tcp',
  [IpProtocol.UDP]: 'udp',
  [IpProtocol.ICMP]: 'icmp',
  [IpProtocol.ICMPV6]: 'icmpv6',
};
const EVENTS: Readonly<Record<FlowEvent, FlowLogRow['state']>> = {
  [FlowEvent.BEGIN]: 'begin',
  [FlowEvent.CONTINUING]: 'continuing',
  [FlowEvent.END]: 'end',
};

function rowOf(record: FlowRecord, number: number): FlowLogRow {
  const { source, event, protocol } = record;
  const [packetsSent, bytesSent, packetsReceived, bytesReceived] = record.counts;
  const counts = { packetsSent, bytesSent, packetsReceived, bytesReceived };
  return {
    number,
    time: new Date(record.timeSec * 1000).toISOString(),
    portId: source.portId,
    ruleRef: source.ruleRef,
    protocol: PROTOCOLS[protocol] ?? `${protocol}`,
    src: formatIpWords(record.src),
    srcPort: record.srcPort,
    dst: formatIpWords(record.dst),
    dstPort: record.dstPort,
    direction: record.isOutbound ? 'outbound' : 'inbound',
    decision: record.isDenied ? 'denied' : 'allowed',
    state: EVENTS[event],
    ...(event !== FlowEvent.BEGIN && { counts }),
  };
}
