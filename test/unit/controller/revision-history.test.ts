/** Revisions: list, show, diff and restore over a store. */
import test from 'ava';
import { ManualClock } from '../../../base/clock.ts';
import { RestoreInvalid } from '../../../controller/revisions/revision-error.ts';
import {
  diffRevisions,
  listRevisions,
  restoreRevision,
  showRevision,
} from '../../../controller/revisions/revision-history.ts';
import { MemoryStore } from '../../../controller/store/memory-store.ts';
import type { JsonObject, Store } from '../../../controller/store/store.ts';

const VALID = async (): Promise<readonly string[]> => [];
const RESTORE = { client: 'admin', requestId: 'r', summary: 'restore' };

async function put(store: Store, key: string, value: JsonObject | undefined): Promise<void> {
  const cause = { client: 'admin', requestId: 'r', summary: `PUT ${key}` };
  await store.commit({ mutations: [{ section: 'desired', key, value }], cause });
}

function vnet(...subnets: readonly string[]): JsonObject {
  return {
    resourceRef: '/virtualNetworks/Blue',
    internal: { vni: subnets.length },
    properties: { subnets: subnets.map((resourceId) => ({ resourceId, properties: {} })) },
  };
}

async function sample(): Promise<Store> {
  const store = new MemoryStore(new ManualClock(1_000));
  await put(store, 'virtualnetworks/blue', vnet('web'));
  await put(store, 'virtualnetworks/blue', vnet('web', 'db'));
  await put(store, 'macpools/p', { resourceRef: '/macPools/p' });
  await put(store, 'virtualnetworks/blue', undefined);
  return store;
}

test('the list is newest first, in pages', async (t) => {
  const store = await sample();
  const first = await listRevisions(store, { limit: 3 });
  t.deepEqual(
    first.revisions.map(({ revision, trees }) => [revision, trees[0]?.kind, trees[0]?.resourceRef]),
    [
      [4, 'deleted', '/virtualNetworks/Blue'],
      [3, 'created', '/macPools/p'],
      [2, 'updated', '/virtualNetworks/Blue'],
    ],
  );
  t.is(first.next, 2);
  const second = await listRevisions(store, { before: 2, limit: 3 });
  t.deepEqual(
    second.revisions.map(({ revision }) => revision),
    [1],
  );
  t.is(second.next, undefined);
});

test('a revision shows what it changed, without the controller’s own notes', async (t) => {
  const detail = await showRevision(await sample(), 2);
  t.is(detail.cause.summary, 'PUT virtualnetworks/blue');
  t.deepEqual(detail.trees, [
    {
      key: 'virtualnetworks/blue',
      resourceRef: '/virtualNetworks/Blue',
      kind: 'updated',
      differences: [
        {
          kind: 'added',
          path: ['properties', 'subnets', 'db'],
          after: { resourceId: 'db', properties: {} },
        },
      ],
    },
  ]);
});

test('a created tree is shown whole, without the controller’s own notes', async (t) => {
  const [tree] = (await showRevision(await sample(), 1)).trees;
  t.deepEqual(Object.keys(tree?.after ?? {}), ['resourceRef', 'properties']);
});

test('a secret is never shown, that it changed is', async (t) => {
  const store = new MemoryStore(new ManualClock());
  const credential = (value: string): JsonObject => ({ properties: { type: 'x', value } });
  await put(store, 'credentials/c', credential('hunter1'));
  await put(store, 'credentials/c', credential('hunter2'));
  await put(store, 'virtualgateways/g', {
    properties: { connection: { sharedSecret: 'hunter3' } },
  });
  const shown = await Promise.all([1, 2, 3].map((revision) => showRevision(store, revision)));
  t.false(JSON.stringify(shown).includes('hunter'));
  t.deepEqual(shown[1]?.trees[0]?.differences, [
    { kind: 'changed', path: ['properties', 'value'], before: '(secret)', after: '(secret)' },
  ]);
});

