/**
 * A resolver that hosts forward questions to: a program that runs in a namespace of the provider network, over UDP and TCP at port 53
 * (RFC 1035 §4.2). It prints a line `udp|tcp NAME TYPE` for every question, so that a test sees what reached it and how.
 *
 *   node dns-upstream.js ADDRESS
 *
 *   www.example.com     A     192.0.2.80, for a minute       large.example.com  TXT  3000 bytes: over UDP only that they do not fit
 *   brief.example.com   A     192.0.2.81, for no time        silent.example.com      no answer at all
 *   anything else             NXDOMAIN with the zone's SOA
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import * as dnsPacket from 'dns-packet';
import { frameLength, MessageStream } from '../../dataplane/platform/dns-stream.ts';
import { FORWARDED } from './dns-names.ts';

const PORT = 53;
const NAME_ERROR = 3;
const LARGE_STRINGS = 30;

const [, , address = ''] = process.argv;

function answerTo(bytes: Uint8Array, transport: 'udp' | 'tcp'): Uint8Array | undefined {
  const query = dnsPacket.decode(Buffer.from(bytes));
  const [question] = query.questions ?? [];
  if (question === undefined) return undefined;
  const name = question.name.toLowerCase();
  process.stdout.write(`${transport} ${name} ${question.type}\n`);
  if (name === FORWARDED.silent) return undefined;
  const isTruncated = name === FORWARDED.large && transport === 'udp';
  const answers = isTruncated ? [] : answersFor(name, question.type);
  const flags = dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE;
  const isKnown = Object.values<string>(FORWARDED).includes(name);
  return dnsPacket.encode({
    type: 'response',
    ...(query.id !== undefined && { id: query.id }),
    flags: flags | (isTruncated ? dnsPacket.TRUNCATED_RESPONSE : 0) | (isKnown ? 0 : NAME_ERROR),
    questions: [question],
    answers,
    authorities: isKnown ? [] : [SOA],
  });
}

const SOA: dnsPacket.Answer = {
  type: 'SOA',
  name: 'example.com',
  ttl: 60,
  data: {
    ...{ mname: 'ns.example.com', rname: 'hostmaster.example.com' },
    ...{ serial: 1, refresh: 3600, retry: 600, expire: 86_400, minimum: 60 },
  },
};

function answersFor(name: string, type: string): dnsPacket.Answer[] {
  if (name === FORWARDED.www && type === 'A') {
    return [{ type: 'A', name, ttl: 60, data: '192.0.2.80' }];
  }
  if (name === FORWARDED.brief && type === 'A') {
    return [{ type: 'A', name, ttl: 0, data: '192.0.2.81' }];
  }
  if (name === FORWARDED.large && type === 'TXT') {
    const data = Array.from({ length: LARGE_STRINGS }, (_, index) =>
      Buffer.from(String(index).padStart(100, '.')),
    );
    return [{ type: 'TXT', name, ttl: 60, data }];
  }
  return [];
}

const udp = createSocket('udp4');
udp.on('message', (bytes, from) => {
  const answer = answerTo(bytes, 'udp');
  if (answer !== undefined) udp.send(answer, from.port, from.address);
});
const tcp = createServer((socket) => {
  const stream = new MessageStream((bytes) => {
    const answer = answerTo(bytes, 'tcp');
    if (answer !== undefined) socket.write(Buffer.concat([frameLength(answer), answer]));
  });
  socket.on('data', (chunk) => stream.push(chunk));
  socket.on('error', () => socket.destroy());
});
udp.bind(PORT, address, () =>
  tcp.listen(PORT, address, () => process.stdout.write('upstream is ready\n')),
);
