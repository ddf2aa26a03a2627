/** The Internet checksum, its incremental update, and the rules for partial checksums. */
import test from 'ava';
import fc from 'fast-check';
import * as checksum from '../../../packet/checksum.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as tcp from '../../../packet/tcp.ts';
import { tcpIpv4, viewOf } from './frames.ts';

/** RFC 1071 §4.1, word by word. */
function slowSum(bytes: Uint8Array): number {
  let total = 0;
  bytes.forEach((byte, index) => {
    total += index % 2 === 0 ? byte << 8 : byte;
    total = (total & 0xffff) + (total >>> 16);
  });
  return total;
}

test('RFC 1071 §3: the worked example sums to 0xddf2', (t) => {
  const view = viewOf(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7));
  t.is(checksum.sum(view, 0, 8), 0xddf2);
  t.is(checksum.checksum(view, 0, 8), 0x220d);
});

test('the sum of any bytes equals the word-by-word sum', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), (bytes) => {
      t.is(checksum.sum(viewOf(bytes), 0, bytes.length), slowSum(bytes));
    }),
  );
  const most = new Uint8Array(65_535).fill(0xff);
  t.is(checksum.sum(viewOf(most), 0, most.length, 0xffff), slowSum(most));
});

test('RFC 1624 §4: the example that RFC 1141 gets wrong', (t) => {
  t.is(checksum.replace16(0xdd2f, 0x5555, 0x3285), 0x0000);
});

test('RFC 1624: an incremental update keeps a checksum valid, whatever changes', (t) => {
  const words = fc.uint8Array({ minLength: 12, maxLength: 12, size: 'max' });
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(words, u32, (bytes, to) => {
      const view = viewOf(bytes);
      view.setUint16(0, 0);
      view.setUint16(0, checksum.checksum(view, 0, 12));
      view.setUint16(0, checksum.replace32(view.getUint16(0), view.getUint32(4), to));
      view.setUint32(4, to);
      const half = to & 0xffff;
      view.setUint16(0, checksum.replace16(view.getUint16(0), view.getUint16(8), half));
      view.setUint16(8, half);
      t.true(checksum.isValid(view, 0, 12) || checksum.sum(view, 0, 12) === 0);
    }),
  );
});

test('NEEDS_CSUM: updated for addresses and not for ports, the finished checksum is right', (t) => {
  const packet = tcpIpv4({ flags: tcp.Flag.ACK }, Uint8Array.of(1, 2, 3)).slice(14);
  const view = viewOf(packet);
  const bytes = packet.length - 20;
  tcp.setChecksum(view, 20, checksum.pseudoIpv4(view, 0, IpProtocol.TCP, bytes));
  const address = 0xc0a8_fffe;
  tcp.setChecksum(
    view,
    20,
    checksum.replaceInSum32(tcp.checksum(view, 20), view.getUint32(12), address),
  );
  view.setUint32(12, address);
  tcp.setSrcPort(view, 20, 1);
  const length = checksum.replaceInSum16(tcp.checksum(view, 20), bytes, bytes);
  tcp.setChecksum(view, 20, length);
  const partial = tcp.checksum(view, 20);
  t.is(partial, checksum.pseudoIpv4(view, 0, IpProtocol.TCP, bytes));
  // What the receiver's kernel does: sum from csum_start over the field as it stands.
  tcp.setChecksum(view, 20, checksum.complement(checksum.sum(view, 20, packet.length)));
  const pseudo = checksum.pseudoIpv4(view, 0, IpProtocol.TCP, bytes);
  t.true(tcp.hasValidChecksum(view, 20, packet.length, pseudo));
});

test('the IPv6 pseudo-header carries a 32-bit length', (t) => {
  const view = viewOf(new Uint8Array(40));
  t.is(checksum.pseudoIpv6(view, 0, 6, 0x1_0002), 9);
});
