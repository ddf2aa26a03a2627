/** Guards and learned addresses: what a port may do beside speaking for itself, when goal state lets it. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import {
  BROADCAST_PER_SEC_MAX,
  LEARNED_ADDRESS_IDLE_SEC_MAX,
  LEARNED_ADDRESSES_PER_PORT_MAX,
} from '../../../../dataplane/limits.ts';
import * as arp from '../../../../packet/arp.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import {
  AclAction,
  type Mapping,
  type Port,
  type Resource,
} from '../../../../schema/southbound/messages.ts';
import { viewOf } from '../../packet/frames.ts';
import { aclResource } from '../switch/policies.ts';
import {
  address,
  BLUE,
  between,
  HOST_ADDRESS,
  macOf,
  mappingResource,
  octets,
  portId,
  portResource,
  type TenantRig,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const OWN = '10.0.0.4';
const NEIGHBOR = '10.0.0.5';
const LEARNED = '10.0.0.77';
const PORTS = { src: 4000, dst: 5000 };

function port(changes: Partial<Port>, more: readonly string[] = []): Resource {
  const resource = portResource(BLUE, OWN, { more });
  if (resource.port === undefined) throw new TypeError('a port');
  return { ...resource, port: { ...resource.port, ...changes } };
}

function apply(net: TenantRig, ...upserts: Resource[]): void {
  const errors = net.core.applyGoal({ upserts, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

const send = (net: TenantRig, ...frames: Uint8Array[]) => net.pass(net.device(BLUE, OWN), frames);
const drops = (net: TenantRig, reason: string): number =>
  net.counters(portId(BLUE, OWN)).drops[reason] ?? 0;

/** What the VM says as somebody else. */
function from(src: string, dst = NEIGHBOR) {
  return { ...between(BLUE, OWN, dst), src };
}

function arpRequest(senderMac: number, sender: string, target = NEIGHBOR): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const src = macOf(BLUE, OWN);
  const header = { dst: ethernet.BROADCAST, src, etherType: ethernet.EtherType.ARP };
  ethernet.emit(header, viewOf(bytes), 0);
  const repr = {
    opcode: arp.Opcode.REQUEST,
    senderMac,
    senderAddress: address(sender),
    targetMac: 0,
    targetAddress: address(target),
  };
  arp.emit(repr, viewOf(bytes), ethernet.HEADER_LEN);
  return bytes;
}

test('secondary addresses are the port’s own: sent from, answered for, delivered to', (t) => {
  const net = tenantRig();
  apply(net, port({}, ['10.0.0.40']), {
    ...mappingResource(BLUE, '10.0.0.40', HOST_ADDRESS),
    mapping: {
      ...(mappingResource(BLUE, '10.0.0.40', HOST_ADDRESS).mapping as Mapping),
      mac: macOf(BLUE, OWN),
    },
  });
  t.is(send(net, udpFrame(from('10.0.0.40'), PORTS)).length, 1);
  t.is(send(net, arpRequest(macOf(BLUE, OWN), '10.0.0.40')).length, 1);
  const to = { ...between(BLUE, NEIGHBOR, OWN), dst: '10.0.0.40' };
  const [reply] = net.pass(net.device(BLUE, NEIGHBOR), [udpFrame(to, PORTS)]);
  t.is(reply?.port, net.device(BLUE, OWN));
});

test('a VM answers no DHCP requests, unless its guard is off', (t) => {
  const net = tenantRig();
  const answer = udpFrame(between(BLUE, OWN, NEIGHBOR), { src: 67, dst: 68 });
  t.deepEqual(send(net, answer), []);
  t.is(drops(net, 'DhcpGuarded'), 1);
  apply(net, port({ dhcpGuardOff: true }));
  t.is(send(net, answer).length, 1);
  t.is(drops(net, 'DhcpGuarded'), 1);
});

