/**
 * One file of the flow log, a JSON document that grows: every append overwrites its end with one more record and the end again, in one
 * write. A process that is killed in between leaves a file without its end; the next append to it finds the last record that is whole and goes
 * on from there. Data is not forced to the disk: what a machine that loses its power has not written yet is lost.
 *
 *   {"records":[␤ record ,␤ record ␤]}␤          records have no line breaks
 *
 * Called by flow-log-writer.
 */

import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const HEAD = Buffer.from('{"records":[\n');
const TAIL = Buffer.from('\n]}\n');
const BREAK = 0x0a;
const COMMA = 0x2c;

/** Adds a record, making file and directories where they are missing; resolves with the file's length. Rejects with the system's error. */
export async function appendRecord(path: string, record: string): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  const handle = await openFile(path);
  if (handle === undefined) {
    // Somebody else's: put aside, since nothing of it can be kept in order.
    await rename(path, `${path}.foreign`);
    return appendRecord(path, record);
  }
  try {
    const { end, isEmpty } = await endOf(handle);
    const start = isEmpty ? HEAD : Buffer.from(',\n');
    const bytes = Buffer.concat([start, Buffer.from(record), TAIL]);
    try {
      await writeAll(handle, bytes, end);
    } catch (fault) {
      await restore(handle, end, isEmpty);
      throw fault;
    }
    return end + bytes.length;
  } finally {
    await handle.close();
  }
}

/** Undefined: the file is there and is no flow log. */
async function openFile(path: string): Promise<FileHandle | undefined> {
  const handle = await open(path, 'a+', 0o640).then(async (made) => {
    // Only made: what is appended to would write at its end alone.
    await made.close();
    return open(path, 'r+');
  });
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD.length), 0, HEAD.length, 0);
  if (HEAD.subarray(0, bytesRead).equals(buffer.subarray(0, bytesRead))) return handle;
  await handle.close();
  return undefined;
}

/** Where the next record goes, and whether it is the first. */
async function endOf(handle: FileHandle): Promise<{ end: number; isEmpty: boolean }> {
  const { size } = await handle.stat();
  if (size >= HEAD.length + TAIL.length) {
    const end = size - TAIL.length;
    const { buffer } = await handle.read(Buffer.alloc(TAIL.length), 0, TAIL.length, end);
    if (buffer.equals(TAIL)) return { end, isEmpty: false };
  }
  const end = wholeEnd(await handle.readFile());
  await handle.truncate(end);
  return { end, isEmpty: end === 0 };
}

/** End of the last record that is whole; 0: there is none. */
function wholeEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > HEAD.length) {
    const start = bytes.lastIndexOf(BREAK, end - 1) + 1;
    const stop = bytes[end - 1] === COMMA ? end - 1 : end;
    if (isRecord(bytes.toString('utf8', start, stop))) return stop;
    end = start - 1;
  }
  return 0;
}

function isRecord(text: string): boolean {
  if (!text.startsWith('{')) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Cut off in the middle.
    return false;
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** The file as it was before a write that failed, as far as the disk lets it. */
async function restore(handle: FileHandle, end: number, isEmpty: boolean): Promise<void> {
  try {
    await handle.truncate(end);
    if (!isEmpty) await writeAll(handle, TAIL, end);
  } catch {
    // The next append puts it in order; the fault that led here is the one to tell.
  }
}
