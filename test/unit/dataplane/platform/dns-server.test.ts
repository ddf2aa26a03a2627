/** The DNS server over real sockets, with a forwarder of the test's own: recursion, retries, TCP, cache, limits, isolation. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import * as dnsPacket from 'dns-packet';
import { ManualClock, systemClock } from '../../../../base/clock.ts';
import { silentLogger } from '../../../../base/log.ts';
import { systemRng } from '../../../../base/rng.ts';
import { seconds } from '../../../../base/units.ts';
import { DnsCache } from '../../../../dataplane/platform/dns-cache.ts';
import { DnsForwarder } from '../../../../dataplane/platform/dns-forwarder.ts';
import { DnsServer } from '../../../../dataplane/platform/dns-server.ts';
import { frameLength, MessageStream } from '../../../../dataplane/platform/dns-stream.ts';
import { BLUE_PORT, directory } from './askers.ts';

/** What the upstream answers to a question; undefined: nothing. */
type Answering = (query: dnsPacket.DecodedPacket, isTcp: boolean) => dnsPacket.Packet | undefined;

interface Upstream {
  readonly port: number;
  readonly asked: dnsPacket.DecodedPacket[];
}

async function upstream(t: ExecutionContext, answering: Answering): Promise<Upstream> {
  const asked: dnsPacket.DecodedPacket[] = [];
  const answer = (bytes: Uint8Array, isTcp: boolean): Uint8Array | undefined => {
    const query = dnsPacket.decode(Buffer.from(bytes));
    asked.push(query);
    const reply = answering(query, isTcp);
    return reply && dnsPacket.encode(reply);
  };
  const udp: Socket = createSocket('udp4');
  udp.on('message', (bytes, from) => {
    const reply = answer(bytes, false);
    if (reply !== undefined) udp.send(reply, from.port, from.address);
  });
  const tcp: Server = createServer((socket) => {
    const stream = new MessageStream((bytes) => {
      const reply = answer(bytes, true);
      if (reply !== undefined) socket.write(Buffer.concat([frameLength(reply), reply]));
    });
    socket.on('data', (chunk) => stream.push(chunk));
    socket.on('error', () => socket.destroy());
  });
  const port = await onePort(udp, tcp);
  t.teardown(() => {
    udp.close();
    tcp.close();
  });
  return { port, asked };
}

/** Has both listen on one number that the system gives; where another program has the other protocol's, on the next. */
async function onePort(udp: Socket, tcp: Server): Promise<number> {
  for (;;) {
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    const bound = once(udp, 'listening');
    udp.bind(port, '127.0.0.1');
    try {
      await bound;
      return port;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown;
      tcp.close();
      await once(tcp, 'close');
    }
  }
}

interface Served {
  readonly server: DnsServer;
  readonly forwarder: DnsForwarder;
  ask(name: string, options?: { type?: string; edns?: boolean }): Promise<dnsPacket.DecodedPacket>;
  askTcp(names: readonly string[]): Promise<dnsPacket.DecodedPacket[]>;
}

async function served(
  t: ExecutionContext,
  settings: {
    readonly upstreamPort?: number;
    readonly number?: () => number | undefined;
    readonly known?: ReturnType<typeof directory>;
  },
): Promise<Served> {
  const { upstreamPort, number = () => BLUE_PORT, known = directory() } = settings;
  const forwarders = upstreamPort === undefined ? [] : ['127.0.0.1'];
  const forwarder = new DnsForwarder({
    forwarders: () => forwarders,
    clock: systemClock,
    rng: systemRng,
    port: upstreamPort ?? 0,
  });
  const server = await DnsServer.listen({
    address: '127.0.0.1',
    port: 0,
    directory: known,
    forwarder,
    log: silentLogger,
    portNumberAt: number,
  });
  t.teardown(() => server.close());
  return {
    server,
    forwarder,
    ask: (name, options = {}) => askUdp(server.port, queryFor(name, options)),
    askTcp: (names) =>
      askTcp(
        server.port,
        names.map((name) => queryFor(name)),
      ),
  };
}

let nextId = 1;

function queryFor(name: string, options: { type?: string; edns?: boolean } = {}): Buffer {
  const { type = 'A', edns = false } = options;
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] };
  nextId += 1;
  return dnsPacket.encode({
    type: 'query',
    id: nextId,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as dnsPacket.RecordType }],
    additionals: edns ? [opt as unknown as dnsPacket.OptAnswer] : [],
  });
}

