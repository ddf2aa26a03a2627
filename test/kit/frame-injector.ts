/**
 * A program that runs inside a VM and sends frames as they are, through a packet socket (packet(7)).
 *
 *   node frame-injector.js DEVICE      prints `ready`, then sends each line of standard input, a frame in hexadecimal
 *
 * Started by machine.ts.
 */
import { createInterface } from 'node:readline';
import { Tx } from '../../dataplane/port/frame-io.ts';
import { nativeFrameIo } from '../../dataplane/port/native-frame-io.ts';

const VNET_HEADER_LEN = 10;

const io = nativeFrameIo({ offload: 'off' });
const port = io.attachNetdev({ name: process.argv[2] ?? '' });
process.stdout.write('ready\n');

const vnetAt = io.scratchAt;
const frameAt = vnetAt + VNET_HEADER_LEN;
for await (const line of createInterface({ input: process.stdin })) {
  const frame = Buffer.from(line, 'hex');
  io.bytes.fill(0, vnetAt, frameAt);
  io.bytes.set(frame, frameAt);
  io.tx[Tx.PORT] = port;
  io.tx[Tx.AT] = frameAt;
  io.tx[Tx.END] = frameAt + frame.length;
  io.tx[Tx.VNET] = vnetAt;
  io.exchange(1, 0);
}
io.close();
