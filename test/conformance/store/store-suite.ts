/**
 * What every Store promises (controller/store/store.ts), as tests. Each implementation runs them through its own file in this folder,
 * which says how to make an empty one.
 */
import type { ExecutionContext, TestFn } from 'ava';
import fc from 'fast-check';
import type {
  Commit,
  Entry,
  JsonObject,
  Mutation,
  RevisionEntry,
  Section,
  Store,
} from '../../../controller/store/store.ts';
import { StoreConflict, StoreTooBig } from '../../../controller/store/store-error.ts';

/** Makes an empty store that keeps so many revisions (by default as many as it wants); the suite closes it. */
export type OpenStore = (t: ExecutionContext, revisionsKeptMax?: number) => Promise<Store>;

const CAUSE = { client: 'admin', requestId: 'r-1', summary: 'PUT /things/a' };
const ENDLESS = Number.MAX_SAFE_INTEGER;
const NEVER = new AbortController().signal;

export function storeConformance(test: TestFn, open: OpenStore): void {
  const claim = (title: string, body: (t: ExecutionContext, store: Store) => Promise<void>): void =>
    test(title, async (t) => {
      const store = await open(t);
      try {
        await body(t, store);
      } finally {
        await store.close();
      }
    });
  commitClaims(claim);
  expectationClaims(claim);
  readClaims(claim);
  historyClaims(claim);
  watchClaims(claim);
  limitClaims(claim);
  forgettingClaims(test, open);
  modelClaims(test, open);
}

type Claim = (title: string, body: (t: ExecutionContext, store: Store) => Promise<void>) => void;

function put(key: string, value: JsonObject, section: Section = 'desired'): Mutation {
  return { section, key, value };
}

function remove(key: string, section: Section = 'desired'): Mutation {
  return { section, key, value: undefined };
}

