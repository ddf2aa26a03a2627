/** Leases of ports for outbound connections: who has them, who is told, and that nobody loses them for a restart. */
import test from 'ava';
import { Registry } from 'prom-client';
import { ManualClock } from '../../../../base/clock.ts';
import { SNAT_REST } from '../../../../controller/allocation/limits.ts';
import { Compiler, type CompilerInput } from '../../../../controller/compiler/compiler.ts';
import { SNAT_DELAY } from '../../../../controller/southbound/limits.ts';
import { southboundMetrics } from '../../../../controller/southbound/metrics.ts';
import { SnatLeases } from '../../../../controller/southbound/snat-leases.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import type { SnatLease } from '../../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';
import { publicIpAddressDocument } from '../../../fixtures/edge-documents.ts';
import {
  type LoadBalancerSample,
  loadBalancerDocument,
  loadBalancerMuxDocument,
} from '../../../fixtures/load-balancer-documents.ts';

type Documents = Readonly<Record<string, JsonObject | undefined>>;

const POOL = '/loadBalancers/web/backendAddressPools/all';

function balancer(changes: Partial<LoadBalancerSample> = {}): JsonObject {
  return loadBalancerDocument({
    id: 'web',
    frontends: [{ id: 'vip', publicAddress: '/publicIPAddresses/a' }],
    pools: ['all'],
    outbound: [{ id: 'out', frontends: ['vip'], pool: 'all' }],
    ...changes,
  });
}

function nic(at: number, publicAddress?: string): JsonObject {
  const subnet = '/virtualNetworks/blue/subnets/web';
  return networkInterfaceDocument({
    id: `n${at}`,
    mac: `001DD80000${(16 + at).toString(16).toUpperCase()}`,
    addresses: [
      {
        subnet,
        address: `10.0.0.${3 + at}`,
        pools: [POOL],
        ...(publicAddress !== undefined && { publicAddress }),
      },
    ],
  });
}

const BASE: Documents = {
  'logicalnetworks/hnvpa': logicalNetworkDocument(),
  'servers/h1': serverDocument({ id: 'h1', providerAddress: '192.0.2.11' }),
  'servers/h2': serverDocument({ id: 'h2', providerAddress: '192.0.2.12' }),
  'virtualnetworks/blue': virtualNetworkDocument({
    id: 'blue',
    subnets: [{ id: 'web', prefix: '10.0.0.0/24', vni: 5000 }],
  }),
  'publicipaddresses/a': publicIpAddressDocument('a', '203.0.113.9'),
  'publicipaddresses/b': publicIpAddressDocument('b', '203.0.113.10'),
  'loadbalancermuxes/m1': loadBalancerMuxDocument({
    id: 'm1',
    providerAddress: '192.0.2.30',
    peers: ['192.0.2.20'],
  }),
};
const TWO: Documents = { 'networkinterfaces/n1': nic(1), 'networkinterfaces/n2': nic(2) };

function leasing(store: Map<string, JsonObject> = new Map(), clock = new ManualClock()) {
  const compiler = new Compiler();
  const registry = new Registry();
  let revision = 0;
  let decided = 0;
  const compile = (input: Partial<CompilerInput>) => {
    const changes = compiler.apply({
      revision: ++revision,
      documents: [],
      placements: [],
      ...input,
    });
    compiler.checkInvariants();
    return changes;
  };
  const keeper = new SnatLeases({
    model: compiler.model,
    clock,
    metrics: southboundMetrics(registry),
    lease: (leases) => {
      decided += 1;
      compile({ leases });
    },
    observe: (key, value) => {
      if (value === undefined) store.delete(key);
      else store.set(key, structuredClone(value));
    },
  });
  const documentsOf = (documents: Documents) =>
    Object.entries(documents).map(([key, value]) => ({ key, value }));
  const apply = (documents: Documents, placements: CompilerInput['placements'] = []) => {
    const input = { documents: documentsOf(documents), placements };
    keeper.note(input);
    compile(input);
    keeper.note(input);
    clock.advance(SNAT_DELAY);
  };
  /** As a controller starts: what the store remembers first. */
  const start = (documents: Documents, placements: CompilerInput['placements']) => {
    const leases = [...store].flatMap(
      ([key, value]) => keeper.load(key.slice('snat/'.length), value) ?? [],
    );
    compile({ documents: documentsOf(documents), placements, leases });
    keeper.loaded();
  };
  const told = (target: string): Readonly<Record<string, SnatLease>> =>
    Object.fromEntries(
      [...(compiler.slice(target)?.resources ?? [])].flatMap(([key, { bytes }]) => {
        const { snatLease } = resourceCodec.decode(bytes);
        return snatLease === undefined ? [] : [[key, snatLease]];
      }),
    );
  const metric = async (name: string) =>
    Number((await registry.getSingleMetricAsString(name)).split(' ').at(-1));
  return {
    compiler,
    keeper,
    clock,
    store,
    apply,
    start,
    told,
    metric,
    decidedCount: () => decided,
  };
}