test('ARP with a foreign sender is dropped, unless the ARP guard is off', (t) => {
  const net = tenantRig();
  const foreign = arpRequest(0x0200_0000_0099, '10.0.0.99');
  t.deepEqual(send(net, foreign), []);
  t.is(drops(net, 'SpoofedArp'), 1);
  apply(net, port({ arpGuardOff: true }));
  t.is(send(net, foreign).length, 1);
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), [], 'addresses are still checked');
  t.is(drops(net, 'SpoofedIpv4'), 1);
});

/** The port of OWN, or of another address, that shares LEARNED. */
function sharing(own = OWN): Resource {
  const resource = portResource(BLUE, own, { more: [LEARNED] });
  if (resource.port === undefined) throw new TypeError('a port');
  const ipConfigurations = resource.port.ipConfigurations.map((one, at) => ({
    ...one,
    learned: at === 1,
  }));
  return { ...resource, port: { ...resource.port, ipConfigurations } };
}

/** LEARNED is had by the port of another address, at a host. */
function heldBy(own: string, at = HOST_ADDRESS): Resource {
  const resource = mappingResource(BLUE, LEARNED, at);
  return { ...resource, mapping: { ...(resource.mapping as Mapping), mac: macOf(BLUE, own) } };
}

const claim = arpRequest(macOf(BLUE, OWN), LEARNED);

test('a port speaks with an address that it shares and that nobody has, and says so', (t) => {
  const net = tenantRig();
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), []);
  apply(net, sharing());
  t.deepEqual(net.core.takeLearned(), []);
  t.is(send(net, udpFrame(from(LEARNED), PORTS)).length, 1);
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), [octets(LEARNED)]]]);
  send(net, udpFrame(from(LEARNED), PORTS), claim, udpFrame(from(OWN), PORTS));
  t.deepEqual(net.core.takeLearned(), [], 'nothing new, and its own is none');
  apply(net, port({}));
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), [], 'what it shares no longer is foreign');
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), []]]);
});

test('addresses that a port does not share are not learned, in ARP neither', (t) => {
  const net = tenantRig();
  apply(net, sharing());
  for (const src of [NEIGHBOR, '10.0.0.6', '10.0.0.1', '10.0.0.78', '10.0.1.77', '192.0.2.9']) {
    t.deepEqual(send(net, udpFrame(from(src, '10.0.0.6'), PORTS)), [], src);
    t.deepEqual(send(net, arpRequest(macOf(BLUE, OWN), src)), [], src);
  }
  t.is(drops(net, 'SpoofedIpv4'), 6);
  t.is(drops(net, 'SpoofedArp'), 6);
  t.deepEqual(send(net, arpRequest(0x0200_0000_0099, LEARNED)), [], 'with a foreign MAC');
  t.deepEqual(net.core.takeLearned(), []);
});

test('while another has the address, ARP takes it over and nothing else does', (t) => {
  const net = tenantRig();
  apply(net, sharing(), heldBy(NEIGHBOR, '192.0.2.2'));
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), []);
  t.is(drops(net, 'SpoofedIpv4'), 1);
  t.deepEqual(net.core.takeLearned(), []);
  send(net, claim);
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), [octets(LEARNED)]]]);
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), [], 'not before the controller says so');
  apply(net, heldBy(OWN));
  t.is(send(net, udpFrame(from(LEARNED), PORTS)).length, 1);
  t.deepEqual(net.core.takeLearned(), []);
});

test('an address that another takes over is lost, also to flows that are open, and may be claimed anew', (t) => {
  const net = tenantRig();
  apply(net, sharing());
  const frame = udpFrame(from(LEARNED), PORTS);
  t.is(send(net, frame, frame).length, 2);
  net.core.takeLearned();
  apply(net, heldBy(OWN));
  t.deepEqual(net.core.takeLearned(), []);
  apply(net, heldBy(NEIGHBOR, '192.0.2.2'));
  t.deepEqual(send(net, frame), []);
  t.is(drops(net, 'SpoofedIpv4'), 1);
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), []]]);
  send(net, claim);
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), [octets(LEARNED)]]]);
});