function write(...mutations: Mutation[]): Commit {
  return { mutations, cause: CAUSE };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** The first `count` revisions of a watch. */
async function take(watch: AsyncIterable<RevisionEntry>, count: number): Promise<RevisionEntry[]> {
  const taken: RevisionEntry[] = [];
  if (count === 0) return taken;
  for await (const entry of watch) {
    taken.push(entry);
    if (taken.length === count) break;
  }
  return taken;
}

const revisions = (entries: readonly RevisionEntry[]): number[] =>
  entries.map((entry) => entry.revision);
const keys = (entries: readonly Entry[]): string[] => entries.map((entry) => entry.key);

function commitClaims(claim: Claim): void {
  claim('an empty store is at revision 0', async (t, store) => {
    t.is(store.revision, 0);
    t.is(await store.get('desired', 'a'), undefined);
  });

  claim('a commit returns its entry, with before and after of each change', async (t, store) => {
    await store.commit(write(put('a', { x: 1 })));
    const entry = await store.commit(write(put('a', { x: 2 }), put('b', { y: 1 })));
    t.is(entry?.revision, 2);
    t.deepEqual(entry?.cause, CAUSE);
    t.deepEqual(entry?.changes, [
      { key: 'a', before: { x: 1 }, after: { x: 2 } },
      { key: 'b', before: undefined, after: { y: 1 } },
    ]);
    t.is(store.revision, 2);
  });

  claim('other sections make no revision, alone or beside desired', async (t, store) => {
    t.is(await store.commit(write(put('p', { v: 1 }, 'observed'))), undefined);
    t.is(store.revision, 0);
    const entry = await store.commit(write(put('a', {}), put('p', { v: 2 }, 'operations')));
    t.deepEqual(entry?.changes, [{ key: 'a', before: undefined, after: {} }]);
    t.deepEqual(await store.get('observed', 'p'), { key: 'p', value: { v: 1 }, revision: 0 });
    t.deepEqual(await store.get('operations', 'p'), { key: 'p', value: { v: 2 }, revision: 0 });
  });

  claim('deleting what is absent is no change', async (t, store) => {
    t.is(await store.commit(write(remove('a'))), undefined);
    t.is(store.revision, 0);
    const entry = await store.commit(write(remove('a'), put('b', {})));
    t.deepEqual(entry?.changes, [{ key: 'b', before: undefined, after: {} }]);
  });

  claim('a key deleted and made again has a gap between its versions', async (t, store) => {
    await store.commit(write(put('a', { n: 1 })));
    await store.commit(write(remove('a')));
    const entry = await store.commit(write(put('a', { n: 2 })));
    t.deepEqual(entry?.changes, [{ key: 'a', before: undefined, after: { n: 2 } }]);
    t.is(await store.getAt('a', 2), undefined);
  });

  claim('commits called together keep their order and their own revisions', async (t, store) => {
    const commits = Array.from({ length: 300 }, (_, n) => store.commit(write(put('a', { n }))));
    const entries = await Promise.all(commits);
    t.deepEqual(
      entries.map((entry) => entry?.revision),
      Array.from({ length: 300 }, (_, index) => index + 1),
    );
    t.deepEqual(entries[299]?.changes, [{ key: 'a', before: { n: 298 }, after: { n: 299 } }]);
  });

  claim('every JSON value comes back as it was', async (t, store) => {
    const value: JsonObject = {
      text: 'ü "\\ \u0000 \u{1F310}',
      numbers: [0, -1.5, 1e21, Number.MAX_SAFE_INTEGER],
      nothing: null,
      nested: { deep: [[{ '': true }]] },
    };
    await store.commit(write(put('a', value)));
    t.deepEqual((await store.get('desired', 'a'))?.value, value);
    t.deepEqual(await store.getAt('a', 1), value);
  });

  claim('one key twice in a commit is our own bug', async (t, store) => {
    await t.throwsAsync(store.commit(write(put('a', {}), remove('a'))), { name: 'AssertionError' });
    t.is(store.revision, 0);
  });
}

function expectationClaims(claim: Claim): void {
  claim('an expectation that holds lets the commit through', async (t, store) => {
    await store.commit({ ...write(put('a', {})), expect: [{ key: 'a', revision: 0 }] });
    const entry = await store.commit({
      ...write(remove('a')),
      expect: [
        { key: 'a', revision: 1 },
        { key: 'absent', revision: 0 },
      ],
    });
    t.is(entry?.revision, 2);
  });

  claim('a missed expectation refuses the commit whole and names the key', async (t, store) => {
    await store.commit(write(put('a', { n: 1 })));
    const error = await t.throwsAsync(
      store.commit({
        ...write(put('b', {}), put('p', {}, 'observed')),
        expect: [{ key: 'a', revision: 7 }],
      }),
      { instanceOf: StoreConflict, code: 'SDN_STORE_CONFLICT' },
    );
    t.like(error, { key: 'a', expected: 7, actual: 1 });
    t.is(store.revision, 1);
    t.is(await store.get('desired', 'b'), undefined);
    t.is(await store.get('observed', 'p'), undefined);
  });

  claim(
    'expectLatest refuses once anything was written, in the same batch too',
    async (t, store) => {
      const outcomes = await Promise.allSettled([
        store.commit({ ...write(put('a', {})), expectLatest: 0 }),
        store.commit({ ...write(put('b', {})), expectLatest: 0 }),
        store.commit({ ...write(put('c', {})), expectLatest: 1 }),
      ]);
      t.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      t.like(outcomes[1], { reason: { code: 'SDN_STORE_CONFLICT', expected: 0, actual: 1 } });
    },
  );

  claim('of commits that race on one key exactly one wins', async (t, store) => {
    await store.commit(write(put('a', { n: 0 })));
    const race = Array.from({ length: 50 }, (_, n) =>
      store.commit({ ...write(put('a', { n })), expect: [{ key: 'a', revision: 1 }] }),
    );
    const outcomes = await Promise.allSettled(race);
    t.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', ...new Array<string>(49).fill('rejected')],
    );
    t.is(store.revision, 2);
  });

  claim('a refused commit leaves no gap between its neighbours', async (t, store) => {
    const outcomes = await Promise.allSettled([
      store.commit(write(put('a', {}))),
      store.commit({ ...write(put('b', {})), expect: [{ key: 'a', revision: 0 }] }),
      store.commit(write(put('c', {}))),
    ]);
    t.is(outcomes[1]?.status, 'rejected');
    t.deepEqual(revisions(await collect(store.log({ from: 1, to: ENDLESS, limit: 9 }))), [1, 2]);
    t.is((await store.get('desired', 'c'))?.revision, 2);
  });
}

