/** NAT44's tables against a plain model of what RFC 4787, 5382, 5508, 6888 and 7857 ask of them. */
import test from 'ava';
import fc from 'fast-check';
import { seededRng } from '../../../../../base/rng.ts';
import { NAT_BLOCK_HOLD_SEC } from '../../../../../bgp/edge/limits.ts';
import { NO_MAPPING } from '../../../../../bgp/edge/nat44/mapping-table.ts';
import { type InsideTuple, Nat44, NatRefusal } from '../../../../../bgp/edge/nat44/nat44.ts';
import type { PoolSpec } from '../../../../../bgp/edge/nat44/port-pool.ts';
import { IpProtocol } from '../../../../../packet/ip-protocol.ts';
import { Flag } from '../../../../../packet/tcp.ts';

const PUBLIC = 0xcb00_7100;
const TIMEOUTS = { tcpEstablishedSec: 7440, tcpTransitorySec: 240, udpSec: 300, icmpSec: 60 };
const POOL: PoolSpec = {
  id: 'pool',
  addresses: [PUBLIC + 1, PUBLIC + 2],
  portFirst: 1024,
  portLast: 1055,
  portsPerBlock: 8,
  blocksPerAddressMax: 2,
  isInfrastructure: false,
};

function newNat(capacity = 1000, removed: number[] = [], blocks: string[] = []): Nat44 {
  return new Nat44({
    onBlock: ({ domain, inside, address, portFirst, portLast }, isLeased) =>
      blocks.push(
        `${isLeased ? '+' : '-'}${domain} ${inside - 0x0a00_0000} ${address - PUBLIC} ${portFirst}-${portLast}`,
      ),
    capacity,
    timeouts: TIMEOUTS,
    rng: seededRng(1),
    startSec: 0,
    onRemoved: (mapping) => removed.push(mapping),
  });
}

function tuple(change: Partial<InsideTuple> = {}): InsideTuple {
  return {
    domain: 1,
    isInfrastructure: false,
    inside: 0x0a00_0004,
    insidePort: 5000,
    protocol: IpProtocol.UDP,
    ...change,
  };
}

function expire(nat: Nat44, nowSec: number): void {
  while (nat.expire(nowSec, new Uint32Array(8)));
}

test('RFC 4787 REQ-1: an inside tuple has one public tuple, whoever it talks to', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  const first = nat.outbound(tuple(), 0);
  t.true(first >= 0);
  t.is(nat.outbound(tuple(), 1), first);
  t.not(nat.outbound(tuple({ insidePort: 5001 }), 1), first);
  t.not(nat.outbound(tuple({ domain: 2 }), 1), first);
});

test('RFC 4787 REQ-2: all mappings of an inside address have the same public address', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  const outside = new Set<number>();
  for (let port = 1; port <= 16; port += 1) {
    outside.add(nat.table.outside(nat.outbound(tuple({ insidePort: port }), 0)));
  }
  t.is(outside.size, 1);
});

test('RFC 6888 REQ-4: an inside address gets so many blocks and no more', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  for (let port = 1; port <= 16; port += 1) {
    t.true(nat.outbound(tuple({ insidePort: port }), 0) >= 0);
  }
  t.is(nat.outbound(tuple({ insidePort: 17 }), 0), NatRefusal.BLOCKS_SPENT);
  t.true(nat.outbound(tuple({ insidePort: 17, protocol: IpProtocol.TCP }), 0) >= 0);
  nat.checkInvariants();
});

test('a pool without free blocks refuses a new inside address', (t) => {
  const nat = newNat();
  nat.setPool({ ...POOL, blocksPerAddressMax: 1 });
  for (let host = 0; host < 8; host += 1) {
    t.true(nat.outbound(tuple({ inside: host }), 0) >= 0);
  }
  t.is(nat.outbound(tuple({ inside: 8 }), 0), NatRefusal.POOL_EXHAUSTED);
  nat.checkInvariants();
});

test('RFC 6888 §4: every block is told when it is leased and when it comes back, whatever brings it back', (t) => {
  const told: string[] = [];
  const nat = newNat(1000, [], told);
  nat.setPool({ ...POOL, addresses: [PUBLIC + 1] });
  for (let port = 1; port <= 9; port += 1) nat.outbound(tuple({ insidePort: port }), 0);
  nat.outbound(tuple({ domain: 2 }), 0);
  t.is(told.length, 3, 'two blocks of one, one of the other');
  t.true(told.every((line) => /^\+[12] 4 1 \d+-\d+$/.test(line)));
  const leased = told.map((line) => line.slice(1));
  nat.removeInside(1, tuple().inside);
  t.is(told.length, 3, 'they are held back for a while');
  expire(nat, NAT_BLOCK_HOLD_SEC);
  t.deepEqual(
    told.slice(3).sort(),
    leased
      .slice(0, 2)
      .map((line) => `-${line}`)
      .sort(),
  );
  nat.removePool('pool');
  t.deepEqual(told.slice(5), [`-${leased[2]}`], 'a pool that goes takes its blocks along');
  nat.checkInvariants();
});

