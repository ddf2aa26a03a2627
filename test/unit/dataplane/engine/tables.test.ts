/** The engine's smaller tables when they grow: epoch cells, groups by prefix and by number, hash chains of transpositions. */
import test from 'ava';
import { ipv4Words } from '../../../../base/ip-words.ts';
import { CELLS_MAX, Epochs } from '../../../../dataplane/engine/epochs.ts';
import {
  branchGroup,
  type Group,
  orderedGroup,
  prefixGroup,
} from '../../../../dataplane/engine/group.ts';
import { newComposition } from '../../../../dataplane/engine/header-action.ts';
import { newPacket } from '../../../../dataplane/engine/packet.ts';
import { describePredicate } from '../../../../dataplane/engine/predicate.ts';
import { ALLOW, type Rule } from '../../../../dataplane/engine/rule.ts';
import { Transpositions } from '../../../../dataplane/engine/transposition.ts';

function rule(id: string): Rule {
  return { id, resourceRef: '', priority: 0, predicates: [], action: ALLOW };
}

function sum(epochs: Epochs, ...cells: readonly number[]): number {
  return epochs.sum(
    Uint32Array.from({ length: CELLS_MAX }, (_, at) => cells[at] ?? 0),
    0,
  );
}

test('epochs: thousands of cells, each its own, values kept when the table grows', (t) => {
  const epochs = new Epochs();
  const first = epochs.allocate();
  epochs.bump(first);
  const before = sum(epochs, first);
  const cells = Array.from({ length: 5000 }, () => epochs.allocate());
  t.is(new Set(cells).size, cells.length);
  t.is(sum(epochs, first), before);
  for (const cell of cells) epochs.bump(cell);
  t.is(sum(epochs, first), before);
});

test('epochs: any sequence of bumps makes the sum of a flow’s cells differ from what it was', (t) => {
  const epochs = new Epochs();
  const cells = Array.from({ length: CELLS_MAX }, () => epochs.allocate());
  const seen = new Set([sum(epochs, ...cells)]);
  for (const cell of [...cells, ...cells.reverse()]) {
    epochs.bump(cell);
    t.false(seen.has(sum(epochs, ...cells)));
    seen.add(sum(epochs, ...cells));
  }
});

test('prefix group: thousands of host rules, found, replaced, removed, their places used again', (t) => {
  const group = prefixGroup('g', 'nextHop', rule('none'));
  const packet = newPacket();
  const found = (address: number) => {
    packet.nextHop = ipv4Words(address);
    return group.find(packet).id;
  };
  const set = (address: number, id: string) =>
    group.set({ words: ipv4Words(address), len: 128 }, rule(id));
  for (let n = 0; n < 3000; n += 1) set(n * 7, `${n}`);
  t.is(group.size, 3000);
  for (let n = 0; n < 3000; n += 1) t.is(found(n * 7), `${n}`);
  t.is(found(1), 'none');
  set(7, 'new');
  t.is(found(7), 'new');
  for (let n = 0; n < 3000; n += 2) group.remove({ words: ipv4Words(n * 7), len: 128 });
  group.remove({ words: ipv4Words(1), len: 128 });
  t.is(found(0), 'none');
  set(0, 'again');
  t.is(found(0), 'again');
  t.is(group.size, 1501);
  t.true(group.hasRuleFor(...ipv4Words(0)));
  t.false(group.hasRuleFor(...ipv4Words(14)));
  t.is(group.rules().length, 1502, 'and the default');
});

test('branch group: by number, to the group that is there at the time of asking', (t) => {
  const branches = new Map<number, Group>();
  const group = branchGroup('g', 'vni', branches, rule('unknown'));
  const packet = newPacket();
  packet.vni = 7;
  t.is(group.find(packet).id, 'unknown');
  branches.set(7, orderedGroup('seven', [], rule('seven')));
  t.is(group.find(packet).id, 'seven');
  t.deepEqual(
    group.rules().map(({ id }) => id),
    ['seven', 'unknown'],
  );
});

test('transpositions: thousands, released in any order, and every one is still itself', (t) => {
  const table = new Transpositions(2000);
  const make = (n: number) => table.intern({ ...newComposition(), port: n, vni: n % 3 });
  const ids = Array.from({ length: 2000 }, (_, n) => make(n));
  t.is(new Set(ids).size, 2000);
  for (const [n, id] of ids.entries()) if (n % 3 !== 0) table.release(id);
  for (const [n, id] of ids.entries()) {
    if (n % 3 !== 0) continue;
    t.is(table.port(id), n);
    t.is(make(n), id);
    table.release(id);
  }
  table.checkInvariants(667);
});

test('conditions read as people would say them', (t) => {
  const words = ipv4Words(0x0a00_0000);
  t.is(
    describePredicate({ field: 'dstAddress', in: { words, len: 104 } }),
    'dstAddress 10.0.0.0/8',
  );
  t.is(describePredicate({ field: 'etherType', from: 0x800, to: 0x800 }), 'etherType 0x0800');
  t.is(describePredicate({ field: 'dstPort', from: 80, to: 90 }), 'dstPort 80–90');
  t.is(describePredicate({ field: 'srcMac', is: 0x0200_0000_000a }), 'srcMac 02:00:00:00:00:0a');
  t.is(describePredicate({ field: 'tagged', holds: false }), 'not tagged');
});
