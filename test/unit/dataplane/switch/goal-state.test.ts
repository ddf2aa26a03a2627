/** Goal state becomes tables: what cannot be realised is named and retried, and a change reaches flows that are already open. */
import test from 'ava';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { NO_BYTES } from '../../packet/frames.ts';
import {
  BLUE,
  between,
  HOST_ADDRESS,
  hostResource,
  macOf,
  mappingResource,
  networkResource,
  octets,
  PEER_ADDRESS,
  portId,
  portResource,
  RED,
  rig,
  subnetResource,
  tcpFrame,
  tenantGoal,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const PORTS = { src: 4000, dst: 5000 };
const VM = '10.0.0.4';
const OTHER = '10.0.0.5';

/** The resource with some fields of its body changed. */
function changed<Kind extends 'port' | 'virtualSubnet' | 'mapping' | 'host' | 'virtualNetwork'>(
  resource: Resource,
  kind: Kind,
  changes: Partial<NonNullable<Resource[Kind]>>,
): Resource {
  return { ...resource, [kind]: { ...resource[kind], ...changes } };
}

test('what refers to something unknown is named, and works as soon as that arrives', (t) => {
  const net = rig();
  const late = new Set(['vnet/blue', 'subnet/blue-web']);
  const goal = [hostResource(), ...tenantGoal(BLUE)];
  const errors = net.core.applyGoal({
    upserts: goal.filter(({ key }) => !late.has(key)),
    removes: [],
  });
  t.true(errors.length > 5);
  t.true(errors.every(({ code }) => code === 'PolicyConfigurationFailureOnVfp'));
  t.is(errors.find(({ key }) => key === 'subnet/blue-db')?.message, 'unknown virtual network blue');
  const rest = { upserts: goal.filter(({ key }) => late.has(key)), removes: [] };
  t.deepEqual(net.core.applyGoal(rest), []);
  const from = net.attach(portId(BLUE, VM));
  const to = net.attach(portId(BLUE, OTHER));
  t.is(net.pass(from, [udpFrame(between(BLUE, VM, OTHER), PORTS)])[0]?.port, to);
});

test('every kind of impossible resource is refused by name, and nothing else suffers', (t) => {
  const net = tenantRig();
  const port = portResource(BLUE, '10.0.0.9');
  const configuration = port.port?.ipConfigurations[0];
  if (configuration === undefined) return t.fail();
  const other = { ...subnetResource(RED, 'web'), key: 'subnet/x' };
  const cases: [Resource, RegExp][] = [
    [changed(hostResource(), 'host', { providerAddress: octets('1.2.3') }), /provider address/],
    [changed(hostResource(), 'host', { providerMtu: 300 }), /MTU/],
    [changed(hostResource(), 'host', { vxlanPort: 0 }), /UDP port/],
    [changed(subnetResource(BLUE, 'web'), 'virtualSubnet', { vni: 2 ** 24 }), /identifier/],
    [changed(subnetResource(BLUE, 'web'), 'virtualSubnet', { gateway: NO_BYTES }), /gateway/],
    [changed(other, 'virtualSubnet', { id: 'x', vnetId: 'blue' }), /belongs to/],
    [changed(port, 'port', { mac: 0x0100_5e00_0001 }), /MAC/],
    [changed(port, 'port', { ipConfigurations: [] }), /no IP configuration/],
    [
      changed(port, 'port', { ipConfigurations: [{ ...configuration, subnetId: 'blue-db' }] }),
      /no address of .*db/,
    ],
    [
      changed(port, 'port', { ipConfigurations: [{ ...configuration, address: octets(OTHER) }] }),
      /address is that of .*blue-10.0.0.5/,
    ],
    [changed(port, 'port', { vnetId: 'green' }), /unknown virtual network/],
    [changed(mappingResource(BLUE, VM, HOST_ADDRESS), 'mapping', { mac: 0 }), /MAC/],
    [
      changed(mappingResource(BLUE, VM, HOST_ADDRESS), 'mapping', { providerAddress: NO_BYTES }),
      /provider address/,
    ],
    [{ key: 'nothing/1', version: 1 }, /unknown kind/],
    [{ key: 'port/x', version: 1 }, /without its settings/],
  ];
  for (const [resource, message] of cases) {
    const errors = net.core.applyGoal({ upserts: [resource], removes: [] });
    t.deepEqual(
      errors.map(({ key }) => key),
      [resource.key],
      `${message}`,
    );
    t.regex(errors[0]?.message ?? '', message);
    const frame = udpFrame(between(BLUE, VM, OTHER), PORTS);
    t.is(net.pass(net.device(BLUE, VM), [frame])[0]?.port, net.device(BLUE, OTHER), `${message}`);
    // The last good version, or nothing, is goal state again.
    const good = [hostResource(), ...tenantGoal(BLUE)].filter(({ key }) => key === resource.key);
    const removes = good.length === 0 ? [resource.key] : [];
    t.deepEqual(net.core.applyGoal({ upserts: good, removes }), [], `${message}`);
  }
});

test('a prefix that leaves the address space takes established flows with it', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, VM, '10.0.1.4'), PORTS);
  t.is(net.pass(net.device(BLUE, VM), [frame, frame]).length, 2);
  net.core.applyGoal({ upserts: [networkResource(BLUE, '10.0.0.0', 24)], removes: [] });
  t.deepEqual(net.pass(net.device(BLUE, VM), [frame]), []);
  t.is(net.counters(portId(BLUE, VM)).drops['InternetUnavailable'], 1);
  net.core.applyGoal({ upserts: [networkResource(BLUE)], removes: [] });
  t.is(net.pass(net.device(BLUE, VM), [frame]).length, 1, 'and back');
  net.core.checkInvariants();
});

