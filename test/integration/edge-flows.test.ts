/**
 * Flows through the edge when something ends (edge-lab.ts): one of two next hops that BGP brought is cut off, and comes back; mappings of NAT44 go
 * when their time is up, a reset's at once after it. The edge is one with short timeouts (impatient-edge.ts).
 */
import { test } from 'tap';
import { defined } from '../../base/assert.ts';
import type { Argv } from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import { BGP_PEER_DEFAULTS, BGP_ROUTER_DEFAULTS } from '../../schema/southbound/defaults.ts';
import type { NatMapping } from '../../schema/southbound/diagnostics/edge.ts';
import { PeerFamily, type Resource } from '../../schema/southbound/messages.ts';
import { bytesOf } from '../fixtures/addresses.ts';
import { eventually } from '../kit/eventually.ts';
import type { FlowReport } from '../kit/flow-probe.ts';
import { FLOW_UNANSWERED_MAX } from '../kit/limits.ts';
import type { Program } from '../kit/program.ts';
import { EdgeLab, FAR, labGoal, VM1 } from './edge-lab.ts';

const ANYCAST = '198.19.0.9';
const PREFIX = '198.19.0.0/24';
const PORT = 7000;
const UDP_FLOWS = 24;
const TCP_FLOWS = 6;
const EDGE_AS = 64_600;
const ROUTERS = [
  { member: 'outside', asn: 65_011, address: '192.0.2.1', edge: '192.0.2.2', far: FAR },
  { member: 'outside2', asn: 65_012, address: '192.0.3.1', edge: '192.0.3.2', far: '198.18.1.9' },
] as const;
type Member = (typeof ROUTERS)[number]['member'];

const lab = new EdgeLab('test/integration/impatient-edge.js');

function peers(): Resource[] {
  return [
    {
      key: 'bgprouter/r',
      version: 1,
      bgpRouter: {
        ...BGP_ROUTER_DEFAULTS,
        ...{ id: 'r', resourceRef: '/bgpRouters/r', asNumber: EDGE_AS },
        routerId: bytesOf('198.51.100.2'),
        networks: [],
      },
    },
    ...ROUTERS.map(
      ({ member, asn, address }): Resource => ({
        key: `bgppeer/${member}`,
        version: 1,
        bgpPeer: {
          ...BGP_PEER_DEFAULTS,
          ...{ id: member, resourceRef: `/bgpPeers/${member}`, routerId: 'r' },
          ...{ address: bytesOf(address), asNumber: asn, acceptAllIn: true, bfd: true },
          families: [PeerFamily.PEER_IPV4_UNICAST],
        },
      }),
    ),
  ];
}

/** A router with BGP and BFD toward the edge, a way to the server, and a watch on what comes from the edge. */
async function startRouter({ member, asn, address, edge, far }: (typeof ROUTERS)[number]) {
  await lab.run(member, ['ip', 'route', 'add', PREFIX, 'via', far]);
  watches.set(member, { program: await lab.start(member, WATCH, 'listening on'), from: 0 });
  const options = { asn, routerId: address, listen: { addresses: [address] } };
  const path = programPath('test/kit/bgp-speaker.js');
  const argv = [process.execPath, path, JSON.stringify(options)] as const;
  const speaker = await lab.start(member, argv, 'ready');
  const neighbour = {
    address: edge,
    asn: EDGE_AS,
    importPolicy: 'accept-all',
    exportPolicy: 'accept-all',
    bfd: { intervalMs: 100, multiplier: 3 },
  };
  const calls = [
    { id: 1, method: 'announce', args: [{ prefix: PREFIX }] },
    { id: 2, method: 'setNeighbour', args: [neighbour] },
  ];
  for (const call of calls) speaker.write(`${JSON.stringify(call)}\n`);
}

const WATCH = [
  ...['tcpdump', '-nn', '-l', '-Q', 'in', '-i', 'edge0'],
  ...['udp', 'dst', 'port', `${PORT}`],
] as unknown as Argv;

/** What the routers have seen come from the edge, and from which byte of it on that counts. */
const watches = new Map<Member, { readonly program: Program; from: number }>();

