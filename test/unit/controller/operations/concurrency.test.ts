/** The rules of MS-NCNBI §1.3.3.1 and §1.3.2.6 as a pure function; the same table is held against the running server in conformance. */
import test from 'ava';
import fc from 'fast-check';
import {
  admit,
  type OperationSubject,
  provisioningState,
} from '../../../../controller/operations/concurrency.ts';

const KEYS = ['/a/1', '/a/1/b/x', '/a/1/b/y', '/a/1/b/x/c/z', '/a/1/b/xy'] as const;
const operation = fc.record({
  id: fc.uuid(),
  method: fc.constantFrom('PUT' as const, 'DELETE' as const),
  key: fc.constantFrom(...KEYS),
});

function one(method: 'PUT' | 'DELETE', key: string): OperationSubject {
  return { id: `${method} ${key}`, method, key };
}

test('a PUT of the top cancels everything below and itself, but not its own DELETE', (t) => {
  const running = [one('PUT', '/a/1'), one('DELETE', '/a/1/b/x'), one('PUT', '/a/1/b/x/c/z')];
  t.deepEqual(admit(running, one('PUT', '/a/1')), { kind: 'admitted', canceled: running });
  const deleting = one('DELETE', '/a/1');
  t.deepEqual(admit([deleting], one('PUT', '/a/1')), { kind: 'conflict', with: deleting });
});

test('a DELETE of the top cancels everything', (t) => {
  fc.assert(
    fc.property(fc.array(operation), (running) => {
      t.is(admit(running, one('DELETE', '/a/1')).kind, 'admitted');
    }),
  );
  t.pass();
});

test('a name that begins like another is a sibling, not a child', (t) => {
  t.is(admit([one('PUT', '/a/1/b/xy')], one('PUT', '/a/1/b/x')).kind, 'conflict');
  t.is(provisioningState([one('PUT', '/a/1/b/x')], '/a/1/b/xy'), 'Succeeded');
});

test('what is admitted cancels all that runs: one operation is left in the tree', (t) => {
  fc.assert(
    fc.property(fc.array(operation), operation, (running, asked) => {
      const admission = admit(running, asked);
      if (admission.kind === 'admitted') t.deepEqual(admission.canceled, running);
      else t.true(running.includes(admission.with));
    }),
  );
  t.pass();
});

test('DELETE makes a resource and all below Deleting, its ancestors Updating', (t) => {
  const running = [one('DELETE', '/a/1/b/x')];
  t.is(provisioningState(running, '/a/1'), 'Updating');
  t.is(provisioningState(running, '/a/1/b/x'), 'Deleting');
  t.is(provisioningState(running, '/a/1/b/x/c/z'), 'Deleting');
  t.is(provisioningState(running, '/a/1/b/y'), 'Succeeded');
  t.is(provisioningState([], '/a/1'), 'Succeeded');
});
