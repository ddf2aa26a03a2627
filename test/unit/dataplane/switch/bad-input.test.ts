/** Whatever a VM or a tunnel sends: no crash, a counted drop, and never a byte to another tenant. */
import test from 'ava';
import fc from 'fast-check';
import { FRAME_BYTES_MAX } from '../../../../dataplane/limits.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { seedsOf, strays, VM } from './raw-input.ts';
import {
  addressed,
  BLUE,
  between,
  echoFrame,
  LOCAL,
  macOf,
  octets,
  PEER_ADDRESS,
  portId,
  RED,
  tcpFrame,
  tenantRig,
  tunnelled,
  udpFrame,
} from './tenants.ts';

const PORTS = { src: 4000, dst: 5000 };

test('every one-byte change of valid frames: no crash, nothing to another tenant, all accounted for', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, VM);
  let count = 0;
  for (const seed of seedsOf('tap')) {
    for (let at = 0; at < Math.min(seed.length, 90); at += 1) {
      const mutants = [0x00, 0xff, 0x01, 0x80].map((mask) => {
        const copy = seed.slice();
        copy[at] = mask === 0 ? 0 : (copy[at] ?? 0) ^ mask;
        return copy;
      });
      count += mutants.length;
      t.deepEqual(strays(net, net.pass(device, mutants)), []);
    }
  }
  t.is(net.counters(portId(BLUE, VM)).rxPackets, count);
  for (const text of LOCAL) t.is(net.counters(portId(RED, text)).txPackets, 0);
  net.core.checkInvariants();
});

test('every truncation of valid frames is a counted drop or a shorter valid frame', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, VM);
  for (const seed of seedsOf('tap')) {
    for (let length = 0; length < seed.length; length += 1) {
      t.deepEqual(strays(net, net.pass(device, [seed.slice(0, length)])), []);
    }
  }
  t.true((net.counters(portId(BLUE, VM)).drops['EthernetTruncated'] ?? 0) > 0);
  net.core.checkInvariants();
});

test('from a tunnel: every one-byte change and truncation stays within the tenant of its VNI', (t) => {
  const net = tenantRig();
  const inner = udpFrame(between(BLUE, '10.0.0.6', VM), PORTS);
  const packet = tunnelled(BLUE.webVni, inner);
  const source = octets(PEER_ADDRESS);
  const blueOnly = [4, 5, 6];
  for (let at = 0; at < packet.length; at += 1) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const copy = packet.slice();
      copy[at] = (copy[at] ?? 0) ^ mask;
      const sent = net.pass(net.uplink, [copy], { source });
      if (!blueOnly.includes(at)) t.deepEqual(strays(net, sent), [], `byte ${at}`);
    }
    t.deepEqual(strays(net, net.pass(net.uplink, [packet.slice(0, at)], { source })), []);
  }
  net.core.checkInvariants();
});

test('random bytes and random offload headers: no crash, nothing to another tenant', (t) => {
  const net = tenantRig();
  const byte = fc.integer({ min: 0, max: 255 });
  const word = fc.integer({ min: 0, max: 0xffff });
  const vnet = fc.record({
    flags: byte,
    gsoType: fc.oneof(byte, fc.constantFrom(0, 1, 4, 5)),
    hdrLen: word,
    gsoSize: word,
    csumStart: fc.oneof(word, fc.constant(34)),
    csumOffset: fc.oneof(word, fc.constantFrom(6, 16)),
  });
  const seed = fc.constantFrom(...seedsOf('tap'));
  const tail = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(
      seed,
      tail,
      fc.nat(90),
      vnet,
      fc.boolean(),
      (start, junk, keep, header, isTunnel) => {
        const bytes = Uint8Array.of(...start.slice(0, keep), ...junk);
        if (isTunnel) {
          const sent = net.pass(net.uplink, [tunnelled(BLUE.webVni, bytes)], {
            vnet: header,
            source: octets(PEER_ADDRESS),
          });
          t.deepEqual(strays(net, sent), []);
        } else
          t.deepEqual(strays(net, net.pass(net.device(BLUE, VM), [bytes], { vnet: header })), []);
      },
    ),
    { numRuns: 2000 },
  );
  net.core.checkInvariants();
});

