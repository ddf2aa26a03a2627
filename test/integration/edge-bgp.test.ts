/**
 * A whole fabric that peers with a stock FRR: the session is made, broken and repaired by northbound resources; what either side announces carries
 * traffic; BFD notices a silent cut; a BMP station (RFC 7854) and MRT files (RFC 6396) hear of it all; the state
 * is what people and MS-NCNBI clients read. FRR is the outside; the fabric has no static way there, nor FRR one back.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { systemClock } from '../../base/clock.ts';
import { seconds } from '../../base/units.ts';
import { attempt, run } from '../../fabric/command.ts';
import { EDGE, OUTSIDE } from '../../fabric/edge-network.ts';
import { namespaceName } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import type { BgpAnswer } from '../../schema/southbound/diagnostics/bgp.ts';
import { type DaemonPlace, daemonPlace, hasPrograms, missing } from '../interop/bgp-lab.ts';
import { FRR_PROGRAMS, startBfdd, startBgpd, startFrr, vtysh } from '../interop/frr.ts';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';

const EDGE_PATH = `/edgeRouters/${EDGE}`;
const ROUTER = `${EDGE_PATH}/bgpRouters/bgp`;
const PEERS = `${ROUTER}/bgpPeers`;
const PUBLIC_POOL = '203.0.113.0/24';
const MORE = '198.19.0.0/24';
const PASSING = '198.18.7.0/24';
const FAR_PREFIX = '198.18.0.0/24';
const FAR = '198.18.0.9';
const FRR_AS = '65010';
const IPV4 = { ours: '192.0.2.2', theirs: '192.0.2.1' } as const;
const IPV6 = { ours: '2001:db8:ffff::2', theirs: '2001:db8:ffff::1' } as const;
/** Of the session over IPv6. */
const MD5_KEY = 'correct-horse';
const PATIENCE = seconds(40);

const FRR = `router bgp ${FRR_AS}
 bgp router-id ${IPV4.theirs}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${IPV4.ours} remote-as 64600
 neighbor ${IPV4.ours} timers connect 1
 neighbor ${IPV4.ours} bfd
 neighbor ${IPV6.ours} remote-as 64600
 neighbor ${IPV6.ours} timers connect 1
 neighbor ${IPV6.ours} password ${MD5_KEY}
 address-family ipv4 unicast
  network ${FAR_PREFIX}
  no neighbor ${IPV6.ours} activate
 exit-address-family
 address-family ipv6 unicast
  neighbor ${IPV6.ours} activate
 exit-address-family
`;

const FRR_BFD = `bfd
 peer ${IPV4.ours}
  receive-interval 300
  transmit-interval 300
`;

/** A BMP station that only listens. */
const STATION_PORT = 11_019;
const STATION = `require('node:net').createServer((socket) => socket.resume()).listen(${STATION_PORT}, () => console.log('ready'))`;
const TSHARK = '/usr/bin/tshark';
const BGPDUMP = '/usr/bin/bgpdump';

interface PeerState {
  readonly connectionState?: string;
  readonly bfd?: {
    readonly state: string;
    readonly diagnostic: string;
    readonly detectionTimeInMilliseconds: number;
  };
  readonly connectionFailure?: {
    readonly message: string;
    readonly remedy: string;
    readonly at: string;
  };
  readonly statistics?: {
    readonly tcpConnectionEstablished?: string;
    readonly updateMessageStats: { readonly receivedCount: number };
    readonly ipv4Route: { readonly updateReceivedCount: number };
  };
}

type Network = RunningTopology;

const stateOf = async ({ client }: Network, peer: string): Promise<PeerState> =>
  (await client.get<PeerState>(`${PEERS}/${peer}`)).properties;

async function writePeer({ client }: Network, peer: string, more: object = {}): Promise<void> {
  const address =
    peer === 'frr6'
      ? { peerIpAddress: IPV6.theirs, md5Key: MD5_KEY }
      : { peerIpAddress: IPV4.theirs };
  const properties = {
    ...address,
    ...{ extAsNumber: FRR_AS, holdTimeInSeconds: 90 },
    ...{ acceptAllRoutesIn: true, acceptAllRoutesOut: true },
    ...more,
  };
  await client.put(`${PEERS}/${peer}`, { resourceId: peer, properties });
}

/** Resolves with the state, once the northbound says that the session is up. */
function connected(network: Network, peer: string): Promise<PeerState> {
  return eventually(
    `${peer} is connected`,
    async () => {
      const state = await stateOf(network, peer);
      if (state.connectionState === 'Connected') return state;
      throw new Error(JSON.stringify(state.connectionFailure));
    },
    PATIENCE,
  );
}

