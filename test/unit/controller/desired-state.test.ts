/** DesiredState: lookups, references and children, and that applying entries equals building afresh. */
import test from 'ava';
import fc from 'fast-check';
import { DesiredState } from '../../../controller/model/desired-state.ts';
import type { JsonObject, RevisionEntry } from '../../../controller/store/store.ts';

const CAUSE = { client: 'test', requestId: '', summary: '' };

function resource(ref: string, properties: JsonObject, more: JsonObject = {}): JsonObject {
  const resourceId = ref.split('/').at(-1) ?? '';
  return { resourceId, resourceRef: ref, instanceId: `ID-${ref}`, etag: '1', properties, ...more };
}

function vnet(name: string, subnets: readonly string[]): JsonObject {
  const ref = `/virtualNetworks/${name}`;
  return resource(ref, {
    logicalNetwork: { resourceRef: '/logicalNetworks/HNVPA' },
    subnets: subnets.map((subnet) => resource(`${ref}/subnets/${subnet}`, {})),
  });
}

function nic(name: string, subnetRef: string): JsonObject {
  const ref = `/networkInterfaces/${name}`;
  return resource(ref, {
    ipConfigurations: [
      resource(`${ref}/ipConfigurations/ip1`, { subnet: { resourceRef: subnetRef } }),
    ],
  });
}

function entry(revision: number, documents: Record<string, JsonObject | undefined>): RevisionEntry {
  const changes = Object.entries(documents).map(([key, after]) => ({
    key,
    before: undefined,
    after,
  }));
  return { revision, at: 0, cause: CAUSE, changes };
}

function sample(): DesiredState {
  const state = new DesiredState();
  state.apply(entry(1, { 'virtualnetworks/blue': vnet('Blue', ['web', 'db']) }));
  state.apply(entry(2, { 'networkinterfaces/n1': nic('n1', '/VIRTUALNETWORKS/blue/subnets/WEB') }));
  return state;
}

test('a child is found by its reference in any casing, and by its instanceId', (t) => {
  const state = sample();
  const web = state.byRef('/virtualnetworks/BLUE/subnets/web');
  t.is(web?.ref, '/virtualNetworks/Blue/subnets/web');
  t.is(web?.type, 'virtualnetworks/subnets');
  t.is(web?.treeKey, 'virtualnetworks/blue');
  t.is(web?.parent?.resourceId, 'Blue');
  t.is(state.byInstanceId('id-/virtualnetworks/blue/subnets/WEB'), web);
});

test('a reference is listed under its target with the innermost resource that made it', (t) => {
  const [reference, ...others] = sample().referrers('/virtualNetworks/blue/subnets/web');
  t.is(others.length, 0);
  t.is(reference?.from.ref, '/networkInterfaces/n1/ipConfigurations/ip1');
  t.is(reference?.property, 'subnet');
});

test('a reference to what does not exist is listed too', (t) => {
  t.is(sample().referrers('/logicalnetworks/hnvpa').size, 1);
});

test('a deleted tree leaves nothing behind', (t) => {
  const state = sample();
  state.apply(entry(3, { 'networkinterfaces/n1': undefined, 'virtualnetworks/blue': undefined }));
  t.is(state.byRef('/virtualNetworks/blue/subnets/web'), undefined);
  t.is(state.referrers('/virtualNetworks/blue/subnets/web').size, 0);
  t.is(state.list('virtualNetworks').size, 0);
  t.is(state.trees().size, 0);
  state.checkInvariants();
});

test('a tree remembers the revision that wrote it', (t) => {
  const state = sample();
  t.is(state.tree('virtualnetworks/blue')?.revision, 1);
  t.is(state.tree('networkinterfaces/n1')?.revision, 2);
  t.is(state.revision, 2);
});

test('a skipped revision is our own bug', (t) => {
  t.throws(() => sample().apply(entry(4, {})), { message: /without gaps/ });
});

test('a subscriber sees the state at exactly the entry it is told of', (t) => {
  const state = sample();
  const seen: [number, number][] = [];
  const stop = state.subscribe((applied) => seen.push([applied.revision, state.revision]));
  state.apply(entry(3, {}));
  stop();
  state.apply(entry(4, {}));
  t.deepEqual(seen, [[3, 3]]);
});

test('applying any sequence of changes equals building afresh', (t) => {
  const name = fc.constantFrom('a', 'b', 'c');
  const change = fc.oneof(
    fc.record({ key: name, subnets: fc.uniqueArray(name) }),
    fc.record({ key: name, subnet: name }),
    fc.record({ key: name, kind: fc.constantFrom('virtualnetworks', 'networkinterfaces') }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const state = new DesiredState();
      changes.forEach((each, index) => {
        const documents =
          'kind' in each
            ? { [`${each.kind}/${each.key}`]: undefined }
            : 'subnets' in each
              ? { [`virtualnetworks/${each.key}`]: vnet(each.key, each.subnets) }
              : {
                  [`networkinterfaces/${each.key}`]: nic(
                    each.key,
                    `/virtualNetworks/${each.key}/subnets/${each.subnet}`,
                  ),
                };
        state.apply(entry(index + 1, documents));
        state.checkInvariants();
      });
    }),
  );
  t.pass();
});