/** Public ports of the flows that have come to a router since the last forget(). */
function portsAt(member: Member): number[] {
  const { program, from } = defined(watches.get(member), member);
  const text = program.stdout().subarray(from).toString('latin1');
  const ports = new Set(
    [...text.matchAll(/ IP [\d.]+\.(\d+) > /g)].map(([, port]) => Number(port)),
  );
  return [...ports].sort((a, b) => a - b);
}

function forget(): void {
  for (const watch of watches.values()) watch.from = watch.program.stdout().length;
}

let probe: Program | undefined;
let reports = 0;

/** What the flows have seen since the last report. */
async function report(): Promise<FlowReport> {
  const running = defined(probe, 'the flows');
  reports += 1;
  running.write('\n');
  const line = await eventually('a report', () => {
    return running.stdout().toString().split('\n').slice(0, -1)[reports];
  });
  return JSON.parse(line) as FlowReport;
}

const mappingsOf = async (inside: string): Promise<readonly NatMapping[]> =>
  (await lab.ask<{ mappings: NatMapping[] }>(`/nat?inside=${inside}`)).mappings;

/** Public port of each flow, by its own. */
async function publicPorts(): Promise<Map<number, number>> {
  const mappings = await mappingsOf(VM1.address);
  const udp = mappings.filter(({ protocol }) => protocol === 'udp');
  return new Map(udp.map(({ insidePort, outsidePort }) => [insidePort, outsidePort]));
}

/** Resolves when every flow has been answered again and again since then. */
async function answeredSince(before: FlowReport): Promise<void> {
  await eventually('every flow is answered', async () => {
    const { udp, tcp } = await report();
    const isMore = (now: number, then = 0): boolean => now > then + FLOW_UNANSWERED_MAX;
    return (
      udp.every(({ answered }, flow) => isMore(answered, before.udp[flow]?.answered)) &&
      tcp.every((answered, flow) => isMore(answered, before.tcp[flow]))
    );
  });
}

test('two routers outside announce one prefix, and flows spread over both', async (t) => {
  await lab.build();
  await lab.serve(labGoal(...peers()));
  await lab.run('far', ['ip', 'address', 'add', `${ANYCAST}/32`, 'dev', 'lo']);
  const path = programPath('test/kit/flow-probe.js');
  await lab.start('far', [process.execPath, path, 'serve', ANYCAST, `${PORT}`], 'ready');
  for (const router of ROUTERS) await startRouter(router);
  await eventually('the edge has both next hops', async () => {
    const routes = JSON.stringify(await lab.ask(`/routes?destination=${ANYCAST}`));
    return ROUTERS.every(({ address }) => routes.includes(address));
  });
  const flows = ['flows', ANYCAST, `${PORT}`, `${UDP_FLOWS}`, `${TCP_FLOWS}`];
  probe = await lab.start('vm1', [process.execPath, path, ...flows], 'ready');
  await answeredSince({ udp: [], tcp: [] });
  // The first ones went while a next hop was still being looked for.
  forget();
  await eventually('each router has forwarded some', () => {
    const [one, two] = [portsAt('outside'), portsAt('outside2')];
    return one.length + two.length === UDP_FLOWS && one.length > 0 && two.length > 0;
  });
  t.pass('each flow by one of them');
});

/** Public ports by the router that forwards them, before anything ends. */
const waysBefore: Record<Member, readonly number[]> = { outside: [], outside2: [] };

