/** Files of MRT that an edge writes: what is in them, when the next begins, which stay, and what a refusing disk costs. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, sleep, systemClock } from '../../../../base/clock.ts';
import { silentLogger } from '../../../../base/log.ts';
import { millis, minutes } from '../../../../base/units.ts';
import { MRT_DUMP_FILES_MAX, MRT_UPDATE_FILES_MAX } from '../../../../bgp/control/limits.ts';
import { MrtFiles } from '../../../../bgp/control/mrt-files.ts';

const SESSION = {
  ...{ peerAsn: 65_002, localAsn: 65_001 },
  ...{ peerAddress: Uint8Array.of(192, 0, 2, 2), localAddress: Uint8Array.of(192, 0, 2, 1) },
};
const KEEPALIVE = Uint8Array.of(...new Array<number>(16).fill(0xff), 0, 19, 4);

async function world(t: ExecutionContext, fileBytesMax = 1_000_000) {
  const parent = await mkdtemp(join(tmpdir(), 'weft-mrt-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, 'mrt');
  const clock = new ManualClock();
  const tables = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
  const tableDump = () => tables;
  const files = new MrtFiles({ directory, tableDump, clock, log: silentLogger, fileBytesMax });
  t.teardown(() => files.close());
  const names = async (kind: string) =>
    (await readdir(directory)).filter((name) => name.startsWith(kind)).sort();
  const hear = () =>
    files.updateLog.message(SESSION, KEEPALIVE, {
      ...{ wallMs: clock.wallNow(), fourOctetAs: true, hasPathIds: false },
    });
  return { parent, directory, clock, files, names, hear };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(systemClock, millis(5));
}

test('what neighbours say is in files, a new one whenever one is large, the oldest gone', async (t) => {
  const { directory, clock, files, names, hear } = await world(t, 100);
  hear();
  files.configure({ updates: true, dumpMinutes: 0 });
  t.is(files.status().updates?.recordCount, 0, 'before that nothing is written');
  let latest = '';
  for (let round = 0; round < MRT_UPDATE_FILES_MAX + 3; round += 1) {
    hear();
    await until(() => files.status().updates?.latest !== latest);
    latest = files.status().updates?.latest ?? '';
    clock.advance(millis(1));
  }
  await until(async () => (await names('updates')).length === MRT_UPDATE_FILES_MAX);
  const { updates } = files.status();
  t.is(updates?.lostCount, 0);
  files.configure({ updates: false, dumpMinutes: 0 });
  t.is(files.status().updates, undefined);
  const [oldest = ''] = await names('updates');
  const bytes = await readFile(join(directory, oldest));
  // RFC 6396 §4.4: BGP4MP_ET (17), message with four-octet AS numbers (4).
  t.deepEqual([bytes.readUInt16BE(4), bytes.readUInt16BE(6)], [17, 4]);
});

test('tables are dumped so often as is asked for, and the latest dumps stay', async (t) => {
  const { directory, clock, files, names } = await world(t);
  files.configure({ updates: false, dumpMinutes: 5 });
  t.is(files.status().tables?.latest, '');
  for (let round = 1; round <= MRT_DUMP_FILES_MAX + 2; round += 1) {
    clock.advance(minutes(5));
    await until(() => files.status().tables?.recordCount === 2 * round);
  }
  await until(async () => (await names('tables')).length === MRT_DUMP_FILES_MAX);
  const [oldest = ''] = await names('tables');
  t.deepEqual([...(await readFile(join(directory, oldest)))], [1, 2, 3, 4]);
  files.configure({ updates: false, dumpMinutes: 0 });
  t.is(files.status().tables, undefined);
});

test('a disk that refuses costs records, says why, and is tried again', async (t) => {
  const { directory, clock, files, hear, names } = await world(t);
  // A file where the directory should be.
  await writeFile(directory, '');
  files.configure({ updates: true, dumpMinutes: 1 });
  hear();
  clock.advance(minutes(1));
  await until(() => {
    const { updates, tables } = files.status();
    return updates?.failure !== undefined && tables?.failure !== undefined;
  });
  t.is(files.status().updates?.lostCount, 1);
  await rm(directory);
  hear();
  await until(async () => (await names('updates').catch(() => [])).length === 1);
  await until(() => files.status().updates?.failure === undefined);
  t.pass();
});