test('RFC 6888 REQ-8: a block that nobody uses is another’s only after its time', (t) => {
  const nat = newNat();
  nat.setPool({ ...POOL, addresses: [PUBLIC], portLast: 1031 });
  nat.outbound(tuple(), 0);
  expire(nat, TIMEOUTS.udpSec);
  t.is(nat.table.count, 0);
  const other = tuple({ inside: 0x0a00_0005 });
  t.is(nat.outbound(other, TIMEOUTS.udpSec + 1), NatRefusal.POOL_EXHAUSTED);
  expire(nat, TIMEOUTS.udpSec + NAT_BLOCK_HOLD_SEC);
  t.true(nat.outbound(other, TIMEOUTS.udpSec + NAT_BLOCK_HOLD_SEC) >= 0);
  nat.checkInvariants();
});

test('without a pool, of another protocol or with a full table there is no mapping', (t) => {
  const nat = newNat(1);
  t.is(nat.outbound(tuple(), 0), NatRefusal.NO_POOL);
  nat.setPool(POOL);
  t.is(nat.outbound(tuple({ protocol: 47 }), 0), NatRefusal.PROTOCOL);
  t.is(nat.outbound(tuple({ isInfrastructure: true }), 0), NatRefusal.NO_POOL);
  t.true(nat.outbound(tuple(), 0) >= 0);
  t.is(nat.outbound(tuple({ insidePort: 1 }), 0), NatRefusal.TABLE_FULL);
});

test('RFC 4787 REQ-5 and REQ-6: a UDP mapping lasts as long as the inside sends', (t) => {
  const removed: number[] = [];
  const nat = newNat(1000, removed);
  nat.setPool(POOL);
  const mapping = nat.outbound(tuple(), 0);
  nat.table.touchInside(mapping, 0, 200);
  nat.table.touchOutside(mapping, 0, 400);
  expire(nat, 499);
  t.deepEqual(removed, []);
  expire(nat, 500);
  t.deepEqual(removed, [mapping]);
  t.is(nat.inbound(nat.table.outside(mapping), nat.table.outsidePort(mapping), 17), NO_MAPPING);
});

test('RFC 5508 REQ-2: a mapping of ICMP queries lasts 60 s', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  nat.outbound(tuple({ protocol: IpProtocol.ICMP }), 0);
  expire(nat, 59);
  t.is(nat.table.count, 1);
  expire(nat, 60);
  t.is(nat.table.count, 0);
});

const { SYN, ACK, FIN, RST } = Flag;

function established(nat: Nat44): number {
  nat.setPool(POOL);
  const mapping = nat.outbound(tuple({ protocol: IpProtocol.TCP }), 0);
  nat.table.touchInside(mapping, SYN, 0);
  nat.table.touchOutside(mapping, SYN | ACK, 0);
  nat.table.touchInside(mapping, ACK, 0);
  return mapping;
}

test('RFC 5382 REQ-5: an established connection lasts 2 h 4 min, one being opened 4 min', (t) => {
  const nat = newNat();
  established(nat);
  nat.table.touchInside(
    nat.outbound(tuple({ protocol: IpProtocol.TCP, insidePort: 2 }), 0),
    SYN,
    0,
  );
  expire(nat, 239);
  t.is(nat.table.count, 2);
  expire(nat, 240);
  t.is(nat.table.count, 1);
  expire(nat, 7439);
  t.is(nat.table.count, 1);
  expire(nat, 7440);
  t.is(nat.table.count, 0);
});

test('RFC 5382 REQ-5: closed by both sides, a connection lasts 4 min more; by one, it is established', (t) => {
  const nat = newNat();
  const mapping = established(nat);
  nat.table.touchInside(mapping, FIN | ACK, 100);
  expire(nat, 1000);
  t.is(nat.table.count, 1);
  nat.table.touchOutside(mapping, FIN | ACK, 1000);
  nat.table.touchInside(mapping, ACK, 1000);
  expire(nat, 1239);
  t.is(nat.table.count, 1);
  expire(nat, 1240);
  t.is(nat.table.count, 0);
});

test('RFC 7857 §2.2: after a reset the next packet from inside takes the connection back', (t) => {
  const nat = newNat();
  const mapping = established(nat);
  nat.table.touchOutside(mapping, RST, 10);
  nat.table.touchInside(mapping, ACK, 20);
  expire(nat, 2000);
  t.is(nat.table.count, 1);
  nat.table.touchOutside(mapping, RST, 2000);
  expire(nat, 2240);
  t.is(nat.table.count, 0);
});

test('a mapping that two connections use keeps the longest time when one of them ends', (t) => {
  const nat = newNat();
  const mapping = established(nat);
  nat.table.noteRemote(mapping, 1);
  nat.table.noteRemote(mapping, 2);
  nat.table.touchOutside(mapping, RST, 10);
  expire(nat, 7000);
  t.is(nat.table.count, 1);
});

