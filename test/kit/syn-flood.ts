/**
 * A program that floods: TCP segments (RFC 9293) that begin connections, each from another address of 198.18.0.0/15 and another port, through a packet
 * socket.
 *
 *   node syn-flood.js DEVICE SOURCE_MAC DESTINATION_MAC ADDRESS PORT COUNT    prints {"sent"} when it has sent them all
 *
 * Started by slb-mux.test.ts.
 */
import { defined } from '../../base/assert.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import { parseMac } from '../../base/mac.ts';
import { seededRng } from '../../base/rng.ts';
import { TX_STRIDE, Tx } from '../../dataplane/port/frame-io.ts';
import { nativeFrameIo } from '../../dataplane/port/native-frame-io.ts';
import { pseudoIpv4 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as tcp from '../../packet/tcp.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';

const BURST = 64;
const SLOT = 128;
const FRAME_AT = 16;
const SOURCES = 0xc612_0000;
const NONE = new Uint8Array();

const [, , device = '', from = '', to = '', address = '', port = '', count = ''] = process.argv;
const io = nativeFrameIo({ offload: 'off' });
const out = io.attachNetdev({ name: device });
const rng = seededRng(1);
const srcMac = defined(parseMac(from), 'a source');
const dstMac = defined(parseMac(to), 'a destination');
const dst = defined(parseIpv4(address), 'an address');

function write(slot: number): void {
  const { view } = io;
  const vnetAt = io.scratchAt + slot * SLOT;
  const at = vnetAt + FRAME_AT;
  const l3At = at + ethernet.HEADER_LEN;
  const l4At = l3At + ipv4.HEADER_LEN;
  vnetHeader.clear(view, vnetAt);
  ethernet.emit({ dst: dstMac, src: srcMac, etherType: ethernet.EtherType.IPV4 }, view, at);
  const random = rng.uint32();
  const src = (SOURCES | (random & 0x1_ffff)) >>> 0;
  ipv4.emit(
    {
      ...{ tos: 0, identification: 0, reservedFlag: false, dontFragment: true },
      ...{ moreFragments: false, fragmentOffset: 0, ttl: 64, protocol: IpProtocol.TCP },
      ...{ src, dst, options: NONE, payloadLen: tcp.HEADER_LEN },
    },
    view,
    l3At,
  );
  tcp.emit(
    {
      ...{ srcPort: 1024 + (random >>> 17), dstPort: Number(port), sequence: random },
      ...{ acknowledgment: 0, reserved: 0, flags: tcp.Flag.SYN, window: 1024, checksum: 0 },
      ...{ urgentPointer: 0, options: NONE },
    },
    view,
    l4At,
  );
  const end = l4At + tcp.HEADER_LEN;
  tcp.fillChecksum(view, l4At, end, pseudoIpv4(view, l3At, IpProtocol.TCP, tcp.HEADER_LEN));
  const tx = slot * TX_STRIDE;
  io.tx[tx + Tx.PORT] = out;
  io.tx[tx + Tx.AT] = at;
  io.tx[tx + Tx.END] = end;
  io.tx[tx + Tx.VNET] = vnetAt;
}

let sent = 0;
while (sent < Number(count)) {
  const burst = Math.min(BURST, Number(count) - sent);
  for (let slot = 0; slot < burst; slot += 1) write(slot);
  io.exchange(burst, 0);
  sent += burst;
}
io.exchange(0, 0);
io.close();
process.stdout.write(`${JSON.stringify({ sent })}\n`);
