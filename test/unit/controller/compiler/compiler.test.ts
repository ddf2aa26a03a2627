/** The compiler: what each host is told, and that the incremental way leads where a full recompute would. */
import test from 'ava';
import fc from 'fast-check';
import { ipBytes, parseIp } from '../../../../base/ip.ts';
import { formatIpv4 } from '../../../../base/ipv4.ts';
import { Compiler, type CompilerInput } from '../../../../controller/compiler/compiler.ts';
import type { SliceChanges } from '../../../../controller/goal-state/goal-states.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const WEB = '/virtualNetworks/Blue/subnets/Web';

function twoHosts(): Compiler {
  const compiler = new Compiler();
  compiler.apply({
    revision: 1,
    documents: [
      document('logicalnetworks/hnvpa', logicalNetworkDocument()),
      document('servers/host1', serverDocument({ id: 'host1', providerAddress: '192.0.2.11' })),
      document('servers/host2', serverDocument({ id: 'host2', providerAddress: '192.0.2.12' })),
      document(
        'virtualnetworks/blue',
        virtualNetworkDocument({
          id: 'Blue',
          subnets: [{ id: 'Web', prefix: '10.0.0.0/24', vni: 5001 }],
        }),
      ),
      document('networkinterfaces/a', nic('a', '10.0.0.4', '00-1D-D8-00-00-01')),
      document('networkinterfaces/b', nic('b', '10.0.0.5', '001DD8000002')),
    ],
    placements: [],
  });
  return compiler;
}

function nic(id: string, address: string, mac: string): JsonObject {
  return networkInterfaceDocument({ id, mac, addresses: [{ subnet: WEB, address }] });
}

function document(key: string, value?: JsonObject): CompilerInput['documents'][number] {
  return { key, value };
}

function place(compiler: Compiler, id: string, serverId: string | undefined): string[] {
  const placements = [{ interfaceInstanceId: `nic-${id}`, serverId }];
  return [...compiler.apply({ revision: 0, documents: [], placements }).keys()].sort();
}

function keys(compiler: Compiler, target: string): string[] {
  return [...(compiler.slice(target)?.resources.keys() ?? [])].sort();
}

/** Everything that is told to everybody, without versions. */
function contents(compiler: Compiler): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    [...compiler.targets()]
      .sort()
      .map((target) => [
        target,
        Object.fromEntries(
          [...(compiler.slice(target)?.resources ?? [])]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, { bytes }]) => [key, { ...resourceCodec.decode(bytes), version: 0 }]),
        ),
      ]),
  );
}

test('a host without ports is told its provider address and nothing else', (t) => {
  const compiler = twoHosts();
  t.deepEqual(keys(compiler, 'host/host1'), ['host']);
  const bytes = compiler.slice('host/host1')?.resources.get('host')?.bytes ?? new Uint8Array();
  const { host } = resourceCodec.decode(bytes);
  t.deepEqual(host?.providerAddress, Uint8Array.of(192, 0, 2, 11));
  t.is(host?.providerPrefixLen, 24);
  t.deepEqual(host?.providerGateway, Uint8Array.of(192, 0, 2, 1));
});

test('a placement tells the port to its host and the mapping to all hosts of the virtual network', (t) => {
  const compiler = twoHosts();
  t.deepEqual(place(compiler, 'a', 'host1'), ['host/host1']);
  t.deepEqual(keys(compiler, 'host/host1'), [
    'host',
    'mapping/vnet-Blue/10.0.0.4',
    'port/nic-a',
    'subnet/subnet-Blue-Web',
    'vnet/vnet-Blue',
  ]);
  t.deepEqual(keys(compiler, 'host/host2'), ['host']);
  t.deepEqual(place(compiler, 'b', 'host2'), ['host/host1', 'host/host2']);
  t.true(keys(compiler, 'host/host1').includes('mapping/vnet-Blue/10.0.0.5'));
  t.false(keys(compiler, 'host/host1').includes('port/nic-b'));
  t.true(keys(compiler, 'host/host2').includes('mapping/vnet-Blue/10.0.0.4'));
});

