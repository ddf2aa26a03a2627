/** Allocation tables follow desired state through any history, a swap in one revision included; drafts do not touch them. */
import test from 'ava';
import fc from 'fast-check';
import { Allocations } from '../../../../controller/allocation/allocations.ts';
import { addressSpaceOf, claimsOf, MAC_SPACE } from '../../../../controller/allocation/claims.ts';
import { DesiredState } from '../../../../controller/model/desired-state.ts';
import type { Change, JsonObject } from '../../../../controller/store/store.ts';

const SUBNET = '/virtualNetworks/v/subnets/s';
/** 10.0.0.4 as base/ip.ts counts. */
const TEN_4 = 0xffff_0a00_0004n;
const CAUSE = { client: 'test', requestId: '', summary: '' };

function nic(name: string, address: string, mac: string): JsonObject {
  const ref = `/networkInterfaces/${name}`;
  const configuration = {
    resourceId: 'c',
    resourceRef: `${ref}/ipConfigurations/c`,
    instanceId: `${name}-c`,
    properties: { subnet: { resourceRef: SUBNET }, privateIPAddress: address },
  };
  return {
    resourceId: name,
    resourceRef: ref,
    instanceId: name,
    properties: { privateMacAddress: mac, ipConfigurations: [configuration] },
  };
}

class World {
  readonly desired = new DesiredState();
  readonly allocations = new Allocations();

  write(...documents: readonly (readonly [name: string, after: JsonObject | undefined])[]): void {
    const changes: Change[] = documents.map(([name, after]) => {
      const key = `networkinterfaces/${name}`;
      return { key, before: this.desired.tree(key)?.root.body, after };
    });
    const revision = this.desired.revision + 1;
    this.desired.apply({ revision, at: 0, cause: CAUSE, changes });
    this.allocations.update(
      this.desired,
      changes.map(({ key }) => key),
    );
  }
}

test('one revision may swap the addresses of two interfaces', (t) => {
  const world = new World();
  world.write(
    ['a', nic('a', '10.0.0.4', '020000000001')],
    ['b', nic('b', '10.0.0.5', '020000000002')],
  );
  world.write(
    ['a', nic('a', '10.0.0.5', '020000000002')],
    ['b', nic('b', '10.0.0.4', '020000000001')],
  );
  const owner = world.allocations.table(addressSpaceOf(SUBNET)).ownerOf(TEN_4);
  t.is(owner, '/networkinterfaces/b/ipconfigurations/c');
});

test('tables kept in step equal tables built anew', (t) => {
  const step = fc.tuple(fc.nat(9), fc.option(fc.nat(30)));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (script) => {
      const world = new World();
      const held = new Map<number, number>();
      for (const [name, number] of script) {
        const isTaken =
          number !== null && [...held].some(([n, taken]) => n !== name && taken === number);
        if (isTaken) continue;
        if (number === null) held.delete(name);
        else held.set(name, number);
        const mac = `0200000000${(number ?? 0).toString(16).padStart(2, '0')}`;
        const document = number === null ? undefined : nic(`n${name}`, `10.0.0.${number}`, mac);
        world.write([`n${name}`, document]);
      }
      const fresh = new Allocations();
      fresh.rebuild(world.desired);
      for (const space of [MAC_SPACE, addressSpaceOf(SUBNET)]) {
        t.is(world.allocations.table(space).size, fresh.table(space).size);
        t.is(world.allocations.table(space).size, held.size);
      }
    }),
  );
  t.pass();
});

test('a draft takes what its own tree gives up, and leaves the tables alone', (t) => {
  const world = new World();
  world.write(['a', nic('a', '10.0.0.4', '020000000001')]);
  const space = addressSpaceOf(SUBNET);
  const [root] = [world.desired.byRef('/networkInterfaces/a')];
  const draft = world.allocations.draft(root === undefined ? [] : claimsOf(root));
  t.is(draft.take(space, TEN_4, 'x'), undefined);
  t.is(draft.take(space, TEN_4, 'y'), 'x');
  t.is(
    world.allocations.draft([]).take(space, TEN_4, 'y'),
    '/networkinterfaces/a/ipconfigurations/c',
  );
  t.is(world.allocations.table(space).size, 1);
});
