/**
 * The process that store-crash.test.ts kills: commits as fast as it can, many at a time, and prints `REVISION KEY N` for each commit that
 * was acknowledged, at once and unbuffered. Argument: the database's directory.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { below, systemRng } from '../../base/rng.ts';
import { openLevelStore } from '../../controller/store/level-store.ts';

const WRITERS = 48;
const KEYS = 40;

const [, , path = ''] = process.argv;
const store = await openLevelStore({ path, clock: systemClock });
let counter = store.revision;

async function write(): Promise<never> {
  for (;;) {
    counter += 1;
    const n = counter;
    const key = `things/${below(systemRng, KEYS)}`;
    const other = `things/other${below(systemRng, KEYS)}`;
    const isDelete = below(systemRng, 8) === 0;
    const padding = 'x'.repeat(below(systemRng, 4000));
    const entry = await store.commit({
      mutations: [
        { section: 'desired', key, value: { n, padding } },
        { section: 'desired', key: other, value: isDelete ? undefined : { n } },
        { section: 'observed', key, value: { n } },
      ],
      cause: { client: 'writer', requestId: String(n), summary: `PUT ${key}` },
    });
    writeSync(1, `${entry?.revision} ${key} ${n}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, write));
