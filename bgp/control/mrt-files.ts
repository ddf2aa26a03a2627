/**
 * What an edge's BGP writes to files in MRT (RFC 6396), in a directory of the edge's state: `updates.TIME.mrt`, what neighbours say as it comes, a new file
 * whenever one is large; `tables.TIME.mrt`, everything they have said, so often as is asked for. Old files go, by number. A disk that does not keep
 * up or refuses costs records, counted; BGP waits for nothing.
 *
 * Called by bgp-control.ts.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { minutes } from '../../base/units.ts';
import type { MrtFiles as MrtFilesStatus } from '../../schema/southbound/diagnostics/bgp.ts';
import { type MrtSink, UpdateLog } from '../mrt/update-log.ts';
import {
  MRT_DUMP_CHUNK_BYTES,
  MRT_DUMP_FILES_MAX,
  MRT_FILE_BYTES_MAX,
  MRT_UPDATE_FILES_MAX,
} from './limits.ts';

export interface MrtSettings {
  readonly updates: boolean;
  /** 0: never. */
  readonly dumpMinutes: number;
}

export interface MrtFilesOptions {
  readonly directory: string;
  /** The tables as they are now. */
  tableDump(): Iterable<Uint8Array>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: MRT_FILE_BYTES_MAX. */
  readonly fileBytesMax?: number;
}

type Kind = 'updates' | 'tables';

export class MrtFiles {
  /** What speakers write to. */
  readonly updateLog: UpdateLog = new UpdateLog(undefined);
  readonly #options: MrtFilesOptions;
  #settings: MrtSettings = { updates: false, dumpMinutes: 0 };
  #sink: UpdateSink | undefined;
  #timer: Timer | undefined;
  #dumping: Promise<void> = Promise.resolve();
  #dumpCount = 0;
  #latestDump = '';
  #dumpFailure: string | undefined;

  constructor(options: MrtFilesOptions) {
    this.#options = options;
  }

  configure(settings: MrtSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    if (settings.updates !== before.updates) {
      this.#sink?.end();
      this.#sink = settings.updates ? new UpdateSink(this.#options) : undefined;
      this.updateLog.to(this.#sink);
    }
    if (settings.dumpMinutes !== before.dumpMinutes) this.#dumpLater();
  }

  /** Of what is asked for. */
  status(): { readonly updates?: MrtFilesStatus; readonly tables?: MrtFilesStatus } {
    const { updateLog } = this;
    const sink = this.#sink;
    return {
      ...(sink !== undefined && {
        updates: {
          latest: sink.path,
          recordCount: updateLog.writtenCount,
          lostCount: updateLog.lostCount + updateLog.unsuitableCount + sink.lostCount,
          ...(sink.failure !== undefined && { failure: sink.failure }),
        },
      }),
      ...(this.#settings.dumpMinutes > 0 && {
        tables: {
          latest: this.#latestDump,
          recordCount: this.#dumpCount,
          lostCount: 0,
          ...(this.#dumpFailure !== undefined && { failure: this.#dumpFailure }),
        },
      }),
    };
  }

  /** What is being written is written. */
  async close(): Promise<void> {
    this.configure({ updates: false, dumpMinutes: 0 });
    await this.#dumping;
  }

  #dumpLater(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { dumpMinutes } = this.#settings;
    if (dumpMinutes === 0) return;
    this.#timer = this.#options.clock.after(
      minutes(dumpMinutes),
      () => {
        this.#dumping = this.#dumping.then(() => this.#dump());
        this.#dumpLater();
      },
      { background: true },
    );
  }

  /** Under another name until it is whole. */
  async #dump(): Promise<void> {
    const { directory, log, tableDump } = this.#options;
    const path = pathOf(this.#options, 'tables');
    try {
      await mkdir(directory, { recursive: true });
      const file = await open(`${path}.part`, 'w', 0o600);
      try {
        for (const chunk of chunks(tableDump())) {
          for (const record of chunk) await file.write(record);
          this.#dumpCount += chunk.length;
        }
      } finally {
        await file.close();
      }
      await rename(`${path}.part`, path);
      this.#latestDump = path;
      this.#dumpFailure = undefined;
      await keepLatest(directory, 'tables', MRT_DUMP_FILES_MAX);
    } catch (thrown) {
      this.#dumpFailure = messageOf(thrown);
      log.error({ err: thrown, path }, 'the tables are not dumped');
      // Where even that is refused there is nothing to clean up.
      await rm(`${path}.part`, { force: true }).catch(() => undefined);
    }
  }
}

