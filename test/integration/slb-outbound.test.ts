/**
 * Connections that VMs open to the outside behind one virtual address, through host, edge and muxes to real servers: as many as its ports allow, with
 * each port towards every server; what is refused beyond that and who says so; and which rule or address decides what a VM goes out by.
 *
 *   a, c, p (host1)    b, d (host2)    VIP 203.0.113.100, 1,024 ports each    servers at 192.0.2.1:9000 … 9015, in the namespace `outside`
 */
import { type Test, test } from 'tap';
import type { SnatAnswer } from '../../schema/southbound/diagnostics/slb.ts';
import { eventually } from '../kit/eventually.ts';
import type { Machine } from '../kit/machine.ts';
import { type Crowd, type CrowdServer, openCrowd, serveCrowd } from '../kit/tcp-crowds.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { changeBalancer, join, putBalancer, VIP } from './slb-lab.ts';

type Lease = SnatAnswer['leases'][number] & { readonly host: string };

/** What a pool of up to 50 backends gives each. */
const PORTS = 1024;
const FIRST_PORT = 9000;
const SERVERS = 16;
/** Of one process: within the usual limit of open files. */
const SERVERS_EACH = 4;
/** Nothing has connected to it before. */
const SPARE_PORT = FIRST_PORT + SERVERS;
const NAMES = ['a', 'b', 'c', 'd'];
const SPEC = { address: VIP, port: 8080, backends: ['a', 'b', 'c'] };

let network: RunningTopology;
let outside: Machine;
let servers: readonly CrowdServer[];
const crowds = new Map<string, Crowd>();

test('what VMs open to the outside behind a virtual address', async (t) => {
  const vm = (index: number) => ({
    ...{ vnet: 'blue', subnet: 'web', host: 1 + (index % 2), address: `10.1.1.${10 + index}` },
  });
  network = await topology({
    hosts: 2,
    muxes: 2,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: Object.fromEntries([...NAMES, 'p'].map((name, index) => [name, vm(index)])),
  }).start();
  t.teardown(() => network.stop());
  outside = network.outside();
  const first = Array.from({ length: SERVERS / SERVERS_EACH }, (_, at) => SERVERS_EACH * at);
  servers = await Promise.all(
    first.map((at) => serveCrowd(outside, { firstPort: FIRST_PORT + at, ports: SERVERS_EACH })),
  );
  await putBalancer(network, 'web', SPEC);
  await t.test('each backend has ports of its own, also one that comes later', portsOfEach);
  await t.test('65,536 connections to one server by 4,096 ports', manyConnections);
  await t.test('no established connection notices that a mux is killed', muxKilled);
  await t.test('one more is refused, counted, and told with a remedy', portsExhausted);
  await t.test('a rule for outbound connections decides for its protocol', outboundRule);
  await t.test('a public address of the VM’s own goes before the load balancer’s', ownAddress);
});

async function portsOfEach(t: Test) {
  const before = await leasesOf(3);
  await join(network.client, 'web', 'd');
  const leases = await leasesOf(4);
  const taken = new Set<number>();
  for (const { address, ports, portCount } of leases) {
    t.equal(portCount, PORTS, address);
    for (const { from, to } of ports) {
      t.same([from % 8, to % 8], [0, 7], `blocks of eight: ${from} to ${to}`);
      for (let port = from; port <= to; port += 1) taken.add(port);
    }
  }
  t.equal(taken.size, 4 * PORTS, 'none is leased twice');
  t.same(
    leases.filter(({ address }) => before.some((each) => each.address === address)),
    before,
    'who was there has the same ports as before',
  );
  t.same(new Set(leases.map(({ host }) => host)), new Set(['host1', 'host2']));
  const asked = await network.vm('d').askUdp(outside, { count: 20, payloadBytes: 100 });
  t.same(asked, { sent: 20, answered: 20 }, 'datagrams go out by them too');
  const { udpPortsInUse } = (await leasesOf(4)).at(-1) ?? {};
  t.ok((udpPortsInUse ?? 0) > 0, 'which can be seen');
}

async function manyConnections(t: Test) {
  const to = { address: outside.address, firstPort: FIRST_PORT, ports: SERVERS };
  for (const name of NAMES) crowds.set(name, await openCrowd(network.vm(name), name, to, PORTS));
  for (const crowd of crowds.values()) {
    t.same(await crowd.opened(), { open: SERVERS * PORTS, answered: 0, ended: {} });
  }
}

async function muxKilled(t: Test) {
  await network.role('mux1').kill();
  const asked = [...crowds.values()].map((crowd) => crowd.ask());
  for (const report of await Promise.all(asked)) {
    t.same(report, { open: SERVERS * PORTS, answered: SERVERS * PORTS, ended: {} });
  }
  const leases = await leasesOf(4);
  for (const server of servers) {
    const { open, ports } = await server.served();
    t.equal(open, NAMES.length * PORTS * SERVERS_EACH);
    t.same(Object.keys(ports), [VIP], 'all come from the virtual address');
    for (const [index, name] of NAMES.entries()) {
      const used = ports[VIP]?.[name] ?? [];
      const own = leases.find(({ address }) => address === `10.1.1.${10 + index}`)?.ports ?? [];
      t.equal(used.length, PORTS, `${name} uses each of its ports towards each server`);
      t.ok(used.every((port) => own.some(({ from, to }) => from <= port && port <= to)));
    }
  }
}

