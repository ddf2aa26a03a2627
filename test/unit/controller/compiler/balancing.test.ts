/** Goal states of load balancing: what muxes, hosts and edges are told, and how little a change sends. */
import test from 'ava';
import { VIRTUAL_ROUTER_MAC } from '../../../../base/mac.ts';
import { admissionId } from '../../../../controller/compiler/balancing.ts';
import { Compiler, type CompilerInput } from '../../../../controller/compiler/compiler.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import { HealthState, LoadDistribution } from '../../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';
import { edgeRouterDocument, publicIpAddressDocument } from '../../../fixtures/edge-documents.ts';
import {
  backendSettingsDocument,
  loadBalancerDocument,
  loadBalancerMuxDocument,
  type RuleSample,
} from '../../../fixtures/load-balancer-documents.ts';

const POOL = '/loadBalancers/web/backendAddressPools/all';
const INNER_POOL = '/loadBalancers/inner/backendAddressPools/all';
const SSH = '/loadBalancers/web/inboundNatRules/ssh';

function nic(id: string, address: string, links: { pools?: string[]; natRules?: string[] } = {}) {
  const subnet = '/virtualNetworks/blue/subnets/web';
  return networkInterfaceDocument({
    id,
    mac: `001DD800000${id.slice(1)}`,
    addresses: [{ subnet, address, ...links }],
  });
}

const web = (rules = WEB_RULES) =>
  loadBalancerDocument({
    id: 'web',
    frontends: [{ id: 'vip', publicAddress: '/publicIPAddresses/a' }],
    pools: ['all'],
    probes: { alive: 80 },
    rules,
  });
const WEB_RULES: readonly RuleSample[] = [
  { id: 'http', frontends: ['vip'], pool: 'all', probe: 'alive', port: 80, backendPort: 8080 },
  { id: 'ssh', frontends: ['vip'], port: 2222, backendPort: 22, idleMinutes: 30 },
];

function network(id: string, vni: number, peer: string): JsonObject {
  return virtualNetworkDocument({
    id,
    subnets: [{ id: 'web', prefix: '10.0.0.0/24', vni }],
    peerings: [{ id: peer, remote: `/virtualNetworks/${peer}`, remoteInstanceId: `vnet-${peer}` }],
  });
}

