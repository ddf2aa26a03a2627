/**
 * What nobody should send to a load balancer, sent through the whole: from a tenant's VM, from outside, and on the provider network itself. Each is
 * refused where it must be, counted by a reason, and those who behave notice nothing.
 *
 *   a (blue, host1)  b (blue, host2): behind VIP    r (red, host1): behind RED_VIP    `stranger`: on the provider network, and nobody's
 */
import { type Test, test } from 'tap';
import { run } from '../../fabric/command.ts';
import { joinProviderNetwork, UPLINK } from '../../fabric/links.ts';
import { createNamespace, inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import type { EdgeCounters } from '../../schema/southbound/diagnostics/edge.ts';
import type {
  MuxAddress,
  MuxCounters,
  MuxStatus,
} from '../../schema/southbound/diagnostics/slb.ts';
import { eventually } from '../kit/eventually.ts';
import { udpFrame } from '../kit/frames.ts';
import type { Program } from '../kit/program.ts';
import { hold, serveTcp, visit } from '../kit/tcp-clients.ts';
import { openCrowd } from '../kit/tcp-crowds.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { changeBalancer, isServedBy, putBalancer, VIP } from './slb-lab.ts';

const RED_VIP = '203.0.113.102';
const PORT = 8080;
const VXLAN_PORT = 4789;
/** What would arrive if a forged packet got through: a datagram to this port. */
const FORGED_PORT = 7777;
const ROUTER_MAC = '12:34:56:78:9a:bc';
const FLOOD = 20_000;
const target = { address: VIP, port: PORT };
/** On a very busy machine a probe may fail; what is to be seen here is not that. */
const PATIENT = { numberOfProbes: 5 };
const BLUE = { ...target, backends: ['a', 'b'], probe: PATIENT };
const redTarget = { address: RED_VIP, port: PORT };
let network: RunningTopology;
let servers: readonly Program[];

interface Status {
  readonly muxes: readonly MuxAddress[];
  readonly details: readonly object[];
}

test('what nobody should send to a load balancer', async (t) => {
  const subnet = { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } };
  network = await topology({
    hosts: 2,
    muxes: 2,
    vnets: { blue: subnet, red: subnet },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.11' },
      r: { vnet: 'red', subnet: 'web', host: 1, address: '10.1.1.10' },
    },
  }).start();
  t.teardown(() => network.stop());
  servers = await Promise.all(['a', 'b'].map((name) => serveTcp(network.vm(name), PORT)));
  await serveTcp(network.vm('r'), PORT);
  await putBalancer(network, 'web', BLUE);
  await putBalancer(network, 'red', { ...redTarget, backends: ['r'], probe: PATIENT });
  await eventually('both serve', async () => {
    const outside = network.outside();
    const blue = await isServedBy(outside, target, 'a', 'b');
    return blue && (await isServedBy(outside, redTarget, 'r'));
  });
  const seen = await network.vm('b').capture(`udp port ${FORGED_PORT}`, { inbound: true });
  await t.test('a virtual address as source: a VM’s own, and another tenant’s', spoofedVip);
  await t.test('tunnel packets of a VM’s making', tunnelFromVm);
  await t.test('tunnel packets from outside', tunnelFromOutside);
  await t.test('tunnel packets of a stranger on the provider network', tunnelFromStranger);
  t.same((await seen.stop()).length, 0, 'nothing forged has arrived');
  await t.test('virtual addresses reach each other and themselves, and nothing loops', loops);
  await t.test('a SYN flood: who is connected goes on, and so does the other address', flood);
  await t.test('no live backend: counted, told, and not answered', nobodyUp);
});

/** Of the role's own interface of the provider network. */
async function providerAddress(namespace: string): Promise<string> {
  const text = await run(['ip', '-n', namespace, '-j', '-4', 'address', 'show', 'dev', UPLINK]);
  const [link] = JSON.parse(text) as { addr_info: { local: string }[] }[];
  return link?.addr_info[0]?.local ?? '';
}

const addressOf = (role: string) => providerAddress(network.role(role).namespace);

/** VXLAN header and an inner datagram to VM b from its neighbour a (RFC 7348 §5). */
async function forgedTunnel(): Promise<Uint8Array> {
  const path = '/virtualNetworks/blue/subnets/web';
  const found = await network.client.get<{ virtualSubnetId: number }>(path);
  const [a, b] = [network.vm('a'), network.vm('b')];
  const ends = { srcMac: a.mac, dstMac: b.mac, src: a.address, dst: b.address };
  const inner = udpFrame({ ...ends, dstPort: FORGED_PORT, payload: new Uint8Array(8) });
  const packet = new Uint8Array(8 + inner.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x08);
  view.setUint32(4, found.properties.virtualSubnetId << 8);
  packet.set(inner, 8);
  return packet;
}

