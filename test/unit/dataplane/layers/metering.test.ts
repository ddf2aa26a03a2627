/** Metering: what a port sends is counted as billed or unbilled by where it goes, when the host is told to. */
import test from 'ava';
import {
  NextHopType,
  type Resource,
  type VirtualSubnet,
} from '../../../../schema/southbound/messages.ts';
import { asAppliance } from '../switch/policies.ts';
import {
  BLUE,
  between,
  hostResource,
  networkResource,
  octets,
  portId,
  portResource,
  ROUTER_MAC,
  subnetResource,
  type TenantRig,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const OWN = '10.0.0.4';
const PORTS = { src: 4000, dst: 5000 };

function host(metering: boolean): Resource {
  const resource = hostResource();
  if (resource.host === undefined) throw new TypeError('a host');
  return { ...resource, host: { ...resource.host, metering } };
}

/** Everything outside goes through an appliance, and 203.0.113.0/24 is not billed. */
function outside(): Resource[] {
  const network = networkResource(BLUE);
  const subnet = subnetResource(BLUE, 'web');
  if (network.virtualNetwork === undefined) throw new TypeError('a network');
  const unbilledPrefixes = [{ address: octets('203.0.113.0'), len: 24 }];
  return [
    { ...network, virtualNetwork: { ...network.virtualNetwork, unbilledPrefixes } },
    {
      key: 'routetable/out',
      version: 1,
      routeTable: {
        id: 'out',
        resourceRef: '/routeTables/out',
        routes: [
          {
            resourceRef: '/routeTables/out/routes/all',
            prefix: { address: octets('0.0.0.0'), len: 0 },
            nextHopType: NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
            nextHop: octets('10.0.0.5'),
          },
        ],
      },
    },
    asAppliance(portResource(BLUE, '10.0.0.5')),
    {
      ...subnet,
      virtualSubnet: { ...(subnet.virtualSubnet as VirtualSubnet), routeTableId: 'out' },
    },
  ];
}

function apply(net: TenantRig, ...upserts: Resource[]): void {
  const errors = net.core.applyGoal({ upserts, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

function to(dst: string): Uint8Array {
  return udpFrame({ ...between(BLUE, OWN, '10.0.1.4'), dstMac: ROUTER_MAC, dst }, PORTS);
}

test('egress inside the network and to unbilled prefixes is unbilled, all other is billed', (t) => {
  const net = tenantRig();
  apply(net, host(true), ...outside());
  const inside = to('10.0.1.6');
  const billed = to('198.51.100.7');
  const exempted = to('203.0.113.9');
  for (let round = 0; round < 3; round += 1) {
    t.is(net.pass(net.device(BLUE, OWN), [inside, billed, exempted]).length, 3);
  }
  t.deepEqual(net.counters(portId(BLUE, OWN)).egress, {
    billedPackets: 3,
    billedBytes: 3 * billed.length,
    unbilledPackets: 6,
    unbilledBytes: 3 * (inside.length + exempted.length),
  });
  t.is(net.counters(portId(BLUE, '10.0.0.5')).egress, undefined, 'what it receives is not its own');
});

test('what is dropped is not counted, and nothing is while metering is off', (t) => {
  const net = tenantRig();
  apply(net, ...outside());
  net.pass(net.device(BLUE, OWN), [to('10.0.1.6')]);
  t.is(net.counters(portId(BLUE, OWN)).egress, undefined);
  apply(net, host(true));
  net.pass(net.device(BLUE, OWN), [to('10.0.0.99'), to('10.0.1.6')]);
  t.is(net.counters(portId(BLUE, OWN)).egress?.unbilledPackets, 1);
  apply(net, host(false));
  net.pass(net.device(BLUE, OWN), [to('10.0.1.6')]);
  t.is(net.counters(portId(BLUE, OWN)).egress?.unbilledPackets, 1);
});