/** Files of updates, one after the other. */
class UpdateSink implements MrtSink {
  path = '';
  failure: string | undefined;
  /** Records that came while no file could be written. */
  lostCount = 0;
  readonly #options: MrtFilesOptions;
  #stream: WriteStream | undefined;
  #bytes = 0;
  #opening = false;
  /** Came before the file was there. */
  #early: Uint8Array[] = [];

  constructor(options: MrtFilesOptions) {
    this.#options = options;
  }

  get pendingBytes(): number {
    return (
      (this.#stream?.writableLength ?? 0) + this.#early.reduce((sum, { length }) => sum + length, 0)
    );
  }

  write(record: Uint8Array): void {
    const { fileBytesMax = MRT_FILE_BYTES_MAX } = this.#options;
    if (this.#stream !== undefined && this.#bytes + record.length > fileBytesMax) this.end();
    if (this.#stream === undefined) {
      this.#early.push(record);
      if (!this.#opening) void this.#open();
      return;
    }
    this.#bytes += record.length;
    this.#stream.write(record);
  }

  end(): void {
    this.#stream?.end();
    this.#stream = undefined;
    this.#bytes = 0;
  }

  async #open(): Promise<void> {
    const { directory, log } = this.#options;
    this.#opening = true;
    const path = pathOf(this.#options, 'updates');
    try {
      await mkdir(directory, { recursive: true });
      const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
      stream.on('error', (cause) => this.#failed(cause));
      await new Promise((resolve, reject) => {
        stream.once('open', resolve);
        stream.once('error', reject);
      });
      this.#stream = stream;
      this.path = path;
      this.failure = undefined;
    } catch (thrown) {
      this.#failed(thrown);
      log.error({ err: thrown, path }, 'what neighbours say is not written');
      return;
    } finally {
      this.#opening = false;
    }
    const early = this.#early;
    this.#early = [];
    for (const record of early) this.write(record);
    try {
      await keepLatest(directory, 'updates', MRT_UPDATE_FILES_MAX);
    } catch (thrown) {
      log.warn({ err: thrown, directory }, 'old files of what neighbours say stay');
    }
  }

  /** What has come is lost; the next record tries again. */
  #failed(thrown: unknown): void {
    this.failure = messageOf(thrown);
    this.lostCount += this.#early.length;
    this.#early = [];
    this.end();
  }
}

function* chunks(records: Iterable<Uint8Array>): Generator<readonly Uint8Array[]> {
  let chunk: Uint8Array[] = [];
  let bytes = 0;
  for (const record of records) {
    chunk.push(record);
    bytes += record.length;
    if (bytes < MRT_DUMP_CHUNK_BYTES) continue;
    yield chunk;
    chunk = [];
    bytes = 0;
  }
  yield chunk;
}

/** `updates.20261121T190102.345Z.mrt`: names sort by time. */
function pathOf({ directory, clock }: MrtFilesOptions, kind: Kind): string {
  const time = new Date(clock.wallNow()).toISOString().replaceAll(/[-:]/g, '');
  return join(directory, `${kind}.${time}.mrt`);
}

async function keepLatest(directory: string, kind: Kind, count: number): Promise<void> {
  const names = (await readdir(directory)).filter(
    (name) => name.startsWith(`${kind}.`) && name.endsWith('.mrt'),
  );
  for (const name of names.sort().slice(0, -count))
    await rm(join(directory, name), { force: true });
}