const PLACED = [
  { interfaceInstanceId: 'nic-n1', serverId: 'h1' },
  { interfaceInstanceId: 'nic-n2', serverId: 'h2' },
];
const bytes = (text: string) => Uint8Array.from(text.split('.').map(Number));
const [KEY1, KEY2] = ['snat/lb-web-vip/10.0.0.4', 'snat/lb-web-vip/10.0.0.5'];

test('muxes hold the leases of all backends, a host those of its own', (t) => {
  const { apply, told } = leasing();
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer() }, PLACED);
  t.deepEqual(Object.keys(told('mux/m1')).sort(), [KEY1, KEY2]);
  t.deepEqual(Object.keys(told('host/h1')), [KEY1]);
  t.deepEqual(Object.keys(told('host/h2')), [KEY2]);
  t.like(told('mux/m1')[KEY2], {
    vipId: 'lb-web-vip',
    resourceRef: '/loadBalancers/web/outboundNatRules/out',
    publicAddress: bytes('203.0.113.9'),
    vnetId: 'vnet-blue',
    address: bytes('10.0.0.5'),
    vni: 5000,
    providerAddress: bytes('192.0.2.12'),
    portId: 'nic-n2',
    protocol: 0,
    ports: [{ from: 2048, to: 3071 }],
    idleTimeoutSec: 240,
    tcpReset: true,
  });
});

test('a backend that moves keeps its ports; one that is attached nowhere too, and nobody is told', (t) => {
  const { apply, told } = leasing();
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer() }, PLACED);
  const { ports } = told('host/h1')[KEY1] ?? {};
  apply({}, [{ interfaceInstanceId: 'nic-n1', serverId: undefined }]);
  t.deepEqual(Object.keys(told('mux/m1')), [KEY2]);
  apply({}, [{ interfaceInstanceId: 'nic-n1', serverId: 'h2' }]);
  t.deepEqual(told('host/h2')[KEY1]?.ports, ports);
  t.deepEqual(told('mux/m1')[KEY1]?.providerAddress, bytes('192.0.2.12'));
  t.deepEqual(told('host/h1'), {});
});

test('an interface with a public address of its own has no lease', (t) => {
  const { apply, told } = leasing();
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer() }, PLACED);
  apply({ 'networkinterfaces/n1': nic(1, '/publicIPAddresses/b') });
  t.deepEqual(Object.keys(told('mux/m1')), [KEY2]);
  apply({ 'networkinterfaces/n1': nic(1) });
  t.deepEqual(told('mux/m1')[KEY1]?.ports, [{ from: 1024, to: 2047 }], 'the same as before');
});

test('by default the backends of a rule go out by its frontend; an outboundNatRule of their pool decides instead', (t) => {
  const { apply, told } = leasing();
  const rules = [{ id: 'http', frontends: ['vip'], pool: 'all', port: 1030 }];
  const frontends = [
    { id: 'vip', publicAddress: '/publicIPAddresses/a' },
    { id: 'other', publicAddress: '/publicIPAddresses/b' },
  ];
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer({ rules, outbound: [] }) }, PLACED);
  const lease = told('mux/m1')[KEY1];
  t.is(lease?.resourceRef, '/loadBalancers/web/loadBalancingRules/http');
  t.is(lease?.protocol, 0);
  t.deepEqual(lease?.ports, [{ from: 1032, to: 2055 }], 'not the rule’s own block');
  const outbound = [{ id: 'out', frontends: ['other'], pool: 'all', protocol: 'Tcp' }];
  apply({ 'loadbalancers/web': balancer({ rules, outbound, frontends }) });
  t.deepEqual(Object.keys(told('mux/m1')).sort(), [
    'snat/lb-web-other/10.0.0.4',
    'snat/lb-web-other/10.0.0.5',
  ]);
  t.is(told('mux/m1')['snat/lb-web-other/10.0.0.4']?.protocol, 6);
});