test('the last port that leaves takes the virtual network with it', (t) => {
  const compiler = twoHosts();
  place(compiler, 'a', 'host1');
  place(compiler, 'b', 'host2');
  t.deepEqual(place(compiler, 'a', undefined), ['host/host1', 'host/host2']);
  t.deepEqual(keys(compiler, 'host/host1'), ['host']);
  t.false(keys(compiler, 'host/host2').includes('mapping/vnet-Blue/10.0.0.4'));
});

test('an interface that moves is known at its new host everywhere', (t) => {
  const compiler = twoHosts();
  place(compiler, 'a', 'host1');
  place(compiler, 'b', 'host2');
  place(compiler, 'a', 'host2');
  t.deepEqual(keys(compiler, 'host/host1'), ['host']);
  const bytes = compiler.slice('host/host2')?.resources.get('mapping/vnet-Blue/10.0.0.4')?.bytes;
  const { mapping } = resourceCodec.decode(bytes ?? new Uint8Array());
  t.deepEqual(mapping?.providerAddress, Uint8Array.of(192, 0, 2, 12));
});

test('a change that does not reach a goal state names no target', (t) => {
  const compiler = twoHosts();
  place(compiler, 'a', 'host1');
  const tagged = { ...nic('a', '10.0.0.4', '00-1D-D8-00-00-01'), tags: { owner: 'web' } };
  const changes = compiler.apply({
    revision: 9,
    documents: [document('networkinterfaces/a', tagged), document('credentials/x', {})],
    placements: [],
  });
  t.is(changes.size, 0);
  t.is(compiler.slice('host/host1')?.resources.get('port/nic-a')?.version, 1);
});

test('only the resource that changed gets the new version', (t) => {
  const compiler = twoHosts();
  place(compiler, 'a', 'host1');
  const changed = nic('a', '10.0.0.9', '00-1D-D8-00-00-01');
  const changes = compiler.apply({
    revision: 7,
    documents: [document('networkinterfaces/a', changed)],
    placements: [],
  });
  t.deepEqual([...(changes.get('host/host1')?.keys() ?? [])].sort(), [
    'mapping/vnet-Blue/10.0.0.4',
    'mapping/vnet-Blue/10.0.0.9',
    'port/nic-a',
  ]);
  t.is(compiler.slice('host/host1')?.resources.get('port/nic-a')?.version, 7);
  t.is(compiler.slice('host/host1')?.resources.get('vnet/vnet-Blue')?.version, 1);
});

test('a server without a provider address is no target, and is one as soon as it has one', (t) => {
  const compiler = twoHosts();
  place(compiler, 'a', 'host3');
  t.is(compiler.slice('host/host3'), undefined);
  const server = serverDocument({ id: 'host3', providerAddress: '192.0.2.13' });
  compiler.apply({ revision: 2, documents: [document('servers/host3', server)], placements: [] });
  t.true(keys(compiler, 'host/host3').includes('port/nic-a'));
  compiler.apply({
    revision: 3,
    documents: [document('servers/host3', serverDocument({ id: 'host3' }))],
    placements: [],
  });
  t.is(compiler.slice('host/host3'), undefined);
});

test('a document that cannot be read is left out and counted, and stops nothing else', (t) => {
  const compiler = twoHosts();
  place(compiler, 'a', 'host1');
  place(compiler, 'b', 'host1');
  compiler.apply({
    revision: 2,
    documents: [document('networkinterfaces/a', { properties: { privateMacAddress: 5 } })],
    placements: [],
  });
  t.is(compiler.counters.documentsUnreadable, 1);
  t.false(keys(compiler, 'host/host1').includes('port/nic-a'));
  t.true(keys(compiler, 'host/host1').includes('port/nic-b'));
});

