/**
 * What the flow log of a host takes on its disk: files by hour, in whole blocks as file systems count them. Where it becomes too much the
 * oldest hour goes, of all lists and interfaces at once. Called by flow-log-writer.
 */
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { hourOfPath } from './flow-log-format.ts';

/** A file takes at least one. */
const BLOCK_BYTES = 4096;

export class FlowLogDisk {
  readonly #root: string;
  readonly #bytesMax: number;
  /** By hour, then path below the root: bytes. */
  readonly #hours = new Map<string, Map<string, number>>();
  #bytes = 0;
  /** Hours that have gone to make room. */
  hoursRemoved = 0;

  constructor(root: string, bytesMax: number) {
    this.#root = root;
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Finds what earlier processes have left. Rejects with the system's error, but for what has never been there. */
  async scan(): Promise<void> {
    this.#hours.clear();
    this.#bytes = 0;
    for (const path of await filesBelow(this.#root)) {
      if (hourOfPath(path) !== undefined)
        this.note(relative(this.#root, path), (await stat(path)).size);
    }
  }

  /** The file has this length now. */
  note(path: string, bytes: number): void {
    const hour = hourOfPath(`/${path}`);
    if (hour === undefined) return;
    const files = this.#hours.get(hour) ?? new Map<string, number>();
    this.#hours.set(hour, files);
    const taken = inBlocks(bytes);
    this.#bytes += taken - (files.get(path) ?? 0);
    files.set(path, taken);
  }

  /** Makes room for `bytes` more in the hour `current`; false: even without all earlier hours there is none. */
  async makeRoom(bytes: number, current: string): Promise<boolean> {
    while (this.#bytes + inBlocks(bytes) > this.#bytesMax) {
      const oldest = [...this.#hours.keys()].sort()[0];
      if (oldest === undefined || oldest >= current) return false;
      await this.#remove(oldest);
    }
    return true;
  }

  async #remove(hour: string): Promise<void> {
    for (const [path, bytes] of this.#hours.get(hour) ?? []) {
      const file = join(this.#root, path);
      await rm(file, { force: true });
      this.#bytes -= bytes;
      await removeEmpty(dirname(file), this.#root);
    }
    this.#hours.delete(hour);
    this.hoursRemoved += 1;
  }
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

async function filesBelow(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
  } catch (fault) {
    if (isErrno(fault, 'ENOENT')) return [];
    throw fault;
  }
}

/** Removes a directory and those above it, as long as nothing is in them. */
async function removeEmpty(directory: string, root: string): Promise<void> {
  for (let path = directory; path.startsWith(`${root}/`); path = dirname(path)) {
    try {
      await rmdir(path);
    } catch (fault) {
      if (isErrno(fault, 'ENOTEMPTY') || isErrno(fault, 'EEXIST') || isErrno(fault, 'ENOENT'))
        return;
      throw fault;
    }
  }
}

function isErrno(fault: unknown, code: string): boolean {
  return fault instanceof Error && 'code' in fault && fault.code === code;
}
