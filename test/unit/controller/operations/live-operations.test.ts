/** Operations in progress: what has settled is forgotten, what is canceled leaves, what was taken away can still be seen. */
import test from 'ava';
import { plantTree } from '../../../../controller/model/desired-state.ts';
import {
  type LiveOperation,
  LiveOperations,
} from '../../../../controller/operations/live-operations.ts';

function operation(n: number, treeKey = 'a/1'): LiveOperation {
  const key = `/${treeKey}`;
  const record = {
    id: `op${n}`,
    method: 'PUT',
    resourceRef: key,
    revision: n,
    startedAt: 0,
  } as const;
  return { id: record.id, method: 'PUT', key, treeKey, revision: n, record, removed: undefined };
}

test('an operation is live until its revision has settled', (t) => {
  const live = new LiveOperations();
  live.start(operation(5), [], 4);
  t.is(live.of('a/1', 4).length, 1);
  t.is(live.of('a/1', 5).length, 0);
  t.is(live.of('a/2', 0).length, 0);
});

test('a new operation takes the place of those it cancels; a dropped one never was', (t) => {
  const live = new LiveOperations();
  const first = operation(5);
  const second = operation(6);
  live.start(first, [], 4);
  live.start(second, [first], 4);
  t.deepEqual(live.of('a/1', 4), [second]);
  live.drop(second);
  t.deepEqual(live.of('a/1', 4), []);
});

test('the table holds trees with live operations, not every tree ever written', (t) => {
  const live = new LiveOperations();
  for (let n = 1; n <= 5_000; n++) live.start(operation(n, `a/${n}`), [], n - 1);
  t.true(live.treeCount < 200, String(live.treeCount));
});

test('a deleted tree is found, children too, while its operation is live', (t) => {
  const live = new LiveOperations();
  const child = { resourceId: 'c', resourceRef: '/a/1/b/c', instanceId: 'i2', properties: {} };
  const value = {
    resourceId: '1',
    resourceRef: '/a/1',
    instanceId: 'i1',
    properties: { b: [child] },
  };
  const { root } = plantTree({ key: 'a/1', value, revision: 1 });
  live.start({ ...operation(5), method: 'DELETE', removed: root }, [], 4);
  t.is(live.deleting('a/1', '/a/1/b/c', 4)?.resourceId, 'c');
  t.is(live.deleting('a/1', '/a/1/b/d', 4), undefined);
  t.is(live.deleting('a/1', '/a/1', 5), undefined);
});