test('who announces an address, or has it, is not told that somebody has it', (t) => {
  const net = tenantRig();
  apply(net, sharing(), heldBy(NEIGHBOR));
  t.is(send(net, arpRequest(macOf(BLUE, OWN), OWN, LEARNED)).length, 1, 'others are answered');
  t.deepEqual(send(net, arpRequest(macOf(BLUE, OWN), LEARNED, LEARNED)), []);
  apply(net, heldBy(OWN));
  t.deepEqual(send(net, arpRequest(macOf(BLUE, OWN), OWN, LEARNED)), []);
});

test('a learned address that the controller has mapped is delivered to, in whatever order that arrives', (t) => {
  for (const order of [
    [sharing(), heldBy(OWN)],
    [heldBy(OWN), sharing()],
  ]) {
    const net = tenantRig();
    for (const resource of order) apply(net, resource);
    const to = { ...between(BLUE, NEIGHBOR, OWN), dst: LEARNED };
    const [sent] = net.pass(net.device(BLUE, NEIGHBOR), [udpFrame(to, PORTS)]);
    t.is(sent?.port, net.device(BLUE, OWN));
  }
});

test('a learned address has the access control list of its own configuration', (t) => {
  const net = tenantRig();
  const resource = sharing();
  const port = resource.port as Port;
  const ipConfigurations = port.ipConfigurations.map((own) =>
    own.learned ? { ...own, accessControlListId: 'closed' } : own,
  );
  const deny = { outboundDefault: AclAction.ACL_DENY };
  apply(net, aclResource('closed', {}, deny), { ...resource, port: { ...port, ipConfigurations } });
  t.is(send(net, udpFrame(from(OWN), PORTS)).length, 1);
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), []);
  t.is(drops(net, 'AclDenied'), 1);
});

test('learned addresses are bounded, aged, and gone with the device', (t) => {
  const net = tenantRig();
  const { port } = portResource(BLUE, OWN, {
    more: Array.from(
      { length: LEARNED_ADDRESSES_PER_PORT_MAX + 1 },
      (_, at) => `10.0.0.${at + 50}`,
    ),
  });
  if (port === undefined) return t.fail();
  const ipConfigurations = port.ipConfigurations.map((one, at) => ({ ...one, learned: at > 0 }));
  const tooMany = { ...port, ipConfigurations };
  const [error] = net.core.applyGoal({
    upserts: [{ key: `port/${port.id}`, version: 1, port: tooMany }],
    removes: [],
  });
  t.regex(error?.message ?? '', /more than the 16 of one port/);
  apply(net, sharing());
  send(net, claim);
  t.is(net.core.takeLearned().length, 1);
  net.clock.advance(millis((LEARNED_ADDRESS_IDLE_SEC_MAX - 1) * 1000));
  send(net, claim);
  net.clock.advance(millis(1000));
  t.deepEqual(net.core.takeLearned(), [], 'seen again');
  net.clock.advance(millis(LEARNED_ADDRESS_IDLE_SEC_MAX * 1000));
  send(net, udpFrame(from(OWN), PORTS));
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), []]]);
  send(net, claim);
  net.core.detach(portId(BLUE, OWN));
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), []]]);
});

test('more broadcasts in a second than allowed are dropped; the next second begins anew', (t) => {
  const net = tenantRig();
  const broadcast = arpRequest(macOf(BLUE, OWN), OWN);
  const storm = (count: number) => send(net, ...Array.from({ length: count }, () => broadcast));
  apply(net, port({ broadcastPerSecMax: 5 }));
  t.is(storm(8).length, 5);
  t.is(drops(net, 'StormLimited'), 3);
  t.is(send(net, udpFrame(from(OWN), PORTS)).length, 1, 'unicast is not concerned');
  net.clock.advance(millis(1000));
  t.is(storm(5).length, 5);
  apply(net, port({}));
  net.clock.advance(millis(1000));
  storm(BROADCAST_PER_SEC_MAX + 2);
  t.is(drops(net, 'StormLimited'), 5);
});