function askUdp(port: number, query: Buffer): Promise<dnsPacket.DecodedPacket> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('message', (bytes) => {
      socket.close();
      resolve(dnsPacket.decode(bytes));
    });
    socket.send(query, port, '127.0.0.1');
  });
}

function askTcp(port: number, queries: readonly Buffer[]): Promise<dnsPacket.DecodedPacket[]> {
  return new Promise((resolve, reject) => {
    const replies: dnsPacket.DecodedPacket[] = [];
    const socket = connect(port, '127.0.0.1');
    const stream = new MessageStream((bytes) => {
      replies.push(dnsPacket.decode(Buffer.from(bytes)));
      if (replies.length === queries.length) socket.end(() => resolve(replies));
    });
    socket.on('data', (chunk) => stream.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(replies));
    for (const query of queries) socket.write(Buffer.concat([frameLength(query), query]));
  });
}

function answered(query: dnsPacket.DecodedPacket, data: readonly string[], ttl = 60) {
  const name = query.questions?.[0]?.name ?? '';
  const answers = data.map((each) => ({ type: 'A' as const, name, ttl, data: each }));
  const { id = 0, questions = [] } = query;
  const packet: dnsPacket.Packet = { type: 'response', id, questions, answers, flags: 0x180 };
  return packet;
}

const dataOf = ({ answers = [] }: dnsPacket.DecodedPacket) =>
  answers.map((answer) => ('data' in answer ? answer.data : undefined));
const rcodeOf = ({ flags = 0 }: dnsPacket.DecodedPacket) => flags & 0xf;

test('an own name is answered over UDP and TCP, several questions on one connection', async (t) => {
  const { ask, askTcp } = await served(t, {});
  t.deepEqual(dataOf(await ask('vm4.blue.weft.internal')), ['10.0.0.4']);
  const replies = await askTcp([
    'vm4.blue.weft.internal',
    'only-blue.blue.weft.internal',
    'x.weft.internal',
  ]);
  t.deepEqual(replies.map(dataOf), [['10.0.0.4'], ['10.0.0.5'], []]);
  t.deepEqual(replies.map(rcodeOf), [0, 0, 3]);
});

test('other names come from the forwarder, once while they live, in the client’s own letters', async (t) => {
  const { port, asked } = await upstream(t, (query) => answered(query, ['192.0.2.80']));
  const { ask, server, forwarder } = await served(t, { upstreamPort: port });
  t.deepEqual(dataOf(await ask('www.example.com')), ['192.0.2.80']);
  const again = await ask('WWW.Example.com');
  t.deepEqual(dataOf(again), ['192.0.2.80']);
  t.is(again.questions?.[0]?.name, 'WWW.Example.com');
  t.is(asked.length, 1);
  t.like(forwarder.counters, { asked: 1, fromCache: 1 });
  t.like(server.counters, { queries: 2, forwarded: 2 });
  forwarder.forget();
  await ask('www.example.com', { edns: true });
  t.is(asked.length, 2);
  t.is(asked[1]?.additionals?.[0]?.type, 'OPT');
});

test('the same question asked by many at a time is sent once', async (t) => {
  const { port, asked } = await upstream(t, (query) => answered(query, ['192.0.2.80'], 0));
  const { ask } = await served(t, { upstreamPort: port });
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask('many.example')));
  t.true(replies.every((reply) => dataOf(reply)[0] === '192.0.2.80'));
  t.true(asked.length < 20);
  t.is(new Set(replies.map(({ id }) => id)).size, 20);
});

test('an answer that does not fit comes over TCP, and is cut for a client that takes less', async (t) => {
  const all = Array.from({ length: 60 }, (_one, index) => `192.0.2.${index}`);
  const { port } = await upstream(t, (query, isTcp) =>
    isTcp ? answered(query, all) : { ...answered(query, []), flags: 0x0380 },
  );
  const { ask, askTcp, forwarder } = await served(t, { upstreamPort: port });
  const cut = await ask('big.example');
  t.deepEqual(dataOf(cut), []);
  t.true(cut.flag_tc);
  const [whole] = await askTcp(['big.example']);
  t.deepEqual(whole && dataOf(whole), all);
  t.is(forwarder.counters.overTcp, 1);
});

