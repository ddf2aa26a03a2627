/** LevelStore is a Store, and what it adds: persistence, group commit, one owner per directory, schema migration. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '../../../base/clock.ts';
import {
  type Migration,
  openDatabase,
  SCHEMA,
  type StoreSchema,
} from '../../../controller/store/level-database.ts';
import { type LevelStore, openLevelStore } from '../../../controller/store/level-store.ts';
import type { Commit, JsonObject } from '../../../controller/store/store.ts';
import { storeConformance } from './store-suite.ts';

async function newPath(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'db');
}

function openAt(path: string, schema?: StoreSchema): Promise<LevelStore> {
  const options = { path, clock: new ManualClock() };
  return openLevelStore(schema === undefined ? options : { ...options, schema });
}

storeConformance(test, async (t, revisionsKeptMax) => {
  const options = { path: await newPath(t), clock: new ManualClock() };
  return openLevelStore({ ...options, ...(revisionsKeptMax && { revisionsKeptMax }) });
});

function putting(key: string, value: JsonObject): Commit {
  const cause = { client: 'test', requestId: '', summary: `PUT ${key}` };
  return { mutations: [{ section: 'desired', key, value }], cause };
}

test('what was committed is there after reopening: newest, history, log and other sections', async (t) => {
  const path = await newPath(t);
  const first = await openAt(path);
  await first.commit(putting('a', { n: 1 }));
  await first.commit(putting('a', { n: 2 }));
  const observed = { section: 'observed', key: 'p', value: { up: true } } as const;
  await first.commit({ mutations: [observed], cause: putting('', {}).cause });
  await first.close();
  const second = await openAt(path);
  t.is(second.revision, 2);
  t.deepEqual(await second.getAt('a', 1), { n: 1 });
  t.deepEqual((await second.get('observed', 'p'))?.value, { up: true });
  t.is((await second.commit(putting('a', { n: 3 })))?.revision, 3);
  const seen: unknown[] = [];
  for await (const entry of second.log({ from: 1, to: 3, limit: 3 })) {
    seen.push(entry.changes[0]?.before?.['n'], entry.changes[0]?.after?.['n']);
  }
  t.deepEqual(seen, [undefined, 1, 1, 2, 2, 3]);
  await second.close();
});

test('a lower limit forgets what is then too old, a bounded number with each batch, and for good', async (t) => {
  const path = await newPath(t);
  const clock = new ManualClock();
  const first = await openLevelStore({ path, clock });
  await Promise.all(
    Array.from({ length: 3000 }, (_, n) => first.commit(putting(`k${n % 7}`, { n }))),
  );
  await first.close();
  const second = await openLevelStore({ path, clock, revisionsKeptMax: 5 });
  t.is(second.oldest, 0);
  const oldest: number[] = [];
  for (let n = 1; n <= 4; n++) {
    await second.commit(putting('a', { n }));
    oldest.push(second.oldest);
  }
  t.deepEqual(oldest, [1024, 2048, 2998, 2999]);
  await second.close();
  const third = await openLevelStore({ path, clock, revisionsKeptMax: 5 });
  t.is(third.oldest, 2999);
  t.deepEqual(await third.getAt('k1', 2999), { n: 2997 });
  await third.close();
  const database = await openDatabase(path, SCHEMA);
  t.is((await database.keys({ gte: 'h/', lt: 'h0' }).all()).length, 7 + 1 + 4);
  t.is((await database.keys({ gte: 'l/', lt: 'l0' }).all()).length, 5);
  await database.close();
});

test('commits that arrive together share batches', async (t) => {
  const store = await openAt(await newPath(t));
  await Promise.all(Array.from({ length: 2000 }, (_, n) => store.commit(putting(`k${n}`, { n }))));
  t.is(store.revision, 2000);
  t.true(store.batchCount <= 20, `${store.batchCount} batches`);
  await store.close();
});

test('too many commits waiting: the excess is refused as busy, the rest is written', async (t) => {
  const store = await openAt(await newPath(t));
  const commits = Array.from({ length: 20_100 }, () => store.commit(putting('a', {})));
  const outcomes = await Promise.allSettled(commits);
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  t.is(refused.length, 100);
  t.like(refused[0], { reason: { code: 'SDN_STORE_BUSY' } });
  t.is(store.refusedCount, 100);
  t.is(store.revision, 20_000);
  await store.close();
});

test('a directory has one owner; the second is told so', async (t) => {
  const path = await newPath(t);
  const store = await openAt(path);
  await t.throwsAsync(openAt(path), { code: 'SDN_STORE_LOCKED', message: /in use/ });
  await store.close();
});

const VERSION_1: StoreSchema = { version: 1, migrations: [] };

/** Renames a property in every document, newest and historical. */
const RENAME: Migration = {
  to: 2,
  migrateRow: (row) =>
    /^[dh]\//.test(row.key) ? { ...row, value: row.value.replace('"old"', '"new"') } : row,
};
const VERSION_2: StoreSchema = { version: 2, migrations: [RENAME] };
const VERSION_3: StoreSchema = {
  version: 3,
  migrations: [
    RENAME,
    { to: 3, migrateRow: (row) => (row.key.startsWith('s/operations/') ? undefined : row) },
  ],
};