test('the longest frame passes, one byte more is dropped and counted', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, VM);
  const head = ethernet.HEADER_LEN + 20 + 8;
  const whole = udpFrame(between(BLUE, VM, '10.0.0.5'), PORTS, new Uint8Array(65_535 - 28));
  t.is(whole.length, head + 65_535 - 28);
  t.is(net.pass(device, [whole]).length, 1);
  const padded = new Uint8Array(FRAME_BYTES_MAX + 1);
  padded.set(whole);
  t.deepEqual(net.pass(device, [padded]), []);
  t.is(net.counters(portId(BLUE, VM)).drops['FrameTooBig'], 1);
});

test('a tag or a group address on an established flow’s packet is judged anew, and dropped', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, VM);
  const frame = udpFrame(between(BLUE, VM, '10.0.0.5'), PORTS);
  t.is(net.pass(device, [frame]).length, 1);
  const tagged = new Uint8Array(frame.length + 4);
  tagged.set(frame.slice(0, 12));
  tagged.set([0x81, 0x00, 0x00, 0x05], 12);
  tagged.set(frame.slice(12), 16);
  const group = addressed(frame.slice(), { srcMac: macOf(BLUE, VM), dstMac: 0x0100_5e00_0001 });
  t.deepEqual(net.pass(device, [tagged, group]), []);
  t.deepEqual(net.counters(portId(BLUE, VM)).drops, {
    EtherTypeUnsupported: 1,
    MulticastUnsupported: 1,
  });
  t.is(net.counters(portId(BLUE, VM)).flows.created, 1);
});

test('flow table full: new flows of a flood push each other out, established ones and others live on', (t) => {
  const net = tenantRig({ flowsMax: 64, flowsPerPortMax: 32 });
  const device = net.device(BLUE, VM);
  const there = tcpFrame(between(BLUE, VM, '10.0.0.5'), { srcPort: 999 });
  const back = tcpFrame(between(BLUE, '10.0.0.5', VM), { srcPort: 80, dstPort: 999, flags: 0x10 });
  net.pass(device, [there]);
  net.pass(net.device(BLUE, '10.0.0.5'), [back]);
  const flood = (src: number) => udpFrame(between(BLUE, VM, '10.0.0.5'), { src, dst: 9 });
  for (let src = 1; src < 2000; src += 1) t.is(net.pass(device, [flood(src)]).length, 1);
  t.is(net.counters(portId(BLUE, VM)).flows.current, 32);
  t.is(net.core.flows({ limit: 99 }).filter(({ state }) => state === 'established').length, 4);
  t.is(net.pass(device, [there]).length, 1);
  net.core.checkInvariants();
});

test('flow table full of answered flows: the next flow is dropped as FlowTableFull, and nothing else', (t) => {
  const net = tenantRig({ flowsMax: 16, flowsPerPortMax: 8 });
  const device = net.device(BLUE, VM);
  const peer = net.device(BLUE, '10.0.0.5');
  for (let src = 1; src <= 8; src += 1) {
    net.pass(device, [udpFrame(between(BLUE, VM, '10.0.0.5'), { src, dst: 9 })]);
    net.pass(peer, [udpFrame(between(BLUE, '10.0.0.5', VM), { src: 9, dst: src })]);
  }
  t.deepEqual(net.pass(device, [udpFrame(between(BLUE, VM, '10.0.0.5'), { src: 99, dst: 9 })]), []);
  t.is(net.counters(portId(BLUE, VM)).drops['FlowTableFull'], 1);
  const known = udpFrame(between(BLUE, VM, '10.0.0.5'), { src: 3, dst: 9 });
  t.is(net.pass(device, [known]).length, 1);
  t.is(
    net.pass(device, [echoFrame({ ...between(BLUE, VM, '10.0.0.1') })]).length,
    1,
    'services too',
  );
  net.core.checkInvariants();
});
