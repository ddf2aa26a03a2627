/** serviceInsertions as mirrors (MS-NCNBI §3.1.5.16): which ports are copied, and which hosts are told where to. */
import test from 'ava';
import { Compiler } from '../../../../controller/compiler/compiler.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import {
  networkInterfaceDocument,
  serverDocument,
  serviceInsertionDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const WEB = '/virtualNetworks/blue/subnets/web';
const TAP = '/serviceInsertions/tap';

function nic(id: string, last: number, serviceInsertion?: string): JsonObject {
  const own = { subnet: WEB, address: `10.0.0.${last}` };
  const addresses = [{ ...own, ...(serviceInsertion !== undefined && { serviceInsertion }) }];
  return networkInterfaceDocument({ id, mac: `001DD800000${last}`, addresses });
}

function world(): Compiler {
  const compiler = new Compiler();
  const subnets = [{ id: 'web', prefix: '10.0.0.0/24', vni: 5000 }];
  const rules = [
    {
      protocol: 'Tcp',
      sourcePortRangeStart: 0,
      sourcePortRangeEnd: 65_535,
      destinationPortRangeStart: 80,
      sourceSubnets: ['*'],
      destinationSubnets: ['10.0.0.0/8'],
    },
  ];
  put(compiler, 'virtualnetworks/blue', virtualNetworkDocument({ id: 'blue', subnets }));
  for (const [index, id] of ['h1', 'h2', 'h3'].entries()) {
    const server = serverDocument({ id, providerAddress: `192.0.2.${index + 1}` });
    put(compiler, `servers/${id}`, server);
  }
  put(compiler, 'networkinterfaces/a', nic('a', 4, TAP));
  put(compiler, 'networkinterfaces/b', nic('b', 5));
  put(compiler, 'networkinterfaces/tap', nic('tap', 6));
  put(
    compiler,
    'serviceinsertions/tap',
    serviceInsertionDocument('tap', { collector: 'tap', rules }),
  );
  for (const [name, serverId] of [
    ['a', 'h1'],
    ['b', 'h2'],
    ['tap', 'h3'],
  ] as const) {
    const placements = [{ interfaceInstanceId: `nic-${name}`, serverId }];
    compiler.apply({ revision: 1, documents: [], placements });
  }
  return compiler;
}

function put(compiler: Compiler, key: string, value: JsonObject): void {
  compiler.apply({ revision: 1, documents: [{ key, value }], placements: [] });
}

function told(compiler: Compiler, host: string, key: string) {
  const resource = compiler.slice(`host/${host}`)?.resources.get(key);
  return resource === undefined ? undefined : resourceCodec.decode(resource.bytes);
}

test('the host of a mirrored port and the collector’s host know the mirror, others do not', (t) => {
  const compiler = world();
  t.deepEqual(told(compiler, 'h1', 'port/nic-a')?.port?.mirrorIds, ['tap']);
  t.deepEqual(told(compiler, 'h2', 'port/nic-b')?.port?.mirrorIds, []);
  t.deepEqual(told(compiler, 'h3', 'port/nic-tap')?.port?.mirrorIds, []);
  const mirror = told(compiler, 'h1', 'mirror/tap')?.mirror;
  t.deepEqual(mirror, told(compiler, 'h3', 'mirror/tap')?.mirror);
  t.is(told(compiler, 'h2', 'mirror/tap'), undefined);
  t.is(mirror?.segment, 6_000);
  t.is(mirror?.collectorPortId, 'nic-tap');
  t.deepEqual(mirror?.providerAddress, Uint8Array.of(192, 0, 2, 3));
  t.deepEqual(mirror?.sourceProviderAddresses, [Uint8Array.of(192, 0, 2, 1)]);
  t.deepEqual(mirror?.rules, [
    {
      protocol: 6,
      sources: [],
      destinations: [{ address: Uint8Array.of(10, 0, 0, 0), len: 8 }],
      destinationPorts: { from: 80, to: 80 },
    },
  ]);
});

test('a mirror of a subnet copies all its ports but the collector', (t) => {
  const compiler = world();
  const subnets = [{ id: 'web', prefix: '10.0.0.0/24', vni: 5000, serviceInsertion: TAP }];
  put(compiler, 'virtualnetworks/blue', virtualNetworkDocument({ id: 'blue', subnets }));
  t.deepEqual(told(compiler, 'h1', 'port/nic-a')?.port?.mirrorIds, ['tap']);
  t.deepEqual(told(compiler, 'h2', 'port/nic-b')?.port?.mirrorIds, ['tap']);
  t.deepEqual(told(compiler, 'h3', 'port/nic-tap')?.port?.mirrorIds, []);
});

test('the mirror follows its collector, and has no address while that is nowhere', (t) => {
  const compiler = world();
  const move = (serverId: string | undefined) =>
    compiler.apply({
      revision: 2,
      documents: [],
      placements: [{ interfaceInstanceId: 'nic-tap', serverId }],
    });
  move('h2');
  const address = () => told(compiler, 'h1', 'mirror/tap')?.mirror?.providerAddress;
  t.deepEqual(address(), Uint8Array.of(192, 0, 2, 2));
  t.is(told(compiler, 'h3', 'mirror/tap'), undefined);
  move(undefined);
  t.is(address()?.length, 0);
});

test('the collector’s host is told which other hosts send copies: each that has a mirrored port, as long as it has', (t) => {
  const compiler = world();
  const sources = () => {
    const mirror = told(compiler, 'h3', 'mirror/tap')?.mirror;
    return mirror?.sourceProviderAddresses.map((address) => address.join('.'));
  };
  const place = (name: string, serverId: string | undefined) => {
    const placements = [{ interfaceInstanceId: `nic-${name}`, serverId }];
    compiler.apply({ revision: 2, documents: [], placements });
  };
  const mirrorSubnet = (serviceInsertion?: string) => {
    const mirror = serviceInsertion === undefined ? {} : { serviceInsertion };
    const subnets = [{ id: 'web', prefix: '10.0.0.0/24', vni: 5000, ...mirror }];
    put(compiler, 'virtualnetworks/blue', virtualNetworkDocument({ id: 'blue', subnets }));
  };
  t.deepEqual(sources(), ['192.0.2.1']);
  mirrorSubnet(TAP);
  t.deepEqual(sources(), ['192.0.2.1', '192.0.2.2']);
  put(compiler, 'servers/h2', serverDocument({ id: 'h2', providerAddress: '192.0.2.9' }));
  t.deepEqual(sources(), ['192.0.2.1', '192.0.2.9']);
  mirrorSubnet();
  t.deepEqual(sources(), ['192.0.2.1']);
  place('b', 'h3');
  put(compiler, 'networkinterfaces/b', nic('b', 5, TAP));
  t.deepEqual(sources(), ['192.0.2.1'], 'the collector’s own host sends no copies to itself');
  place('a', undefined);
  t.deepEqual(sources(), []);
  place('b', 'h2');
  t.deepEqual(sources(), ['192.0.2.9']);
  put(compiler, 'networkinterfaces/b', nic('b', 5));
  t.deepEqual(sources(), []);
});
