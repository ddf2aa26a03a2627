/** What-if about routes: the destinations it names are exactly those whose next hop by the reference model changes. */
import test from 'ava';
import fc from 'fast-check';
import { type Routing, routeChanges } from '../../../../controller/what-if/route-changes.ts';
import type { NextHop } from '../../../../schema/northbound/what-if.ts';
import { type Address, bytesOf, isIn } from '../../../model/address.ts';
import { type Hop, nextHop } from '../../../model/policy.ts';
import { prefix, routeTable, virtualNetwork } from '../../../model/policy-plans.ts';

const ROUTING: fc.Arbitrary<Routing> = fc.record({
  network: virtualNetwork('blue'),
  table: fc.option(routeTable('t'), { nil: undefined }),
});

// Every boundary of what the generators make, on both sides.
const DESTINATIONS: readonly Address[] = [
  '0.0.0.0',
  '9.255.255.255',
  '10.0.0.0',
  '10.0.0.3',
  '10.0.0.4',
  '10.0.0.5',
  '10.0.0.6',
  '10.0.0.255',
  '10.0.1.0',
  '10.0.2.0',
  '10.1.0.0',
  '10.1.255.255',
  '10.2.0.0',
  '10.2.3.0',
  '10.2.4.0',
  '10.3.0.0',
  '11.0.0.0',
  '203.0.113.0',
  '203.0.114.0',
  '255.255.255.255',
  '::',
  'fd00::',
  'fd00:0:0:1::4',
  'fd00:0:0:1::5',
  'fd00:0:0:2::',
  'fd00:1::',
  'fd00:2::',
  'fd00:3::',
  'ffff::',
];

const TYPES = {
  local: 'VnetLocal',
  peering: 'VNetPeering',
  appliance: 'VirtualAppliance',
  gateway: 'VirtualNetworkGateway',
  internet: 'Internet',
  none: 'None',
} as const;

function isHop(hop: Hop, said: NextHop): boolean {
  return (
    said.type === TYPES[hop.kind] &&
    said.address === (hop.kind === 'appliance' ? hop.address : undefined) &&
    said.peering === (hop.kind === 'peering' ? hop.resourceRef : undefined)
  );
}

function hasAddress(text: string, address: Address): boolean {
  if (text.includes('/')) return isIn(address, prefix(text));
  const [first = '', last = first] = text.split('-');
  const hex = (one: Address) => Buffer.from(bytesOf(one)).toString('hex');
  const isSameFamily = bytesOf(first).length === bytesOf(address).length;
  return isSameFamily && hex(first) <= hex(address) && hex(address) <= hex(last);
}

test('of any two routings: a destination is in the answer exactly if its next hop changes', (t) => {
  fc.assert(
    fc.property(ROUTING, ROUTING, (before, after) => {
      const changes = routeChanges('/virtualNetworks/blue/subnets/web', before, after);
      for (const destination of DESTINATIONS) {
        const was = nextHop(destination, before.network, before.table);
        const will = nextHop(destination, after.network, after.table);
        const named = changes.filter(({ destinations }) =>
          destinations.some((text) => hasAddress(text, destination)),
        );
        const differs = JSON.stringify(was) !== JSON.stringify(will);
        t.is(named.length, Number(differs), `${destination} ${JSON.stringify(changes)}`);
        if (named[0] === undefined) continue;
        t.true(isHop(was, named[0].before), `${destination} before`);
        t.true(isHop(will, named[0].after), `${destination} after`);
      }
      t.deepEqual(routeChanges('', before, before), []);
    }),
    { numRuns: Number(process.env['WEFT_FUZZ_RUNS'] ?? 300) },
  );
});

test('a route to an appliance: its prefix and no other address, in the fewest words', (t) => {
  const network = {
    id: 'blue',
    resourceRef: '/virtualNetworks/blue',
    addressSpace: [prefix('10.0.0.0/16')],
    dnsServers: [],
    dnsDomain: '',
    peerings: [],
    unbilledPrefixes: [],
  };
  const table = {
    id: 't',
    resourceRef: '/routeTables/t',
    routes: [
      {
        resourceRef: '/routeTables/t/routes/r',
        prefix: prefix('10.0.1.0/24'),
        nextHopType: 2,
        nextHop: bytesOf('10.0.0.9'),
      },
    ],
  } as const;
  t.deepEqual(
    routeChanges(
      '/virtualNetworks/blue/subnets/web',
      { network, table: undefined },
      { network, table: { ...table, routes: [...table.routes] } },
    ),
    [
      {
        subnet: '/virtualNetworks/blue/subnets/web',
        destinations: ['10.0.1.0/24'],
        before: { type: 'VnetLocal', source: 'Default' },
        after: { type: 'VirtualAppliance', source: 'User', address: '10.0.0.9' },
      },
    ],
  );
});
