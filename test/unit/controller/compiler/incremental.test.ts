/** Incremental = recompute (recomputation.ts), of everything but load balancing; and previews. */
import test from 'ava';
import fc from 'fast-check';
import { formatIpv4 } from '../../../../base/ipv4.ts';
import type { CompiledState } from '../../../../controller/compiler/compiled-state.ts';
import { Compiler } from '../../../../controller/compiler/compiler.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import {
  accessControlListDocument,
  logicalNetworkDocument,
  networkInterfaceDocument,
  routeTableDocument,
  securityTagDocument,
  serverDocument,
  serviceInsertionDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';
import { edgeRouterDocument, publicIpAddressDocument } from '../../../fixtures/edge-documents.ts';
import {
  assertRecomputed,
  type Change,
  type Contents,
  contents,
  document,
  generation,
  some,
} from './recomputation.ts';

/** Few names, so that changes meet. */
const HOSTS = ['h1', 'h2', 'h3'];
const NETWORKS = ['blue', 'red', 'green'];
const SUBNETS = ['web', 'db'];
const NICS = ['n1', 'n2', 'n3', 'n4'];
const LISTS = ['open', 'shut'];
const TAGS = ['front', 'back'];
const listRef = fc.constantFrom(undefined, ...LISTS.map((id) => `/accessControlLists/${id}`));
const TABLES = ['via', 'none'];
const tableRef = fc.constantFrom(undefined, ...TABLES.map((id) => `/routeTables/${id}`));
const PUBLIC_ADDRESSES = ['a', 'b'];
const publicRef = fc.constantFrom(
  undefined,
  ...PUBLIC_ADDRESSES.map((id) => `/publicIPAddresses/${id}`),
);
const mirrorRef = fc.constantFrom(undefined, '/serviceInsertions/tap');
const tagRefs = fc.subarray(TAGS.map((id) => `/securityTags/${id}`));
const address = fc.oneof(
  fc.integer({ min: 0x0a000004, max: 0x0a000007 }).map(formatIpv4),
  fc.constantFrom('2001:db8::4', '2001:db8::5'),
);
const PROVIDER_ADDRESSES = ['', '192.0.2.1', '192.0.2.2', '2001:db8:ffff::3'] as const;

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
  list: listRef,
  mirror: mirrorRef,
  table: tableRef,
});
const peeringSample = fc
  .record({
    remote: fc.constantFrom(...NETWORKS),
    generation,
    allowAccess: fc.boolean(),
    allowForwarded: fc.boolean(),
  })
  .map(({ remote, generation: again, ...flags }) => ({
    id: remote,
    remote: `/virtualNetworks/${remote}`,
    remoteInstanceId: `vnet-${remote}${again}`,
    ...flags,
  }));
