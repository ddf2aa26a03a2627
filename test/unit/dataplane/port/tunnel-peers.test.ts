/** Numbers of hosts at the other end of tunnels: one each, while somebody sends there, and none lost. */
import test from 'ava';
import fc from 'fast-check';
import { formatIpWords } from '../../../../base/ip-words.ts';
import { TunnelPeers } from '../../../../dataplane/port/tunnel-peers.ts';

const A = Uint8Array.of(192, 0, 2, 1);
const B = Uint8Array.of(192, 0, 2, 2);
const C = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7);

function peers(peersMax = 8) {
  const told: string[] = [];
  const made = new TunnelPeers({
    peersMax,
    setPeer: (number, address, udpPort) => told.push(`${number} ${address.join('.')} ${udpPort}`),
    onAdded: (words) => told.push(`+${formatIpWords(words)}`),
    onRemoved: (words) => told.push(`-${formatIpWords(words)}`),
  });
  return { made, told: () => told.splice(0) };
}

test('a host has one number, whoever sends there, until nobody does', (t) => {
  const { made, told } = peers();
  t.is(made.acquire(A), 0);
  t.is(made.acquire(B), 1);
  t.is(made.acquire(Uint8Array.from(A)), 0);
  t.deepEqual(told(), ['+192.0.2.1', '0 192.0.2.1 4789', '+192.0.2.2', '1 192.0.2.2 4789']);
  made.release(A);
  t.is(made.count, 2);
  t.deepEqual(made.addressOf(0), [0, 0, 0xffff, 0xc000_0201]);
  t.deepEqual(told(), []);
  made.release(A);
  t.is(made.count, 1);
  t.is(made.addressOf(0), undefined);
  t.deepEqual(told(), ['-192.0.2.1']);
  t.is(made.acquire(C), 0, 'the number that is free');
});

test('another UDP port is told for every host, once', (t) => {
  const { made, told } = peers();
  made.setUdpPort(4789);
  made.acquire(A);
  made.acquire(B);
  told();
  made.setUdpPort(8472);
  made.setUdpPort(8472);
  t.deepEqual(told(), ['0 192.0.2.1 8472', '1 192.0.2.2 8472']);
});

test('one host too many gets no number, and one that is known still its own', (t) => {
  const { made } = peers(2);
  made.acquire(A);
  made.acquire(B);
  t.is(made.acquire(C), undefined);
  t.is(made.acquire(B), 1);
  made.release(A);
  t.is(made.acquire(C), 0);
});

test('what is no address gets no number, and costs none', (t) => {
  const { made } = peers(1);
  made.acquire(A);
  made.release(A);
  for (const length of [0, 3, 5, 15, 17]) t.is(made.acquire(new Uint8Array(length)), undefined);
  t.is(made.acquire(B), 0);
});

test('whatever comes and goes, numbers are small, unique, and lead back to their host', (t) => {
  const step = fc.record({ host: fc.nat(5), isAcquired: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { made } = peers(4);
      const users = new Map<number, number>();
      for (const { host, isAcquired } of steps) {
        const address = Uint8Array.of(192, 0, 2, host);
        const before = users.get(host) ?? 0;
        if (!isAcquired) {
          if (before === 0) continue;
          made.release(address);
          if (before === 1) users.delete(host);
          else users.set(host, before - 1);
        } else {
          const number = made.acquire(address);
          t.is(number === undefined, before === 0 && users.size === 4);
          if (number === undefined) continue;
          t.true(number < 4);
          t.is(made.addressOf(number)?.[3], 0xc000_0200 + host);
          users.set(host, before + 1);
        }
        t.is(made.count, users.size);
      }
    }),
  );
});