test('a port forward is a mapping both ways, without end, and displaces a leased port', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  const leased = nat.outbound(tuple(), 0);
  const [outside, outsidePort] = [nat.table.outside(leased), nat.table.outsidePort(leased)];
  const forward = {
    id: 'f',
    protocol: 17,
    outside,
    outsidePort,
    domain: 3,
    inside: 9,
    insidePort: 80,
  };
  t.true(nat.setForward(forward, 0));
  const mapping = nat.inbound(outside, outsidePort, 17);
  t.is(nat.table.inside(mapping), 9);
  t.is(nat.outbound(tuple({ domain: 3, inside: 9, insidePort: 80 }), 0), mapping);
  t.not(nat.outbound(tuple(), 0), mapping);
  t.false(nat.setForward({ ...forward, id: 'other' }, 0));
  expire(nat, 100_000);
  t.is(nat.inbound(outside, outsidePort, 17), mapping);
  nat.checkInvariants();
  nat.removeForward('f');
  t.is(nat.inbound(outside, outsidePort, 17), NO_MAPPING);
});

test('an address taken out of a pool takes its mappings along and leaves the others', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  const hosts = [1, 2, 3, 4].map((inside) => nat.outbound(tuple({ inside }), 0));
  const kept = hosts.filter((mapping) => nat.table.outside(mapping) === PUBLIC + 1);
  t.true(kept.length > 0 && kept.length < hosts.length);
  nat.setPool({ ...POOL, addresses: [PUBLIC + 1, PUBLIC + 9] });
  t.deepEqual([...nat.table.all()], kept);
  t.true(nat.isPublic(PUBLIC + 9));
  t.false(nat.isPublic(PUBLIC + 2));
  nat.checkInvariants();
  nat.removePool('pool');
  t.is(nat.table.count, 0);
});

test('an inside address that is gone leaves nothing behind', (t) => {
  const nat = newNat();
  nat.setPool(POOL);
  nat.outbound(tuple(), 0);
  nat.outbound(tuple({ protocol: IpProtocol.ICMP, insidePort: 9 }), 0);
  const other = nat.outbound(tuple({ domain: 2 }), 0);
  nat.removeInside(1, tuple().inside);
  t.deepEqual([...nat.table.all()], [other]);
  nat.checkInvariants();
});

interface ModelMapping {
  readonly tuple: InsideTuple;
  readonly outside: number;
  readonly outsidePort: number;
  usedSec: number;
}

test('any sequence: no two inside tuples share a public tuple, mappings stay as they are until they are idle', (t) => {
  const operation = fc.record({
    kind: fc.constantFrom('send', 'send', 'send', 'receive', 'wait', 'gone'),
    domain: fc.integer({ min: 1, max: 2 }),
    inside: fc.integer({ min: 1, max: 4 }),
    insidePort: fc.integer({ min: 1, max: 12 }),
    protocol: fc.constantFrom(IpProtocol.UDP, IpProtocol.ICMP),
    wait: fc.integer({ min: 1, max: 200 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const nat = newNat(40);
      nat.setPool(POOL);
      const model = new Map<string, ModelMapping>();
      let nowSec = 0;
      for (const { kind, wait, ...rest } of operations) {
        const inside = { ...rest, isInfrastructure: false };
        const key = JSON.stringify(inside);
        if (kind === 'wait') {
          nowSec += wait;
          expire(nat, nowSec);
          for (const [name, mapping] of model) {
            const idle = mapping.tuple.protocol === IpProtocol.UDP ? 300 : 60;
            if (mapping.usedSec + idle <= nowSec) model.delete(name);
          }
        } else if (kind === 'gone') {
          nat.removeInside(inside.domain, inside.inside);
          for (const [name, { tuple: own }] of model) {
            if (own.domain === inside.domain && own.inside === inside.inside) model.delete(name);
          }
        } else if (kind === 'receive') {
          const known = model.get(key);
          if (known === undefined) continue;
          const mapping = nat.inbound(known.outside, known.outsidePort, inside.protocol);
          t.is(nat.table.inside(mapping), inside.inside);
          t.is(nat.table.domain(mapping), inside.domain);
          nat.table.touchOutside(mapping, 0, nowSec);
        } else send(inside, key);
        nat.checkInvariants();
        t.is(nat.table.count, model.size);
      }

      function send(inside: InsideTuple, key: string): void {
        const mapping = nat.outbound(inside, nowSec);
        const known = model.get(key);
        if (mapping < 0) {
          t.is(known, undefined);
          return;
        }
        nat.table.touchInside(mapping, 0, nowSec);
        const outside = nat.table.outside(mapping);
        const outsidePort = nat.table.outsidePort(mapping);
        if (known !== undefined) {
          t.is(outside, known.outside);
          t.is(outsidePort, known.outsidePort);
          known.usedSec = nowSec;
          return;
        }
        for (const other of model.values()) {
          const isSame =
            other.outside === outside &&
            other.outsidePort === outsidePort &&
            other.tuple.protocol === inside.protocol;
          t.false(isSame);
          const isSibling =
            other.tuple.domain === inside.domain && other.tuple.inside === inside.inside;
          if (isSibling) t.is(other.outside, outside);
        }
        model.set(key, { tuple: inside, outside, outsidePort, usedSec: nowSec });
      }
    }),
    { numRuns: 300 },
  );
});
