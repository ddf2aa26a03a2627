/** The question `virtualAddresses`: internal addresses with their backends, parts of new flows, and flows that VMs here have begun. */
import test from 'ava';
import { Flag } from '../../../../packet/tcp.ts';
import { mismatch } from '../../../../schema/southbound/diagnostics/methods.ts';
import { VirtualAddressesAnswer } from '../../../../schema/southbound/diagnostics/slb.ts';
import { HealthState } from '../../../../schema/southbound/messages.ts';
import {
  apply,
  backend,
  fromVm,
  health,
  INTERNAL,
  PUBLIC,
  pool,
  ruleOf,
  virtualIp,
} from '../load-balancing/balanced.ts';
import { BLUE, HOST_ADDRESS, PEER_ADDRESS, type TenantRig, tenantRig } from '../switch/tenants.ts';

const CLIENT = '10.0.0.4';
const HERE = '10.0.0.5';
const THERE = '10.0.0.6';
const { HEALTH_UP: UP, HEALTH_DOWN: DOWN } = HealthState;

function world(states: Readonly<Record<string, HealthState>>, floatingIp = false): TenantRig {
  const net = tenantRig();
  const rules = [ruleOf({ healthId: 'health', floatingIp, backendPort: floatingIp ? 80 : 8080 })];
  apply(net, [
    health(states),
    virtualIp(INTERNAL, rules),
    virtualIp(PUBLIC),
    pool([backend(HERE, { weight: 30 }), backend(THERE, { weight: 10 })]),
  ]);
  return net;
}

function calls(net: TenantRig, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const ends = { src: CLIENT, srcPort: 40_000 + index, dst: INTERNAL, dstPort: 80 };
    net.pass(net.device(BLUE, CLIENT), [fromVm(ends), fromVm(ends, Flag.ACK)]);
  }
}

function ask(net: TenantRig) {
  const told = net.core.answer('virtualAddresses', { address: INTERNAL });
  return { told, own: told.addresses[0], backends: told.addresses[0]?.rules[0]?.backends ?? [] };
}

test('backends with health, weight and host; flows by backend, of VMs here', (t) => {
  const net = world({ [HERE]: UP, [THERE]: UP });
  calls(net, 20);
  const { told, own, backends } = ask(net);
  t.is(mismatch(VirtualAddressesAnswer, told), undefined);
  t.like(told, { total: 1, isPartial: false });
  t.like(own, { address: INTERNAL, vipId: `vip-${INTERNAL}`, flows: 20, opened: 20, unserved: 0 });
  t.like(own?.rules[0], {
    ...{ protocol: 'tcp', port: 80, distribution: 'Default', probeId: 'health' },
  });
  const [here, there] = backends;
  t.like(here, { address: HERE, host: HOST_ADDRESS, health: 'up', weight: 30, share: 0.75 });
  t.like(there, { address: THERE, host: PEER_ADDRESS, draining: false, share: 0.25 });
  t.is((here?.flows ?? 0) + (there?.flows ?? 0), 20);
  t.true((here?.flows ?? 0) > (there?.flows ?? 0));
  t.is((here?.packets ?? 0) + (there?.packets ?? 0), 40);
});

test('nobody is up: what finds no backend is counted; flows that have one stay', (t) => {
  const net = world({ [HERE]: UP });
  calls(net, 3);
  t.is(ask(net).backends[1]?.health, 'unknown');
  apply(net, [health({ [HERE]: DOWN, [THERE]: DOWN })]);
  const ends = { src: CLIENT, srcPort: 50_000, dst: INTERNAL, dstPort: 80 };
  net.pass(net.device(BLUE, CLIENT), [fromVm(ends)]);
  const { own, backends } = ask(net);
  t.like(own, { flows: 3, opened: 3, unserved: 1 });
  t.deepEqual(
    backends.map(({ share, health: state }) => [state, share]),
    [
      ['down', 0],
      ['down', 0],
    ],
  );
});

test('a floating address: the backend is known by where its packets go', (t) => {
  const net = world({ [HERE]: DOWN, [THERE]: UP }, true);
  calls(net, 2);
  t.deepEqual(
    ask(net).backends.map(({ flows }) => flows),
    [0, 2],
  );
});

test('a flow that is decided again is not another one', (t) => {
  const net = world({ [HERE]: UP, [THERE]: UP });
  calls(net, 4);
  apply(net, [health({ [HERE]: UP, [THERE]: DOWN })]);
  for (let index = 0; index < 4; index += 1) {
    const ends = { src: CLIENT, srcPort: 40_000 + index, dst: INTERNAL, dstPort: 80 };
    net.pass(net.device(BLUE, CLIENT), [fromVm(ends, Flag.ACK)]);
  }
  t.like(ask(net).own, { flows: 4, opened: 4 });
});

test('what is no address is refused', (t) => {
  const net = world({ [HERE]: UP });
  t.throws(() => net.core.answer('virtualAddresses', { address: 'nowhere' }), {
    message: /'nowhere' is no address/,
  });
});