/** n1 and n2, backends, on h1 and h2; n3, of a network peered with theirs, on h3; n4, of a stranger's, on h4. */
function compiled() {
  const compiler = new Compiler();
  let revision = 0;
  const apply = (
    documents: Readonly<Record<string, JsonObject | undefined>>,
    rest: Partial<CompilerInput> = {},
  ) => {
    const changes = compiler.apply({
      revision: ++revision,
      documents: Object.entries(documents).map(([key, value]) => ({ key, value })),
      placements: [],
      ...rest,
    });
    compiler.checkInvariants();
    return Object.fromEntries([...changes].map(([target, keys]) => [target, [...keys.keys()]]));
  };
  const placements = ['1', '2', '3', '4'].map((at) => ({
    interfaceInstanceId: `nic-n${at}`,
    serverId: `h${at}`,
  }));
  apply(
    {
      'logicalnetworks/hnvpa': logicalNetworkDocument(),
      ...Object.fromEntries(
        ['1', '2', '3', '4'].map((at) => [
          `servers/h${at}`,
          serverDocument({ id: `h${at}`, providerAddress: `192.0.2.1${at}` }),
        ]),
      ),
      'virtualnetworks/blue': network('blue', 5000, 'red'),
      'virtualnetworks/red': network('red', 5001, 'blue'),
      'virtualnetworks/green': network('green', 5002, 'nobody'),
      'networkinterfaces/n1': nic('n1', '10.0.0.4', { pools: [POOL, INNER_POOL] }),
      'networkinterfaces/n2': nic('n2', '10.0.0.5', { pools: [POOL], natRules: [SSH] }),
      'networkinterfaces/n3': networkInterfaceDocument({
        id: 'n3',
        mac: '001DD8000003',
        addresses: [{ subnet: '/virtualNetworks/red/subnets/web', address: '10.0.0.6' }],
      }),
      'networkinterfaces/n4': networkInterfaceDocument({
        id: 'n4',
        mac: '001DD8000004',
        addresses: [{ subnet: '/virtualNetworks/green/subnets/web', address: '10.0.0.7' }],
      }),
      'publicipaddresses/a': publicIpAddressDocument('a', '203.0.113.9'),
      'edgerouters/edge': edgeRouterDocument({ id: 'edge', providerAddress: '192.0.2.20' }),
      'loadbalancermuxes/m1': loadBalancerMuxDocument({
        id: 'm1',
        providerAddress: '192.0.2.30',
        peers: ['192.0.2.20'],
      }),
      'loadbalancers/web': web(),
      'loadbalancers/inner': loadBalancerDocument({
        id: 'inner',
        frontends: [
          { id: 'vip', subnet: '/virtualNetworks/blue/subnets/web', address: '10.0.0.100' },
        ],
        pools: ['all'],
        rules: [
          { id: 'ha', frontends: ['vip'], pool: 'all', protocol: 'All', port: 0, floatingIp: true },
        ],
      }),
    },
    { placements, announcements: [{ vipId: admissionId('m1'), announced: true }] },
  );
  const told = (target: string) =>
    new Map(
      [...(compiler.slice(target)?.resources ?? [])].map(([key, { bytes }]) => [
        key,
        resourceCodec.decode(bytes),
      ]),
    );
  const keys = (target: string) =>
    [...told(target).keys()].filter((key) => /^(vip|pool|health|announcement)\//.test(key)).sort();
  return { apply, told, keys, compiler };
}

const bytes = (text: string) => Uint8Array.from(text.split('.').map(Number));
const PUBLIC_KEYS = ['health/lb-web-alive', 'pool/lb-web-all', 'pool/lb-web-ssh', 'vip/lb-web-vip'];
const INNER_KEYS = ['pool/lb-inner-all', 'vip/lb-inner-vip'];

test('a mux knows the provider network, its BGP, and every public load balancer', (t) => {
  const { told, keys } = compiled();
  const mux = told('mux/m1');
  t.deepEqual(keys('mux/m1'), PUBLIC_KEYS);
  t.deepEqual(mux.get('mux')?.mux, {
    providerAddress: bytes('192.0.2.30'),
    providerPrefixLen: 24,
    providerGateway: bytes('192.0.2.1'),
    vxlanPort: 4789,
    providerMtu: 1500,
    mac: VIRTUAL_ROUTER_MAC,
  });
  const router = mux.get('bgprouter/mux-m1')?.bgpRouter;
  t.is(router?.asNumber, 64650);
  t.deepEqual(router?.routerId, bytes('192.0.2.30'));
  const peer = mux.get('bgppeer/mux-m1.192.0.2.20')?.bgpPeer;
  t.is(peer?.asNumber, 64600);
  t.is(peer?.bfd, true);
  t.is(peer?.acceptAllOut, true);
  t.is(peer?.acceptAllIn, false, 'it needs no routes');
});

test('a frontend has its rules, those of inboundNatRules with a pool of their own', (t) => {
  const { told } = compiled();
  const vip = told('mux/m1').get('vip/lb-web-vip')?.virtualIp;
  t.deepEqual(vip?.address, bytes('203.0.113.9'));
  t.is(vip?.vnetId, 'vnet-blue');
  t.is(vip?.internal, false);
  const [http, ssh] = vip?.rules ?? [];
  t.like(http, {
    protocol: 6,
    port: 80,
    backendPort: 8080,
    poolId: 'lb-web-all',
    healthId: 'lb-web-alive',
    distribution: LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE,
    idleTimeoutSec: 240,
  });
  t.like(ssh, { port: 2222, backendPort: 22, poolId: 'lb-web-ssh', healthId: '' });
  t.is(ssh?.idleTimeoutSec, 1_800);
  const pool = told('mux/m1').get('pool/lb-web-all')?.backendPool;
  t.deepEqual(
    pool?.backends.map(({ address, providerAddress, vni }) => [address, providerAddress, vni]),
    [
      [bytes('10.0.0.4'), bytes('192.0.2.11'), 5000],
      [bytes('10.0.0.5'), bytes('192.0.2.12'), 5000],
    ],
  );
  const nat = told('mux/m1').get('pool/lb-web-ssh')?.backendPool;
  t.deepEqual(
    nat?.backends.map(({ address }) => address),
    [bytes('10.0.0.5')],
  );
});

test('who is told: public ones the hosts of backends, internal ones whoever may talk to them', (t) => {
  const { keys, told } = compiled();
  t.deepEqual(keys('host/h1'), [...PUBLIC_KEYS, ...INNER_KEYS].sort());
  t.deepEqual(keys('host/h3'), INNER_KEYS, 'a peered network');
  t.deepEqual(keys('host/h4'), []);
  t.deepEqual(keys('edge/edge'), ['vip/lb-web-vip']);
  t.false(told('edge/edge').has('publicip/public-a'), 'the muxes announce it');
  t.true(told('edge/edge').has('subnet/subnet-blue-web'), 'where the answers come from');
  t.is(told('host/h1').get('vip/lb-inner-vip')?.virtualIp?.subnetId, 'subnet-blue-web');
  t.like(told('host/h3').get('vip/lb-inner-vip')?.virtualIp?.rules[0], { protocol: 0, port: 0 });
  t.deepEqual(told('host/h4').get('host')?.host?.muxes, [
    { providerAddress: bytes('192.0.2.30'), resourceRef: '/loadBalancerMuxes/m1' },
  ]);
});

test('a host probes the backends on it alone', (t) => {
  const { told } = compiled();
  const probe = told('host/h2').get('healthprobe/lb-web-alive')?.healthProbe;
  t.like(probe, { port: 80, intervalSec: 5, failuresMax: 2 });
  t.deepEqual(probe?.backends, [{ portId: 'nic-n2', address: bytes('10.0.0.5') }]);
  t.false(told('host/h3').has('healthprobe/lb-web-alive'));
  t.false(told('mux/m1').has('healthprobe/lb-web-alive'));
});

test('what a probe says changes one resource on muxes and hosts of backends', (t) => {
  const { apply, told } = compiled();
  const state = HealthState.HEALTH_DOWN;
  const changes = apply({}, { health: [{ probeId: 'lb-web-alive', address: '10.0.0.5', state }] });
  t.deepEqual(changes, {
    'mux/m1': ['health/lb-web-alive'],
    'host/h1': ['health/lb-web-alive'],
    'host/h2': ['health/lb-web-alive'],
  });
  t.deepEqual(told('mux/m1').get('health/lb-web-alive')?.backendHealth?.states, [
    { address: bytes('10.0.0.5'), state },
  ]);
});

test('a backend that is moved is the pool’s change, and that of hosts it leaves and joins', (t) => {
  const { apply, told, keys } = compiled();
  const placements = [{ interfaceInstanceId: 'nic-n2', serverId: 'h4' }];
  const changes = apply({}, { placements });
  t.deepEqual(changes['mux/m1'], ['pool/lb-web-all', 'pool/lb-web-ssh']);
  t.deepEqual(keys('host/h2'), []);
  t.true(keys('host/h4').includes('vip/lb-web-vip'));
  t.true(told('host/h4').has('healthprobe/lb-web-alive'));
  const unplaced = { interfaceInstanceId: 'nic-n2', serverId: undefined };
  apply({}, { placements: [unplaced] });
  const backend = told('mux/m1').get('pool/lb-web-all')?.backendPool?.backends[1];
  t.is(backend?.providerAddress.length, 0, 'it is a member still, and not to be chosen');
});

test('an administrator drains a backend, or weighs it, in one pool or in all', (t) => {
  const { apply, told } = compiled();
  const ipConfiguration = '/networkInterfaces/n2/ipConfigurations/ip0';
  const backend = (pool: string) =>
    told('mux/m1')
      .get(pool)
      ?.backendPool?.backends.find(({ portId }) => portId === 'nic-n2');
  t.like(backend('pool/lb-web-all'), { draining: false, weight: 10 });
  const drain = backendSettingsDocument({ id: 'x', ipConfiguration, draining: true });
  const changes = apply({ 'backendsettings/x': drain });
  t.deepEqual(changes['mux/m1'], ['pool/lb-web-ssh', 'pool/lb-web-all'].sort());
  t.is(backend('pool/lb-web-all')?.draining, true);
  t.is(backend('pool/lb-web-ssh')?.draining, true);
  apply({
    'backendsettings/x': backendSettingsDocument({
      id: 'x',
      ipConfiguration,
      pool: POOL,
      weight: 3,
    }),
  });
  t.like(backend('pool/lb-web-all'), { draining: false, weight: 3 });
  t.like(backend('pool/lb-web-ssh'), { draining: false, weight: 10 });
});

test('announcements go to muxes, and a retired address stays on them until it is forgotten', (t) => {
  const { apply, told, keys } = compiled();
  const vipId = 'lb-web-vip';
  t.deepEqual(apply({}, { announcements: [{ vipId, announced: true }] }), {
    'mux/m1': ['announcement/lb-web-vip'],
  });
  const virtualIp = told('mux/m1').get('vip/lb-web-vip')?.virtualIp;
  if (virtualIp === undefined) throw new Error('a mux has the address');
  const retired = { balancerId: 'lb-web', virtualIp };
  const gone = apply(
    { 'loadbalancers/web': undefined },
    { announcements: [{ vipId, announced: false }], retirements: [{ vipId, retired }] },
  );
  t.false(gone['mux/m1']?.includes('vip/lb-web-vip'));
  t.deepEqual(keys('mux/m1'), ['vip/lb-web-vip']);
  t.deepEqual(apply({}, { retirements: [{ vipId, retired: undefined }] }), {
    'mux/m1': ['vip/lb-web-vip'],
  });
  t.deepEqual(keys('mux/m1'), []);
});

test('a rule more leaves pools and health alone', (t) => {
  const { apply } = compiled();
  const more = { id: 'https', frontends: ['vip'], pool: 'all', port: 443, backendPort: 8443 };
  const changes = apply({ 'loadbalancers/web': web([...WEB_RULES, more]) });
  t.deepEqual(changes['mux/m1'], ['vip/lb-web-vip']);
});

/** Units that are compiled when one more interface joins a pool whose backends all have ports of every frontend. */
function costOfJoining(frontends: number, backends: number): number {
  const { compiler, apply } = compiled();
  const ids = Array.from({ length: frontends }, (_one, at) => `vip${at}`);
  const names = Array.from({ length: backends + 1 }, (_one, at) => `m${at}`);
  const documentOf = (at: number) =>
    networkInterfaceDocument({
      id: `m${at}`,
      mac: `001DD80001${(16 + at).toString(16).toUpperCase()}`,
      addresses: [
        {
          subnet: '/virtualNetworks/blue/subnets/web',
          address: `10.0.0.${20 + at}`,
          pools: ['/loadBalancers/many/backendAddressPools/all'],
        },
      ],
    });
  const all = names.map((name, at) => [`networkinterfaces/${name}`, documentOf(at)] as const);
  const leases = ids.map((id) => ({
    vipId: `lb-many-${id}`,
    leased: new Map(
      names.map((name, at) => [`nic-${name} 10.0.0.${20 + at}`, [{ from: 1024, to: 1031 }]]),
    ),
  }));
  const many = loadBalancerDocument({
    id: 'many',
    frontends: ids.map((id, at) => ({ id, address: `203.0.113.${20 + at}` })),
    pools: ['all'],
    rules: ids.map((id) => ({ id, frontends: [id], pool: 'all', port: 80 })),
  });
  apply(Object.fromEntries([['loadbalancers/many', many], ...all.slice(0, -1)]), { leases });
  const before = compiler.counters.unitsCompiled;
  apply(Object.fromEntries(all.slice(-1)));
  return compiler.counters.unitsCompiled - before;
}

test('an interface that joins a pool costs its own leases, whatever frontends and other backends there are', (t) => {
  t.is(costOfJoining(1, 3), costOfJoining(1, 30));
  // One lease for each frontend that it goes out by, and nothing else.
  t.is(costOfJoining(20, 3), costOfJoining(1, 3) + 19);
});
