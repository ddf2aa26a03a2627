/** Health probes on their way through the switch: a backend sees the platform's address, access control judges, and only answers come back. */
import test from 'ava';
import fc from 'fast-check';
import { formatIpWords } from '../../../../base/ip-words.ts';
import {
  PROBER_ADDRESS,
  SERVICE_MAC,
  slotAddress,
} from '../../../../dataplane/platform/service-addresses.ts';
import { SERVICE_PORT } from '../../../../dataplane/switch/port-registry.ts';
import * as tcp from '../../../../packet/tcp.ts';
import { aclResource, asAppliance, withList } from './policies.ts';
import { read, type ServiceRig, serviceRig } from './relayed.ts';
import {
  BLUE,
  between,
  HOST_ADDRESS,
  macOf,
  mappingResource,
  octets,
  portId,
  portResource,
  RED,
  ROUTER_MAC,
  type Tenant,
  tcpFrame,
  tunnelled,
  udpFrame,
} from './tenants.ts';

const OWN = '10.0.0.4';
const PLATFORM = '168.63.129.16';
const PROBER = formatIpWords(PROBER_ADDRESS);
const { SYN, ACK, RST, FIN } = tcp.Flag;
const PORTS = { srcPort: 40_000, dstPort: 8080 } as const;
const BACK = { srcPort: 8080, dstPort: 40_000 } as const;

interface ProberRig extends ServiceRig {
  slot(tenant: Tenant, text: string, which?: number): string;
}

function proberRig(): ProberRig {
  const net = serviceRig();
  return {
    ...net,
    slot: (tenant, text, which = 0) =>
      formatIpWords(slotAddress(true, net.core.portIndex(portId(tenant, text)) ?? 0, which)),
  };
}

/** A segment of the host's kernel to a slot. */
function probe(dst: string, flags: number, segment: Partial<tcp.Repr> = {}): Uint8Array {
  const addressing = { srcMac: SERVICE_MAC, dstMac: SERVICE_MAC, src: PROBER, dst };
  return tcpFrame(addressing, { ...PORTS, flags, ...segment });
}

function answer(tenant: Tenant, flags: number, segment: Partial<tcp.Repr> = {}): Uint8Array {
  const addressing = { ...between(tenant, OWN, PLATFORM), dstMac: ROUTER_MAC };
  return tcpFrame(addressing, { ...BACK, flags, ...segment });
}

test('a probe reaches its backend as from 168.63.129.16, its answers reach the prober, two tenants’ apart', (t) => {
  const net = proberRig();
  for (const tenant of [BLUE, RED]) {
    const device = net.device(tenant, OWN);
    const slot = net.slot(tenant, OWN);
    for (const flags of [SYN, ACK, ACK | FIN]) {
      const [there] = net.pass(net.services, [probe(slot, flags)]);
      t.is(there?.port, device);
      t.deepEqual(read(there?.bytes), {
        src: PLATFORM,
        dst: OWN,
        srcMac: ROUTER_MAC,
        dstMac: macOf(tenant, OWN),
        isSound: true,
      });
      const [back] = net.pass(device, [answer(tenant, flags | ACK)]);
      t.is(back?.port, net.services);
      t.like(read(back?.bytes), { src: slot, dst: PROBER, dstMac: SERVICE_MAC, isSound: true });
    }
  }
  t.deepEqual(net.drops(), {});
  t.is(net.core.flowTable.count, 2, 'one flow of each backend');
  net.core.checkInvariants();
});

test('each address of a port is probed by itself', (t) => {
  const net = proberRig();
  const more = ['10.0.0.100', '10.0.0.101'];
  const mappings = more.map((text) => {
    const { mapping, ...resource } = mappingResource(BLUE, text, HOST_ADDRESS);
    return { ...resource, ...(mapping && { mapping: { ...mapping, mac: macOf(BLUE, OWN) } }) };
  });
  const upserts = [portResource(BLUE, OWN, { more }), ...mappings];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  for (const [index, own] of [OWN, ...more].entries()) {
    const [there] = net.pass(net.services, [probe(net.slot(BLUE, OWN, index), SYN)]);
    t.like(read(there?.bytes), { dst: own, isSound: true });
  }
  t.deepEqual(net.pass(net.services, [probe(net.slot(BLUE, OWN, 3), SYN)]), []);
  t.is(net.core.counters.read(SERVICE_PORT).drops['DestinationNotLocal'], 1);
});

