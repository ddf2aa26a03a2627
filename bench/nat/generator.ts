/**
 * generator INTERFACE DST_MAC SRC DST FLOWS SECONDS: sends 64-byte frames (UDP, 22 bytes of payload) of so many flows as fast as a packet socket
 * takes them, and prints how many as JSON. iperf3 is too slow by far for what is measured. Run by main.ts in a namespace.
 */

import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { parseMac } from '../../base/mac.ts';
import { HEADROOM, TX_STRIDE, Tx } from '../../dataplane/port/frame-io.ts';
import { nativeFrameIo } from '../../dataplane/port/native-frame-io.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { words } from './provider-edge.ts';
import { udpFrame } from './udp-frame.ts';

const FIRST_PORT = 1024;
const SLOT_BYTES = 128;
const NOTHING = [[0x06, 0, 0, 0]] as const;

function main(): void {
  const [name = '', mac = '', src = '', dst = '', flows = '1', sec = '1'] = process.argv.slice(2);
  const io = nativeFrameIo({ offload: 'off' });
  const port = io.attachNetdev({ name, filter: NOTHING });
  const frames = Array.from({ length: Number(flows) }, (_, index) => {
    const at = io.scratchAt + HEADROOM + index * SLOT_BYTES;
    const frame = udpFrame({
      dstMac: defined(parseMac(mac), 'a MAC address'),
      srcMac: 0x0200_0000_0b99,
      src: words(src)[3],
      dst: words(dst)[3],
      srcPort: FIRST_PORT + index,
    });
    io.bytes.set(frame, at);
    vnetHeader.clear(io.view, at - vnetHeader.VNET_HEADER_LEN);
    return { at, end: at + frame.length };
  });
  const until = systemClock.now() + Number(sec) * 1000;
  let sent = 0;
  while (systemClock.now() < until) {
    for (let index = 0; index < io.txMax; index += 1) {
      const frame = frames[(sent + index) % frames.length];
      const tx = index * TX_STRIDE;
      io.tx[tx + Tx.PORT] = port;
      io.tx[tx + Tx.AT] = frame?.at ?? 0;
      io.tx[tx + Tx.END] = frame?.end ?? 0;
      io.tx[tx + Tx.VNET] = (frame?.at ?? 0) - vnetHeader.VNET_HEADER_LEN;
    }
    io.exchange(io.txMax, 0);
    sent += io.txMax;
  }
  const [full, failed] = io.transmitDrops(port);
  io.close();
  process.stdout.write(`${JSON.stringify({ sent: sent - full - failed })}\n`);
}

main();
