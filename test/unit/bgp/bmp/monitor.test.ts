/** Monitoring stations (RFC 7854) of a speaker over a simulated network: what they hear, when they come late, read slowly, or go. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { millis, seconds } from '../../../../base/units.ts';
import type { MonitorOptions } from '../../../../bgp/bmp/monitor.ts';
import { BMP_PENDING_BYTES_MAX, BMP_RETRY_TIME } from '../../../../bgp/limits.ts';
import type { Speaker, SpeakerOptions } from '../../../../bgp/speaker/contract.ts';
import type { NeighbourOptions } from '../../../../bgp/speaker/options.ts';
import { createSpeaker } from '../../../../bgp/speaker.ts';
import { SimulatedNetwork } from '../session/simulated-network.ts';
import { type Decoded, decodeAll } from './decoder.ts';

const STATION = '10.0.0.9';
const PORT = 11_019;
const OURS = '10.0.0.1';
const POLICIES = { importPolicy: 'accept-all', exportPolicy: 'accept-all' } as const;
const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const;

class World {
  readonly clock = new ManualClock();
  readonly network = new SimulatedNetwork(this.clock);
  /** One per session of the station. */
  readonly heard: Uint8Array[][] = [];
  endedCount = 0;

  async station(): Promise<void> {
    const where = { address: STATION, port: PORT };
    await this.network.host(STATION).listen(where, (connection) => {
      const chunks: Uint8Array[] = [];
      this.heard.push(chunks);
      connection.attach({
        onConnected: () => undefined,
        onData: (bytes) => chunks.push(bytes.slice()),
        onProgress: () => undefined,
        onClosed: () => {
          this.endedCount += 1;
        },
      });
    });
  }

  async speaker(
    address: string,
    asn: number,
    more: Partial<SpeakerOptions> = {},
  ): Promise<Speaker> {
    const transport = this.network.host(address);
    const listen = { addresses: [address] };
    const { clock } = this;
    const made = createSpeaker({ clock, asn, routerId: address, listen, transport, ...more });
    await made.start();
    return made;
  }

  /** A monitored speaker. */
  monitored(more: Partial<MonitorOptions> = {}): Promise<Speaker> {
    const stations = [{ address: STATION, port: PORT }];
    return this.speaker(OURS, 65_001, { monitor: { systemName: 'edge-1', stations, ...more } });
  }

  /** A neighbour of it, 10.0.0.`octet`, AS 65000 + octet. */
  async neighbour(a: Speaker, octet: number, more: Partial<NeighbourOptions> = {}) {
    const address = `10.0.0.${octet}`;
    const b = await this.speaker(address, 65_000 + octet);
    const common = { ...POLICIES, families: FAMILIES, nextHopIpv6: '2001:db8::2', ...more };
    a.setNeighbour({ address, asn: 65_000 + octet, ...common });
    b.setNeighbour({ address: OURS, asn: 65_001, ...common });
    return b;
  }

  settle(sec = 20): void {
    this.clock.advance(seconds(sec));
  }

  /** What the latest session of the station has heard since it began. */
  messages(session = this.heard.length - 1): readonly Decoded[] {
    return decodeAll(Buffer.concat(this.heard[session] ?? []));
  }

  /** The routes of each peer as the station knows them, by what it has heard. */
  known(session = this.heard.length - 1): Record<number, readonly string[]> {
    const peers = new Map<number, Set<string>>();
    for (const { type, peer = 0, routes = [] } of this.messages(session)) {
      if (type === 'peer-up') peers.set(peer, new Set());
      if (type === 'peer-down') peers.delete(peer);
      for (const route of routes) {
        const known = peers.get(peer);
        if (known === undefined) throw new Error('routes of a peer that is not up');
        if (route.startsWith('+')) known.add(route.slice(1));
        if (route.startsWith('-')) known.delete(route.slice(1));
      }
    }
    return Object.fromEntries([...peers].map(([peer, routes]) => [peer, [...routes].sort()]));
  }
}

test('a station hears who speaks, every peer that comes up, and its routes as they come and go', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2);
  b.announce({ prefix: '10.1.0.0/16' });
  b.announce({ prefix: '2001:db8:1::/48' });
  world.settle();
  const [first, second] = world.messages();
  t.is(first?.type, 'initiation');
  t.is(Buffer.from(first?.tlvs?.get(2)?.[0] ?? []).toString(), 'edge-1');
  t.is(second?.type, 'peer-up');
  t.is(second?.asn, 65_002);
  t.deepEqual(world.known(), { 2: ['10.1.0.0/16', '2001:db8:1::/48'] });

  b.withdraw('10.1.0.0/16');
  world.settle(1);
  t.deepEqual(world.known(), { 2: ['2001:db8:1::/48'] });
  t.like(a.monitoringStations()[0], { state: 'up', connectedCount: 1, failure: undefined });
});