test('both families of an interface are told, their subnets with gateways, and an IPv6 provider network', (t) => {
  const compiler = new Compiler();
  const subnet = (id: string) => `/virtualNetworks/Blue/subnets/${id}`;
  const dual = virtualNetworkDocument({
    id: 'Blue',
    dnsServers: ['2001:db8::53'],
    subnets: [
      { id: 'Web', prefix: '10.0.0.0/24', vni: 5001 },
      { id: 'Web6', prefix: '2001:db8:0:1::/64', vni: 5002 },
    ],
  });
  const both = networkInterfaceDocument({
    id: 'a',
    mac: '001DD8000001',
    addresses: [
      { subnet: subnet('Web'), address: '10.0.0.4' },
      { subnet: subnet('Web6'), address: '2001:db8:0:1::4' },
    ],
  });
  const provider = logicalNetworkDocument('2001:db8:ffff::/64', '2001:db8:ffff::1');
  const server = serverDocument({ id: 'host1', providerAddress: '2001:db8:ffff::b' });
  compiler.apply({
    revision: 1,
    documents: [
      document('logicalnetworks/hnvpa', provider),
      document('servers/host1', server),
      document('virtualnetworks/blue', dual),
      document('networkinterfaces/a', both),
    ],
    placements: [{ interfaceInstanceId: 'nic-a', serverId: 'host1' }],
  });
  const told = (key: string) =>
    resourceCodec.decode(
      compiler.slice('host/host1')?.resources.get(key)?.bytes ?? new Uint8Array(),
    );
  const { host } = told('host');
  t.is(host?.providerPrefixLen, 64);
  t.deepEqual(host?.providerGateway, bytesOf('2001:db8:ffff::1'));
  t.deepEqual(told('vnet/vnet-Blue').virtualNetwork?.dnsServers, [bytesOf('2001:db8::53')]);
  const { virtualSubnet } = told('subnet/subnet-Blue-Web6');
  t.deepEqual(virtualSubnet?.prefix, { address: bytesOf('2001:db8:0:1::'), len: 64 });
  t.deepEqual(virtualSubnet?.gateway, bytesOf('2001:db8:0:1::1'));
  const { port } = told('port/nic-a');
  t.is(port?.mtu, 1430, 'VXLAN over IPv6 adds 70 bytes');
  t.deepEqual(
    port?.ipConfigurations.map(({ address: own }) => own.length),
    [4, 16],
  );
  const { mapping } = told('mapping/vnet-Blue/2001:db8:0:1::4');
  t.deepEqual(mapping?.providerAddress, bytesOf('2001:db8:ffff::b'));
});

function bytesOf(text: string): Uint8Array {
  return ipBytes(parseIp(text) ?? 0n);
}

// ---- incremental = full recompute --------------------------------------------------------------------------------

const HOSTS = ['h1', 'h2', 'h3'];
const NETWORKS = ['blue', 'red'];
const SUBNETS = ['web', 'db'];
const NICS = ['n1', 'n2', 'n3', 'n4'];
const address = fc.oneof(
  fc.integer({ min: 0x0a000004, max: 0x0a000007 }).map(formatIpv4),
  fc.constantFrom('2001:db8::4', '2001:db8::5'),
);
const PROVIDER_ADDRESSES = ['', '192.0.2.1', '192.0.2.2', '2001:db8:ffff::3'] as const;
/** Few names, so that changes meet; two generations, so that things are made again under the same name. */
const generation = fc.constantFrom('', '-again');

const serverChange = fc
  .record({ id: fc.constantFrom(...HOSTS), host: fc.nat(3), present: fc.boolean(), generation })
  .map(({ id, host, present, generation: again }) =>
    document(
      `servers/${id}`,
      present
        ? serverDocument({
            id,
            instanceId: `server-${id}${again}`,
            ...(host > 0 && { providerAddress: PROVIDER_ADDRESSES[host] }),
          })
        : undefined,
    ),
  );
const logicalNetworkChange = fc
  .constantFrom('192.0.2.0/24', '2001:db8:ffff::/64', undefined)
  .map((prefix) =>
    document(
      'logicalnetworks/hnvpa',
      prefix === undefined ? undefined : logicalNetworkDocument(prefix),
    ),
  );