async function weft({ fabric }: Network, ...command: readonly string[]) {
  const program = [process.execPath, programPath('cli/main.js')] as const;
  return attempt([...program, '--state', fabric.state.root, ...command]);
}

/** `weft bgp peers`, as a script reads it, and as people do. */
function weftPeers(network: Network, ...options: readonly string[]) {
  return weft(network, ...options, 'bgp', 'peers');
}

/** Prefixes that FRR has from the edge, each as often as it has paths. */
async function heardByFrr(place: DaemonPlace): Promise<readonly string[]> {
  const { routes } = JSON.parse(await vtysh(place, 'show bgp ipv4 unicast json')) as {
    routes: Record<string, readonly { readonly nexthops: readonly { readonly ip: string }[] }[]>;
  };
  return Object.entries(routes).flatMap(([prefix, paths]) =>
    paths.filter(({ nexthops }) => nexthops.some(({ ip }) => ip === IPV4.ours)).map(() => prefix),
  );
}

/** The edge forwards by BGP alone, and so does the outside, whose new network is behind FRR. */
async function removeStaticRoutes({ client }: Network, outside: string): Promise<void> {
  const { etag, ...edge } = await client.get<{
    readonly outsideInterfaces: readonly { readonly gateways?: unknown }[];
  }>(EDGE_PATH);
  const outsideInterfaces = edge.properties.outsideInterfaces.map(
    ({ gateways: _, ...each }) => each,
  );
  const body = { ...edge, properties: { ...edge.properties, outsideInterfaces } };
  await client.put(EDGE_PATH, body, { ifMatch: etag });
  await run(['ip', '-n', outside, 'route', 'del', PUBLIC_POOL]);
  await run(['ip', '-n', outside, 'link', 'add', 'far0', 'type', 'veth']);
  await run(['ip', '-n', outside, 'addr', 'add', `${FAR}/24`, 'dev', 'far0']);
  for (const end of ['far0', 'veth0']) await run(['ip', '-n', outside, 'link', 'set', end, 'up']);
}

/** Lost: both ends send to a station that is not there, so that frames vanish and nobody is told. */
async function link({ fabric }: Network, how: 'well' | 'lost'): Promise<void> {
  const nowhere = ['lladdr', '02:00:00:00:00:99', 'nud', 'permanent'];
  for (const [member, address, device] of [
    [EDGE, IPV4.theirs, 'outside0'],
    [OUTSIDE, IPV4.ours, 'eth0'],
  ] as const) {
    const neighbour = ['ip', '-n', namespaceName(fabric.name, member), 'neigh'] as const;
    const entry = [address, 'dev', device];
    if (how === 'lost') await run([...neighbour, 'replace', ...entry, ...nowhere]);
    else await run([...neighbour, 'del', ...entry]);
  }
}

async function startNetwork(t: Test): Promise<Network> {
  const network = await topology({
    hosts: 1,
    edge: true,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: { a: { vnet: 'blue', subnet: 'web', host: 1 } },
  }).start();
  t.teardown(() => network.stop());
  return network;
}

async function placeFor(t: Test, outside: string): Promise<DaemonPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-frr-'));
  const programs: Program[] = [];
  t.teardown(async () => {
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    await rm(directory, { recursive: true, force: true });
  });
  return daemonPlace(outside, directory, (program) => programs.push(program));
}