test('§5: a station that comes late is told everything, with End-of-RIB for each family', async (t) => {
  const world = new World();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2);
  const c = await world.neighbour(a, 3);
  for (let index = 0; index < 3_000; index++) {
    b.announce({ prefix: `10.${64 + (index >> 8)}.${index & 255}.0/24`, med: index % 7 });
  }
  c.announce({ prefix: '2001:db8:3::/48' });
  world.settle();
  t.like(a.monitoringStations()[0], { state: 'waiting', failure: { kind: 'refused' } });
  await world.station();
  world.clock.advance(millis(2 * BMP_RETRY_TIME));
  t.is(world.known()[2]?.length, 3_000);
  t.deepEqual(world.known()[3], ['2001:db8:3::/48']);
  const ends = world.messages().filter(({ routes }) => routes?.[0]?.startsWith('eor'));
  t.deepEqual(
    ends.map(({ peer, routes }) => `${peer} ${routes}`),
    ['2 eor 1', '2 eor 2', '3 eor 1', '3 eor 2'],
  );
});

test('routes that change while the dump is under way are right in the end', async (t) => {
  const world = new World();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2);
  const prefix = (index: number): string => `10.${64 + (index >> 8)}.${index & 255}.0/24`;
  for (let index = 0; index < 6_000; index++) b.announce({ prefix: prefix(index) });
  world.settle();
  await world.station();
  while (world.heard.length === 0) world.clock.advance(millis(1));
  for (let index = 0; index < 6_000; index += 2) b.withdraw(prefix(index));
  for (let index = 6_000; index < 7_000; index++) b.announce({ prefix: prefix(index) });
  world.settle();
  const expected = [...b.routes()].map((route) => route.prefix).sort();
  t.is(expected.length, 4_000);
  t.deepEqual(world.known()[2], expected);
});

test('§4.9: Peer Down says who ended the session and with what', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2);
  const c = await world.neighbour(a, 3);
  await world.neighbour(a, 4);
  world.settle();
  a.removeNeighbour('10.0.0.2');
  await c.stop('maintenance');
  world.network.cut('10.0.0.4');
  world.clock.advance(millis(500));
  const downs = world.messages().filter(({ type }) => type === 'peer-down');
  t.deepEqual(
    downs.map(({ peer, reason, rest }) => [peer, reason, [...(rest?.slice(19, 23) ?? [])]]),
    [
      // Both are Hard Resets (RFC 8538) about Peer De-configured and Administrative Shutdown.
      [2, 1, [6, 9, 6, 3]],
      [3, 3, [6, 9, 6, 2]],
      [4, 4, []],
    ],
  );
  t.is(b.neighbours().length, 1);
});

test('§4.8: statistics come at their interval; §4.5: the end is announced', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored({ statisticsSec: 10 });
  const b = await world.neighbour(a, 2);
  b.announce({ prefix: '10.1.0.0/16' });
  world.settle(35);
  const reports = world.messages().filter(({ type }) => type === 'statistics');
  t.is(reports.length, 3);
  t.is(reports[2]?.tlvs?.get(7)?.[0]?.[7], 1);
  t.deepEqual([...(reports[2]?.tlvs?.get(9)?.[0] ?? [])], [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
  await a.stop();
  world.settle(1);
  const [down, last] = world.messages().slice(-2);
  t.is(down?.type, 'peer-down');
  t.is(last?.type, 'termination');
  t.is(world.endedCount, 1);
});

test('a station that does not read loses its session, counted, and begins anew with a dump', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2);
  world.settle();
  world.network.frozen.add(STATION);
  // Each is a message of almost 4,096 octets; the speaker goes on as if nobody listened.
  const communities = Array.from({ length: 980 }, (_, index) => 65_002 * 65_536 + index);
  for (let round = 0; a.monitoringStations()[0]?.overflowCount === 0; round++) {
    for (let index = 0; index < 400; index++) {
      b.announce({
        prefix: `10.64.${index & 255}.${(index >> 8) << 4}/28`,
        med: 400 * round + index,
        communities,
      });
    }
    world.settle(1);
    t.true((a.monitoringStations()[0]?.pendingBytes ?? 0) <= BMP_PENDING_BYTES_MAX);
    if (round > 20) return t.fail('it never overflows');
  }
  t.like(a.monitoringStations()[0], { state: 'waiting', failure: { kind: 'overflow' } });
  t.is([...a.routes()].length, 400);

  world.network.frozen.delete(STATION);
  world.clock.advance(millis(2 * BMP_RETRY_TIME));
  t.like(a.monitoringStations()[0], { state: 'up', connectedCount: 2, overflowCount: 1 });
  t.is(world.known()[2]?.length, 400);
});

