/** ICMP errors of translated flows: outer and quoted packet translated, every checksum right (RFC 5508 §4.2). */
import test from 'ava';
import { ipv4Words } from '../../../../base/ip-words.ts';
import { fold, newComposition } from '../../../../dataplane/engine/header-action.ts';
import { flowOfError, isFromFlow } from '../../../../dataplane/engine/quoted-packet.ts';
import { Transpositions } from '../../../../dataplane/engine/transposition.ts';
import { pseudoIpv4 } from '../../../../packet/checksum.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as udp from '../../../../packet/udp.ts';
import { ethernetFrame, ipv4Packet, udpIpv4, viewOf } from '../../packet/frames.ts';

const VM = 0x0a00_0004;
/** What the VM's address and port are translated to, and what it talks to. */
const PUBLIC = 0x0a09_0001;
const SERVER = 0x0a00_0105;
const ROUTER = 0x0a63_0001;
const AT = 16;

/** The VM's datagram as it left the switch: translated. */
function sentOut(): Uint8Array {
  const frame = udpIpv4(60_000, 53, Uint8Array.of(1, 2, 3, 4));
  const view = viewOf(frame);
  view.setUint32(14 + 12, PUBLIC);
  view.setUint32(14 + 16, SERVER);
  ipv4.fillChecksum(view, 14);
  udp.fillChecksum(view, 34, pseudoIpv4(view, 14, IpProtocol.UDP, 12));
  return frame;
}

/** An error about it, and the key of the flow it belongs to. */
function errorFrom(source: number, quotation: Uint8Array) {
  const repr = { type: icmp.Type.DESTINATION_UNREACHABLE, code: 3, rest: 0, data: quotation };
  const message = new Uint8Array(icmp.reprLen(repr));
  icmp.emit(repr, viewOf(message), 0);
  const packet = ipv4Packet({ protocol: IpProtocol.ICMP, src: source, dst: PUBLIC }, message);
  const frame = ethernetFrame(ethernet.EtherType.IPV4, packet);
  const bytes = new Uint8Array(AT + frame.length);
  bytes.set(frame, AT);
  const view = viewOf(bytes);
  const key = newFlowKey();
  parseFlow(view, AT, bytes.length, key);
  const flow = newFlowKey();
  return { view, key, flow, drop: flowOfError(view, key, flow) };
}

/** The answers' translation: back to the VM's own address and port, and to the address it believes to talk to. */
function translate(view: DataView, key: ReturnType<typeof newFlowKey>, walked = { ...key }): void {
  const composition = newComposition();
  const action = {
    ip: { src: ipv4Words(0xa83f_8110), dst: ipv4Words(VM) },
    transport: { srcPort: 5353, dstPort: 4000 },
  };
  fold(composition, action, walked);
  const table = new Transpositions(1);
  const id = table.intern(composition);
  table.apply(id, { view, at: AT, end: view.byteLength, vnetAt: 0 }, key);
}

for (const source of [SERVER, ROUTER]) {
  for (const quotedBytes of [28, 32]) {
    test(`an error from ${source.toString(16)} that quotes ${quotedBytes} bytes comes as if nothing was translated`, (t) => {
      const { view, key, flow, drop } = errorFrom(source, sentOut().slice(14, 14 + quotedBytes));
      t.is(drop, Drop.None);
      t.like(flow, { src3: SERVER, dst3: PUBLIC, srcPort: 53, dstPort: 60_000, protocol: 17 });
      t.is(isFromFlow(key, flow), source === SERVER);
      translate(view, key, { ...flow });
      const outer = AT + 14;
      t.is(ipv4.dst(view, outer), VM);
      t.is(
        ipv4.src(view, outer),
        source === SERVER ? 0xa83f_8110 : ROUTER,
        'a router keeps its address',
      );
      t.true(ipv4.hasValidChecksum(view, outer));
      t.true(icmp.hasValidChecksum(view, outer + 20, view.byteLength));
      const quoted = outer + 28;
      t.is(ipv4.src(view, quoted), VM);
      t.is(ipv4.dst(view, quoted), 0xa83f_8110);
      t.true(ipv4.hasValidChecksum(view, quoted));
      t.is(udp.srcPort(view, quoted + 20), 4000);
      t.is(udp.dstPort(view, quoted + 20), 5353);
      if (quotedBytes < 32) return;
      const pseudo = pseudoIpv4(view, quoted, IpProtocol.UDP, 12);
      t.true(udp.hasValidChecksum(view, quoted + 20, pseudo), 'as the VM has sent it');
    });
  }
}

test('an error to another than the sender of what it quotes, or about a later fragment, has no flow', (t) => {
  const quotation = sentOut().slice(14);
  viewOf(quotation).setUint32(12, ROUTER);
  t.is(errorFrom(SERVER, quotation).drop, Drop.IcmpErrorUnrelated);
  const later = sentOut().slice(14);
  viewOf(later).setUint16(6, 5);
  t.is(errorFrom(SERVER, later).drop, Drop.IcmpErrorUnrelated);
  t.is(errorFrom(SERVER, Uint8Array.of(0x45, 0)).drop, Drop.IcmpBadQuote);
});
