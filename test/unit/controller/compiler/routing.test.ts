/** Route tables, appliances and peerings in goal states: who is told, and what. */
import test from 'ava';
import { Compiler, type DocumentInput } from '../../../../controller/compiler/compiler.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import { NextHopType, type Resource } from '../../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  type PeeringSample,
  type RouteSample,
  routeTableDocument,
  securityTagDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const NETWORKS = ['blue', 'red', 'green'] as const;
const VIA = '/routeTables/Via';

/** blue is 10.1, red 10.2, green 10.3; each has one subnet, one interface (.0.4) and one host. */
function network(
  id: (typeof NETWORKS)[number],
  peerings: readonly PeeringSample[] = [],
  routeTable?: string,
): DocumentInput {
  const at = NETWORKS.indexOf(id) + 1;
  const value = virtualNetworkDocument({
    id,
    peerings,
    subnets: [
      {
        id: 'web',
        prefix: `10.${at}.0.0/24`,
        vni: 5000 + at,
        ...(routeTable === undefined ? {} : { routeTable }),
      },
    ],
  });
  return { key: `virtualnetworks/${id}`, value };
}

function peering(remote: string, changes: Partial<PeeringSample> = {}): PeeringSample {
  const ref = `/virtualNetworks/${remote}`;
  return { id: `to-${remote}`, remote: ref, remoteInstanceId: `vnet-${remote}`, ...changes };
}

function table(...routes: readonly RouteSample[]): DocumentInput {
  return { key: 'routetables/via', value: routeTableDocument({ id: 'Via', routes }) };
}

function compiled(...documents: readonly DocumentInput[]): Compiler {
  const compiler = new Compiler();
  compiler.apply({
    revision: 1,
    documents: [
      { key: 'logicalnetworks/hnvpa', value: logicalNetworkDocument() },
      ...NETWORKS.flatMap((id, at) => [
        { key: `servers/${id}`, value: serverDocument({ id, providerAddress: `192.0.2.1${at}` }) },
        {
          key: `networkinterfaces/${id}`,
          value: networkInterfaceDocument({
            id,
            mac: `001DD800000${at}`,
            securityTags: ['/securityTags/front'],
            addresses: [
              { subnet: `/virtualNetworks/${id}/subnets/web`, address: `10.${at + 1}.0.4` },
            ],
          }),
        },
        network(id),
      ]),
      ...documents,
    ],
    placements: NETWORKS.map((id) => ({ interfaceInstanceId: `nic-${id}`, serverId: id })),
  });
  return compiler;
}

function told(compiler: Compiler, host: string, key: string): Resource | undefined {
  const bytes = compiler.slice(`host/${host}`)?.resources.get(key)?.bytes;
  return bytes === undefined ? undefined : resourceCodec.decode(bytes);
}

function forwards(compiler: Compiler, id: string): boolean | undefined {
  return told(compiler, id, `port/nic-${id}`)?.port?.ipForwarding;
}

test('a route table goes to hosts with a port in a subnet that has it, with every type of next hop', (t) => {
  const compiler = compiled(
    network('blue', [], VIA),
    table(
      { prefix: '0.0.0.0/0', nextHop: '10.1.0.4' },
      { prefix: '10.9.0.0/16', nextHopType: 'VnetLocal' },
      { prefix: '192.0.2.0/24', nextHopType: 'Internet' },
      { prefix: '198.51.100.0/24', nextHopType: 'VirtualNetworkGateway' },
      { prefix: '2001:db8::/32', nextHopType: 'None' },
    ),
  );
  const routes = told(compiler, 'blue', 'routetable/table-Via')?.routeTable?.routes ?? [];
  t.deepEqual(
    routes.map(({ nextHopType }) => nextHopType),
    [
      NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
      NextHopType.NEXT_HOP_VNET_LOCAL,
      NextHopType.NEXT_HOP_INTERNET,
      NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY,
      NextHopType.NEXT_HOP_NONE,
    ],
  );
  t.deepEqual(routes[0]?.nextHop, Uint8Array.of(10, 1, 0, 4));
  t.is(routes[1]?.nextHop.length, 0);
  t.is(routes[4]?.prefix?.address.length, 16);
  t.is(told(compiler, 'blue', 'subnet/subnet-blue-web')?.virtualSubnet?.routeTableId, 'table-Via');
  t.is(told(compiler, 'red', 'routetable/table-Via'), undefined);
});

