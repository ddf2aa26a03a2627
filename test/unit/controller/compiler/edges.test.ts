/** Goal states of edge routers: what an edge is told, what hosts learn of it, and how little a change sends. */
import test from 'ava';
import { Compiler, type CompilerInput } from '../../../../controller/compiler/compiler.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';
import {
  type EdgeSample,
  edgeRouterDocument,
  publicIpAddressDocument,
} from '../../../fixtures/edge-documents.ts';

const CONFIGURATION = '/networkInterfaces/n1/ipConfigurations/ip0';

function network(id: string, vni: number): JsonObject {
  return virtualNetworkDocument({ id, subnets: [{ id: 'web', prefix: '10.0.0.0/24', vni }] });
}

function nic(id: string, at: { network: string; address: string; publicAddress?: string }) {
  const { network: name, ...rest } = at;
  const subnet = `/virtualNetworks/${name}/subnets/web`;
  return networkInterfaceDocument({ id, mac: '001DD8000001', addresses: [{ subnet, ...rest }] });
}

function publicNetwork(isPublic = true): JsonObject {
  const resourceRef = '/logicalNetworks/outside/subnets/s';
  return {
    properties: {
      subnets: [{ resourceRef, properties: { addressPrefix: '203.0.113.0/24', isPublic } }],
    },
  };
}

function compiled(edge: Partial<EdgeSample> = {}) {
  const compiler = new Compiler();
  let revision = 0;
  const apply = (
    documents: Readonly<Record<string, JsonObject | undefined>>,
    placements: CompilerInput['placements'] = [],
  ) =>
    compiler.apply({
      revision: ++revision,
      documents: Object.entries(documents).map(([key, value]) => ({ key, value })),
      placements,
    });
  apply(
    {
      'logicalnetworks/hnvpa': logicalNetworkDocument(),
      'servers/h1': serverDocument({ id: 'h1', providerAddress: '192.0.2.11' }),
      'virtualnetworks/blue': network('blue', 5000),
      'virtualnetworks/red': network('red', 5001),
      'networkinterfaces/n1': nic('n1', { network: 'blue', address: '10.0.0.4' }),
      'networkinterfaces/n2': nic('n2', { network: 'red', address: '10.0.0.4' }),
      'edgerouters/edge': edgeRouterDocument({
        id: 'edge',
        providerAddress: '192.0.2.20',
        ...edge,
      }),
    },
    ['n1', 'n2'].map((id) => ({ interfaceInstanceId: `nic-${id}`, serverId: 'h1' })),
  );
  const told = (target = 'edge/edge'): Map<string, Resource> =>
    new Map(
      [...(compiler.slice(target)?.resources ?? [])].map(([key, { bytes }]) => [
        key,
        resourceCodec.decode(bytes),
      ]),
    );
  return { apply, told };
}

const bytes = (text: string) => Uint8Array.from(text.split('.').map(Number));

test('an edge knows the provider network, its interfaces, and what is not translated, as hosts do', (t) => {
  const { apply, told } = compiled({ isProviderGateway: true });
  apply({
    'loadbalancermanager/config': { properties: { outboundNatIPExemptions: ['203.0.113.1/32'] } },
  });
  const edge = told().get('edge')?.edge;
  t.deepEqual(edge?.providerAddress, bytes('192.0.2.20'));
  t.is(edge?.providerPrefixLen, 24);
  t.deepEqual(edge?.providerGateway, bytes('192.0.2.1'));
  t.is(edge?.mac, 0x0257_c000_0214);
  t.deepEqual(edge?.outside[0]?.addresses, [{ address: bytes('192.0.2.2'), prefixLen: 24 }]);
  const exemptions = [{ address: bytes('203.0.113.1'), len: 32 }];
  t.deepEqual(edge?.natExemptions, exemptions);
  t.deepEqual(told('host/h1').get('host')?.host?.natExemptions, exemptions);
});

test('only the edge that is the provider gateway answers for it', (t) => {
  t.is(compiled().told().get('edge')?.edge?.providerGateway.length, 0);
});

test('hosts learn of edges of their family as they come and go', (t) => {
  const { apply, told } = compiled();
  const edges = () => told('host/h1').get('host')?.host?.edges;
  const endpoint = {
    providerAddress: bytes('192.0.2.20'),
    mac: 0x0257_c000_0214,
    resourceRef: '/edgeRouters/edge',
  };
  t.deepEqual(edges(), [endpoint]);
  const six = edgeRouterDocument({ id: 'six', providerAddress: '2001:db8::20' });
  t.false(apply({ 'edgerouters/six': six }).has('host/h1'));
  t.deepEqual(
    [...(apply({ 'edgerouters/edge': undefined }).get('host/h1')?.keys() ?? [])],
    ['host'],
  );
  t.deepEqual(edges(), []);
});

