/** Incremental = recompute (recomputation.ts) of load balancing: load balancers, muxes, backends and observations, in whatever order. */
import test from 'ava';
import fc from 'fast-check';
import { admissionId } from '../../../../controller/compiler/balancing.ts';
import { HealthState } from '../../../../schema/southbound/messages.ts';
import {
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';
import { edgeRouterDocument, publicIpAddressDocument } from '../../../fixtures/edge-documents.ts';
import {
  backendSettingsDocument,
  loadBalancerDocument,
  loadBalancerMuxDocument,
} from '../../../fixtures/load-balancer-documents.ts';
import { assertRecomputed, type Change, document, generation, some } from './recomputation.ts';

const NETWORKS = ['blue', 'red'];
const BALANCERS = ['one', 'two'];
const NICS = ['n1', 'n2', 'n3'];
const HOSTS = ['h1', 'h2'];
const MUXES = ['m1', 'm2'];
const POOLS = ['p', 'q'];

const poolRefs = BALANCERS.flatMap((id) =>
  POOLS.map((pool) => `/loadBalancers/${id}/backendAddressPools/${pool}`),
);
const natRefs = BALANCERS.map((id) => `/loadBalancers/${id}/inboundNatRules/nat`);
const subnetRef = fc.constantFrom(...NETWORKS.map((id) => `/virtualNetworks/${id}/subnets/web`));

const frontend = fc.record({
  id: fc.constantFrom('x', 'y'),
  publicAddress: fc.constantFrom(undefined, '/publicIPAddresses/a', '/publicIPAddresses/b'),
  subnet: fc.option(subnetRef, { nil: undefined }),
});
const rule = fc.record({
  id: fc.constantFrom('r', 's'),
  frontends: fc.subarray(['x', 'y']),
  pool: fc.constantFrom(...POOLS),
  probe: fc.constantFrom(undefined, 'alive'),
  port: fc.constantFrom(80, 443),
});
const balancerChange = fc
  .record({
    id: fc.constantFrom(...BALANCERS),
    present: fc.boolean(),
    generation,
    frontends: fc.uniqueArray(frontend, { selector: ({ id }) => id, maxLength: 2 }),
    pools: fc.subarray(POOLS),
    rules: fc.uniqueArray(rule, { selector: ({ id }) => id, maxLength: 2 }),
    nat: fc.boolean(),
    outbound: fc.uniqueArray(
      fc.record({
        id: fc.constantFrom('out', 'off'),
        frontends: fc.subarray(['x', 'y']),
        pool: fc.constantFrom(...POOLS),
        protocol: fc.constantFrom('Tcp', 'All'),
      }),
      { selector: ({ id }) => id, maxLength: 2 },
    ),
    probes: fc.constantFrom({}, { alive: 80 }),
  })
  .map(({ id, present, generation: again, frontends, pools, rules, nat, outbound, probes }) =>
    document(
      `loadbalancers/${id}`,
      present
        ? loadBalancerDocument({
            id,
            instanceId: `lb-${id}${again}`,
            pools,
            probes,
            outbound,
            frontends: frontends.map(({ publicAddress, subnet, id: name }) => ({
              id: name,
              ...(publicAddress === undefined
                ? { ...some('subnet', subnet), address: '10.0.0.100' }
                : { publicAddress }),
            })),
            rules: [
              ...rules.map(({ probe, ...rest }) => ({ ...rest, ...some('probe', probe) })),
              ...(nat ? [{ id: 'nat', frontends: ['x'], port: 2222 }] : []),
            ],
          })
        : undefined,
    ),
  );
const muxChange = fc
  .record({
    id: fc.constantFrom(...MUXES),
    present: fc.boolean(),
    generation,
    providerAddress: fc.constantFrom(undefined, '192.0.2.30', '192.0.2.31'),
  })
  .map(({ id, present, generation: again, providerAddress }) =>
    document(
      `loadbalancermuxes/${id}`,
      present
        ? loadBalancerMuxDocument({
            id,
            instanceId: `mux-${id}${again}`,
            ...some('providerAddress', providerAddress),
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
        subnet: subnetRef,
        address: fc.constantFrom('10.0.0.4', '10.0.0.5', '10.0.0.6'),
        pools: fc.subarray(poolRefs),
        natRules: fc.subarray(natRefs),
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
const networkChange = fc
  .record({
    id: fc.constantFrom(...NETWORKS),
    present: fc.boolean(),
    generation,
    vni: fc.constantFrom(5000, 5001),
    peered: fc.boolean(),
    allowAccess: fc.boolean(),
    hasSubnet: fc.boolean(),
  })
  .map(({ id, present, generation: again, vni, peered, allowAccess, hasSubnet }) => {
    const remote = NETWORKS.find((other) => other !== id) ?? '';
    const peering = { id: remote, remote: `/virtualNetworks/${remote}`, allowAccess };
    return document(
      `virtualnetworks/${id}`,
      present
        ? virtualNetworkDocument({
            id,
            instanceId: `vnet-${id}${again}`,
            subnets: hasSubnet ? [{ id: 'web', prefix: '10.0.0.0/24', vni }] : [],
            peerings: peered ? [{ ...peering, remoteInstanceId: `vnet-${remote}` }] : [],
          })
        : undefined,
    );
  });
const serverChange = fc
  .record({ id: fc.constantFrom(...HOSTS), at: fc.constantFrom('', '1', '2') })
  .map(({ id, at }) =>
    document(
      `servers/${id}`,
      serverDocument({ id, ...(at !== '' && { providerAddress: `192.0.2.1${at}` }) }),
    ),
  );
const publicAddressChange = fc
  .record({ id: fc.constantFrom('a', 'b'), present: fc.boolean() })
  .map(({ id, present }) =>
    document(
      `publicipaddresses/${id}`,
      present ? publicIpAddressDocument(id, `203.0.113.${id === 'a' ? 1 : 2}`) : undefined,
    ),
  );
const edgeChange = fc
  .constantFrom(undefined, '192.0.2.20')
  .map((providerAddress) =>
    document(
      'edgerouters/e',
      edgeRouterDocument({ id: 'e', ...some('providerAddress', providerAddress) }),
    ),
  );
const settingsChange = fc
  .record({
    id: fc.constantFrom('a', 'b'),
    present: fc.boolean(),
    nic: fc.constantFrom(...NICS),
    pool: fc.constantFrom(undefined, ...poolRefs),
    draining: fc.boolean(),
    weight: fc.constantFrom(undefined, 3),
  })
  .map(({ id, present, nic, pool, draining, weight }) =>
    document(
      `backendsettings/${id}`,
      present
        ? backendSettingsDocument({
            ...{ id, draining },
            ipConfiguration: `/networkInterfaces/${nic}/ipConfigurations/ip0`,
            ...some('pool', pool),
            ...some('weight', weight),
          })
        : undefined,
    ),
  );
const placement = fc.record({
  interfaceInstanceId: fc
    .tuple(fc.constantFrom(...NICS), generation)
    .map(([id, again]) => `nic-${id}${again}`),
  serverId: fc.constantFrom(undefined, ...HOSTS),
});
const health = fc.record({
  probeId: fc
    .tuple(fc.constantFrom(...BALANCERS), generation)
    .map(([id, again]) => `lb-${id}${again}-alive`),
  address: fc.constantFrom('10.0.0.4', '10.0.0.5'),
  state: fc.constantFrom(undefined, HealthState.HEALTH_UP, HealthState.HEALTH_DOWN),
});
const vipId = fc
  .tuple(fc.constantFrom(...BALANCERS), generation, fc.constantFrom('x', 'y'))
  .map(([id, again, name]) => `lb-${id}${again}-${name}`);
const announcement = fc.record({
  vipId: fc.oneof(vipId, fc.constantFrom(...MUXES.map(admissionId))),
  announced: fc.boolean(),
});
const retirement = fc.record({ vipId, present: fc.boolean() }).map(({ vipId: id, present }) => ({
  vipId: id,
  retired: present
    ? {
        balancerId: id.slice(0, id.lastIndexOf('-')),
        virtualIp: {
          ...{ id, resourceRef: '', address: Uint8Array.of(203, 0, 113, 1), vnetId: '' },
          ...{ internal: false, subnetId: '', rules: [] },
        },
      }
    : undefined,
}));

const lease = fc
  .record({
    vipId,
    holders: fc.subarray(
      NICS.flatMap((id) =>
        ['', '-again'].flatMap((again) =>
          ['10.0.0.4', '10.0.0.5'].map((address) => `nic-${id}${again} ${address}`),
        ),
      ),
    ),
    from: fc.constantFrom(1024, 2048),
  })
  .map(({ vipId: id, holders, from }) => ({
    vipId: id,
    leased: new Map(holders.map((holder) => [holder, [{ from, to: from + 7 }]])),
  }));

const GROUND: Change = {
  documents: [
    ...HOSTS.map((id, at) =>
      document(`servers/${id}`, serverDocument({ id, providerAddress: `192.0.2.1${at + 1}` })),
    ),
    ...NETWORKS.map((id, at) =>
      document(
        `virtualnetworks/${id}`,
        virtualNetworkDocument({
          id,
          subnets: [{ id: 'web', prefix: '10.0.0.0/24', vni: 5000 + at }],
        }),
      ),
    ),
    ...MUXES.map((id, at) =>
      document(
        `loadbalancermuxes/${id}`,
        loadBalancerMuxDocument({ id, providerAddress: `192.0.2.3${at}` }),
      ),
    ),
    document('publicipaddresses/a', publicIpAddressDocument('a', '203.0.113.1')),
    document('edgerouters/e', edgeRouterDocument({ id: 'e', providerAddress: '192.0.2.20' })),
    document(
      'loadbalancers/one',
      loadBalancerDocument({
        id: 'one',
        frontends: [{ id: 'x', publicAddress: '/publicIPAddresses/a' }],
        pools: POOLS,
        probes: { alive: 80 },
        rules: [{ id: 'r', frontends: ['x'], pool: 'p', probe: 'alive', port: 80 }],
      }),
    ),
    document(
      'loadbalancers/two',
      loadBalancerDocument({
        id: 'two',
        frontends: [{ id: 'x', subnet: '/virtualNetworks/red/subnets/web', address: '10.0.0.100' }],
        pools: POOLS,
        probes: { alive: 80 },
        rules: [{ id: 'r', frontends: ['x'], pool: 'p', probe: 'alive', port: 80 }],
      }),
    ),
    ...NICS.map((id, at) =>
      document(
        `networkinterfaces/${id}`,
        networkInterfaceDocument({
          id,
          mac: '001DD8000001',
          addresses: [
            {
              subnet: `/virtualNetworks/${NETWORKS[at % 2]}/subnets/web`,
              address: `10.0.0.${4 + at}`,
              pools: [poolRefs[at % 2 === 0 ? 0 : 2] ?? ''],
            },
          ],
        }),
      ),
    ),
  ],
  placements: NICS.map((id, at) => ({
    interfaceInstanceId: `nic-${id}`,
    serverId: HOSTS[at % HOSTS.length],
  })),
  announcements: MUXES.map((id) => ({ vipId: admissionId(id), announced: true })),
};

const inputs = fc.array(
  fc.record({
    documents: fc.array(
      fc.oneof(
        balancerChange,
        balancerChange,
        interfaceChange,
        interfaceChange,
        muxChange,
        networkChange,
        serverChange,
        publicAddressChange,
        edgeChange,
        settingsChange,
      ),
      { maxLength: 3 },
    ),
    placements: fc.array(placement, { maxLength: 2 }),
    health: fc.array(health, { maxLength: 2 }),
    announcements: fc.array(announcement, { maxLength: 2 }),
    retirements: fc.array(retirement, { maxLength: 1 }),
    leases: fc.array(lease, { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 20 },
);

test('incremental = recompute: after any sequence of changes, and the changes named are the changes made', (t) => {
  assertRecomputed(t, inputs, GROUND);
});
