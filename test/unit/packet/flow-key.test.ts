/** parseFlow: the key of each kind of frame, every truncation, and nothing trusted that the frame itself says. */
import test from 'ava';
import fc from 'fast-check';
import { Drop } from '../../../packet/drop.ts';
import { EtherType } from '../../../packet/ethernet.ts';
import {
  type FlowKey,
  Fragment,
  newFlowKey,
  parseFlow,
  parseIpPacket,
  parseQuoted,
} from '../../../packet/flow-key.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import {
  ADDRESS_A,
  ADDRESS_B,
  ethernetFrame,
  icmpv6Frame,
  ipv4Packet,
  ipv6Packet,
  SAMPLES,
  tcpIpv4,
  viewOf,
} from './frames.ts';

function keyOf(bytes: Uint8Array): { drop: Drop } & FlowKey {
  const key = newFlowKey();
  const drop = parseFlow(viewOf(bytes), 0, bytes.length, key);
  return { drop, ...key };
}

const sample = (name: string) => SAMPLES[name] ?? new Uint8Array();

test('TCP over IPv4: addresses, ports, flags and offsets', (t) => {
  t.like(keyOf(sample('tcp')), {
    drop: Drop.None,
    etherType: EtherType.IPV4,
    vlan: 0,
    l3At: 14,
    l4At: 34,
    l3End: 14 + 20 + 28 + 3,
    protocol: IpProtocol.TCP,
    fragment: Fragment.NONE,
    ttl: 64,
    tcpFlags: 2,
    srcPort: 41_000,
    dstPort: 80,
    src0: 0,
    src1: 0,
    src2: 0xffff,
    src3: ADDRESS_A,
    dst2: 0xffff,
    dst3: ADDRESS_B,
  });
});

test('one key serves frame after frame: nothing of the last one remains', (t) => {
  const key = newFlowKey();
  for (const first of Object.values(SAMPLES)) {
    for (const second of Object.values(SAMPLES)) {
      parseFlow(viewOf(first), 0, first.length, key);
      parseFlow(viewOf(second), 0, second.length, key);
      const fresh = newFlowKey();
      parseFlow(viewOf(second), 0, second.length, fresh);
      t.deepEqual(key, fresh);
    }
  }
});

test('VLAN tags are skipped, two at most', (t) => {
  t.like(keyOf(sample('vlan')), { drop: Drop.None, vlan: 42, l3At: 18, l4At: 38, dstPort: 80 });
  const tag = [0, 7, 0x81, 0];
  const three = keyOf(ethernetFrame(EtherType.VLAN, Uint8Array.of(...tag, ...tag, ...tag)));
  t.like(three, { drop: Drop.None, etherType: EtherType.VLAN, l3At: 22, protocol: 0 });
  t.is(keyOf(ethernetFrame(EtherType.VLAN, Uint8Array.of(0, 7, 8))).drop, Drop.VlanTruncated);
});

test('ICMP: identifier stands for the source port, type and code for the destination port', (t) => {
  t.like(keyOf(sample('echo')), { protocol: 1, srcPort: 7, dstPort: 0x0800 });
  t.like(keyOf(sample('fragmentationNeeded')), { srcPort: 0, dstPort: 0x0304 });
  t.like(keyOf(sample('echo6')), { protocol: 58, srcPort: 9, dstPort: 0x8000, src0: 0xfd00_0000 });
  t.like(keyOf(sample('neighborSolicitation')), { srcPort: 0, dstPort: 0x8700, ttl: 255 });
});

test('frames that are not IP end after the EtherType', (t) => {
  t.like(keyOf(sample('arpRequest')), { etherType: EtherType.ARP, protocol: 0, l3At: 14, dst3: 0 });
  t.like(keyOf(sample('unknownType')), { drop: Drop.None, etherType: 0x88cc, l3End: 17 });
});

test('fragments: the first has ports, the others have none', (t) => {
  const udpHeader = Uint8Array.of(0, 53, 0, 54, 0x40, 0, 0, 0);
  const first = ipv4Packet({ moreFragments: true, dontFragment: false }, udpHeader);
  const later = ipv4Packet({ fragmentOffset: 1480 }, Uint8Array.of(1, 2, 3));
  t.like(keyOf(ethernetFrame(EtherType.IPV4, first)), {
    drop: Drop.None,
    fragment: Fragment.FIRST,
    srcPort: 53,
  });
  t.like(keyOf(ethernetFrame(EtherType.IPV4, later)), {
    drop: Drop.None,
    fragment: Fragment.LATER,
    srcPort: 0,
    dstPort: 0,
    protocol: 17,
  });
  const tail = Uint8Array.of(17, 0, 0, 8, 0, 0, 0, 1, 9, 9);
  const later6 = ipv6Packet({ nextHeader: IpProtocol.FRAGMENT }, tail);
  t.like(keyOf(ethernetFrame(EtherType.IPV6, later6)), {
    drop: Drop.None,
    fragment: Fragment.LATER,
    protocol: 17,
    l4At: 62,
  });
});