function readClaims(claim: Claim): void {
  claim('get tells the revision that last wrote the key', async (t, store) => {
    await store.commit(write(put('a', {}), put('b', {})));
    await store.commit(write(put('b', { n: 2 })));
    t.is((await store.get('desired', 'a'))?.revision, 1);
    t.deepEqual(await store.get('desired', 'b'), { key: 'b', value: { n: 2 }, revision: 2 });
  });

  claim(
    'a range has exactly the keys with the prefix, in order of their bytes',
    async (t, store) => {
      const all = ['a', 'a/', 'a/b', 'a/b/c', 'a0', 'ab', 'a\u{ff5e}', 'a\u{1F310}', 'b'];
      await store.commit(write(...[...all].reverse().map((key) => put(key, {}))));
      await store.commit(write(...all.map((key) => put(key, {}, 'observed'))));
      for (const section of ['desired', 'observed'] as const) {
        t.deepEqual(keys(await collect(store.range(section, 'a'))), all.slice(0, -1));
        t.deepEqual(keys(await collect(store.range(section, 'a/'))), ['a/', 'a/b', 'a/b/c']);
        t.deepEqual(keys(await collect(store.range(section, ''))), all);
        t.deepEqual(keys(await collect(store.range(section, 'c'))), []);
      }
    },
  );

  claim('a range is of one moment, whatever is committed while it is read', async (t, store) => {
    const all = Array.from({ length: 200 }, (_, n) => `k${String(n).padStart(3, '0')}`);
    await store.commit(write(...all.map((key) => put(key, { v: 1 }))));
    const seen: Entry[] = [];
    for await (const entry of store.range('desired', '')) {
      if (seen.length === 0) {
        await store.commit(write(...all.map((key) => put(key, { v: 2 })), put('new', {})));
      }
      seen.push(entry);
    }
    t.deepEqual(keys(seen), all);
    t.true(seen.every(({ value }) => value['v'] === 1));
  });

  claim('a closed store refuses every call', async (t, store) => {
    await store.commit(write(put('a', {})));
    await store.close();
    const closed = { code: 'SDN_STORE_CLOSED' };
    await t.throwsAsync(store.get('desired', 'a'), closed);
    await t.throwsAsync(store.commit(write(put('a', {}))), closed);
    await t.throwsAsync(store.getAt('a', 1), closed);
    await t.throwsAsync(collect(store.range('desired', '')), closed);
    await t.throwsAsync(collect(store.rangeAt('', 1)), closed);
    await t.throwsAsync(collect(store.log({ from: 1, to: 1, limit: 1 })), closed);
    await t.throwsAsync(collect(store.watch(0, NEVER)), closed);
  });

  claim('closing finishes the commits already called', async (t, store) => {
    const commits = Array.from({ length: 20 }, (_, n) => store.commit(write(put('a', { n }))));
    await store.close();
    t.is((await Promise.all(commits)).at(-1)?.revision, 20);
  });
}