const subnetSample = fc.record({
  id: fc.constantFrom(...SUBNETS),
  prefix: fc.constantFrom('10.0.0.0/24', '10.0.0.0/16', '2001:db8::/64'),
  vni: fc.integer({ min: 5000, max: 5003 }),
  generation,
});
const networkChange = fc
  .record({
    id: fc.constantFrom(...NETWORKS),
    generation,
    present: fc.boolean(),
    dnsServers: fc.subarray(['10.0.0.53', '2001:db8::53']),
    subnets: fc.uniqueArray(subnetSample, { selector: ({ id }) => id, maxLength: 2 }),
  })
  .map(({ id, present, generation: again, dnsServers, subnets }) =>
    document(
      `virtualnetworks/${id}`,
      present
        ? virtualNetworkDocument({
            id,
            instanceId: `vnet-${id}${again}`,
            dnsServers,
            subnets: subnets.map((subnet) => ({
              ...subnet,
              instanceId: `subnet-${id}-${subnet.id}${again}${subnet.generation}`,
            })),
          })
        : undefined,
    ),
  );
const interfaceChange = fc
  .record({
    id: fc.constantFrom(...NICS),
    present: fc.boolean(),
    generation,
    addresses: fc.array(
      fc.record({
        subnet: fc
          .tuple(fc.constantFrom(...NETWORKS), fc.constantFrom(...SUBNETS))
          .map(([network, subnet]) => `/virtualNetworks/${network}/subnets/${subnet}`),
        address,
      }),
      { minLength: 1, maxLength: 2 },
    ),
  })
  .map(({ id, present, generation: again, addresses }) =>
    document(
      `networkinterfaces/${id}`,
      present
        ? networkInterfaceDocument({
            id,
            mac: '001DD8000001',
            instanceId: `nic-${id}${again}`,
            addresses,
          })
        : undefined,
    ),
  );
const placementChange = fc.record({
  interfaceInstanceId: fc
    .tuple(fc.constantFrom(...NICS), generation)
    .map(([id, again]) => `nic-${id}${again}`),
  serverId: fc.constantFrom(undefined, ...HOSTS),
});
const inputs = fc.array(
  fc.record({
    documents: fc.array(
      fc.oneof(serverChange, logicalNetworkChange, networkChange, interfaceChange, interfaceChange),
      { maxLength: 3 },
    ),
    placements: fc.array(placementChange, { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 25 },
);

test('incremental = recompute: after any sequence of changes, and the changes named are the changes made', (t) => {
  fc.assert(
    fc.property(inputs, (sequence) => {
      const incremental = new Compiler();
      const documents = new Map<string, JsonObject | undefined>();
      const placements = new Map<string, string | undefined>();
      let before = contents(incremental);
      sequence.forEach((input, at) => {
        const changes = incremental.apply({ revision: at + 1, ...input });
        incremental.checkInvariants();
        for (const { key, value } of input.documents) documents.set(key, value);
        for (const placed of input.placements)
          placements.set(placed.interfaceInstanceId, placed.serverId);
        const after = contents(incremental);
        t.deepEqual(named(changes), difference(before, after));
        before = after;
      });
      const whole = new Compiler();
      whole.apply({
        revision: sequence.length,
        documents: [...documents].map(([key, value]) => ({ key, value })),
        placements: [...placements].map(([interfaceInstanceId, serverId]) => ({
          interfaceInstanceId,
          serverId,
        })),
      });
      t.deepEqual(before, contents(whole));
      t.is(incremental.recompute().size, 0);
      t.deepEqual(contents(incremental), before);
    }),
    { numRuns: 400 },
  );
});

function named(changes: SliceChanges): Record<string, string[]> {
  return Object.fromEntries(
    [...changes].map(([target, changed]) => [target, [...changed.keys()].sort()]),
  );
}

function difference(
  before: Record<string, Record<string, unknown>>,
  after: Record<string, Record<string, unknown>>,
): Record<string, string[]> {
  const result: Record<string, string[]> = {};
  for (const target of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const old = before[target] ?? {};
    const now = after[target] ?? {};
    const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
      (key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]),
    );
    if (changed.length > 0) result[target] = changed.sort();
  }
  return result;
}
