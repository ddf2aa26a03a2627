/**
 * What bad peers send, and the exact answer to each: the octets of the NOTIFICATION (RFC 4271 §6, RFC 6608, RFC 7313, RFC 5492), or the routes
 * that are withdrawn or lose an attribute while the session stands (RFC 7606). Through a whole speaker, over a simulated network.
 */
import test from 'ava';
import {
  capabilities,
  KEEPALIVE,
  MARKER,
  message,
  openBody,
  RawPeer,
  updateBody,
} from './raw-peer.ts';

const FOUR_OCTET_AS = [65, 4, 0, 0, 0xfd, 0xea];
const ROUTE_REFRESH = [2, 0];
const EXTENDED_MESSAGE = [6, 0];
const IPV4 = [1, 4, 0, 1, 0, 1];
const IPV6 = [1, 4, 0, 2, 0, 1];
const OPEN = message(1, openBody());

/** A header that is not followed by what it says. */
const header = (type: number, length: number) => [...MARKER, length >> 8, length & 0xff, type];

for (const [claim, bytes, answer] of [
  ['marker not all ones', [0xfe, ...KEEPALIVE.slice(1)], '1/1'],
  ['length below 19', header(2, 18), '1/2 0012'],
  ['length 0', header(2, 0), '1/2 0000'],
  ['length above 4096', header(2, 4_097), '1/2 1001'],
  ['length 65535', header(2, 65_535), '1/2 ffff'],
  ['OPEN below 29', header(1, 28), '1/2 001c'],
  ['UPDATE below 23', header(2, 22), '1/2 0016'],
  ['NOTIFICATION below 21', header(3, 20), '1/2 0014'],
  ['KEEPALIVE above 19', header(4, 20), '1/2 0014'],
  ['ROUTE-REFRESH below 23', header(5, 22), '1/2 0016'],
  ['type 0', header(0, 19), '1/3 00'],
  ['type 6', header(6, 19), '1/3 06'],
  ['type 255', header(255, 19), '1/3 ff'],
] as const) {
  test(`RFC 4271 §6.1: ${claim} → ${answer}, before and after the session is up`, async (t) => {
    const early = await RawPeer.connect();
    early.write(bytes);
    t.is(early.notification, answer);
    t.true(early.isClosed);
    const late = await RawPeer.established();
    t.is(late.status.state, 'Established');
    late.write(bytes);
    t.is(late.notification, answer);
    t.true(late.isClosed);
  });
}

for (const [claim, body, answer] of [
  ['version 3', openBody({ version: 3 }), '2/1 0004'],
  ['version 5', openBody({ version: 5 }), '2/1 0004'],
  ['AS 0', openBody({ asn: 0 }), '2/2'],
  [
    'AS 0 in the four-octet capability',
    openBody({ parameters: capabilities([65, 4, 0, 0, 0, 0]) }),
    '2/2',
  ],
  ['the wrong AS', openBody({ asn: 65_003, parameters: [0] }), '2/2'],
  ['AS_TRANS without the four-octet capability', openBody({ asn: 23_456, parameters: [0] }), '2/2'],
  ['hold time 1', openBody({ holdTimeSec: 1 }), '2/6'],
  ['hold time 2', openBody({ holdTimeSec: 2 }), '2/6'],
  ['identifier 0', openBody({ identifier: [0, 0, 0, 0] }), '2/3'],
  ['parameters longer than the message', openBody({ parameters: [8, 2, 6, 65, 4] }), '2/0'],
  ['parameters shorter than the message', openBody({ parameters: [0, 2, 0] }), '2/0'],
  ['a parameter without a length', openBody({ parameters: [1, 2] }), '2/0'],
  ['a parameter longer than all', openBody({ parameters: [4, 2, 9, 2, 0] }), '2/0'],
  ['a parameter that is not capabilities', openBody({ parameters: [2, 1, 0] }), '2/4'],
  ['extended parameters cut short', openBody({ parameters: [255, 255, 0] }), '2/0'],
  ['extended parameters too long', openBody({ parameters: [255, 255, 0, 200, 2, 0, 0] }), '2/0'],
  ['an extended parameter too long', openBody({ parameters: [255, 255, 0, 3, 2, 0, 9] }), '2/0'],
  [
    'a capability longer than its parameter',
    openBody({ parameters: capabilities([1, 200, 0, 1]) }),
    '2/0',
  ],
  ['a capability without a length', openBody({ parameters: capabilities([1]) }), '2/0'],
  [
    'a four-octet AS of three octets',
    openBody({ parameters: capabilities([65, 3, 0, 0, 1]) }),
    '2/0',
  ],
  [
    'no family in common, with those that there must be (RFC 5492 §5)',
    openBody({ parameters: capabilities(FOUR_OCTET_AS, IPV6, [1, 4, 0x40, 0x04, 0, 71]) }),
    '2/7 010400010001',
  ],
] as const) {
  test(`RFC 4271 §6.2: ${claim} → ${answer}`, async (t) => {
    const peer = await RawPeer.connect();
    peer.write(message(1, body));
    t.is(peer.notification, answer);
    t.true(peer.isClosed);
    t.truthy(peer.status.failure?.message);
  });
}