test('an answer with another identifier or question is not believed', async (t) => {
  const { port } = await upstream(t, (query) => {
    const reply = answered(query, ['192.0.2.66']);
    if (query.questions?.[0]?.name === 'id.example')
      return { ...reply, id: ((query.id ?? 0) + 1) & 0xffff };
    return { ...reply, questions: [{ name: 'other.example', type: 'A' }] };
  });
  const { ask } = await served(t, { upstreamPort: port });
  const replies = await Promise.all([ask('id.example'), ask('question.example')]);
  t.deepEqual(replies.map(rcodeOf), [2, 2]);
});

test('a lost question is asked again; a forwarder that is silent makes SERVFAIL', async (t) => {
  let count = 0;
  const { port } = await upstream(t, (query) => {
    count += 1;
    const isLost = query.questions?.[0]?.name === 'never.example' || count === 1;
    return isLost ? undefined : answered(query, ['192.0.2.80']);
  });
  const { ask, forwarder } = await served(t, { upstreamPort: port });
  t.deepEqual(dataOf(await ask('lost.example')), ['192.0.2.80']);
  t.is(forwarder.counters.retried, 1);
  const failed = await ask('never.example', { edns: true });
  t.is(rcodeOf(failed), 2);
  t.deepEqual(extendedError(failed), [22, 'no DNS forwarder has answered']);
});

test('RFC 8914: without a forwarder SERVFAIL says so', async (t) => {
  const { ask } = await served(t, {});
  const failed = await ask('www.example.com', { edns: true });
  t.is(rcodeOf(failed), 2);
  t.regex(String(extendedError(failed)[1]), /no DNS forwarder is configured/);
  t.is(rcodeOf(await ask('www.example.com')), 2);
});

test('whoever is no VM gets no answer, on TCP no connection', async (t) => {
  const { server, askTcp } = await served(t, { number: () => undefined });
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  let isAnswered = false;
  socket.on('message', () => {
    isAnswered = true;
  });
  socket.send(queryFor('vm4.blue.weft.internal'), server.port, '127.0.0.1');
  t.deepEqual(await askTcp(['vm4.blue.weft.internal']).catch(() => []), []);
  t.false(isAnswered);
});

test('an answer that comes when the port’s number is another VM’s is not sent', async (t) => {
  const known = directory();
  const { port } = await upstream(t, (query) => {
    known.ids.set(BLUE_PORT, 'red-nic');
    return answered(query, ['192.0.2.80']);
  });
  const { askTcp } = await served(t, { upstreamPort: port, known });
  t.deepEqual(await askTcp(['moved.example']), [], 'the connection ends without an answer');
});

test('the cache keeps answers for as long as they say, ages them, and never more than it may', (t) => {
  const clock = new ManualClock();
  const cache = new DnsCache(clock);
  const bytes = (ttl: number, flags = 0x8180) =>
    Uint8Array.from(
      dnsPacket.encode({
        ...answered(
          { id: 1, questions: [{ name: 'a.example', type: 'A' }] } as never,
          ['192.0.2.1'],
          ttl,
        ),
        flags,
      }),
    );
  cache.set('a', bytes(20));
  cache.set('failed', bytes(20, 0x8182));
  cache.set('never', bytes(0));
  cache.set('long', bytes(100_000));
  t.is(cache.get('failed'), undefined);
  t.is(cache.get('never'), undefined);
  clock.advance(seconds(15));
  const aged = dnsPacket.decode(Buffer.from(cache.get('a') ?? []));
  t.like(aged.answers?.[0], { ttl: 5 });
  clock.advance(seconds(5));
  t.is(cache.get('a'), undefined);
  clock.advance(seconds(300));
  t.is(cache.get('long'), undefined, 'not longer than the limit');
  for (let index = 0; index < 5000; index += 1) cache.set(String(index), bytes(60));
  t.is(cache.size, 4096);
  t.is(cache.get('0'), undefined);
  t.truthy(cache.get('4999'));
});

function extendedError(reply: dnsPacket.DecodedPacket): [number, string] {
  const opt = reply.additionals?.find(({ type }) => type === 'OPT') as
    | dnsPacket.OptAnswer
    | undefined;
  const option = opt?.options?.[0] as unknown as { code: number; data: Buffer } | undefined;
  if (option?.code !== 15) return [-1, ''];
  return [option.data.readUInt16BE(0), option.data.subarray(2).toString()];
}
