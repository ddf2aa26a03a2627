/** The compiler: what each host is told. That the incremental way leads where a full recompute would is in incremental.test.ts. */
import test from 'ava';
import { Compiler, type CompilerInput } from '../../../../controller/compiler/compiler.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import { bytesOf } from '../../../fixtures/addresses.ts';
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
