/** DNS of the switch itself: names of the asker's own network and of no other, negative answers, EDNS, what is refused. */
import test from 'ava';
import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { decide, payloadBytesMax } from '../../../../dataplane/platform/dns-answers.ts';
import { BLUE_PORT, directory, mapping, RED_PORT } from './askers.ts';

const DOMAIN = 'blue.weft.internal';

interface Asked {
  readonly class?: dnsPacket.RecordClass;
  readonly flags?: number;
  readonly opt?: Partial<dnsPacket.OptAnswer>;
  readonly port?: number;
}

function queryFor(name: string, type: string, asked: Asked = {}): Uint8Array {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [], ...asked.opt };
  return dnsPacket.encode({
    type: 'query',
    id: 0x1234,
    flags: asked.flags ?? dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as dnsPacket.RecordType, class: asked.class ?? 'IN' }],
    additionals: asked.opt === undefined ? [] : [opt as dnsPacket.OptAnswer],
  });
}

function ask(name: string, type: string, asked: Asked = {}) {
  const names = directory().asker(asked.port ?? BLUE_PORT)?.names;
  if (names === undefined) throw new Error('no such asker');
  const decision = decide(queryFor(name, type, asked), names);
  if (decision.kind !== 'reply') return { kind: decision.kind };
  const reply = dnsPacket.decode(Buffer.from(decision.bytes));
  return {
    kind: decision.kind,
    id: reply.id,
    rcode: (reply.flags ?? 0) & 0xf,
    isAuthoritative: ((reply.flags ?? 0) & dnsPacket.AUTHORITATIVE_ANSWER) !== 0,
    question: reply.questions?.[0]?.name,
    data: (reply.answers ?? []).map((answer) => ('data' in answer ? answer.data : '')),
    ttls: (reply.answers ?? []).map((answer) => ('ttl' in answer ? answer.ttl : -1)),
    authority: (reply.authorities ?? []).map(({ type, name }) => `${type} ${name}`),
    additionals: reply.additionals ?? [],
  };
}

test('a name of the own network has its addresses, whatever the case, for half a minute', (t) => {
  t.like(ask('vm4.blue.weft.internal', 'A'), {
    id: 0x1234,
    rcode: 0,
    isAuthoritative: true,
    data: ['10.0.0.4'],
    ttls: [30],
    authority: [],
    additionals: [],
  });
  t.like(ask('Vm4.BLUE.weft.Internal', 'AAAA'), {
    data: ['fd00::4'],
    question: 'Vm4.BLUE.weft.Internal',
  });
  t.like(ask(`vm4.${DOMAIN}`, 'ANY'), { data: ['10.0.0.4', 'fd00::4'] });
});

test('RFC 2308: no such name is NXDOMAIN, another type NODATA, both with the SOA', (t) => {
  const authority = [`SOA ${DOMAIN}`];
  t.like(ask(`vm9.${DOMAIN}`, 'A'), { rcode: 3, data: [], authority, isAuthoritative: true });
  t.like(ask(`a.vm4.${DOMAIN}`, 'A'), { rcode: 3, authority });
  t.like(ask(`vm4.${DOMAIN}`, 'MX'), { rcode: 0, data: [], authority });
  t.like(ask(`only-blue.${DOMAIN}`, 'AAAA'), { rcode: 0, data: [], authority });
});

test('no network learns a name of another, and no forwarder is asked about one', (t) => {
  t.like(ask(`only-blue.${DOMAIN}`, 'A'), { rcode: 0, data: ['10.0.0.5'] });
  for (const name of [`only-blue.${DOMAIN}`, 'only-red.blue.weft.internal', 'weft.internal']) {
    t.like(ask(name, 'A', { port: RED_PORT }), { kind: 'reply', rcode: 3, data: [] });
  }
  t.like(ask('only-red.red.weft.internal', 'A', { port: RED_PORT }), { data: ['10.0.0.5'] });
});

test('reverse names: PTR of the own network, NXDOMAIN for the rest of its space, forwarded beyond', (t) => {
  t.like(ask('4.0.0.10.in-addr.arpa', 'PTR'), { rcode: 0, data: [`vm4.${DOMAIN}`] });
  t.like(ask('5.0.0.10.in-addr.arpa', 'PTR', { port: RED_PORT }), {
    data: ['only-red.red.weft.internal'],
  });
  t.like(ask(`4${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`, 'PTR'), { data: [`vm4.${DOMAIN}`] });
  t.like(ask('6.0.0.10.in-addr.arpa', 'PTR'), { rcode: 3, authority: [`SOA ${DOMAIN}`] });
  t.like(ask('4.0.0.10.in-addr.arpa', 'A'), { rcode: 0, data: [] });
  t.is(ask('4.2.0.192.in-addr.arpa', 'PTR').kind, 'forward');
  t.is(ask('0.10.in-addr.arpa', 'SOA').kind, 'forward');
});