test('what is written about an edge’s BGP concerns no host', (t) => {
  const { apply } = compiled();
  const edge = { id: 'edge', providerAddress: '192.0.2.20', asNumber: '64600' };
  const changes = apply({ 'edgerouters/edge': edgeRouterDocument(edge) });
  t.deepEqual([...changes.keys()], ['edge/edge']);
});

test('a router originates the public subnets unless it is told which networks', (t) => {
  const { apply, told } = compiled({ asNumber: '64600' });
  const router = () => told().get('bgprouter/edge-edge-bgpRouters-bgp')?.bgpRouter;
  t.deepEqual(router()?.networks, []);
  t.deepEqual(router()?.routerId, bytes('192.0.2.20'));
  apply({ 'logicalnetworks/outside': publicNetwork() });
  t.deepEqual(router()?.networks, [{ address: bytes('203.0.113.0'), len: 24 }]);
  apply({ 'logicalnetworks/outside': publicNetwork(false) });
  t.deepEqual(router()?.networks, []);
  const told1 = { id: 'edge', providerAddress: '192.0.2.20', asNumber: '64600' };
  const networks = ['198.51.100.0/24'];
  apply({ 'edgerouters/edge': edgeRouterDocument({ ...told1, networks }) });
  t.deepEqual(router()?.networks, [{ address: bytes('198.51.100.0'), len: 24 }]);
});

test('a peer names its policy map by instanceId', (t) => {
  const { told } = compiled({
    asNumber: '64600',
    peers: [{ address: '192.0.2.1', policyMapIn: 'in' }],
    policyMaps: ['in'],
  });
  const peer = told().get('bgppeer/edge-edge-bgpPeers-p0')?.bgpPeer;
  t.is(peer?.importMapId, 'edge-edge-policyMaps-in');
  t.is(peer?.exportMapId, '');
  t.is(peer?.asNumber, 64601);
  const map = told().get('policymap/edge-edge-policyMaps-in')?.policyMap;
  t.is(new TextDecoder().decode(map?.entries), '[{"action":"Allow"}]');
});

test('without shared addresses an edge knows the networks that public addresses and ports lead to', (t) => {
  const { apply, told } = compiled();
  const networks = () => [...told().keys()].filter((key) => key.startsWith('vnet/'));
  t.deepEqual(networks(), []);
  apply({ 'publicipaddresses/p': publicIpAddressDocument('p', '203.0.113.1') });
  t.is(told().get('publicip/public-p')?.publicAddress?.vnetId, '');
  const bound = { network: 'blue', address: '10.0.0.4', publicAddress: '/publicIPAddresses/p' };
  apply({ 'networkinterfaces/n1': nic('n1', bound) });
  t.deepEqual(networks(), ['vnet/vnet-blue']);
  t.is(told().get('publicip/public-p')?.publicAddress?.vnetId, 'vnet-blue');
  t.deepEqual(told().get('publicip/public-p')?.publicAddress?.privateAddress, bytes('10.0.0.4'));
  t.true(told().has('mapping/vnet-blue/10.0.0.4'));
  apply({ 'networkinterfaces/n1': nic('n1', { network: 'blue', address: '10.0.0.4' }) });
  t.deepEqual(networks(), []);
});

test('a port leads to an interface’s address as long as there is one', (t) => {
  const { apply, told } = compiled({ forwards: [CONFIGURATION] });
  const key = 'portforward/edge-edge-portForwards-f0';
  const forward = told().get(key)?.portForward;
  t.is(forward?.vnetId, 'vnet-blue');
  t.deepEqual(forward?.privateAddress, bytes('10.0.0.4'));
  t.is(forward?.privatePort, 22);
  t.true(told().has('mapping/vnet-blue/10.0.0.4'));
  apply({ 'networkinterfaces/n1': nic('n1', { network: 'red', address: '10.0.0.9' }) });
  t.is(told().get(key)?.portForward?.vnetId, 'vnet-red');
  apply({ 'networkinterfaces/n1': undefined });
  t.false(told().has(key));
  t.false(told().has('vnet/vnet-red'));
});

test('with shared addresses an edge knows every network, and hears of an interface only its mapping', (t) => {
  const { apply, told } = compiled({ natPools: [['203.0.113.240', '203.0.113.241']] });
  t.true(told().has('vnet/vnet-blue') && told().has('vnet/vnet-red'));
  const pool = told().get('natpool/edge-edge-natPools-n0')?.natPool;
  t.deepEqual(pool?.addresses, [bytes('203.0.113.240'), bytes('203.0.113.241')]);
  const changes = apply(
    { 'networkinterfaces/n3': nic('n3', { network: 'red', address: '10.0.0.5' }) },
    [{ interfaceInstanceId: 'nic-n3', serverId: 'h1' }],
  );
  t.deepEqual([...(changes.get('edge/edge')?.keys() ?? [])], ['mapping/vnet-red/10.0.0.5']);
});
