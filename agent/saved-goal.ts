/**
 * The goal state on disk: what a target forwards by when it starts without a controller.
 *
 * File: 8 bytes `WEFTGS01`, 32 bytes SHA-256 of the rest, the rest a Snapshot frame (weft.proto). Written to a temporary
 * file, synced and renamed, so that a reader sees the old one or the new one. A file that is short, changed or of another
 * format is treated as nothing held, with one log line: the controller then sends everything.
 */
import { hash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { controllerFrameCodec } from '../schema/southbound/codec.ts';
import { GOAL_HASH_LEN } from '../schema/southbound/goal-hash.ts';
import { SAVED_BYTES_MAX } from './limits.ts';
import { commit, emptyGoal, type HeldGoal, planSnapshot } from './reconciler.ts';

const MAGIC = Buffer.from('WEFTGS01');
const PAYLOAD_AT = MAGIC.length + GOAL_HASH_LEN;

/** Saves `held` as it is when this is called; it may change meanwhile. One call at a time per path. */
export async function saveGoal(path: string, held: HeldGoal): Promise<void> {
  const file = encodeGoal(held);
  const temporary = `${path}.new`;
  const handle = await openMakingFolder(temporary);
  try {
    await handle.writeFile(file);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** The saved goal state, or an empty one. */
export async function loadGoal(path: string, log: Logger): Promise<HeldGoal> {
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (error) {
    log.info({ path, reason: messageOf(error) }, 'no saved goal state');
    return emptyGoal();
  }
  const decoded = decodeGoal(file);
  if (typeof decoded !== 'string') return decoded;
  log.warn({ path, reason: decoded }, 'saved goal state not usable, starting with none');
  return emptyGoal();
}

export function encodeGoal(held: HeldGoal): Uint8Array {
  const resources = [...held.resources.values()].map((entry) => entry.bytes);
  const payload = controllerFrameCodec.encode({
    snapshot: { nonce: 0, revision: held.revision, resources },
  });
  return Buffer.concat([MAGIC, hash('sha256', payload, 'buffer'), payload]);
}

/** The goal state, or why the bytes are none. */
export function decodeGoal(file: Uint8Array): HeldGoal | string {
  if (file.length < PAYLOAD_AT || file.length > SAVED_BYTES_MAX) return `length ${file.length}`;
  if (!MAGIC.equals(file.subarray(0, MAGIC.length))) return 'another format';
  const payload = file.subarray(PAYLOAD_AT);
  if (!hash('sha256', payload, 'buffer').equals(file.subarray(MAGIC.length, PAYLOAD_AT))) {
    return 'truncated or changed';
  }
  try {
    const { snapshot } = controllerFrameCodec.decode(payload);
    if (snapshot === undefined) return 'no snapshot';
    const held = emptyGoal();
    commit(held, planSnapshot(held, snapshot));
    return held;
  } catch (error) {
    return messageOf(error);
  }
}

async function openMakingFolder(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', 0o600);
  } catch {
    // Only the first time; what else is wrong with the path shows again.
    await mkdir(dirname(path), { recursive: true });
    return open(path, 'w', 0o600);
  }
}

/** The rename itself must survive a power loss, too. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