for (const [claim, body] of [
  [
    'any identifier but 0, a multicast address too (RFC 6286)',
    openBody({ identifier: [224, 0, 0, 1] }),
  ],
  [
    'a capability twice',
    openBody({ parameters: capabilities(FOUR_OCTET_AS, IPV4, IPV4, ROUTE_REFRESH, ROUTE_REFRESH) }),
  ],
  [
    'of two four-octet numbers the last',
    openBody({ parameters: capabilities([65, 4, 0, 0, 0xfd, 0xeb], FOUR_OCTET_AS) }),
  ],
  [
    'families that nobody knows',
    openBody({ parameters: capabilities(FOUR_OCTET_AS, IPV4, [1, 4, 0x40, 0x04, 0, 71]) }),
  ],
  [
    'capabilities that nobody knows',
    openBody({ parameters: capabilities(FOUR_OCTET_AS, [200, 3, 1, 2, 3]) }),
  ],
  [
    'a known capability of an impossible length',
    openBody({ parameters: capabilities(FOUR_OCTET_AS, [64, 3, 0, 1, 2], [69, 1, 0]) }),
  ],
  [
    'extended parameters where short ones would do (RFC 9072)',
    openBody({ parameters: [255, 255, 0, 9, 2, 0, 6, ...FOUR_OCTET_AS] }),
  ],
] as const) {
  test(`RFC 5492: ${claim}: the session comes up`, async (t) => {
    const peer = await RawPeer.connect();
    peer.write([...message(1, body), ...KEEPALIVE]);
    t.is(peer.notification, undefined);
    t.is(peer.status.state, 'Established');
  });
}

test('RFC 6286 §2.1: this speaker’s own identifier in the same AS → 2/3', async (t) => {
  const peer = await RawPeer.connect({ asn: 65_001 });
  const parameters = capabilities([65, 4, 0, 0, 0xfd, 0xe9]);
  peer.write(message(1, openBody({ asn: 65_001, identifier: [10, 0, 0, 1], parameters })));
  t.is(peer.notification, '2/3');
});

test('RFC 9234 §4.2: roles that do not fit, roles that contradict each other → 2/11', async (t) => {
  for (const roles of [
    [[9, 1, 0]],
    [
      [9, 1, 3],
      [9, 1, 4],
    ],
  ]) {
    const peer = await RawPeer.connect({ role: 0 });
    const parameters = capabilities(FOUR_OCTET_AS, ...roles);
    peer.write(message(1, openBody({ parameters })));
    t.is(peer.notification, '2/11');
    t.regex(peer.status.failure?.message ?? '', /this side is a provider, the peer a/);
  }
});

const ORIGIN = [0x40, 1, 1, 0];
const AS_PATH = [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xea];
const NEXT_HOP = [0x40, 3, 4, 10, 0, 0, 2];
const BASIC = [...ORIGIN, ...AS_PATH, ...NEXT_HOP];
const NLRI = [24, 203, 0, 113];
const PREFIX = '203.0.113.0/24';
const IPV6_NEXT_HOP = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 2];
const mpReach = (...value: readonly number[]) => [0x80, 14, value.length, ...value];