function historyClaims(claim: Claim): void {
  claim('every version of a key can be read as of its time', async (t, store) => {
    await store.commit(write(put('a', { n: 1 }), put('a/b', { other: true })));
    await store.commit(write(put('z', {})));
    await store.commit(write(put('a', { n: 3 })));
    await store.commit(write(remove('a')));
    const versions = [0, 1, 2, 3, 4].map((revision) => store.getAt('a', revision));
    t.deepEqual(await Promise.all(versions), [undefined, { n: 1 }, { n: 1 }, { n: 3 }, undefined]);
  });

  claim('rangeAt shows the whole as it was, with the revisions of then', async (t, store) => {
    await store.commit(write(put('a', { n: 1 }), put('a/b', {})));
    await store.commit(write(put('a', { n: 2 }), put('c', {})));
    await store.commit(write(remove('a/b'), put('d', {})));
    const at = async (prefix: string, revision: number): Promise<string[]> =>
      (await collect(store.rangeAt(prefix, revision))).map(
        ({ key, value, revision: of }) => `${key}@${of} ${JSON.stringify(value)}`,
      );
    t.deepEqual(await at('', 0), []);
    t.deepEqual(await at('', 1), ['a@1 {"n":1}', 'a/b@1 {}']);
    t.deepEqual(await at('', 2), ['a@2 {"n":2}', 'a/b@1 {}', 'c@2 {}']);
    t.deepEqual(await at('', 3), ['a@2 {"n":2}', 'c@2 {}', 'd@3 {}']);
    t.deepEqual(await at('a', 2), ['a@2 {"n":2}', 'a/b@1 {}']);
  });

  claim('a revision yet to come is refused', async (t, store) => {
    await store.commit(write(put('a', {})));
    const unknown = { code: 'SDN_STORE_REVISION_UNKNOWN' };
    await t.throwsAsync(store.getAt('a', 2), unknown);
    await t.throwsAsync(collect(store.rangeAt('', 2)), unknown);
    await t.throwsAsync(collect(store.watch(2, NEVER)), unknown);
  });

  claim('the log holds every revision, both ways, within its bounds', async (t, store) => {
    for (let n = 1; n <= 150; n++) await store.commit(write(put('a', { n })));
    const log = async (
      range: Partial<{ from: number; to: number; limit: number; reverse: boolean }>,
    ): Promise<number[]> =>
      revisions(await collect(store.log({ from: 1, to: ENDLESS, limit: ENDLESS, ...range })));
    t.deepEqual(
      await log({}),
      Array.from({ length: 150 }, (_, index) => index + 1),
    );
    t.deepEqual(await log({ from: 149 }), [149, 150]);
    t.deepEqual(await log({ from: -5, to: 2 }), [1, 2]);
    t.deepEqual(await log({ from: 3, to: 2 }), []);
    t.deepEqual(await log({ from: 5, to: 9, limit: 2 }), [5, 6]);
    t.deepEqual(await log({ from: 5, to: 9, limit: 2, reverse: true }), [9, 8]);
    t.deepEqual(await log({ limit: 0 }), []);
  });

  claim('an entry read from the log equals the one its commit returned', async (t, store) => {
    const entries = [
      await store.commit(write(put('a', { n: 1 }), put('b', {}))),
      await store.commit(write(remove('a'), put('b', { n: 2 }))),
      await store.commit(write(put('a', { n: 3 }))),
    ];
    t.deepEqual(await collect(store.log({ from: 1, to: 3, limit: 3 })), entries);
  });
}

function watchClaims(claim: Claim): void {
  claim(
    'a watch begins in the log and goes on live, nothing missing or twice',
    async (t, store) => {
      for (let n = 1; n <= 100; n++) await store.commit(write(put('a', { n })));
      const watched = take(store.watch(30, NEVER), 170);
      for (let n = 101; n <= 200; n++) await store.commit(write(put('a', { n })));
      t.deepEqual(
        revisions(await watched),
        Array.from({ length: 170 }, (_, index) => 31 + index),
      );
    },
  );

  claim('a watcher that lags reads on from the log', async (t, store) => {
    const watch = store.watch(0, NEVER)[Symbol.asyncIterator]();
    await Promise.all(
      Array.from({ length: 3000 }, (_, n) => store.commit(write(put('a', { n: n + 1 })))),
    );
    for (let revision = 1; revision <= 3000; revision++) {
      const { value } = await watch.next();
      if (value?.revision !== revision || value.changes[0]?.after?.['n'] !== revision) {
        t.fail(`revision ${revision}`);
        break;
      }
    }
    await watch.return?.();
    t.pass();
  });

  claim('other sections are not watched', async (t, store) => {
    const watched = take(store.watch(0, NEVER), 1);
    await store.commit(write(put('p', {}, 'observed')));
    await store.commit(write(put('a', {}), put('p', {}, 'operations')));
    t.deepEqual(
      (await watched).map(({ revision, changes }) => [revision, changes.length]),
      [[1, 1]],
    );
  });

  claim('an abort ends a watch that waits, and one that is behind', async (t, store) => {
    for (let n = 1; n <= 5; n++) await store.commit(write(put('a', { n })));
    const abort = new AbortController();
    const waiting = collect(store.watch(5, abort.signal));
    const behind = store.watch(0, abort.signal)[Symbol.asyncIterator]();
    await behind.next();
    abort.abort();
    t.deepEqual(await waiting, []);
    t.true((await behind.next()).done);
    t.deepEqual(await collect(store.watch(0, abort.signal)), []);
  });

  claim('closing the store ends a watch', async (t, store) => {
    const watched = collect(store.watch(0, NEVER));
    await store.commit(write(put('a', {})));
    await store.close();
    t.true((await watched).length <= 1);
  });

  claim('the state followed through a watch is the state read', async (t, store) => {
    const followed = new Map<string, JsonObject>();
    const abort = new AbortController();
    const follow = (async () => {
      for await (const { revision, changes } of store.watch(0, abort.signal)) {
        for (const { key, after } of changes) {
          if (after === undefined) followed.delete(key);
          else followed.set(key, after);
        }
        if (revision === 60) return;
      }
    })();
    for (let n = 1; n <= 60; n++) {
      const key = `k${n % 7}`;
      const present = await store.get('desired', key);
      await store.commit(write(n % 3 === 0 && present ? remove(key) : put(key, { n })));
    }
    await follow;
    const read = await collect(store.range('desired', ''));
    t.deepEqual(
      [...followed].sort(([a], [b]) => (a < b ? -1 : 1)),
      read.map(({ key, value }) => [key, value]),
    );
  });
}