test('an unknown revision is refused', async (t) => {
  const store = await sample();
  const unknown = { code: 'SDN_STORE_REVISION_UNKNOWN' };
  for (const revision of [0, 5]) await t.throwsAsync(showRevision(store, revision), unknown);
  await t.throwsAsync(diffRevisions(store, { from: 1, to: 5 }), unknown);
  const request = { revision: 5, cause: RESTORE, validate: VALID };
  await t.throwsAsync(restoreRevision(store, request), unknown);
});

test('a revision no longer kept is told apart from one that never was', async (t) => {
  const store = new MemoryStore(new ManualClock(), 2);
  for (const n of [1, 2, 3, 4]) await put(store, 'macpools/p', { n });
  const forgotten = { code: 'SDN_STORE_REVISION_FORGOTTEN' };
  await t.throwsAsync(showRevision(store, 2), forgotten);
  await t.throwsAsync(diffRevisions(store, { from: 1, to: 4 }), forgotten);
  t.is((await diffRevisions(store, { from: 2, to: 4 })).trees.length, 1);
  t.is((await listRevisions(store)).next, undefined);
  t.is((await listRevisions(store, { limit: 1 })).next, 4);
});

test('a diff leaves out what came and went between', async (t) => {
  const store = await sample();
  const kinds = async (from: number, to: number): Promise<string[]> =>
    (await diffRevisions(store, { from, to })).trees.map(({ key, kind }) => `${kind} ${key}`);
  t.deepEqual(await kinds(0, 4), ['created macpools/p']);
  t.deepEqual(await kinds(2, 4), ['created macpools/p', 'deleted virtualnetworks/blue']);
  t.deepEqual(await kinds(4, 2), ['deleted macpools/p', 'created virtualnetworks/blue']);
  t.deepEqual(await kinds(3, 3), []);
});

test('restoring puts every tree back, as a new revision', async (t) => {
  const store = await sample();
  const request = { revision: 1, cause: RESTORE, validate: VALID };
  const entry = await restoreRevision(store, request);
  t.is(entry?.revision, 5);
  t.deepEqual(entry?.cause, RESTORE);
  t.deepEqual((await store.get('desired', 'virtualnetworks/blue'))?.value, vnet('web'));
  t.is(await store.get('desired', 'macpools/p'), undefined);
  t.deepEqual((await diffRevisions(store, { from: 1, to: 5 })).trees, []);
  t.is(await restoreRevision(store, request), undefined);
});

test('what no longer validates is not restored, and the reasons are told', async (t) => {
  const store = await sample();
  const refused = restoreRevision(store, {
    revision: 2,
    cause: RESTORE,
    validate: async (changes) => changes.map(({ key }) => `${key} is in the way`),
  });
  const error = await t.throwsAsync(refused, { instanceOf: RestoreInvalid });
  t.is(
    error?.message,
    'revision 2 cannot be restored: macpools/p is in the way; virtualnetworks/blue is in the way',
  );
  t.is(store.revision, 4);
});

test('a write that comes between is not lost: the restore starts again', async (t) => {
  const store = await sample();
  let attempts = 0;
  const entry = await restoreRevision(store, {
    revision: 2,
    cause: RESTORE,
    async validate() {
      attempts += 1;
      if (attempts === 1) await put(store, 'virtualnetworks/red', vnet());
      return [];
    },
  });
  t.is(attempts, 2);
  t.is(entry?.revision, 6);
  t.is(await store.get('desired', 'virtualnetworks/red'), undefined);
});

test('a restore gives up when others keep writing', async (t) => {
  const store = await sample();
  const restore = restoreRevision(store, {
    revision: 2,
    cause: RESTORE,
    async validate() {
      await put(store, 'virtualnetworks/red', vnet());
      return [];
    },
  });
  await t.throwsAsync(restore, { code: 'SDN_STORE_CONFLICT' });
});