for (const [claim, bytes, answer] of [
  ['UPDATE in OpenSent', message(2, updateBody({})), '5/1'],
  ['KEEPALIVE in OpenSent', KEEPALIVE, '5/1'],
  ['ROUTE-REFRESH in OpenSent', message(5, [0, 1, 0, 1]), '5/1'],
  ['UPDATE in OpenConfirm', [...OPEN, ...message(2, updateBody({}))], '5/2'],
  ['OPEN in OpenConfirm', [...OPEN, ...OPEN], '5/2'],
  ['OPEN in Established', [...OPEN, ...KEEPALIVE, ...OPEN], '5/3'],
] as const) {
  test(`RFC 6608: ${claim} → ${answer}`, async (t) => {
    const peer = await RawPeer.connect();
    peer.write(bytes);
    t.is(peer.notification, answer);
  });
}

for (const [claim, body, answer] of [
  ['withdrawn routes longer than the message', [0, 9, 0, 0], '3/1'],
  ['attributes longer than the message', [0, 0, 0, 9], '3/1'],
  ['withdrawn routes that leave no room for a length', [0, 1, 8, 0], '3/1'],
  [
    'a well-known attribute that nobody knows, which goes back (RFC 4271 §6.3)',
    updateBody({ attributes: [...BASIC, 0x40, 99, 2, 7, 8], nlri: NLRI }),
    '3/2 4063020708',
  ],
  [
    'damaged attributes without a prefix (RFC 7606 §5.2)',
    updateBody({ attributes: [0x40, 1, 1, 3] }),
    '3/1',
  ],
  ['an attribute header cut short, without a prefix', updateBody({ attributes: [0x40, 1] }), '3/1'],
  [
    'MP_REACH_NLRI twice',
    updateBody({
      attributes: [...mpReach(0, 1, 1, 4, 10, 0, 0, 2, 0), ...mpReach(0, 1, 1, 4, 10, 0, 0, 2, 0)],
    }),
    '3/1',
  ],
  [
    'MP_UNREACH_NLRI twice',
    updateBody({ attributes: [0x80, 15, 3, 0, 1, 1, 0x80, 15, 3, 0, 1, 1] }),
    '3/1',
  ],
  [
    'MP_REACH_NLRI too short for its next hop, which goes back (RFC 7606 §7.11)',
    updateBody({ attributes: [...ORIGIN, ...AS_PATH, ...mpReach(0, 2, 1, 16, 1, 2)] }),
    '3/9 800e06000201100102',
  ],
  [
    'an IPv6 next hop of 15 octets',
    updateBody({ attributes: mpReach(0, 2, 1, 15, ...IPV6_NEXT_HOP.slice(1), 0) }),
    `3/9 800e140002010f${Buffer.from(IPV6_NEXT_HOP.slice(1)).toString('hex')}00`,
  ],
  [
    'an IPv6 prefix with an IPv4 next hop',
    updateBody({ attributes: mpReach(0, 2, 1, 4, 10, 0, 0, 2, 0) }),
    '3/9 800e09000201040a00000200',
  ],
  [
    'MP_UNREACH_NLRI of two octets',
    updateBody({ attributes: [0x80, 15, 2, 0, 1] }),
    '3/9 800f020001',
  ],
  [
    'a prefix of 33 bits (RFC 7606 §5.3)',
    updateBody({ attributes: BASIC, nlri: [33, 1, 2, 3, 4, 5] }),
    '3/10',
  ],
  ['a prefix cut short', updateBody({ attributes: BASIC, nlri: [24, 203, 0] }), '3/10'],
  ['a withdrawn prefix of 33 bits', updateBody({ withdrawn: [33, 1, 2, 3, 4, 5] }), '3/10'],
  [
    'an IPv6 prefix of 129 bits',
    updateBody({
      attributes: [
        ...ORIGIN,
        ...AS_PATH,
        ...mpReach(0, 2, 1, 16, ...IPV6_NEXT_HOP, 0, 129, ...Array(17).fill(1)),
      ],
    }),
    '3/10',
  ],
] as const) {
  test(`UPDATE: ${claim} → ${answer}`, async (t) => {
    const families = ['ipv4-unicast', 'ipv6-unicast'] as const;
    const peer = await RawPeer.established({ families }, capabilities(FOUR_OCTET_AS, IPV4, IPV6));
    peer.write(message(2, body));
    t.is(peer.notification, answer);
    t.true(peer.isClosed);
  });
}

test('RFC 7911 §3: a path identifier cut short → 3/10', async (t) => {
  const parameters = capabilities(FOUR_OCTET_AS, IPV4, [69, 4, 0, 1, 1, 3]);
  const peer = await RawPeer.established({ addPathReceive: true }, parameters);
  peer.write(message(2, updateBody({ attributes: BASIC, nlri: [0, 0, 0, 1, ...NLRI] })));
  t.truthy(peer.speaker.route(PREFIX));
  peer.write(message(2, updateBody({ attributes: BASIC, nlri: [0, 0, 0] })));
  t.is(peer.notification, '3/10');
});

