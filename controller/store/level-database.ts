/**
 * Opens the LevelDB database and brings it to the current schema. A migration never touches the old database: it copies row by row
 * into `PATH.next`, flushed with the new schema version last, then `PATH` becomes `PATH.vN` (kept, to go back) and `PATH.next` becomes
 * `PATH`. Interrupted while copying, it starts again; interrupted between the two renames, the next start finishes it. A database
 * that a later version wrote is refused. Called by level-store.
 */
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Level } from 'level';
import { assert } from '../../base/assert.ts';
import { messageOf } from '../../base/errors.ts';
import { STORE_MIGRATION_ROWS } from '../limits.ts';
import { SCHEMA_KEY, SCHEMA_VERSION } from './level-rows.ts';
import { StoreCorrupt, StoreLocked, StoreSchemaNewer } from './store-error.ts';

export type Database = Level<string, string>;

export interface Row {
  readonly key: string;
  readonly value: string;
}

/** One step of the schema. Pure; the rows come in key order. */
export interface Migration {
  /** Migrates from the version before. */
  readonly to: number;
  /** What the row becomes; undefined leaves it out. Never sees the schema row. */
  migrateRow(row: Row): Row | undefined;
}

export interface StoreSchema {
  readonly version: number;
  /** In order of `to`, the last one to `version`. */
  readonly migrations: readonly Migration[];
}

export const SCHEMA: StoreSchema = { version: SCHEMA_VERSION, migrations: [] };

/** Opens or makes the database, migrated. Rejects with a StoreError. */
export async function openDatabase(path: string, schema: StoreSchema): Promise<Database> {
  await mkdir(dirname(path), { recursive: true });
  if (!(await exists(path)) && (await exists(nextOf(path)))) await rename(nextOf(path), path);
  const database = await openLevel(path);
  try {
    const found = await readVersion(database, path);
    if (found === undefined) await writeVersion(database, schema.version);
    if (found === undefined || found === schema.version) return database;
    if (found > schema.version) throw new StoreSchemaNewer(path, { found, known: schema.version });
    await copyMigrated(database, nextOf(path), { schema, found });
    await database.close();
    await rm(`${path}.v${found}`, { recursive: true, force: true });
    await rename(path, `${path}.v${found}`);
    await rename(nextOf(path), path);
    return await openLevel(path);
  } catch (cause) {
    await database.close();
    throw cause;
  }
}

async function copyMigrated(
  source: Database,
  path: string,
  versions: { readonly schema: StoreSchema; readonly found: number },
): Promise<void> {
  const { schema, found } = versions;
  const steps = schema.migrations.filter((migration) => migration.to > found);
  assert(steps.length === schema.version - found, 'there is a migration for every version');
  await rm(path, { recursive: true, force: true });
  const target = await openLevel(path);
  try {
    const iterator = source.iterator();
    for (;;) {
      const rows = await iterator.nextv(STORE_MIGRATION_ROWS);
      if (rows.length === 0) break;
      const migrated = rows
        .filter(([key]) => key !== SCHEMA_KEY)
        .map(([key, value]) => migrateRow({ key, value }, steps))
        .filter((row) => row !== undefined);
      await target.batch(
        migrated.map((row) => ({ type: 'put', ...row })),
        { sync: true },
      );
    }
    await writeVersion(target, schema.version);
  } finally {
    await target.close();
  }
}

function migrateRow(row: Row, steps: readonly Migration[]): Row | undefined {
  let migrated: Row | undefined = row;
  for (const step of steps) migrated = migrated && step.migrateRow(migrated);
  return migrated;
}

/** undefined in a new database. */
async function readVersion(database: Database, path: string): Promise<number | undefined> {
  const text = await database.get(SCHEMA_KEY);
  if (text === undefined) {
    const [first] = await database.keys({ limit: 1 }).all();
    if (first === undefined) return undefined;
    throw new StoreCorrupt(`${path} holds data but no schema version`);
  }
  const version = Number(text);
  if (!Number.isSafeInteger(version)) throw new StoreCorrupt(`${path} has schema ${text}`);
  return version;
}

async function writeVersion(database: Database, version: number): Promise<void> {
  await database.put(SCHEMA_KEY, String(version), { sync: true });
}

async function openLevel(path: string): Promise<Database> {
  const database = new Level<string, string>(path);
  try {
    await database.open();
    return database;
  } catch (thrown) {
    const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
    if (codeOf(cause) === 'LEVEL_LOCKED') throw new StoreLocked(path, cause);
    throw new StoreCorrupt(`${path} cannot be opened: ${messageOf(cause)}`, cause);
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function nextOf(path: string): string {
  return `${path}.next`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