/** Sends datagrams by the namespace's own kernel. */
async function sendUdp(namespace: string, to: readonly string[], payload: Uint8Array) {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    const bytes = Buffer.from('${Buffer.from(payload).toString('hex')}', 'hex');
    let left = ${to.length};
    for (const address of ${JSON.stringify(to)})
      socket.send(bytes, ${VXLAN_PORT}, address, () => { left -= 1; if (left === 0) socket.close(); });
  `;
  await run(inNamespace(namespace, [process.execPath, '-e', script]));
}

/** MAC addresses of a frame from outside to the edge. */
async function atEdge(): Promise<{ readonly srcMac: string; readonly dstMac: string }> {
  const outside = network.outside();
  const ask = async (...what: string[]) => {
    const { stdout } = await outside.run(['ip', '-j', ...what]);
    return JSON.parse(stdout) as { readonly address?: string; readonly lladdr?: string }[];
  };
  const [link] = await ask('link', 'show', 'dev', outside.record.device);
  const [edge] = await ask('neigh', 'show', '192.0.2.2');
  return { srcMac: link?.address ?? '', dstMac: edge?.lladdr ?? '' };
}

async function edgeDrops(reason: string): Promise<number> {
  const path = '/networking/weft/v1/edgeRouters/edge/counters';
  const { links } = (await network.client.ask('GET', path)) as EdgeCounters;
  return links.reduce((sum, { drops }) => sum + (drops[reason] ?? 0), 0);
}

/** How often has it been counted since? */
async function countedSince<T>(
  read: () => Promise<number>,
  act: () => Promise<T>,
  atLeast: number,
  what: string,
) {
  const before = await read();
  await act();
  await eventually(what, async () => (await read()) - before >= atLeast);
}

async function spoofedVip(t: Test) {
  const vm = network.vm('a');
  const to = { srcMac: vm.mac, dstMac: ROUTER_MAC, dst: '192.0.2.1', dstPort: 9 };
  const frames = [VIP, RED_VIP].map((src) => udpFrame({ ...to, src, payload: new Uint8Array(8) }));
  const spoofed = () => network.drops('host1', 'SpoofedIpv4');
  await countedSince(spoofed, () => vm.inject(frames), 2, 'its host refuses both');
  // From outside as if from inside, and to itself at that (a LAND attack).
  const land = { ...(await atEdge()), src: VIP, dst: VIP, dstPort: PORT };
  const send = () => network.outside().inject([udpFrame({ ...land, payload: new Uint8Array(8) })]);
  await countedSince(() => edgeDrops('MartianSource'), send, 1, 'the edge refuses it');
  t.pass('each is counted by its reason');
}

async function tunnelFromVm(t: Test) {
  const targets = await Promise.all(['host2', 'mux1'].map(addressOf));
  const tunnel = await forgedTunnel();
  const from = network.vm('a').record.namespace;
  const tenants = () => edgeDrops('InfrastructureProtected');
  await countedSince(tenants, () => sendUdp(from, targets, tunnel), 2, 'no tenant gets there');
  const own = [await addressOf('edge')];
  const edges = () => edgeDrops('NotForUs');
  await countedSince(edges, () => sendUdp(from, own, tunnel), 1, 'nor to the edge itself');
  // To another VM it is data as any other.
  const plain = await network.vm('b').capture(`udp port ${VXLAN_PORT}`, { inbound: true });
  await sendUdp(from, [network.vm('b').address], tunnel);
  await eventually('it arrives as what it is', () => plain.frames().length === 1);
  await plain.stop();
  t.pass('and nobody takes it for a tunnel’s');
}

async function tunnelFromOutside(t: Test) {
  const dst = await addressOf('host2');
  const to = { ...(await atEdge()), dst, dstPort: VXLAN_PORT, payload: await forgedTunnel() };
  const send = (src: string) => () => network.outside().inject([udpFrame({ ...to, src })]);
  const atHost = () => network.drops('host2', 'OuterSourceUnknown');
  await countedSince(atHost, send(network.outside().address), 1, 'the host knows no such sender');
  const asMux = send(await addressOf('mux1'));
  await countedSince(() => edgeDrops('MartianSource'), asMux, 1, 'nor can one be a mux outside');
  t.pass('an outsider has no tunnel');
}

async function tunnelFromStranger(t: Test) {
  const { fabric } = network;
  const stranger = namespaceName(fabric.name, 'stranger');
  await createNamespace(stranger);
  await joinProviderNetwork({
    network: namespaceName(fabric.name, 'net'),
    ...{ member: stranger, portName: 'stranger', mtu: fabric.settings.provider.mtu },
  });
  await run(['ip', '-n', stranger, 'address', 'add', '198.51.100.77/24', 'dev', UPLINK]);
  const targets = await Promise.all(['host2', 'mux1', 'edge'].map(addressOf));
  const tunnel = await forgedTunnel();
  const atHost = () => network.drops('host2', 'OuterSourceUnknown');
  const atEdge = () => edgeDrops('OuterSourceUnknown');
  await countedSince(atHost, () => sendUdp(stranger, targets, tunnel), 1, 'the host refuses it');
  await countedSince(atEdge, () => sendUdp(stranger, targets, tunnel), 1, 'and the edge');
  t.pass('each knows who may tunnel to it');
}

async function loops(t: Test) {
  const once = { connections: 20, firstPort: 20_000 };
  for (const [from, to] of [
    ['r', target],
    ['a', target],
    ['a', redTarget],
    ['r', redTarget],
  ] as const) {
    const { failures } = await visit(network.vm(from), to, once);
    t.same(failures, {}, `${from} reaches ${to.address}`);
  }
  const outside = network.outside();
  const { stdout } = await outside.run([
    'traceroute',
    '-n',
    '-T',
    '-q',
    '1',
    '-w',
    '2',
    '-p',
    String(PORT),
    VIP,
  ]);
  t.match(stdout, new RegExp(` ${VIP.replaceAll('.', '\\.')} `), stdout);
}

async function flood(t: Test) {
  const outside = network.outside();
  const held = await hold(outside, target, { connections: 50, firstPort: 40_000 });
  const other = await hold(outside, redTarget, { connections: 10, firstPort: 40_000 });
  const { srcMac, dstMac } = await atEdge();
  const flooding = outside.run([
    ...[process.execPath, programPath('test/kit/syn-flood.js'), outside.record.device],
    ...[srcMac, dstMac, VIP, String(PORT), String(FLOOD)],
  ] as [string, ...string[]]);
  for (const each of [held, other]) t.same((await each.report()).ended, {});
  t.equal((await flooding).code, 0);
  const [after, others] = [await held.report(), await other.report()];
  t.same([after.ended, others.ended], [{}, {}], 'no connection has ended');
  t.equal(
    Object.values(after.answered).reduce((sum, each) => sum + each, 0),
    50,
    'all answer',
  );
  t.equal(others.answered['r'], 10);
  t.ok(await isServedBy(outside, redTarget, 'r'), 'new ones to the other address too');
  for (const mux of ['mux1', 'mux2']) {
    const path = `/networking/weft/v1/loadBalancerMuxes/${mux}`;
    const { memory } = (await network.client.ask('GET', `${path}/counters`)) as MuxCounters;
    t.ok(memory.unconfirmed <= memory.unconfirmedMax);
    t.ok(memory.confirmed < 1000, 'none of the flood is confirmed');
    const { addresses } = (await network.client.ask('GET', `${path}/status`)) as MuxStatus;
    t.ok(addresses.every(({ announced }) => announced));
  }
  await held.stop();
  await other.stop();
}

async function nobodyUp(t: Test) {
  await changeBalancer(network, 'web', { ...BLUE, probe: { numberOfProbes: 1 } });
  for (const server of servers) await server.stop('SIGKILL');
  const path = `/networking/weft/v1/virtualAddresses/${VIP}`;
  const status = async () => (await network.client.ask('GET', path)) as Status;
  await eventually('their probes have failed at both muxes', async () => {
    const { muxes } = await status();
    const backends = muxes.flatMap(({ rules }) => rules.flatMap((rule) => rule.backends));
    return backends.length === 4 && backends.every(({ health }) => health === 'down');
  });
  const outside = network.outside();
  const answers = await outside.capture(`src host ${VIP}`, { inbound: true });
  const calling = await openCrowd(outside, 'x', { ...target, firstPort: PORT, ports: 1 }, 1);
  const { details } = await eventually('the packets are counted', async () => {
    const now = await status();
    return now.muxes.some(({ drops }) => (drops['NoLiveBackend'] ?? 0) > 0) ? now : undefined;
  });
  t.match(details, [{ code: 'NoLiveBackend', message: /none of the 2 backends/ }]);
  await calling.stop();
  t.same((await answers.stop()).length, 0, 'whoever asks hears nothing');
  const ends = { source: outside.address, destination: VIP, protocol: 6, destinationPort: PORT };
  const trace = await network.client.ask(
    'POST',
    '/networking/weft/v1/edgeRouters/edge/trace',
    ends,
  );
  t.match(trace, {
    verdict: { kind: 'refused', reason: 'NoLiveBackend', by: /^\/loadBalancerMuxes\/mux/ },
  });
  t.ok(await isServedBy(outside, redTarget, 'r'), 'the other address serves');
}