for (const [claim, attributes] of [
  ['§7.1: ORIGIN of two octets', [0x40, 1, 2, 0, 0, ...AS_PATH, ...NEXT_HOP]],
  ['§7.1: ORIGIN 3', [0x40, 1, 1, 3, ...AS_PATH, ...NEXT_HOP]],
  [
    '§7.2: AS_PATH with an unknown segment',
    [...ORIGIN, 0x40, 2, 6, 9, 1, 0, 0, 0xfd, 0xea, ...NEXT_HOP],
  ],
  ['§7.2: AS_PATH with a segment of none', [...ORIGIN, 0x40, 2, 2, 2, 0, ...NEXT_HOP]],
  [
    '§7.2: AS_PATH with a segment cut short',
    [...ORIGIN, 0x40, 2, 6, 2, 2, 0, 0, 0xfd, 0xea, ...NEXT_HOP],
  ],
  [
    '§7.2: AS_PATH with one octet behind its last segment',
    [...ORIGIN, 0x40, 2, 7, 2, 1, 0, 0, 0xfd, 0xea, 2, ...NEXT_HOP],
  ],
  ['RFC 7607: AS 0 in AS_PATH', [...ORIGIN, 0x40, 2, 6, 2, 1, 0, 0, 0, 0, ...NEXT_HOP]],
  ['§7.3: NEXT_HOP of three octets', [...ORIGIN, ...AS_PATH, 0x40, 3, 3, 10, 0, 0]],
  ['NEXT_HOP 0.0.0.0', [...ORIGIN, ...AS_PATH, 0x40, 3, 4, 0, 0, 0, 0]],
  ['NEXT_HOP 127.0.0.1', [...ORIGIN, ...AS_PATH, 0x40, 3, 4, 127, 0, 0, 1]],
  ['NEXT_HOP 224.0.0.1', [...ORIGIN, ...AS_PATH, 0x40, 3, 4, 224, 0, 0, 1]],
  ['NEXT_HOP 255.255.255.255', [...ORIGIN, ...AS_PATH, 0x40, 3, 4, 255, 255, 255, 255]],
  ['§7.4: MULTI_EXIT_DISC of three octets', [...BASIC, 0x80, 4, 3, 0, 0, 1]],
  ['§7.8: COMMUNITIES of none', [...BASIC, 0xc0, 8, 0]],
  ['§7.8: COMMUNITIES of five octets', [...BASIC, 0xc0, 8, 5, 0, 0, 0, 1, 1]],
  ['§7.14: EXTENDED_COMMUNITIES of seven octets', [...BASIC, 0xc0, 16, 7, 0, 0, 0, 0, 0, 0, 0]],
  ['RFC 8092 §6: LARGE_COMMUNITY of eleven octets', [...BASIC, 0xc0, 32, 11, ...Array(11).fill(0)]],
  ['RFC 9234 §5: OTC of three octets', [...BASIC, 0xc0, 35, 3, 0, 0, 1]],
  ['§3 c: ORIGIN flagged optional', [0xc0, 1, 1, 0, ...AS_PATH, ...NEXT_HOP]],
  ['§3 c: MULTI_EXIT_DISC flagged well-known', [...BASIC, 0x40, 4, 4, 0, 0, 0, 1]],
  ['§3 c: COMMUNITIES flagged non-transitive', [...BASIC, 0x80, 8, 4, 0, 0, 0, 1]],
  ['§3 d: no ORIGIN', [...AS_PATH, ...NEXT_HOP]],
  ['§3 d: no AS_PATH', [...ORIGIN, ...NEXT_HOP]],
  ['§3 d: no NEXT_HOP', [...ORIGIN, ...AS_PATH]],
  ['§4: an attribute longer than the list', [...BASIC, 0xc0, 8, 200, 0]],
  ['§4: an attribute header cut short', [...BASIC, 0xc0, 8]],
  ['§4: an extended length of one octet', [...BASIC, 0xd0, 8, 1]],
] as const) {
  test(`RFC 7606 ${claim}: the route is withdrawn, the session stands`, async (t) => {
    const peer = await RawPeer.established();
    peer.write(message(2, updateBody({ attributes: BASIC, nlri: NLRI })));
    t.truthy(peer.speaker.route(PREFIX));
    peer.write(message(2, updateBody({ attributes, nlri: NLRI })));
    t.is(peer.speaker.route(PREFIX), undefined);
    t.is(peer.notification, undefined);
    t.is(peer.status.state, 'Established');
    t.is(peer.status.malformedUpdateCount, 1);
    t.true(peer.status.complaints.length > 0);
  });
}