test('a VM answers probes and opens nothing to the host', (t) => {
  const net = proberRig();
  const device = net.device(BLUE, OWN);
  t.deepEqual(net.pass(device, [answer(BLUE, SYN), answer(BLUE, ACK), answer(BLUE, RST)]), []);
  t.is(net.counters(portId(BLUE, OWN)).drops['ServiceUnsupported'], 3);
  net.pass(net.services, [probe(net.slot(BLUE, OWN), SYN)]);
  const others = [
    answer(BLUE, SYN | ACK, { dstPort: 40_001 }),
    answer(BLUE, SYN | ACK, { srcPort: 8081 }),
    udpFrame({ ...between(BLUE, OWN, PLATFORM), dstMac: ROUTER_MAC }, { src: 8080, dst: 40_000 }),
  ];
  t.deepEqual(net.pass(device, others), [], 'no answer to the probe that was sent');
  t.is(net.pass(device, [answer(BLUE, RST | ACK)]).length, 1);
});

test('access control judges a probe by the tag AZURELOADBALANCER, at once when it changes', (t) => {
  const net = proberRig();
  const send = () => net.pass(net.services, [probe(net.slot(BLUE, OWN), SYN)]).length;
  const judgedBy = (rules: Parameters<typeof aclResource>[1]) =>
    net.core.applyGoal({
      upserts: [aclResource('list', rules), withList(portResource(BLUE, OWN), 'list')],
      removes: [],
    });
  const others = { deny: true, from: ['0.0.0.0/0'] };
  t.deepEqual(judgedBy({ probes: { from: ['AZURELOADBALANCER'] }, others }), []);
  t.is(send(), 1);
  t.deepEqual(judgedBy({ probes: { deny: true, from: ['AZURELOADBALANCER'] } }), []);
  t.is(send(), 0, 'also a connection that is open');
  t.is(net.counters(portId(BLUE, OWN)).txDrops['AclDenied'], 1);
  t.deepEqual(judgedBy({ internet: { from: ['INTERNET'] }, others }), []);
  t.is(send(), 0, 'the platform is no part of the Internet');
  t.deepEqual(judgedBy({ answers: { deny: true, outbound: true, to: ['0.0.0.0/0'] } }), []);
  t.is(send(), 1);
  t.is(
    net.pass(net.device(BLUE, OWN), [answer(BLUE, SYN | ACK)]).length,
    1,
    'a reply is no new flow',
  );
});

test('nobody else comes from the platform’s address', (t) => {
  const net = proberRig();
  const forged = tcpFrame(
    { srcMac: ROUTER_MAC, dstMac: macOf(BLUE, OWN), src: PLATFORM, dst: OWN },
    { ...PORTS, flags: SYN },
  );
  t.deepEqual(net.passTunnel(BLUE.webVni, forged), []);
  t.is(net.uplinkCounters().drops['InnerSourceImplausible'], 1);
  net.core.applyGoal({ upserts: [asAppliance(portResource(BLUE, '10.0.0.5'))], removes: [] });
  const local = tcpFrame(
    { ...between(BLUE, '10.0.0.5', OWN), src: PLATFORM },
    { ...PORTS, flags: SYN },
  );
  t.deepEqual(net.pass(net.device(BLUE, '10.0.0.5'), [local]), []);
  t.is(net.counters(portId(BLUE, '10.0.0.5')).drops['SpoofedIpv4'], 1);
  // A flow of a real probe is nothing that a tunnel can join.
  net.pass(net.services, [probe(net.slot(BLUE, OWN), SYN)]);
  t.is(
    net.pass(net.uplink, [tunnelled(BLUE.webVni, forged)], { source: octets('192.0.2.9') }).length,
    0,
  );
});

test('a port whose VM is gone, and one that goal state has removed, are not probed', (t) => {
  const net = proberRig();
  const slot = net.slot(BLUE, OWN);
  net.core.detach(portId(BLUE, OWN));
  t.deepEqual(net.pass(net.services, [probe(slot, SYN)]), []);
  net.core.applyGoal({ upserts: [], removes: [`port/${portId(BLUE, OWN)}`] });
  t.deepEqual(net.pass(net.services, [probe(slot, SYN)]), []);
  t.deepEqual(net.core.counters.read(SERVICE_PORT).drops, { PortDetached: 1, NotForUs: 1 });
});

test('what a VM sends to a probe is limited per second', (t) => {
  const net = proberRig();
  const device = net.device(BLUE, OWN);
  net.pass(net.services, [probe(net.slot(BLUE, OWN), SYN)]);
  const endless = Array.from({ length: 2100 }, () => answer(BLUE, ACK));
  t.is(net.pass(device, endless).length, 2000);
  t.is(net.counters(portId(BLUE, OWN)).drops['RateLimited'], 100);
});

test('any segment of the host is dropped or delivered, never a fault', (t) => {
  const net = proberRig();
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0x7fff }),
      fc.integer({ min: 0, max: 0xff }),
      fc.integer({ min: 0, max: 80 }),
      (slot, flags, cut) => {
        const dst = formatIpWords(slotAddress(true, slot >>> 3, slot & 7));
        const frame = probe(dst, flags);
        const sent = net.pass(net.services, [frame.subarray(0, frame.length - cut)]);
        t.true(sent.length <= 1);
      },
    ),
  );
  net.core.checkInvariants();
});