test('RFC 8200 §4.5: the first fragment of an IPv6 packet has its ports', (t) => {
  const head = Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 1, 0, 53, 0, 54, 0x40, 0, 0, 0);
  const first = ipv6Packet({ nextHeader: IpProtocol.FRAGMENT }, head);
  t.like(keyOf(ethernetFrame(EtherType.IPV6, first)), {
    drop: Drop.None,
    fragment: Fragment.FIRST,
    srcPort: 53,
    l4At: 62,
  });
  const short = ipv6Packet({ nextHeader: IpProtocol.FRAGMENT }, head.slice(0, 15));
  t.is(keyOf(ethernetFrame(EtherType.IPV6, short)).drop, Drop.UdpTruncated);
});

test('padding behind a short packet is not part of it', (t) => {
  const frame = Uint8Array.of(...tcpIpv4({ options: new Uint8Array() }), ...new Uint8Array(6));
  t.like(keyOf(frame), { drop: Drop.None, l3End: 54 });
});

test('a packet without Ethernet parses alike', (t) => {
  for (const name of ['tcp', 'echo', 'echo6', 'dhcp']) {
    const packet = sample(name).slice(14);
    const bare = newFlowKey();
    t.is(parseIpPacket(viewOf(packet), 0, packet.length, bare), Drop.None);
    const { drop, ...framed } = keyOf(sample(name));
    const shift = { l3At: framed.l3At - 14, l4At: framed.l4At - 14, l3End: framed.l3End - 14 };
    t.deepEqual({ drop, ...bare }, { drop: Drop.None, ...framed, ...shift });
  }
  t.is(parseIpPacket(viewOf(new Uint8Array()), 0, 0, newFlowKey()), Drop.Ipv4Truncated);
});

test('every truncation of every sample is a Drop', (t) => {
  for (const [name, frame] of Object.entries(SAMPLES)) {
    const full = keyOf(frame);
    if (full.protocol === 0) continue;
    for (let bytes = 0; bytes < frame.length; bytes += 1) {
      const drop = parseFlow(viewOf(frame.slice(0, bytes)), 0, bytes, newFlowKey());
      t.not(drop, Drop.None, `${name} cut to ${bytes}`);
    }
  }
});

test('every one-byte mutation parses or is a Drop; offsets never leave the frame', (t) => {
  for (const frame of Object.values(SAMPLES)) {
    for (let at = 0; at < Math.min(frame.length, 90); at += 1) {
      for (let value = 0; value < 256; value += 1) {
        const mutated = frame.slice();
        mutated[at] = value;
        const { drop, l3At, l4At, l3End } = keyOf(mutated);
        if (drop !== Drop.None) continue;
        if (!(l3At <= l4At && l4At <= l3End && l3End <= frame.length)) {
          t.fail(`byte ${at} = ${value}: ${l3At} ${l4At} ${l3End}`);
        }
      }
    }
  }
  t.pass();
});

test('random bytes behind a valid EtherType never throw', (t) => {
  const type = fc.constantFrom(EtherType.IPV4, EtherType.IPV6, EtherType.VLAN, EtherType.ARP);
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 120, size: 'max' }), (etherType, payload) => {
      keyOf(ethernetFrame(etherType, payload));
    }),
    { numRuns: 2000 },
  );
  t.is(keyOf(icmpv6Frame({}).slice(0, 40)).drop, Drop.Ipv6Truncated);
});

test('a quoted packet: the same key, from the eight bytes that are surely quoted; less is none', (t) => {
  for (const [name, frame] of Object.entries(SAMPLES)) {
    const whole = keyOf(frame);
    if (whole.protocol === 0) continue;
    const enough = whole.l4At + 8;
    for (let end = whole.l3At; end <= frame.length; end += 1) {
      const key = newFlowKey();
      const drop = parseQuoted(viewOf(frame), whole.l3At, end, key);
      t.is(drop, end < enough ? Drop.IcmpBadQuote : Drop.None, `${name} ${end}`);
      if (drop !== Drop.None) continue;
      const { srcPort, dstPort, src3, dst3, protocol, l4At } = whole;
      t.like(key, { srcPort, dstPort, src3, dst3, protocol, l4At, tcpFlags: 0 });
    }
  }
});

test('property: any bytes as a quotation give a key or a Drop, and no offset outside of them', (t) => {
  const bytes = fc.uint8Array({ maxLength: 120 });
  fc.assert(
    fc.property(bytes, fc.constantFrom(0x45, 0x46, 0x60, 0), (quotation, first) => {
      if (quotation.length > 0) quotation[0] = first;
      const key = newFlowKey();
      const drop = parseQuoted(viewOf(quotation), 0, quotation.length, key);
      if (drop === Drop.None) t.true(key.l4At + 8 <= quotation.length);
      else t.is(drop, Drop.IcmpBadQuote);
    }),
    { numRuns: 3000 },
  );
});