function limitClaims(claim: Claim): void {
  claim(
    'a document or key over the limit is refused before anything is written',
    async (t, store) => {
      const big = { text: 'x'.repeat(17 * 1024 * 1024) };
      const tooBig = { instanceOf: StoreTooBig, code: 'SDN_STORE_TOO_BIG' };
      await t.throwsAsync(store.commit(write(put('a', {}), put('b', big))), tooBig);
      await t.throwsAsync(store.commit(write(put('k'.repeat(3000), {}))), tooBig);
      t.is(store.revision, 0);
      t.is(await store.get('desired', 'a'), undefined);
    },
  );
}

function forgettingClaims(test: TestFn, open: OpenStore): void {
  test('history beyond the number kept is forgotten, the newest state never', async (t) => {
    const store = await open(t, 3);
    await store.commit(write(put('a', { n: 1 }), put('b', {}), put('c', {})));
    await store.commit(write(put('a', { n: 2 }), remove('c')));
    await store.commit(write(put('d', {})));
    t.is(store.oldest, 0);
    await store.commit(write(put('a', { n: 4 }), put('c', { n: 4 })));
    await store.commit(write(remove('d')));
    t.is(store.oldest, 2);
    const forgotten = { code: 'SDN_STORE_REVISION_FORGOTTEN' };
    await t.throwsAsync(store.getAt('a', 1), forgotten);
    await t.throwsAsync(collect(store.rangeAt('', 1)), forgotten);
    await t.throwsAsync(collect(store.watch(1, NEVER)), forgotten);
    t.deepEqual(revisions(await collect(store.log({ from: 0, to: 9, limit: 9 }))), [3, 4, 5]);
    t.deepEqual(revisions(await take(store.watch(2, NEVER), 3)), [3, 4, 5]);
    t.deepEqual(await store.getAt('a', 2), { n: 2 });
    t.deepEqual(keys(await collect(store.rangeAt('', 2))), ['a', 'b']);
    t.deepEqual(keys(await collect(store.rangeAt('', 4))), ['a', 'b', 'c', 'd']);
    t.deepEqual(keys(await collect(store.range('desired', ''))), ['a', 'b', 'c']);
    await store.close();
  });
}

/** Random commits, compared with a map per revision. */
function modelClaims(test: TestFn, open: OpenStore): void {
  const key = fc.constantFrom('a', 'a/b', 'b', 'ü');
  const mutation = fc.record({ key, n: fc.option(fc.nat(9)) });
  const commit = fc.uniqueArray(mutation, { selector: (each) => each.key, maxLength: 3 });
  test('any history equals the model at every revision', async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commit, { maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        async (commits, kept) => {
          const store = await open(t, kept);
          const states: Record<string, number>[] = [{}];
          for (const mutations of commits) {
            const state = { ...states.at(-1) };
            const effective = mutations.filter((each) => each.n !== null || each.key in state);
            for (const each of mutations) {
              if (each.n === null) delete state[each.key];
              else state[each.key] = each.n;
            }
            if (effective.length > 0) states.push(state);
            await store.commit(
              write(...mutations.map(({ key, n }) => (n === null ? remove(key) : put(key, { n })))),
            );
          }
          t.is(store.revision, states.length - 1);
          t.is(store.oldest, Math.max(0, store.revision - kept));
          for (const [revision, state] of states.entries()) {
            if (revision < store.oldest) continue;
            const read = await collect(store.rangeAt('', revision));
            t.deepEqual(Object.fromEntries(read.map(({ key, value }) => [key, value['n']])), state);
            for (const each of ['a', 'a/b', 'b', 'ü']) {
              t.is((await store.getAt(each, revision))?.['n'], state[each]);
            }
          }
          await store.close();
        },
      ),
      { numRuns: 30 },
    );
  });
}