test('RFC 4724: what a restarted peer tells no more is withdrawn for the station as well', async (t) => {
  const world = new World();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2, { gracefulRestartSec: 60 });
  b.announce({ prefix: '10.1.0.0/16' });
  b.announce({ prefix: '10.2.0.0/16' });
  world.settle();
  world.network.cut('10.0.0.2');
  b.withdraw('10.2.0.0/16');
  world.clock.advance(millis(1));
  while (a.neighbours()[0]?.state !== 'Established') world.clock.advance(millis(1));
  // The session is back, and nothing of what the peer tells has come yet: the station is told what is kept.
  world.network.frozen.add(OURS);
  await world.station();
  world.settle();
  t.deepEqual(world.known(), { 2: ['10.1.0.0/16', '10.2.0.0/16'] });

  world.network.frozen.delete(OURS);
  world.settle();
  t.deepEqual(world.known(), { 2: ['10.1.0.0/16'] });
});

test('RFC 7606: of an UPDATE with faults the station hears what came of it', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored();
  a.setNeighbour({ address: '10.0.0.2', asn: 65_002, isPassive: true, ...POLICIES });
  const connection = world.network.host('10.0.0.2').connect(
    { remoteAddress: OURS, remotePort: 179, localAddress: undefined, security: {} },
    {
      onConnected: () => undefined,
      onData: () => undefined,
      onProgress: () => undefined,
      onClosed: () => undefined,
    },
  );
  world.settle(1);
  const write = (type: number, body: readonly number[]): void => {
    const length = 19 + body.length;
    connection.write(Uint8Array.of(...Array<number>(16).fill(0xff), 0, length, type, ...body));
    world.clock.advance(millis(50));
  };
  const multiprotocol = [2, 6, 1, 4, 0, 1, 0, 1];
  const fourOctets = [2, 6, 65, 4, 0, 0, 0xfd, 0xea];
  write(1, [4, 0xfd, 0xea, 0, 90, 10, 0, 0, 2, 16, ...multiprotocol, ...fourOctets]);
  write(4, []);
  const path = [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xea, 0x40, 3, 4, 10, 0, 0, 2];
  const announce = (origin: readonly number[]): void =>
    write(2, [0, 0, 0, path.length + origin.length, ...origin, ...path, 16, 10, 1]);
  announce([0x40, 1, 1, 0]);
  t.deepEqual(world.known(), { 2: ['10.1.0.0/16'] });
  announce([0x40, 1, 1, 7]);
  t.deepEqual(world.messages().at(-1)?.routes, ['-10.1.0.0/16']);
  t.like(a.neighbours()[0], { state: 'Established', malformedUpdateCount: 1 });
});

test('stations and intervals that cannot be are refused', async (t) => {
  const world = new World();
  const refuses = (more: Partial<MonitorOptions>) =>
    t.throwsAsync(world.monitored(more), { code: 'SDN_BGP_CONFIG' });
  await refuses({ stations: [{ address: 'station.example', port: PORT }] });
  await refuses({ stations: [{ address: STATION, port: 0 }] });
  await refuses({ stations: Array(17).fill({ address: STATION, port: PORT }) });
  await refuses({ statisticsSec: 0.5 });
});

test('stations come and go while neighbours are up: the new one hears everything, those that stay notice nothing', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored();
  const b = await world.neighbour(a, 2);
  b.announce({ prefix: '10.1.0.0/16' });
  world.settle();
  const heard = world.messages().length;
  const late: Uint8Array[] = [];
  await world.network.host('10.0.0.8').listen({ address: '10.0.0.8', port: PORT }, (connection) => {
    connection.attach({
      onConnected: () => undefined,
      onData: (bytes) => late.push(bytes.slice()),
      onProgress: () => undefined,
      onClosed: () => undefined,
    });
  });
  const [first, second] = [
    { address: STATION, port: PORT },
    { address: '10.0.0.8', port: PORT },
  ];
  a.setMonitoring({ systemName: 'edge-1', stations: [first, second] });
  world.settle(2);
  t.is(world.heard.length, 1, 'the first has the session that it had');
  t.is(world.messages().length, heard);
  const kinds = decodeAll(Buffer.concat(late)).map(({ type }) => type);
  t.deepEqual(kinds.slice(0, 2), ['initiation', 'peer-up']);
  t.true(kinds.includes('route-monitoring'));
  a.setMonitoring({ systemName: 'edge-1', stations: [second] });
  world.settle(2);
  t.is(world.messages().at(-1)?.type, 'termination');
  t.deepEqual(
    a.monitoringStations().map(({ address, state }) => [address, state]),
    [['10.0.0.8', 'up']],
  );
  t.is(a.neighbours()[0]?.state, 'Established');
  t.throws(() => a.setMonitoring({ systemName: 'x', stations: [{ address: 'x', port: 1 }] }), {
    code: 'SDN_BGP_CONFIG',
  });
});

test('a speaker made without stations gets them later, statistics at their own interval', async (t) => {
  const world = new World();
  await world.station();
  const a = await world.monitored({ stations: [] });
  await world.neighbour(a, 2);
  world.settle();
  t.is(world.heard.length, 0);
  const stations = [{ address: STATION, port: PORT }];
  a.setMonitoring({ systemName: 'edge-1', stations, statisticsSec: 5 });
  world.settle(11);
  t.is(world.messages().filter(({ type }) => type === 'statistics').length, 2);
});
