/**
 * generator INTERFACE DST_MAC SRC DST FLOWS TRAIN SECONDS: sends 64-byte frames (UDP, 22 bytes of payload) of so many flows as fast as it can, TRAIN
 * frames of one flow after another, and prints how many and its processor time as JSON. iperf3 is too slow by far for what is measured, and a
 * system call's message per frame nearly so: the kernel gets a train as one super-frame and cuts it, since nat-lab.ts forbids the interface to
 * take it whole. Each frame reaches the edge by itself. Run by main.ts in a namespace.
 */

import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { parseMac } from '../../base/mac.ts';
import { HEADROOM, TX_STRIDE, Tx } from '../../dataplane/port/frame-io.ts';
import { nativeFrameIo } from '../../dataplane/port/native-frame-io.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { cpuSeconds } from '../process-cpu.ts';
import { words } from './provider-edge.ts';
import { SUPER_FRAME_HEADER, udpFrame, udpSuperFrame } from './udp-frame.ts';

export interface Flood {
  readonly sent: number;
  readonly cpuSec: number;
}

const FIRST_PORT = 1024;
const SLOT_BYTES = 1024;
/** Sent with one system call. */
const FRAMES_AT_ONCE = 64;
const NOTHING = [[0x06, 0, 0, 0]] as const;

function main(): void {
  const [name = '', mac = '', src = '', dst = '', flows = '1', length = '1', sec = '1'] =
    process.argv.slice(2);
  const trainLength = Number(length);
  const atOnce = FRAMES_AT_ONCE / trainLength;
  const io = nativeFrameIo({ offload: 'off' });
  const port = io.attachNetdev({ name, filter: NOTHING });
  const trains = Array.from({ length: Number(flows) }, (_, index) => {
    const at = io.scratchAt + HEADROOM + index * SLOT_BYTES;
    const spec = {
      dstMac: defined(parseMac(mac), 'a MAC address'),
      srcMac: 0x0200_0000_0b99,
      src: words(src)[3],
      dst: words(dst)[3],
      srcPort: FIRST_PORT + index,
    };
    const bytes = trainLength > 1 ? udpSuperFrame(spec, trainLength) : udpFrame(spec);
    io.bytes.set(bytes, at);
    const header = trainLength > 1 ? SUPER_FRAME_HEADER : vnetHeader.NO_OFFLOAD;
    vnetHeader.emit(header, io.view, at - vnetHeader.VNET_HEADER_LEN);
    return { at, end: at + bytes.length };
  });
  const until = systemClock.now() + Number(sec) * 1000;
  const before = cpuSeconds([process.pid]);
  let sent = 0;
  while (systemClock.now() < until) {
    for (let index = 0; index < atOnce; index += 1) {
      const train = trains[(sent + index) % trains.length];
      const tx = index * TX_STRIDE;
      io.tx[tx + Tx.PORT] = port;
      io.tx[tx + Tx.AT] = train?.at ?? 0;
      io.tx[tx + Tx.END] = train?.end ?? 0;
      io.tx[tx + Tx.VNET] = (train?.at ?? 0) - vnetHeader.VNET_HEADER_LEN;
    }
    io.exchange(atOnce, 0);
    sent += atOnce;
  }
  const cpuSec = cpuSeconds([process.pid]) - before;
  const [full, failed] = io.transmitDrops(port);
  io.close();
  const flood: Flood = { sent: (sent - full - failed) * trainLength, cpuSec };
  process.stdout.write(`${JSON.stringify(flood)}\n`);
}

main();