test('a mapping that is removed stops its established flows, one that changes redirects them', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, VM);
  const frame = tcpFrame(between(BLUE, VM, '10.0.0.6'), {});
  t.is(net.pass(device, [frame])[0]?.uplink?.address.join('.'), PEER_ADDRESS);
  const moved = mappingResource(BLUE, '10.0.0.6', '192.0.2.3');
  net.core.applyGoal({ upserts: [moved], removes: [] });
  t.is(net.pass(device, [frame])[0]?.uplink?.address.join('.'), '192.0.2.3');
  net.core.applyGoal({ upserts: [], removes: [moved.key] });
  t.deepEqual(net.pass(device, [frame]), []);
  t.is(net.counters(portId(BLUE, VM)).drops['NoMapping'], 1);
});

test('a change of one mapping leaves other flows as they are', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, VM, OTHER), PORTS);
  net.pass(net.device(BLUE, VM), [frame]);
  const before = net.core.explain();
  net.core.applyGoal({ upserts: [mappingResource(BLUE, '10.0.0.6', '192.0.2.3')], removes: [] });
  net.pass(net.device(RED, VM), [udpFrame(between(RED, VM, OTHER), PORTS)]);
  const walked = net.core.explain();
  t.notDeepEqual(walked, before);
  net.pass(net.device(BLUE, VM), [frame]);
  t.deepEqual(net.core.explain(), walked, 'no walk: the flow was still current');
});

test('a port whose goal state is removed sends and receives nothing more, known flows included', (t) => {
  const net = tenantRig();
  const there = udpFrame(between(BLUE, VM, OTHER), PORTS);
  const back = udpFrame(between(BLUE, OTHER, VM), { src: 5000, dst: 4000 });
  t.is(net.pass(net.device(BLUE, VM), [there]).length, 1);
  t.is(net.pass(net.device(BLUE, OTHER), [back]).length, 1);
  net.core.applyGoal({ upserts: [], removes: [`port/${portId(BLUE, OTHER)}`] });
  t.deepEqual(net.pass(net.device(BLUE, VM), [there]), []);
  t.deepEqual(net.pass(net.device(BLUE, OTHER), [back]), []);
  t.is(net.counters(portId(BLUE, VM)).drops['PortDetached'], 1);
  t.is(net.counters(portId(BLUE, OTHER)).drops['PortUnknown'], 1);
});

test('a device that is detached and attached again takes its flows up where they were', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, VM, OTHER), PORTS);
  net.pass(net.device(BLUE, VM), [frame]);
  net.core.detach(portId(BLUE, OTHER));
  t.deepEqual(net.pass(net.device(BLUE, VM), [frame]), []);
  const again = net.attach(portId(BLUE, OTHER));
  t.is(net.pass(net.device(BLUE, VM), [frame])[0]?.port, again);
  net.core.checkInvariants();
});

test('a port number that goes to another port brings none of the former one’s flows or counts', (t) => {
  const net = tenantRig();
  const id = portId(BLUE, OTHER);
  const index = net.core.portIndex(id);
  net.pass(net.device(BLUE, VM), [udpFrame(between(BLUE, VM, OTHER), PORTS)]);
  net.pass(net.device(BLUE, OTHER), [udpFrame(between(BLUE, OTHER, VM), { src: 5000, dst: 4000 })]);
  net.core.detach(id);
  const mapping = `mapping/blue/${OTHER}`;
  net.core.applyGoal({ upserts: [], removes: [`port/${id}`, mapping] });
  t.is(net.core.portIndex(id), undefined);
  const added = '10.0.0.9';
  const upserts = [portResource(RED, added), mappingResource(RED, added, HOST_ADDRESS)];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const device = net.attach(portId(RED, added));
  t.is(net.core.portIndex(portId(RED, added)), index, 'the number is used again');
  t.is(net.counters(portId(RED, added)).txPackets, 0);
  t.deepEqual(net.pass(net.device(BLUE, VM), [udpFrame(between(BLUE, VM, OTHER), PORTS)]), []);
  const own = udpFrame(between(RED, VM, added), PORTS);
  t.is(net.pass(net.device(RED, VM), [own])[0]?.port, device);
  net.core.checkInvariants();
});

