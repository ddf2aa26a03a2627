/**
 * The least a switch can be, to measure FrameIo alone: two ports, whatever comes in at one goes out at the other. Started as a
 * process of its own by bench/frame-io/run.ts (and by nothing else):
 *
 *   node forwarder.js tap:NAMESPACE:NAME (tap:NAMESPACE:NAME | uplink:OWN:PEER) [--offload=off]
 *
 * On an uplink, addresses are IPv4, the VNI is 100 and the flow hash sums addresses and ports.
 */
import { parseArgs } from 'node:util';
import { assert, defined } from '../../base/assert.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import { RX_STRIDE, Rx, TX_STRIDE, Tx } from '../../dataplane/port/frame-io.ts';
import { type NativeFrameIo, nativeFrameIo } from '../../dataplane/port/native-frame-io.ts';

const VNI = 100;
const VXLAN_LEN = 8;
const ETHERNET_LEN = 14;

interface Side {
  readonly port: number;
  readonly isUplink: boolean;
}

function open(io: NativeFrameIo, spec: string): Side {
  const [kind, first = '', second = ''] = spec.split(':');
  if (kind === 'tap') {
    return { port: io.attachTap({ namespace: first, name: second }).port, isUplink: false };
  }
  assert(kind === 'uplink', `port ${spec}`);
  const port = io.attachUplink({ address: bytesOf(first) });
  io.setPeer(0, bytesOf(second), 4789);
  return { port, isUplink: true };
}

function bytesOf(text: string): Uint8Array {
  const address = defined(parseIpv4(text), `IPv4 address ${text}`);
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}

function flowHash(view: DataView, at: number): number {
  const ip = at + ETHERNET_LEN;
  return (view.getUint32(ip + 12) + view.getUint32(ip + 16) + view.getUint32(ip + 20)) >>> 0;
}

function forward(io: NativeFrameIo, left: Side, right: Side): void {
  const { rx, tx, view } = io;
  let txCount = 0;
  for (;;) {
    const received = io.exchange(txCount, -1);
    for (let index = 0; index < received; index++) {
      const from = index * RX_STRIDE;
      const to = index * TX_STRIDE;
      const isFromLeft = rx[from + Rx.PORT] === left.port;
      const source = isFromLeft ? left : right;
      const target = isFromLeft ? right : left;
      const at = (rx[from + Rx.AT] ?? 0) + (source.isUplink ? VXLAN_LEN : 0);
      tx[to + Tx.PORT] = target.port;
      tx[to + Tx.AT] = at;
      tx[to + Tx.END] = rx[from + Rx.END] ?? 0;
      tx[to + Tx.VNET] = rx[from + Rx.VNET] ?? 0;
      if (target.isUplink) {
        tx[to + Tx.PEER] = 0;
        tx[to + Tx.VNI] = VNI;
        tx[to + Tx.HASH] = flowHash(view, at);
      }
    }
    txCount = received;
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { offload: { type: 'string', default: 'on' } },
});
const [first = '', second = ''] = positionals;
const io = nativeFrameIo({ offload: values.offload === 'off' ? 'off' : 'on' });
const left = open(io, first);
const right = open(io, second);
console.log(JSON.stringify({ event: 'ready', abilities: io.abilities }));
forward(io, left, right);