const networkChange = fc
  .record({
    id: fc.constantFrom(...NETWORKS),
    generation,
    present: fc.boolean(),
    dnsServers: fc.subarray(['10.0.0.53', '2001:db8::53']),
    subnets: fc.uniqueArray(subnetSample, { selector: ({ id }) => id, maxLength: 2 }),
    peerings: fc.uniqueArray(peeringSample, { selector: ({ id }) => id, maxLength: 2 }),
  })
  .map(({ id, present, generation: again, dnsServers, subnets, peerings }) =>
    document(
      `virtualnetworks/${id}`,
      present
        ? virtualNetworkDocument({
            id,
            instanceId: `vnet-${id}${again}`,
            dnsServers,
            peerings: peerings.filter(({ remote }) => !remote.endsWith(`/${id}`)),
            subnets: subnets.map((subnet) => ({
              ...subnet,
              ...some('accessControlList', subnet.list),
              ...some('serviceInsertion', subnet.mirror),
              ...some('routeTable', subnet.table),
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
        list: listRef,
        mirror: mirrorRef,
        publicAddress: publicRef,
        learnedIp: fc.constantFrom(undefined, '/learnedIpAddresses/floating'),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    securityTags: tagRefs,
  })
  .map(({ id, present, generation: again, addresses, securityTags }) =>
    document(
      `networkinterfaces/${id}`,
      present
        ? networkInterfaceDocument({
            id,
            mac: '001DD8000001',
            instanceId: `nic-${id}${again}`,
            addresses: addresses.map(({ list, mirror, learnedIp, publicAddress, ...rest }) => ({
              ...rest,
              ...some('learnedIp', learnedIp),
              ...some('accessControlList', list),
              ...some('serviceInsertion', mirror),
              ...some('publicAddress', publicAddress),
            })),
            securityTags,
          })
        : undefined,
    ),
  );
const edgeChange = fc
  .record({
    id: fc.constantFrom('e1', 'e2'),
    present: fc.boolean(),
    generation,
    providerAddress: fc.constantFrom(undefined, '192.0.2.20', '2001:db8:ffff::20'),
    asNumber: fc.constantFrom(undefined, '64600'),
    networks: fc.constantFrom(undefined, ['198.51.100.0/24']),
    peers: fc.subarray([{ address: '192.0.2.1', policyMapIn: 'in' }, { address: '192.0.2.9' }]),
    policyMaps: fc.subarray(['in']),
    natPools: fc.subarray([['203.0.113.240', '203.0.113.241']] as const),
    forwards: fc.subarray(NICS.map((nic) => `/networkInterfaces/${nic}/ipConfigurations/ip0`)),
  })
  .map(({ id, present, generation: again, providerAddress, asNumber, networks, ...rest }) =>
    document(
      `edgerouters/${id}`,
      present
        ? edgeRouterDocument({
            id,
            instanceId: `edge-${id}${again}`,
            ...some('providerAddress', providerAddress),
            ...some('asNumber', asNumber),
            ...some('networks', networks),
            ...rest,
          })
        : undefined,
    ),
  );
const publicAddressChange = fc
  .record({ id: fc.constantFrom(...PUBLIC_ADDRESSES), present: fc.boolean(), generation })
  .map(({ id, present, generation: again }) =>
    document(
      `publicipaddresses/${id}`,
      present
        ? publicIpAddressDocument(id, `203.0.113.${id === 'a' ? 1 : 2}`, `public-${id}${again}`)
        : undefined,
    ),
  );
const publicNetworkChange = fc.boolean().map((isPublic) =>
  document('logicalnetworks/outside', {
    properties: {
      subnets: [
        {
          resourceRef: '/logicalNetworks/outside/subnets/s',
          properties: { addressPrefix: '203.0.113.0/24', isPublic },
        },
      ],
    },
  }),
);
const mirrorChange = fc
  .record({ present: fc.boolean(), generation, collector: fc.constantFrom(...NICS) })
  .map(({ present, generation: again, collector }) =>
    document(
      'serviceinsertions/tap',
      present
        ? serviceInsertionDocument('tap', { collector, instanceId: `tap${again}` })
        : undefined,
    ),
  );
const settingsChange = fc
  .constantFrom(
    ['virtualswitchmanager', { qosSettings: { reservationMode: 'Absolute' } }],
    ['virtualswitchmanager', {}],
    ['virtualnetworkmanager', { enableMetering: true }],
    ['virtualnetworkmanager', undefined],
    ['auditingsettings', { outputDirectory: '/var/log/audit' }],
    ['loadbalancermanager', { outboundNatIPExemptions: ['203.0.113.1/32'] }],
    ['loadbalancermanager', { outboundNatIPExemptions: [] }],
  )
  .map(([collection, properties]) =>
    document(
      `${String(collection)}/configuration`,
      properties === undefined ? undefined : { properties: Object(properties) },
    ),
  );
const listChange = fc
  .record({
    id: fc.constantFrom(...LISTS),
    present: fc.boolean(),
    generation,
    securityTags: tagRefs,
    rules: fc.uniqueArray(
      fc.record({ priority: fc.integer({ min: 101, max: 103 }), tags: tagRefs }),
      { selector: ({ priority }) => priority, maxLength: 2 },
    ),
  })
  .map(({ id, present, generation: again, rules, securityTags }) =>
    document(
      `accesscontrollists/${id}`,
      present
        ? accessControlListDocument({
            id,
            instanceId: `acl-${id}${again}`,
            securityTags,
            rules: rules.map(({ priority, tags }) =>
              tags.length === 0 ? { priority } : { priority, sourceTags: tags },
            ),
          })
        : undefined,
    ),
  );
const tagChange = fc
  .record({ id: fc.constantFrom(...TAGS), present: fc.boolean(), generation })
  .map(({ id, present, generation: again }) =>
    document(
      `securitytags/${id}`,
      present ? securityTagDocument(id, `tag-${id}${again}`) : undefined,
    ),
  );
const tableChange = fc
  .record({
    id: fc.constantFrom(...TABLES),
    present: fc.boolean(),
    generation,
    routes: fc.array(
      fc.record({
        prefix: fc.constantFrom('0.0.0.0/0', '10.9.0.0/16'),
        nextHop: fc.option(address, { nil: undefined }),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ id, present, generation: again, routes }) =>
    document(
      `routetables/${id}`,
      present
        ? routeTableDocument({
            id,
            instanceId: `table-${id}${again}`,
            routes: routes.map(({ prefix, nextHop }) => ({
              prefix,
              nextHopType: nextHop === undefined ? 'None' : 'VirtualAppliance',
              ...some('nextHop', nextHop),
            })),
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
const holderChange = fc.record({
  vnetId: fc.tuple(fc.constantFrom(...NETWORKS), generation).map(([id, n]) => `vnet-${id}${n}`),
  address,
  interfaceInstanceId: fc.constantFrom(undefined, ...NICS.map((id) => `nic-${id}`)),
});
/** Where each sequence begins: networks connected with each other, interfaces at hosts, policy in use. */
const GROUND: Change = {
  documents: [
    document('logicalnetworks/hnvpa', logicalNetworkDocument()),
    ...HOSTS.map((id, at) =>
      document(
        `servers/${id}`,
        serverDocument({ id, providerAddress: PROVIDER_ADDRESSES[at + 1] ?? '' }),
      ),
    ),
    ...LISTS.map((id) =>
      document(
        `accesscontrollists/${id}`,
        accessControlListDocument({
          id,
          rules: [{ priority: 101, sourceTags: ['/securityTags/front'] }],
        }),
      ),
    ),
    ...TAGS.map((id) => document(`securitytags/${id}`, securityTagDocument(id))),
    ...TABLES.map((id) =>
      document(
        `routetables/${id}`,
        routeTableDocument({ id, routes: [{ prefix: '0.0.0.0/0', nextHop: '10.0.0.5' }] }),
      ),
    ),
    ...NETWORKS.map((id) =>
      document(
        `virtualnetworks/${id}`,
        virtualNetworkDocument({
          id,
          subnets: SUBNETS.map((subnet, at) => ({
            id: subnet,
            prefix: '10.0.0.0/24',
            vni: 5000 + at,
            accessControlList: '/accessControlLists/open',
            routeTable: '/routeTables/via',
          })),
          peerings: NETWORKS.filter((remote) => remote !== id).map((remote) => ({
            id: remote,
            remote: `/virtualNetworks/${remote}`,
            remoteInstanceId: `vnet-${remote}`,
          })),
        }),
      ),
    ),
    ...NICS.map((id, at) =>
      document(
        `networkinterfaces/${id}`,
        networkInterfaceDocument({
          id,
          mac: '001DD8000001',
          securityTags: ['/securityTags/front'],
          addresses: [
            {
              subnet: `/virtualNetworks/${NETWORKS[at % NETWORKS.length]}/subnets/web`,
              address: `10.0.0.${4 + at}`,
              accessControlList: '/accessControlLists/shut',
              ...(at < PUBLIC_ADDRESSES.length && {
                publicAddress: `/publicIPAddresses/${PUBLIC_ADDRESSES[at]}`,
              }),
            },
          ],
        }),
      ),
    ),
    ...PUBLIC_ADDRESSES.map((id, at) =>
      document(`publicipaddresses/${id}`, publicIpAddressDocument(id, `203.0.113.${1 + at}`)),
    ),
    document(
      'edgerouters/e1',
      edgeRouterDocument({
        id: 'e1',
        providerAddress: '192.0.2.20',
        asNumber: '64600',
        peers: [{ address: '192.0.2.1', policyMapIn: 'in' }],
        policyMaps: ['in'],
        natPools: [['203.0.113.240', '203.0.113.241']],
        forwards: ['/networkInterfaces/n1/ipConfigurations/ip0'],
      }),
    ),
  ],
  placements: NICS.map((id, at) => ({
    interfaceInstanceId: `nic-${id}`,
    serverId: HOSTS[at % HOSTS.length],
  })),
  holders: [],
};

const inputs = fc.array(
  fc.record({
    documents: fc.array(
      fc.oneof(
        mirrorChange,
        settingsChange,
        serverChange,
        logicalNetworkChange,
        networkChange,
        interfaceChange,
        interfaceChange,
        networkChange,
        listChange,
        tagChange,
        tableChange,
        edgeChange,
        publicAddressChange,
        publicNetworkChange,
      ),
      { maxLength: 3 },
    ),
    placements: fc.array(placementChange, { maxLength: 3 }),
    holders: fc.array(holderChange, { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 25 },
);

test('incremental = recompute: after any sequence of changes, and the changes named are the changes made', (t) => {
  assertRecomputed(t, inputs, GROUND);
});

test('a preview changes nothing, and is what applying the same documents then tells', (t) => {
  const look = (state: CompiledState) =>
    new Map(
      state.dirty.flatMap((name) =>
        // Without the pool that a Buffer is a view of.
        state
          .compile(name)
          .map(({ key, bytes }) => [key, resourceCodec.decode(new Uint8Array(bytes))]),
      ),
    );
  fc.assert(
    fc.property(inputs, (sequence) => {
      const compiler = new Compiler();
      sequence.forEach((input, at) => {
        compiler.apply({
          revision: at + 1,
          documents: [],
          placements: input.placements,
          holders: input.holders,
        });
        const before = contents(compiler);
        const preview = compiler.preview(input.documents, look);
        t.is(compiler.recompute().size, 0);
        t.deepEqual(contents(compiler), before);
        compiler.apply({ revision: at + 1, documents: input.documents, placements: [] });
        const after = contents(compiler);
        t.deepEqual(onlyKnown(before, preview.before), before);
        t.deepEqual(onlyKnown(after, preview.after), after);
      });
    }),
    { numRuns: 200 },
  );
});

/** The slices with the previewed resource in place of each they hold. Of two interfaces with one address, goal-states chooses one. */
function onlyKnown(slices: Contents, previewed: ReadonlyMap<string, object>): Contents {
  return Object.fromEntries(
    Object.entries(slices).map(([target, slice]) => [
      target,
      Object.fromEntries(
        Object.entries(slice).map(([key, resource]) => {
          // Each host's own settings have the same key, and each edge's.
          const isOne = !['host', 'edge'].includes(key) && !key.startsWith('mapping/');
          const known = isOne ? previewed.get(key) : undefined;
          return [key, known ?? resource];
        }),
      ),
    ]),
  );
}
