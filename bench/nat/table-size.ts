/**
 * table-size MAPPINGS: a process that fills NAT44 with so many mappings, its flow table as far as it goes included, and prints what they cost as
 * JSON. In a process of its own, to be started with --expose-gc, because memory that an earlier measurement gave up would hide what
 * this one takes. Run by main.ts.
 */
import { ManualClock, systemClock } from '../../base/clock.ts';
import { NONE } from '../../base/lpm.ts';
import { seededRng } from '../../base/rng.ts';
import { RouterCore } from '../../bgp/edge/router/router-core.ts';
import { memoryFrameIo } from '../../dataplane/port/memory-frame-io.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import {
  addressOf,
  EDGE_INSIDE,
  EDGE_OUTSIDE,
  natPool,
  SERVER,
  SETTINGS,
  words,
} from './provider-edge.ts';
import { udpFrame } from './udp-frame.ts';

export interface MappingTableSize {
  /** What came with the router and its mappings. */
  readonly addedBytes: number;
  /** Through the whole slow path, in bursts. */
  readonly newFlowsPerSec: number;
  /** In the tables alone. */
  readonly newMappingsPerSec: number;
}

/** As many as the flow table has room for from one network. */
const FORWARDED = 131_072;
const BURST = 64;
const PORTS_EACH = 500;
const INSIDE_MAC = 0x0200_0000_0001;
const OUTSIDE_MAC = 0x0200_0000_0002;

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function newRouter() {
  const io = memoryFrameIo();
  const core = new RouterCore({ io, clock: new ManualClock(), rng: seededRng(7) });
  const [inside, outside] = [io.attach('ethernet'), io.attach('ethernet')];
  const link = { mtu: 1500 };
  core.configure({
    settings: SETTINGS,
    overlay: NONE,
    links: [
      {
        ...link,
        number: 1,
        device: inside,
        name: 'uplink0',
        kind: 'provider',
        mac: INSIDE_MAC,
        addresses: addressOf(EDGE_INSIDE),
      },
      {
        ...link,
        number: 2,
        device: outside,
        name: 'outside0',
        kind: 'outside',
        mac: OUTSIDE_MAC,
        addresses: addressOf(EDGE_OUTSIDE),
      },
    ],
    gateways: [{ linkName: 'outside0', gateway: words(SERVER) }],
  });
  core.apply([natPool(100)], []);
  const gateway = words(SERVER);
  core.state.neighbours.lookup(2, gateway, true, 0);
  core.state.neighbours.learn(2, gateway, 0x0200_0000_0003, 0);
  return { io, core, inside };
}

function main(): void {
  const wanted = Number(process.argv[2]);
  const before = residentBytes();
  const { io, core, inside } = newRouter();
  const frame = (number: number) =>
    udpFrame({
      dstMac: INSIDE_MAC,
      srcMac: 0x0200_0000_0004,
      src: words('198.51.100.10')[3] + Math.floor(number / 2048),
      dst: words('198.18.0.9')[3],
      srcPort: 1024 + (number % 2048),
    });
  let spentMs = 0;
  for (let number = 0; number < FORWARDED; number += BURST) {
    for (let index = 0; index < BURST; index += 1) io.deliver(inside, frame(number + index));
    const received = io.exchange(0, 0);
    const startedAt = systemClock.now();
    const sent = core.forward(received);
    spentMs += systemClock.now() - startedAt;
    io.exchange(sent, 0);
    io.takeSent();
  }
  const { nat } = core.state;
  const first = nat.table.count;
  const filledAt = systemClock.now();
  for (let number = 0; nat.table.count < wanted; number += 1) {
    const tuple = {
      domain: 1 + (Math.floor(number / PORTS_EACH) & 7),
      isInfrastructure: false,
      inside: 0x0a00_0000 + Math.floor(number / PORTS_EACH),
      insidePort: 1024 + (number % PORTS_EACH),
      protocol: (number >> 3) % 2 === 0 ? IpProtocol.TCP : IpProtocol.UDP,
    };
    if (nat.outbound(tuple, 0) < 0) throw new Error(`no mapping ${number} of ${wanted}`);
  }
  const size: MappingTableSize = {
    newMappingsPerSec: ((nat.table.count - first) / (systemClock.now() - filledAt)) * 1000,
    newFlowsPerSec: (first / spentMs) * 1000,
    addedBytes: residentBytes() - before,
  };
  process.stdout.write(`${JSON.stringify(size)}\n`);
}

main();