test('the domain itself has SOA and NS', (t) => {
  t.like(ask(DOMAIN, 'SOA'), { rcode: 0, isAuthoritative: true, ttls: [30] });
  t.like(ask(DOMAIN, 'NS'), { data: ['ns.weft.internal'] });
  t.like(ask(DOMAIN, 'A'), { rcode: 0, data: [], authority: [`SOA ${DOMAIN}`] });
});

test('other names are forwarded, if recursion is asked for', (t) => {
  t.is(ask('www.example.com', 'A').kind, 'forward');
  t.is(ask('www.example.com', 'HTTPS').kind, 'forward');
  t.is(ask('blue.weft.internal.example', 'A').kind, 'forward');
  t.like(ask('www.example.com', 'A', { flags: 0 }), { rcode: 5 });
});

test('RFC 6891: EDNS is answered with EDNS, another version with BADVERS', (t) => {
  const { additionals } = ask(`vm4.${DOMAIN}`, 'A', { opt: { flags: 0x8000, flag_do: true } });
  t.is(additionals?.length, 1);
  t.like(additionals?.[0], { type: 'OPT', udpPayloadSize: 1232, flag_do: true, ednsVersion: 0 });
  const wrong = ask(`vm4.${DOMAIN}`, 'A', { opt: { ednsVersion: 1 } });
  t.like(wrong, { rcode: 0, data: [] });
  t.like(wrong.additionals?.[0], { extendedRcode: 1 });
  const names = directory().asker(BLUE_PORT)?.names;
  const decision = names && decide(queryFor('a.example', 'A', { opt: {} }), names);
  t.is(decision?.kind === 'forward' ? payloadBytesMax(decision.query) : 0, 1232);
  t.is(payloadBytesMax(undefined), 512);
});

test('zone transfers, other classes and operations are refused, malformed queries named', (t) => {
  t.like(ask(DOMAIN, 'AXFR'), { rcode: 5 });
  t.like(ask('version.bind', 'TXT', { class: 'CH' }), { rcode: 5 });
  const names = directory().asker(BLUE_PORT)?.names;
  const rcode = (bytes: Uint8Array) => {
    const decision = names && decide(bytes, names);
    return decision?.kind === 'reply' ? (decision.bytes[3] ?? 0) & 0xf : decision?.kind;
  };
  const query = queryFor(`vm4.${DOMAIN}`, 'A');
  const changed = (at: number, value: number) => query.map((byte, i) => (i === at ? value : byte));
  t.is(rcode(changed(2, 0x29)), 4, 'UPDATE');
  t.is(rcode(changed(5, 0)), 1, 'no question');
  t.is(rcode(changed(5, 2)), 1, 'two questions');
  t.is(rcode(changed(12, 0xc0)), 1, 'a compressed question');
  t.is(rcode(changed(11, 1)), 1, 'a record that is not there');
  t.is(rcode(changed(2, 0x81)), 'ignore', 'a response');
});

test('every truncation and any bytes are answered, ignored or forwarded, never a fault', (t) => {
  const names = directory().asker(BLUE_PORT)?.names;
  if (names === undefined) return t.fail();
  const query = queryFor(`vm4.${DOMAIN}`, 'A', { opt: {} });
  for (let end = 0; end < query.length; end += 1) {
    const decision = decide(query.slice(0, end), names);
    t.is(decision.kind, end < 12 ? 'ignore' : 'reply');
    if (decision.kind === 'reply') t.is((decision.bytes[3] ?? 0) & 0xf, 1, `${end} bytes`);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decide(bytes, names)));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: query.length - 1 }), fc.nat(255), (at, value) => {
      decide(
        query.map((byte, index) => (index === at ? value : byte)),
        names,
      );
    }),
  );
});

test('a mapping that changes its name or goes takes the name with it; a port that goes knows nothing', (t) => {
  const known = directory();
  known.note({ upserts: [mapping('blue', '10.0.0.4', 'renamed')], removes: [] });
  const names = known.asker(BLUE_PORT)?.names;
  t.deepEqual(names?.addressesOf('vm4'), ['fd00::4']);
  t.deepEqual(names?.addressesOf('renamed'), ['10.0.0.4']);
  t.is(names?.labelOf('10.0.0.4'), 'renamed');
  known.note({ upserts: [], removes: ['mapping/blue/fd00::4', 'mapping/blue/10.0.0.4'] });
  t.is(known.asker(BLUE_PORT)?.names.addressesOf('vm4'), undefined);
  t.deepEqual(known.asker(RED_PORT)?.names.addressesOf('vm4'), ['10.0.0.4', 'fd00::4']);
  known.note({ upserts: [], removes: ['port/blue-nic'] });
  t.is(known.asker(BLUE_PORT), undefined);
  t.is(known.asker(9), undefined);
});