async function portsExhausted(t: Test) {
  const before = await network.drops('host1', 'SnatPortsExhausted');
  t.equal(before, 0, 'none has lacked a port so far');
  const to = { address: outside.address, firstPort: FIRST_PORT, ports: 1 };
  const refused = await openCrowd(network.vm('a'), 'a', to, 1);
  await eventually('it is counted at the host', async () => {
    return (await network.drops('host1', 'SnatPortsExhausted')) > 0;
  });
  await refused.stop();
  const lease = (await leasesOf(4)).find(({ address }) => address === '10.1.1.10');
  t.ok((lease?.exhausted ?? 0) > 0, 'and at the lease, for weft lb status');
  t.equal(lease?.tcpPortsInUse, PORTS);

  const { verdict } = await trace('a', { protocol: 6, destinationPort: FIRST_PORT });
  t.match(verdict, {
    kind: 'drop',
    reason: 'SnatPortsExhausted',
    rule: {
      id: /1024 ports of 203\.0\.113\.100 are all taken/,
      resourceRef: /\/loadBalancers\/web\//,
    },
    remedy: /more frontends/,
  });

  servers = [...servers, await serveCrowd(outside, { firstPort: SPARE_PORT, ports: 1 })];
  t.equal((await visitSpare('a')).answered, 1, 'another server is reached by the same ports');
}

async function outboundRule(t: Test) {
  const before = await leasesOf(4);
  const spare = { address: outside.address, firstPort: SPARE_PORT, ports: 1 };
  const held = await openCrowd(network.vm('b'), 'b', spare, 100);
  t.equal((await held.opened()).open, 100);
  const outbound = { protocol: 'Tcp', idleTimeoutInMinutes: 30 };
  await changeBalancer(network, 'web', { ...SPEC, outbound });
  const ruled = await eventually('the hosts have it', async () => {
    const leases = await leasesOf(4);
    return leases.every(({ protocol }) => protocol === 'Tcp') ? leases : undefined;
  });
  for (const { ruleRef } of ruled) t.match(ruleRef, /\/outboundNatRules\/outbound$/);
  const portsOf = (leases: readonly Lease[]) =>
    leases.map(({ address, ports }) => ({ address, ports }));
  t.same(portsOf(ruled), portsOf(before), 'nobody gets other ports for it');
  const tcp = await trace('b', { protocol: 6, destinationPort: SPARE_PORT });
  t.match(JSON.stringify(tcp.hops), /leaves as 203\.0\.113\.100:/);
  const udp = await trace('b', { protocol: 17, destinationPort: SPARE_PORT });
  t.notMatch(
    JSON.stringify(udp.hops),
    /203\.0\.113\.100/,
    'datagrams go out by the edge’s own pool',
  );
  t.same(await held.ask(), { open: 100, answered: 100, ended: {} }, 'connections go on');
  await held.stop();
}

async function ownAddress(t: Test) {
  await join(network.client, 'web', 'p');
  await leasesOf(5);
  t.equal((await visitSpare('p')).answered, 1);
  const properties = { publicIPAllocationMethod: 'Static', ipAddress: '203.0.113.101' };
  await network.client.put('/publicIPAddresses/own', { resourceId: 'own', properties });
  const path = '/networkInterfaces/p/ipConfigurations/primary';
  const found = await network.client.get(path);
  const publicIPAddress = { resourceRef: '/publicIPAddresses/own' };
  await network.client.put(path, {
    ...found,
    properties: { ...found.properties, publicIPAddress },
  });
  await leasesOf(4);
  await eventually('it leaves as its own address', async () => {
    await visitSpare('p');
    return (await servers.at(-1)?.served())?.ports['203.0.113.101'] !== undefined;
  });
}

/** One connection to the spare port that is asked once. */
async function visitSpare(name: string) {
  const to = { address: outside.address, firstPort: SPARE_PORT, ports: 1 };
  const crowd = await openCrowd(network.vm(name), name, to, 1);
  await crowd.opened();
  const report = await crowd.ask();
  await crowd.stop();
  return report;
}

interface Leased {
  readonly leases: readonly Lease[];
  readonly muxes: readonly { readonly leases?: number; readonly announced?: boolean }[];
}

/** What the hosts say of so many backends, by address, once all muxes that are there know of them, too, and have told the edge of the address. */
function leasesOf(count: number): Promise<readonly Lease[]> {
  return eventually(`${count} backends have ports`, async () => {
    const path = `/networking/weft/v1/virtualAddresses/${VIP}`;
    const { leases, muxes } = (await network.client.ask('GET', path)) as Leased;
    const byAddress = [...leases].sort((one, other) => (one.address < other.address ? -1 : 1));
    const isReady = muxes.every((mux) => mux.announced === true && mux.leases === count);
    return byAddress.length === count && isReady ? byAddress : undefined;
  });
}

async function trace(from: string, packet: object) {
  const path = `/networking/weft/v1/networkInterfaces/${from}/trace`;
  const destination = outside.address;
  const answer = await network.client.ask('POST', path, { destination, ...packet });
  return answer as { readonly verdict: object; readonly hops: readonly object[] };
}