test('an interface forwards while a route in its network, or in a connected one, names it as appliance', (t) => {
  const unused = compiled(table({ prefix: '0.0.0.0/0', nextHop: '10.2.0.4' }));
  t.false(forwards(unused, 'red'), 'no subnet has the table');

  const inAnother = [network('blue', [], VIA), table({ prefix: '0.0.0.0/0', nextHop: '10.2.0.4' })];
  const compiler = compiled(...inAnother);
  t.false(forwards(compiler, 'red'), 'blue is not connected with red');

  const apply = (...documents: DocumentInput[]) =>
    compiler.apply({ revision: 2, documents, placements: [] });
  apply(network('blue', [peering('red')], VIA), network('red', [peering('blue')]));
  t.true(forwards(compiler, 'red'));
  t.false(forwards(compiler, 'blue'));
  apply(network('blue', [peering('red')]));
  t.false(forwards(compiler, 'red'), 'the table is not used any more');
  apply(network('blue', [peering('red')], VIA));
  t.true(forwards(compiler, 'red'));
  apply(table({ prefix: '0.0.0.0/0', nextHop: '10.1.0.4' }));
  t.false(forwards(compiler, 'red'));
  t.true(forwards(compiler, 'blue'));
});

test('networks are connected when each has a peering to the other, and only then', (t) => {
  const oneSided = compiled(network('blue', [peering('red')]));
  t.deepEqual(told(oneSided, 'blue', 'vnet/vnet-blue')?.virtualNetwork?.peerings, []);
  t.is(told(oneSided, 'blue', 'vnet/vnet-red'), undefined);

  const both = compiled(network('blue', [peering('red')]), network('red', [peering('blue')]));
  const [blue] = told(both, 'blue', 'vnet/vnet-blue')?.virtualNetwork?.peerings ?? [];
  t.like(blue, {
    resourceRef: '/virtualNetworks/blue/virtualNetworkPeerings/to-red',
    remoteVnetId: 'vnet-red',
    allowAccess: true,
    allowForwarded: false,
  });
  for (const key of ['vnet/vnet-red', 'subnet/subnet-red-web', 'mapping/vnet-red/10.2.0.4']) {
    t.truthy(told(both, 'blue', key), key);
  }
  t.is(told(both, 'blue', 'port/nic-red'), undefined);
});

test('either side switches access off; what others sent is let in by the receiving side', (t) => {
  const compiler = compiled(
    network('blue', [peering('red', { allowForwarded: true })]),
    network('red', [peering('blue', { allowAccess: false })]),
  );
  const [blue] = told(compiler, 'blue', 'vnet/vnet-blue')?.virtualNetwork?.peerings ?? [];
  const [red] = told(compiler, 'red', 'vnet/vnet-red')?.virtualNetwork?.peerings ?? [];
  t.like(blue, { allowAccess: false, allowForwarded: false });
  t.like(red, { allowAccess: false, allowForwarded: true });
});

test('a connection does not reach further: the neighbour of a neighbour stays unknown', (t) => {
  const compiler = compiled(
    network('blue', [peering('red')]),
    network('red', [peering('blue'), peering('green')]),
    network('green', [peering('red')]),
  );
  t.truthy(told(compiler, 'blue', 'vnet/vnet-red'));
  t.is(told(compiler, 'blue', 'vnet/vnet-green'), undefined);
  t.truthy(told(compiler, 'red', 'vnet/vnet-green'));
});

test('a network made again under its name is not the one that was peered with', (t) => {
  const stale = { remoteInstanceId: 'vnet-red-before' };
  const compiler = compiled(
    network('blue', [peering('red', stale)]),
    network('red', [peering('blue')]),
  );
  t.is(told(compiler, 'blue', 'vnet/vnet-red'), undefined);
  t.deepEqual(told(compiler, 'red', 'vnet/vnet-red')?.virtualNetwork?.peerings, []);
});

test('a security tag stands for its interfaces in connected networks too, while access is allowed', (t) => {
  const tag: DocumentInput = { key: 'securitytags/front', value: securityTagDocument('front') };
  const compiler = compiled(
    tag,
    network('blue', [peering('red')]),
    network('red', [peering('blue'), peering('green')]),
    network('green', [peering('red', { allowAccess: false })]),
  );
  const addresses = (id: string) =>
    told(compiler, id, `tag/vnet-${id}/tag-front`)?.securityTag?.addresses.map((bytes) => bytes[1]);
  t.deepEqual(addresses('blue'), [1, 2]);
  t.deepEqual(addresses('red'), [1, 2]);
  t.deepEqual(addresses('green'), [3]);
  compiler.apply({ revision: 2, documents: [network('blue')], placements: [] });
  t.deepEqual(addresses('red'), [2], 'no longer connected');
});

test('a network has a domain of its own, and what its egress is not billed to', (t) => {
  const blue = network('blue');
  const properties = {
    ...Object(blue.value?.['properties']),
    unbilledAddressRanges: '192.0.2.0-192.0.2.3',
  };
  const value = { ...blue.value, properties };
  const compiler = compiled({ key: blue.key, value });
  const vnet = told(compiler, 'blue', 'vnet/vnet-blue')?.virtualNetwork;
  t.is(vnet?.dnsDomain, 'blue.weft.internal');
  t.deepEqual(vnet?.unbilledPrefixes, [{ address: Uint8Array.of(192, 0, 2, 0), len: 30 }]);
});
