/**
 * kill -9 of a process that commits at full speed, at random moments, again and again on one database: every commit it acknowledged is
 * there afterwards, the log has no gap, and what is current agrees with the log.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { below, seededRng, systemRng } from '../../base/rng.ts';
import { millis } from '../../base/units.ts';
import { openLevelStore } from '../../controller/store/level-store.ts';
import type { Revision, Store } from '../../controller/store/store.ts';

const WRITER = fileURLToPath(new URL('./store-crash-writer.js', import.meta.url));
const DURATION_MS_MAX = 15_000;
const KILLS_MAX = 60;

interface Acknowledged {
  readonly revision: Revision;
  readonly key: string;
  readonly n: number;
}

/** Starts the writer, kills it some time after its first acknowledgement (or after its start), returns what it acknowledged. */
async function writeUntilKilled(
  path: string,
  options: { readonly delay: number; readonly fromStart: boolean },
): Promise<readonly Acknowledged[]> {
  const child = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
  });
  if (!options.fromStart) await Promise.race([once(child.stdout, 'data'), closed]);
  await sleep(systemClock, millis(options.delay));
  child.kill('SIGKILL');
  const [code, signal] = await closed;
  t.equal(signal, 'SIGKILL', `the writer was killed, it did not end (${code})`);
  // The last line may be cut; its commit was acknowledged to nobody.
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [revision, key = '', n] = line.split(' ');
      return { revision: Number(revision), key, n: Number(n) };
    });
}

/** Reads the whole log from `from` on and compares it with the acknowledgements and with the current documents. */
async function check(
  store: Store,
  from: Revision,
  acknowledged: readonly Acknowledged[],
): Promise<void> {
  const byRevision = new Map(acknowledged.map((each) => [each.revision, each]));
  const lastChange = new Map<string, unknown>();
  let expected = from;
  let found = 0;
  for await (const entry of store.log({ from, to: store.revision, limit: store.revision })) {
    if (entry.revision !== expected) t.fail(`revision ${expected} is missing`);
    expected = entry.revision + 1;
    const promise = byRevision.get(entry.revision);
    const change = entry.changes.find(({ key }) => key === promise?.key);
    if (promise !== undefined && change?.after?.['n'] === promise.n) found += 1;
    for (const { key, after } of entry.changes) lastChange.set(key, after?.['n']);
  }
  t.equal(expected, store.revision + 1, 'the log has no gap');
  t.equal(found, acknowledged.length, 'every acknowledged commit is there');
  for (const [key, n] of lastChange) {
    const current = await store.get('desired', key);
    if (current?.value['n'] !== n) t.fail(`${key} is ${current?.value['n']}, its last change ${n}`);
  }
}

t.test('kill -9 at random moments loses no acknowledged commit', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-crash-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'db');
  const seed = Number(process.env['WEFT_SEED'] ?? systemRng.uint32());
  const rng = seededRng(seed);
  t.comment(`seed ${seed}`);
  const start = systemClock.now();
  let checked = 0;
  let kills = 0;
  let acknowledgedCount = 0;
  while (kills < KILLS_MAX && systemClock.now() - start < DURATION_MS_MAX) {
    const fromStart = below(rng, 4) === 0;
    const delay = below(rng, fromStart ? 400 : 150);
    const acknowledged = await writeUntilKilled(path, { delay, fromStart });
    kills += 1;
    acknowledgedCount += acknowledged.length;
    const store = await openLevelStore({ path, clock: systemClock });
    await check(store, checked + 1, acknowledged);
    checked = store.revision;
    await store.close();
  }
  t.comment(`${kills} kills, ${acknowledgedCount} acknowledged commits, revision ${checked}`);
  t.ok(acknowledgedCount > 0);
});