for (const [claim, attribute] of [
  ['§3 g: a second ORIGIN', [0x40, 1, 1, 2]],
  ['§7.5: LOCAL_PREF from an external peer', [0x40, 5, 4, 0, 0, 1, 0]],
  ['§7.6: ATOMIC_AGGREGATE with a value', [0x40, 6, 1, 0]],
  ['§7.7: AGGREGATOR of six octets in a four-octet session', [0xc0, 7, 6, 0xfd, 0xea, 10, 0, 0, 2]],
  ['RFC 7607: AGGREGATOR with AS 0', [0xc0, 7, 8, 0, 0, 0, 0, 10, 0, 0, 2]],
  ['§7.9: ORIGINATOR_ID from an external peer', [0x80, 9, 4, 10, 0, 0, 9]],
  ['§7.10: CLUSTER_LIST from an external peer', [0x80, 10, 4, 10, 0, 0, 9]],
] as const) {
  test(`RFC 7606 ${claim}: the attribute is left out, the route stands`, async (t) => {
    const peer = await RawPeer.established();
    peer.write(message(2, updateBody({ attributes: [...BASIC, ...attribute], nlri: NLRI })));
    t.deepEqual(peer.speaker.route(PREFIX)?.attributes, {
      origin: 0,
      asPath: [{ type: 2, asns: [65_002] }],
      nextHop: Uint8Array.of(10, 0, 0, 2),
    });
    t.is(peer.notification, undefined);
    t.is(peer.status.malformedUpdateCount, 1);
  });
}

for (const [claim, attribute] of [
  ['§7.5: LOCAL_PREF of three octets', [0x40, 5, 3, 0, 0, 1]],
  ['§7.9: ORIGINATOR_ID of five octets', [0x80, 9, 5, 10, 0, 0, 9, 0]],
  ['§7.10: CLUSTER_LIST of five octets', [0x80, 10, 5, 10, 0, 0, 9, 0]],
] as const) {
  test(`RFC 7606 ${claim} from an internal peer: the route is withdrawn`, async (t) => {
    const peer = await RawPeer.connect({ asn: 65_001 });
    const parameters = capabilities([65, 4, 0, 0, 0xfd, 0xe9]);
    peer.write([...message(1, openBody({ asn: 65_001, parameters })), ...KEEPALIVE]);
    peer.write(message(2, updateBody({ attributes: BASIC, nlri: NLRI })));
    t.truthy(peer.speaker.route(PREFIX));
    peer.write(message(2, updateBody({ attributes: [...BASIC, ...attribute], nlri: NLRI })));
    t.is(peer.speaker.route(PREFIX), undefined);
    t.is(peer.status.state, 'Established');
  });
}

test('RFC 7606 §7.11: an IPv6 next hop that is nobody’s address withdraws, the session stands', async (t) => {
  const families = ['ipv6-unicast'] as const;
  const update = (nextHop: readonly number[]) => {
    const reach = mpReach(0, 2, 1, 16, ...nextHop, 0, 32, 0x20, 1, 0xd, 0xb8);
    return message(2, updateBody({ attributes: [...ORIGIN, ...AS_PATH, ...reach] }));
  };
  for (const nextHop of [
    Array(16).fill(0),
    [...Array(15).fill(0), 1],
    [0xff, 2, ...Array(13).fill(0), 1],
  ]) {
    const peer = await RawPeer.established({ families }, capabilities(FOUR_OCTET_AS, IPV6));
    peer.write(update(IPV6_NEXT_HOP));
    t.truthy(peer.speaker.route('2001:db8::/32'));
    peer.write(update(nextHop));
    t.is(peer.speaker.route('2001:db8::/32'), undefined);
    t.is(peer.status.state, 'Established');
  }
});