test('one is cut off: its flows go on by the other, whose own flows notice nothing', async (t) => {
  waysBefore.outside = portsAt('outside');
  waysBefore.outside2 = portsAt('outside2');
  const before = await report();
  await lab.run('outside2', ['ip', 'link', 'set', 'edge0', 'down']);
  forget();
  await answeredSince(await report());
  await eventually('all go by the one that is left', () => {
    return portsAt('outside').length === UDP_FLOWS;
  });
  const ports = await publicPorts();
  const isMoved = (port: number) => waysBefore.outside2.includes(ports.get(port) ?? 0);
  // What was lost counts as lost once it is late.
  const after = await eventually('every loss is known', async () => {
    const { udp, tcp } = await report();
    const isSettled = udp.every(
      ({ sent, answered, lost }) => sent - answered - lost <= FLOW_UNANSWERED_MAX,
    );
    return isSettled && udp.some(({ lost }) => lost > 0) ? { udp, tcp } : undefined;
  });
  const lostBefore = new Map(before.udp.map((flow) => [flow.port, flow.lost]));
  const lost = (which: (port: number) => boolean): number =>
    after.udp
      .filter(({ port }) => which(port))
      .reduce((sum, flow) => sum + flow.lost - (lostBefore.get(flow.port) ?? 0), 0);
  t.comment(`lost: ${lost(isMoved)} datagrams of ${waysBefore.outside2.length} flows that moved`);
  t.ok(lost(isMoved) > 0, 'the cut was real');
  t.equal(
    lost((port) => !isMoved(port)),
    0,
    'the others lost nothing',
  );
  t.ok(
    after.tcp.every((answered) => answered >= 0),
    'no connection has ended',
  );
});

test('it is back: flows of the one that stayed never leave it', async (t) => {
  await lab.run('outside2', ['ip', 'link', 'set', 'edge0', 'up']);
  await lab.run('outside2', ['ip', 'route', 'replace', '203.0.113.0/24', 'via', '192.0.3.2']);
  forget();
  const before = await report();
  await eventually('flows go by both again', () => {
    return portsAt('outside2').length === waysBefore.outside2.length;
  });
  t.same(portsAt('outside2'), waysBefore.outside2, 'exactly those that went there before');
  await answeredSince(before);
});

test('a UDP mapping goes when nothing has come from inside for its time', async (t) => {
  await eventually('the flows have mappings', async () => (await publicPorts()).size === UDP_FLOWS);
  await probe?.end();
  await eventually('they have gone', async () => (await publicPorts()).size === 0);
  t.pass('all have gone');
});

/** TCP mappings of the VM by their inside port. */
async function hasTcpMapping(insidePort: number): Promise<boolean> {
  return (await mappingsOf(VM1.address)).some(
    (mapping) => mapping.protocol === 'tcp' && mapping.insidePort === insidePort,
  );
}

/** Connects, and with each line on standard input does one thing: sends a byte and waits for its echo, resets, ends. */
const TCP_CLIENT = `
const net = require('node:net');
const socket = net.connect(Number(process.argv[2]), process.argv[1], () => console.log(socket.localPort));
socket.on('error', () => {}).on('data', () => console.log('echo')).on('close', () => console.log('closed'));
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'ask') socket.write('x'); else if (line === 'reset') socket.resetAndDestroy(); else socket.end();
});`;

interface Client {
  readonly program: Program;
  readonly insidePort: number;
}

async function connected(): Promise<Client> {
  const argv = [process.execPath, '-e', TCP_CLIENT, ANYCAST, `${PORT}`] as const;
  const program = await lab.start('vm1', argv, /\d+\n/);
  program.write('ask\n');
  await eventually('the echo', () => hasSaid(program, 'echo'));
  return { program, insidePort: Number(program.stdout().toString().split('\n')[0]) };
}

function hasSaid(program: Program, word: string): boolean {
  return program.stdout().toString().split('\n').includes(word);
}

test('a TCP mapping outlives silence, and goes soon after a reset or the end', async (t) => {
  const clients = [await connected(), await connected()];
  // Longer than what a connection gets that is not established.
  await lab.attempt('vm1', ['ping', '-n', '-c', '1', '-W', '1', FAR]);
  await eventually('a ping’s mapping has gone', async () => {
    return (await mappingsOf(VM1.address)).every(({ protocol }) => protocol !== 'icmp');
  });
  for (const [index, { program, insidePort }] of clients.entries()) {
    t.ok(await hasTcpMapping(insidePort), 'three seconds of silence are nothing');
    program.write(index === 0 ? 'reset\n' : 'end\n');
  }
  for (const { program, insidePort } of clients) {
    await eventually('it is closed', () => hasSaid(program, 'closed'));
    await eventually('its mapping goes', async () => !(await hasTcpMapping(insidePort)));
    await program.stop();
  }
});

test('everything is removed', async () => {
  await lab.close();
});