async function writeVersion1(path: string): Promise<void> {
  const store = await openAt(path, VERSION_1);
  for (let n = 1; n <= 1500; n++) void store.commit(putting(`k${n % 10}`, { old: n }));
  const operation = { section: 'operations', key: 'o', value: { old: 0 } } as const;
  await store.commit({ mutations: [operation], cause: putting('', {}).cause });
  await store.close();
}

test('an older database is migrated, history included, and the old one kept', async (t) => {
  const path = await newPath(t);
  await writeVersion1(path);
  const store = await openAt(path, VERSION_3);
  t.is(store.revision, 1500);
  t.deepEqual((await store.get('desired', 'k0'))?.value, { new: 1500 });
  t.deepEqual(await store.getAt('k5', 700), { new: 695 });
  t.is(await store.get('operations', 'o'), undefined);
  await store.close();
  t.deepEqual(await readdir(join(path, '..')), ['db', 'db.v1']);
  const again = await openAt(path, VERSION_3);
  t.is(again.revision, 1500);
  await again.close();
});

test('a database of a later version is refused and left alone', async (t) => {
  const path = await newPath(t);
  await writeVersion1(path);
  await (await openAt(path, VERSION_2)).close();
  await t.throwsAsync(openAt(path, VERSION_1), {
    code: 'SDN_STORE_SCHEMA_NEWER',
    message: /schema 2; this version knows up to 1/,
  });
  const store = await openAt(path, VERSION_2);
  t.deepEqual((await store.get('desired', 'k0'))?.value, { new: 1500 });
  await store.close();
});

test('a migration that fails leaves the old database in force', async (t) => {
  const path = await newPath(t);
  await writeVersion1(path);
  let rowsLeft = 1200;
  const failing: Migration = {
    to: 2,
    migrateRow(row) {
      rowsLeft -= 1;
      if (rowsLeft === 0) throw new Error('out of luck');
      return row;
    },
  };
  const broken = openAt(path, { version: 2, migrations: [failing] });
  await t.throwsAsync(broken, { message: 'out of luck' });
  const old = await openAt(path, VERSION_1);
  t.deepEqual((await old.get('desired', 'k0'))?.value, { old: 1500 });
  await old.close();
  const migrated = await openAt(path, VERSION_2);
  t.deepEqual((await migrated.get('desired', 'k0'))?.value, { new: 1500 });
  await migrated.close();
});

test('a directory that is no database of ours is refused', async (t) => {
  const path = await newPath(t);
  const { Level } = await import('level');
  const other = new Level<string, string>(path);
  await other.put('something', 'else');
  await other.close();
  await t.throwsAsync(openAt(path), { code: 'SDN_STORE_CORRUPT', message: /no schema version/ });
});

test('entries carry the wall clock', async (t) => {
  const store = await openLevelStore({ path: await newPath(t), clock: systemClock });
  const before = systemClock.wallNow();
  const entry = await store.commit(putting('a', {}));
  t.true((entry?.at ?? 0) >= before && (entry?.at ?? 0) <= systemClock.wallNow());
  await store.close();
});