test('a fabric peers with a stock FRR', async (t) => {
  if (!(await hasPrograms(t, [...FRR_PROGRAMS, '/usr/lib/frr/bfdd'], 'frr'))) return;
  const network = await startNetwork(t);
  const outside = namespaceName(network.fabric.name, OUTSIDE);
  const place = await placeFor(t, outside);
  const vm = network.vm('a');
  const reachesFar = async () => (await vm.ping(FAR)).received > 0;
  await removeStaticRoutes(network, outside);
  t.notOk(await reachesFar(), 'without BGP there is no way');

  await writePeer(network, 'frr4');
  await writePeer(network, 'frr6');
  const failure = await eventually('a reason is known', async () => {
    const state = await stateOf(network, 'frr4');
    return state.connectionState === 'Disconnected' && state.connectionFailure;
  });
  t.match(failure.message, /refused|answer|connect/i, 'nobody speaks BGP there yet');

  const [bgpd] = await startFrr(place, FRR, () => startBfdd(place, FRR_BFD));
  let daemon = bgpd;
  await t.test('the session comes up, and both ends use what they learn', async (t) => {
    const { statistics } = await connected(network, 'frr4');
    t.match(statistics?.tcpConnectionEstablished, /^\d{4}-/);
    await connected(network, 'frr6');
    await eventually('FRR has the public pool', async () =>
      (await vtysh(place, `show ip route ${PUBLIC_POOL}`)).includes(`${IPV4.ours}, via eth0`),
    );
    await vm.reaches(FAR, PATIENCE);
    t.ok((await stateOf(network, 'frr4')).statistics?.ipv4Route.updateReceivedCount);
  });

  await t.test('weft bgp peers says so', async (t) => {
    const { stdout, code } = await weftPeers(network, '--json');
    t.equal(code, 0);
    const { asNumber, peers } = JSON.parse(stdout) as BgpAnswer<'bgpPeers'>;
    t.equal(asNumber, 64600);
    const peer = peers.find(({ address }) => address === IPV4.theirs);
    t.match(peer, { state: 'Established', asNumber: Number(FRR_AS) });
    t.match(peer?.resourceRef, 'frr4');
    const [family] = peer?.families ?? [];
    t.match(family, { family: 'IPv4', advertised: 1 });
    // Its own route, and ours, which FRR tells us again.
    t.ok(family !== undefined && family.received >= 1);
    t.equal(peer?.statistics.openMessageStats.receivedCount, 1);
  });

  await t.test('a wrong AS is named, with what to do, and disturbs no other peer', async (t) => {
    const before = await connected(network, 'frr6');
    await writePeer(network, 'frr4', { extAsNumber: '65099' });
    const failure = await eventually('the wrong AS is known', async () => {
      const { connectionFailure } = await stateOf(network, 'frr4');
      return connectionFailure?.message.includes('Bad Peer AS') === true && connectionFailure;
    });
    t.match(failure.remedy, /AS number is not the configured one/);
    const { stdout, code } = await weftPeers(network);
    t.equal(code, 1);
    t.match(stdout, failure.remedy);
    await eventually('its routes are gone', async () => !(await reachesFar()));

    await writePeer(network, 'frr4');
    await connected(network, 'frr4');
    await vm.reaches(FAR, PATIENCE);
    const after = await connected(network, 'frr6');
    t.ok(before.statistics?.tcpConnectionEstablished);
    t.equal(
      after.statistics?.tcpConnectionEstablished,
      before.statistics?.tcpConnectionEstablished,
      'the session over IPv6 has stood all the time',
    );
  });

  await t.test('every public subnet is announced once, and withdrawn with it', async (t) => {
    const ipPool = {
      resourceId: 'vips',
      properties: { startIpAddress: '198.19.0.4', endIpAddress: '198.19.0.99' },
    };
    const properties = { addressPrefix: MORE, vlanId: 0, isPublic: true, ipPools: [ipPool] };
    const subnets = [{ resourceId: 'public', properties }];
    const { client } = network;
    await client.put('/logicalNetworks/more', { resourceId: 'more', properties: { subnets } });
    await eventually('FRR has both', async () => (await heardByFrr(place)).includes(MORE));
    t.same([...(await heardByFrr(place))].sort(), [MORE, PUBLIC_POOL]);
    await client.delete('/logicalNetworks/more');
    await eventually('one is gone', async () => !(await heardByFrr(place)).includes(MORE));
    t.same(await heardByFrr(place), [PUBLIC_POOL]);
  });

  await t.test('a BMP station and a file in MRT get what peers say', async (t) => {
    const absent = await missing([TSHARK, BGPDUMP]);
    if (absent !== undefined) {
      t.pass(`${absent} exists`, { skip: 'apt-get install tshark bgpdump' });
      return;
    }
    const before = await connected(network, 'frr6');
    const router = await network.client.get(ROUTER);
    const file = join(place.directory, 'bmp.pcap');
    const filter = ['tcp', 'port', `${STATION_PORT}`];
    await place.start(['tcpdump', '-i', 'eth0', '-U', '-w', file, ...filter], /listening on/);
    const station = { address: IPV4.theirs, port: STATION_PORT };
    const properties = {
      ...router.properties,
      ...{ bmpStations: [station], mrtExport: { isUpdateLogEnabled: true } },
    };
    await network.client.put(ROUTER, { ...router, properties }, { ifMatch: router.etag });
    const refused = await eventually('nobody listens there', async () => {
      const { stdout, code } = await weft(network, 'bgp', 'exports');
      return code === 1 && stdout.includes('refused') && stdout;
    });
    t.match(refused, /192\.0\.2\.1 port 11019 +waiting/);

    await place.start([process.execPath, '-e', STATION], 'ready');
    // Another station by the way: the next try of the first may be half a minute away.
    const other = { address: IPV6.theirs, port: STATION_PORT };
    const now = await network.client.get(ROUTER);
    const both = { ...now.properties, bmpStations: [other] };
    await network.client.put(ROUTER, { ...now, properties: both }, { ifMatch: now.etag });
    await eventually('it is told everything', async () => {
      const { stdout, code } = await weft(network, 'bgp', 'exports');
      return code === 0 && /2001:db8:ffff::1 port 11019 +up/.test(stdout);
    });
    const passing = `network ${PASSING}`;
    await vtysh(place, 'configure', `router bgp ${FRR_AS}`, 'address-family ipv4', passing);
    const decode = async () => {
      const read = ['-r', file, '-d', `tcp.port==${STATION_PORT},bmp`, '-V', '-Y', 'bmp'];
      return (await attempt([TSHARK, ...read])).stdout;
    };
    // FRR tells nothing of what is gone before its turn to tell has come.
    await eventually('the route is on the wire', async () => (await decode()).includes(PASSING));
    await vtysh(place, 'configure', `router bgp ${FRR_AS}`, 'address-family ipv4', `no ${passing}`);
    const heard = await eventually('the withdrawal is on the wire', async () => {
      const text = await decode();
      return new RegExp(`Withdrawn Routes\\n\\s+${PASSING}`).test(text) && text;
    });
    t.match(heard, /sysName|System Name/);
    t.match(heard, new RegExp(`Address: ${IPV4.theirs}`));
    t.match(heard, FAR_PREFIX, 'what was there before');
    t.notMatch(heard, /Malformed|Expert Info \((Error|Warning)/i);
    const after = await connected(network, 'frr6');
    t.equal(
      after.statistics?.tcpConnectionEstablished,
      before.statistics?.tcpConnectionEstablished,
      'no session of BGP has noticed',
    );

    const directory = join(network.fabric.state.role(EDGE).directory, 'mrt');
    const [name = ''] = await readdir(directory);
    const updates = await eventually('the file has it', async () => {
      const { stdout } = await attempt([BGPDUMP, '-m', join(directory, name)]);
      return stdout.includes(`|W|${IPV4.theirs}|${FRR_AS}|${PASSING}`) && stdout;
    });
    t.match(updates, `|A|${IPV4.theirs}|${FRR_AS}|${PASSING}|${FRR_AS}|`);
  });

  await t.test('FRR dies: its routes go; it is back: so are they', async (t) => {
    await daemon.stop('SIGKILL');
    await eventually('the loss is known', async () => {
      const { connectionState } = await stateOf(network, 'frr4');
      return connectionState === 'Disconnected';
    });
    await eventually('its routes are gone', async () => !(await reachesFar()));
    daemon = await startBgpd(place, FRR);
    await connected(network, 'frr4');
    await vm.reaches(FAR, PATIENCE);
    t.pass('traffic flows again');
  });

  await t.test('with BFD a silent cut is noticed long before the hold time', async (t) => {
    await writePeer(network, 'frr4', { isBfdEnabled: true });
    await eventually(
      'BFD is up',
      async () => (await vtysh(place, 'show bfd peers')).includes('Status: up'),
      PATIENCE,
    );
    await connected(network, 'frr4');
    const { bfd } = await stateOf(network, 'frr4');
    t.match(bfd, { state: 'Up', diagnostic: 'no diagnostic' });
    t.equal(bfd?.detectionTimeInMilliseconds, 900, 'three times 300 ms');
    t.match((await weftPeers(network)).stdout, /192\.0\.2\.1: BFD is up: sends every 300 ms/);
    const cutAt = systemClock.wallNow();
    await link(network, 'lost');
    const failure = await eventually('the cut is known', async () => {
      const { connectionState, connectionFailure } = await stateOf(network, 'frr4');
      return connectionState === 'Disconnected' && connectionFailure;
    });
    const took = Date.parse(failure.at) - cutAt;
    t.comment(`noticed after ${took} ms`);
    t.match(failure.message, /BFD/);
    const down = (await stateOf(network, 'frr4')).bfd;
    t.match(down, { state: 'Down', diagnostic: 'control detection time expired' });
    await link(network, 'well');
    await connected(network, 'frr4');
    await vm.reaches(FAR, PATIENCE);
    t.pass('it heals');
  });
});