test('a subnet that gets another network identifier uses it from the next packet on', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, VM, '10.0.0.6'), PORTS);
  const inner = udpFrame(between(BLUE, '10.0.0.6', VM), { src: 5000, dst: 4000 });
  t.is(net.pass(net.device(BLUE, VM), [frame])[0]?.uplink?.vni, BLUE.webVni);
  t.deepEqual(
    net.core.applyGoal({ upserts: [subnetResource(BLUE, 'web', 5555)], removes: [] }),
    [],
  );
  t.is(net.pass(net.device(BLUE, VM), [frame])[0]?.uplink?.vni, 5555);
  t.deepEqual(net.passTunnel(BLUE.webVni, inner), []);
  t.is(net.passTunnel(5555, inner)[0]?.port, net.device(BLUE, VM));
  net.core.checkInvariants();
});

test('an identifier that a removed subnet had may go to another one within the same change', (t) => {
  const net = tenantRig();
  const upserts = [subnetResource(RED, 'web', BLUE.webVni)];
  t.deepEqual(
    net.core.applyGoal({ upserts, removes: ['subnet/blue-web'] }).map(({ key }) => key),
    [
      'port/blue-10.0.0.4',
      'port/blue-10.0.0.5',
      'mapping/blue/10.0.0.4',
      'mapping/blue/10.0.0.5',
      'mapping/blue/10.0.0.6',
    ],
  );
  const inner = udpFrame(between(RED, '10.0.0.6', VM), PORTS);
  t.is(net.passTunnel(BLUE.webVni, inner)[0]?.port, net.device(RED, VM));
});

test('two ports may swap their addresses, two subnets their identifiers, within one change', (t) => {
  const net = tenantRig();
  const swapped = (own: string, address: string): Resource => {
    const resource = portResource(BLUE, own);
    const ipConfigurations = resource.port?.ipConfigurations.map((configuration) => ({
      ...configuration,
      address: octets(address),
    }));
    return changed(resource, 'port', ipConfigurations === undefined ? {} : { ipConfigurations });
  };
  const upserts = [
    swapped(VM, OTHER),
    swapped(OTHER, VM),
    subnetResource(BLUE, 'web', RED.webVni),
    subnetResource(RED, 'web', BLUE.webVni),
  ];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const inner = udpFrame(between(BLUE, '10.0.0.6', VM), PORTS);
  t.is(net.passTunnel(RED.webVni, inner)[0]?.port, net.device(BLUE, OTHER));
  t.is(net.passTunnel(BLUE.webVni, inner)[0]?.port, net.device(RED, VM));
  net.core.checkInvariants();
});

test('of two resources that claim the same thing in one change, one is refused and says whose it is', (t) => {
  const net = tenantRig();
  const claim = (own: string): Resource => portResource(BLUE, own, { more: ['10.0.0.50'] });
  const errors = net.core.applyGoal({ upserts: [claim(VM), claim(OTHER)], removes: [] });
  t.is(errors.length, 1);
  t.regex(errors[0]?.message ?? '', /the address is that of/);
  t.is(net.pass(net.device(BLUE, OTHER), [udpFrame(between(BLUE, OTHER, VM), PORTS)]).length, 1);
});

test('removing everything leaves an empty switch', (t) => {
  const net = tenantRig();
  net.pass(net.device(BLUE, VM), [udpFrame(between(BLUE, VM, OTHER), PORTS)]);
  for (const tenant of [BLUE, RED]) {
    for (const text of ['10.0.0.4', '10.0.0.5', '10.0.1.4']) net.core.detach(portId(tenant, text));
  }
  const removes = [...tenantGoal(BLUE), ...tenantGoal(RED)].map(({ key }) => key);
  t.deepEqual(net.core.applyGoal({ upserts: [], removes }), []);
  t.is(net.core.flowTable.count, 0);
  t.is(net.core.transpositions.count, 0);
  t.deepEqual(net.core.portIndices(), []);
  net.core.checkInvariants();
  t.deepEqual(net.core.applyGoal({ upserts: tenantGoal(BLUE), removes: [] }), []);
  t.is(macOf(BLUE, VM) === macOf(RED, VM), false);
});