for (const [claim, attributes, kind] of [
  [
    'own AS in the path',
    [...ORIGIN, 0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xea, 0, 0, 0xfd, 0xe9, ...NEXT_HOP],
    'AS loop',
  ],
  [
    'own AS in a set',
    [...ORIGIN, 0x40, 2, 12, 2, 1, 0, 0, 0xfd, 0xea, 1, 1, 0, 0, 0xfd, 0xe9, ...NEXT_HOP],
    'AS loop',
  ],
  ['own address as next hop', [...ORIGIN, ...AS_PATH, 0x40, 3, 4, 10, 0, 0, 1], 'own next hop'],
] as const) {
  test(`RFC 4271 §6.3, §9.1.2: ${claim}: kept, not used, and the reason is told: ${kind}`, async (t) => {
    const peer = await RawPeer.established();
    peer.write(message(2, updateBody({ attributes, nlri: NLRI })));
    t.is(peer.speaker.route(PREFIX), undefined);
    t.is(peer.status.malformedUpdateCount, 0);
    const [route] = peer.speaker.received('10.0.0.2');
    t.is(route?.lostBy, kind);
    const [path] = peer.speaker.trace(PREFIX).paths;
    t.is(path?.lostBy, kind);
    t.truthy(path?.refusal);
  });
}

test('a path of more than 255 numbers in several segments is read, and longer by this AS when it is told', async (t) => {
  const segment = [2, 255, ...Array(255).fill([0, 0, 0xfd, 0xea]).flat()];
  const path = [...segment, ...segment];
  const attribute = [0x50, 2, path.length >> 8, path.length & 0xff, ...path];
  const peer = await RawPeer.established();
  peer.write(
    message(2, updateBody({ attributes: [...ORIGIN, ...attribute, ...NEXT_HOP], nlri: NLRI })),
  );
  const { asPath = [] } = peer.speaker.route(PREFIX)?.attributes ?? {};
  t.deepEqual(
    asPath.map(({ asns }) => asns.length),
    [255, 255],
  );
});

test('unknown optional attributes: transitive ones are kept, others left out, nobody is disturbed', async (t) => {
  const peer = await RawPeer.established();
  const unknown = [0xc0, 99, 1, 7, 0x80, 98, 1, 7];
  peer.write(message(2, updateBody({ attributes: [...BASIC, ...unknown], nlri: NLRI })));
  const { attributes } = peer.speaker.route(PREFIX) ?? {};
  t.deepEqual(attributes?.unknown, [{ type: 99, flags: 0xc0, value: Uint8Array.of(7) }]);
  t.is(peer.status.malformedUpdateCount, 0);
});

test('a family that was not negotiated is ignored, whatever the length of its next hop', async (t) => {
  const peer = await RawPeer.established();
  const vpn = mpReach(0, 1, 128, 12, ...Array(12).fill(0), 0, 1, 2, 3);
  const link = mpReach(0x40, 4, 71, 3, 1, 2, 3, 0, 9);
  for (const reach of [vpn, link]) {
    peer.write(message(2, updateBody({ attributes: [...BASIC, ...reach], nlri: NLRI })));
  }
  t.is(peer.notification, undefined);
  t.truthy(peer.speaker.route(PREFIX));
});

test('RFC 7313 §5: ROUTE-REFRESH of the wrong length → 7/1 with the message; an unknown subtype is ignored', async (t) => {
  const peer = await RawPeer.established({}, capabilities(FOUR_OCTET_AS, ROUTE_REFRESH, [70, 0]));
  peer.write(message(5, [0, 1, 9, 1]));
  peer.write(message(5, [0, 25, 0, 70]));
  t.is(peer.notification, undefined);
  const long = message(5, [0, 1, 0, 1, 1, 64, 0, 0]);
  peer.write(long);
  t.is(peer.notification, `7/1 ${Buffer.from(long).toString('hex')}`);
});

test('RFC 8654: 5,000 octets are one message where both sides said so, KEEPALIVE and OPEN stay short', async (t) => {
  const nlri = Array.from({ length: 1_200 }, (_, n) => [24, 10, n >> 8, n & 0xff]).flat();
  const peer = await RawPeer.established({}, capabilities(FOUR_OCTET_AS, EXTENDED_MESSAGE));
  peer.write(message(2, updateBody({ attributes: BASIC, nlri })));
  t.is(peer.notification, undefined);
  t.is(peer.speaker.counts.prefixes, 1_200);
  peer.write(header(4, 5_000));
  t.is(peer.notification, '1/2 1388');
});