test('several frontends: a backend has ports of each', (t) => {
  const { apply, told } = leasing();
  const frontends = [
    { id: 'vip', publicAddress: '/publicIPAddresses/a' },
    { id: 'other', publicAddress: '/publicIPAddresses/b' },
  ];
  const outbound = [{ id: 'out', frontends: ['vip', 'other'], pool: 'all' }];
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer({ frontends, outbound }) }, PLACED);
  t.deepEqual(Object.keys(told('host/h1')).sort(), ['snat/lb-web-other/10.0.0.4', KEY1]);
});

test('a controller that starts again leases the same, and what rests goes on resting', (t) => {
  const first = leasing();
  const documents = { ...BASE, ...TWO, 'loadbalancers/web': balancer() };
  first.apply(documents, PLACED);
  first.apply({ 'networkinterfaces/n1': undefined });
  const left = { ...BASE, 'networkinterfaces/n2': nic(2), 'loadbalancers/web': balancer() };
  const clock = new ManualClock(first.clock.wallNow());
  const second = leasing(structuredClone(first.store), clock);
  second.start(left, PLACED);
  t.deepEqual(second.told('mux/m1'), first.told('mux/m1'));
  t.is(second.decidedCount(), 0, 'there is nothing to decide');
  second.apply({ 'networkinterfaces/n3': nic(3) }, [
    { interfaceInstanceId: 'nic-n3', serverId: 'h1' },
  ]);
  t.deepEqual(second.told('host/h1')['snat/lb-web-vip/10.0.0.6']?.ports, [
    { from: 3072, to: 4095 },
  ]);
  t.regex(JSON.stringify(second.store.get('snat/lb-web-vip')), /nic-n1/);
  clock.advance(SNAT_REST);
  t.notRegex(JSON.stringify(second.store.get('snat/lb-web-vip')), /nic-n1/);
});

test('what the store remembers of load balancers that are gone is forgotten', (t) => {
  const first = leasing();
  first.apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer() }, PLACED);
  const second = leasing(first.store);
  second.start(BASE, PLACED);
  t.deepEqual([...second.store], []);
  t.deepEqual(second.told('mux/m1'), {});
});

test('where rules take the ports, backends lack them, and it is told', async (t) => {
  const { apply, keeper, told, metric } = leasing();
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer() }, PLACED);
  t.deepEqual(keeper.shortagesOf('lb-web-vip'), []);
  t.is(await metric('weft_snat_ports_leased'), 2048);
  const rules = [{ id: 'ha', frontends: ['vip'], pool: 'all', protocol: 'All', port: 0 }];
  apply({ 'loadbalancers/web': balancer({ rules }) });
  t.deepEqual(keeper.shortagesOf('lb-web-vip'), [
    { ruleId: 'lb-web-out', backends: 2, portsLacking: 2048 },
  ]);
  t.is(await metric('weft_snat_ports_lacking'), 2048);
  t.deepEqual(told('mux/m1'), {});
  apply({ 'loadbalancers/web': balancer() });
  t.deepEqual(keeper.shortagesOf('lb-web-vip'), []);
});

test('a load balancer that goes takes its leases with it; incremental equals recompute', (t) => {
  const { apply, compiler, told, store } = leasing();
  apply({ ...BASE, ...TWO, 'loadbalancers/web': balancer() }, PLACED);
  t.is(compiler.recompute().size, 0);
  apply({ 'publicipaddresses/a': publicIpAddressDocument('a', '203.0.113.77') });
  t.deepEqual(told('host/h1')[KEY1]?.publicAddress, bytes('203.0.113.77'));
  apply({ 'servers/h1': serverDocument({ id: 'h1', providerAddress: '192.0.2.99' }) });
  t.deepEqual(told('mux/m1')[KEY1]?.providerAddress, bytes('192.0.2.99'));
  t.is(compiler.recompute().size, 0);
  apply({ 'loadbalancers/web': undefined });
  t.deepEqual(told('mux/m1'), {});
  t.deepEqual(told('host/h1'), {});
  t.deepEqual([...store], []);
  t.is(compiler.recompute().size, 0);
});
