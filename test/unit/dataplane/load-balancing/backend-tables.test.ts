/** Tables of internal virtual addresses: made on the host's main thread, as a mux would make them, and handed to the thread that forwards. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import {
  BackendTables,
  type TableChange,
} from '../../../../dataplane/load-balancing/backend-tables.ts';
import { HealthState, type Resource } from '../../../../schema/southbound/messages.ts';
import { MuxGoal } from '../../../../slb/mux/agent/mux-goal.ts';
import { BLUE, type TenantRig, tenantRig } from '../switch/tenants.ts';
import {
  apply,
  backend,
  fromVm,
  health,
  INTERNAL,
  PUBLIC,
  pool,
  read,
  ruleOf,
  virtualIp,
} from './balanced.ts';

const BACKENDS = ['10.0.0.5', '10.0.0.6', '10.0.1.4'];
const OTHER = '10.0.0.101';
const { HEALTH_UP: UP, HEALTH_DOWN: DOWN, HEALTH_UNKNOWN: UNKNOWN } = HealthState;

function poolOf(addresses: readonly string[], id = 'pool'): Resource {
  return pool(
    addresses.map((own) => backend(own)),
    id,
  );
}

/** What the forwarding thread is to be handed, and how often other work of the main thread had its turn. */
function after(
  tables: BackendTables,
  upserts: readonly Resource[],
  removes: readonly string[] = [],
): { readonly change: TableChange; readonly pauses: number } {
  const steps = tables.after({ upserts, removes });
  let pauses = 0;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return { change: step.value, pauses };
    pauses += 1;
  }
}

function handed(
  tables: BackendTables,
  upserts: readonly Resource[],
  removes: readonly string[] = [],
): TableChange {
  const { change } = after(tables, upserts, removes);
  tables.handedOver(change);
  return change;
}

test('a host has the very table that a mux makes of the same backends', async (t) => {
  const backends = BACKENDS.map((own, at) => backend(own, { weight: at + 1 }));
  const { change } = await new MuxGoal().apply([virtualIp(PUBLIC), pool(backends)], []);
  const [own] = handed(new BackendTables(), [virtualIp(INTERNAL), pool([...backends].reverse())]);
  t.deepEqual(own?.table?.rows, change.groups[0]?.rows);
  t.true(own?.table?.rows.buffer instanceof SharedArrayBuffer, 'it is not copied');
});

test('one is made where an internal address chooses among several, and shared by pools that are the same', (t) => {
  const tables = new BackendTables();
  t.deepEqual(handed(tables, [virtualIp(PUBLIC), poolOf(BACKENDS)]), [], 'muxes choose');
  t.deepEqual(
    handed(tables, [virtualIp(INTERNAL), poolOf(['10.0.0.5'])]),
    [],
    'there is no choice',
  );
  const rules = [ruleOf(), ruleOf({ id: 'more', port: 81, poolId: 'more' })];
  const resources = [virtualIp(INTERNAL, rules), poolOf(BACKENDS), poolOf(BACKENDS, 'more')];
  const { change, pauses } = after(tables, resources);
  t.is(change.length, 2);
  t.is(change[0]?.table?.rows, change[1]?.table?.rows);
  t.is(pauses, 1, 'timers have their turn after each that is made');
  t.is(tables.made, 1);
  t.deepEqual(
    after(tables, []).change.map(({ poolId }) => poolId),
    ['pool', 'more'],
    'what has not arrived is handed over again',
  );
  tables.handedOver(change);
  t.deepEqual(after(tables, resources).change, []);
  t.is(tables.made, 1);
});

test('probes make a new one where they change who is chosen from, and not else', (t) => {
  const tables = new BackendTables();
  const [first = '', second = '', third = ''] = BACKENDS;
  const known = (states: Readonly<Record<string, HealthState>>) => handed(tables, [health(states)]);
  handed(tables, [virtualIp(INTERNAL, [ruleOf({ healthId: 'health' })]), poolOf(BACKENDS)]);
  t.is(tables.made, 0, 'nothing is known of them');
  t.is(known({ [first]: UP, [second]: UP }).length, 1);
  t.deepEqual(known({ [first]: UNKNOWN, [second]: UP, [third]: DOWN }), []);
  t.is(known({ [first]: UP, [second]: UP, [third]: UP }).length, 1);
  t.is(tables.made, 2);
  t.deepEqual(
    known({ [first]: UP, [second]: DOWN, [third]: DOWN }).map(({ table }) => table),
    [undefined],
  );
  t.is(tables.count, 0);
});

test('with its address a table goes', (t) => {
  const tables = new BackendTables();
  handed(tables, [virtualIp(INTERNAL), virtualIp(OTHER), poolOf(BACKENDS)]);
  t.deepEqual(handed(tables, [], [`vip/vip-${OTHER}`]), [], 'another one chooses by it');
  const gone = handed(tables, [], [`vip/vip-${INTERNAL}`]);
  t.deepEqual(gone, [{ poolId: 'pool', healthId: '', table: undefined }]);
  t.is(tables.count, 0);
  t.is(handed(tables, [virtualIp(INTERNAL)]).length, 1, 'the pool is still there');
  t.is(handed(tables, [], ['pool/pool']).length, 1);
  t.is(tables.count, 0);
});

function sends(net: TenantRig, dst: string) {
  const frame = fromVm({ src: '10.0.0.4', srcPort: 40_000, dst, dstPort: 80 });
  return net.pass(net.device(BLUE, '10.0.0.4'), [frame]);
}

test('the thread that forwards makes none: an address without its table is not served, and says so', (t) => {
  const net = tenantRig({ tablesMax: 1 });
  const goal = [
    virtualIp(INTERNAL),
    virtualIp(OTHER, [ruleOf({ poolId: 'more' })]),
    ...[poolOf(BACKENDS), poolOf(BACKENDS.slice(1), 'more')],
  ];
  const errors = net.core.applyGoal({ upserts: goal, removes: [] });
  t.deepEqual(
    errors.map(({ key }) => key),
    [`vip/vip-${OTHER}`],
  );
  t.regex(errors[0]?.message ?? '', /no room for the table/);
  t.is(sends(net, INTERNAL).length, 1);
  t.deepEqual(sends(net, OTHER), []);
  t.deepEqual(net.drops(), { PolicyPending: 1 });
  // What has made room lets it in with the same change.
  t.deepEqual(net.core.applyGoal({ upserts: [], removes: [`vip/vip-${INTERNAL}`] }), []);
  const [made] = sends(net, OTHER);
  t.true(BACKENDS.slice(1).includes(read(defined(made, 'a frame')).dst));
});

test('a change that its tables accompany is in force at once', (t) => {
  const net = tenantRig();
  apply(net, [virtualIp(INTERNAL), poolOf(BACKENDS)]);
  for (const left of BACKENDS) {
    const others = BACKENDS.filter((own) => own !== left);
    apply(net, [poolOf(others)]);
    t.true(others.includes(read(defined(sends(net, INTERNAL)[0], 'a frame')).dst));
  }
  t.deepEqual(net.drops(), {});
});
