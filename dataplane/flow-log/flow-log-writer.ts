/**
 * Writes records of the flow log into its files, some seconds' worth at a time. What cannot be written waits, within UNWRITTEN_RECORDS_MAX, and
 * is tried again; beyond, the newest are lost and counted. Whoever makes records never waits. Called by flow-log.
 *
 *   DIRECTORY/HOST/insights-logs-networksecuritygroupflowevent/resourceId=/ACCESSCONTROLLISTS/WEB/
 *       y=2026/m=11/d=21/h=15/m=00/macAddress=001DD8B70001/PT1H.json
 */
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { FlowLogDisk } from './flow-log-disk.ts';
import { appendRecord } from './flow-log-file.ts';
import { filePath, hourOf, listOf, recordText } from './flow-log-format.ts';
import type { FlowRecord } from './flow-record.ts';
import { FLOW_LOG_BYTES_MAX, UNWRITTEN_RECORDS_MAX } from './limits.ts';

export interface WriterOptions {
  /** Absolute path. */
  readonly directory: string;
  /** resourceId of the host's server: hosts may share a directory. */
  readonly hostId: string;
  /** instanceId of an access control list; undefined: the list has gone. */
  systemIdOf(listRef: string): string | undefined;
  /** Default: FLOW_LOG_BYTES_MAX. */
  readonly bytesMax?: number;
}

export interface WriterCounters {
  readonly written: number;
  /** There was no room to wait for the disk. */
  readonly unwritten: number;
  /** Hours that have gone to make room for new ones. */
  readonly hoursRemoved: number;
  /** On the disk. */
  readonly bytes: number;
}

interface FileRecords {
  readonly listRef: string;
  readonly hour: string;
  readonly mac: number;
  readonly records: FlowRecord[];
}

export class FlowLogWriter {
  readonly #options: WriterOptions;
  readonly #root: string;
  readonly #disk: FlowLogDisk;
  /** By path of the file they go to. */
  readonly #waiting = new Map<string, FileRecords>();
  #waitingCount = 0;
  #isReady = false;
  #written = 0;
  #unwritten = 0;
  #fault: string | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#root = join(options.directory, options.hostId);
    this.#disk = new FlowLogDisk(this.#root, options.bytesMax ?? FLOW_LOG_BYTES_MAX);
  }

  get counters(): WriterCounters {
    const { hoursRemoved, bytes } = this.#disk;
    return { written: this.#written, unwritten: this.#unwritten, hoursRemoved, bytes };
  }

  /** Why records are not being written; undefined: they are. */
  get fault(): string | undefined {
    return this.#fault;
  }

  add(record: FlowRecord): void {
    if (this.#waitingCount >= UNWRITTEN_RECORDS_MAX) {
      this.#unwritten += 1;
      return;
    }
    const { ruleRef, mac } = record.source;
    const listRef = listOf(ruleRef);
    const hour = hourOf(record.timeSec);
    const path = filePath(listRef, hour, mac);
    const file = this.#waiting.get(path) ?? { listRef, hour, mac, records: [] };
    this.#waiting.set(path, file);
    file.records.push(record);
    this.#waitingCount += 1;
  }

  /** Writes what waits. Never rejects: `fault` says what is wrong, and what could not be written waits on. */
  async write(time: string): Promise<void> {
    try {
      if (!this.#isReady) await this.#prepare();
      for (const [path, file] of [...this.#waiting].sort(byHour)) {
        if (!(await this.#writeFile(path, file, time))) return;
      }
      this.#fault = undefined;
    } catch (thrown) {
      // The directory may have gone, or come back as another: it is looked at again.
      this.#isReady = false;
      this.#fault = `${this.#options.directory}: ${messageOf(thrown)}`;
    }
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    await access(this.#root, constants.W_OK | constants.X_OK);
    await this.#disk.scan();
    this.#isReady = true;
  }

  async #writeFile(path: string, file: FileRecords, time: string): Promise<boolean> {
    const { listRef, hour } = file;
    const records = file.records.slice();
    const systemId = this.#options.systemIdOf(listRef) ?? '';
    const text = recordText(records, { ref: listRef, systemId }, time);
    if (!(await this.#disk.makeRoom(Buffer.byteLength(text), hour))) {
      this.#fault = `${this.#options.directory}: this hour alone takes all the room there is for flow logs`;
      return false;
    }
    this.#disk.note(path, await appendRecord(join(this.#root, path), text));
    // Others may have come while the disk was busy.
    file.records.splice(0, records.length);
    if (file.records.length === 0) this.#waiting.delete(path);
    this.#waitingCount -= records.length;
    this.#written += records.length;
    return true;
  }
}

function byHour(
  [, a]: readonly [string, FileRecords],
  [, b]: readonly [string, FileRecords],
): number {
  return a.hour < b.hour ? -1 : Number(a.hour > b.hour);
}
