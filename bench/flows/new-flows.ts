/** Fills a switch's flow table: bursts of frames each of which is the first of a flow. Called by main and table-size. */
import { assert } from '../../base/assert.ts';
import { ManualClock } from '../../base/clock.ts';
import { BURST_MAX, RX_STRIDE, Rx } from '../../dataplane/port/frame-io.ts';
import type { SwitchCore } from '../../dataplane/switch/switch-core.ts';
import * as ethernet from '../../packet/ethernet.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { type BurstRing, burstRing, type RingFrame } from '../forwarder/burst-ring.ts';
import { sampleFrame, sampleSwitch } from '../forwarder/sample-network.ts';

/** Source and destination port of the first flow, as one number that each flow adds one to. */
const FIRST_PORTS = 0x0001_0001;
const PORTS_AT = ethernet.HEADER_LEN + ipv4.HEADER_LEN;

interface NewFlows {
  /** Destination of all frames; their source is 10.0.0.4. */
  readonly dst: string;
  /** A multiple of BURST_MAX. */
  readonly flows: number;
  /** Ports of this host that take part in each flow: 1 or 2. */
  readonly ports: number;
  readonly goal: readonly Resource[];
}

interface FullSwitch {
  readonly core: SwitchCore;
  /** New flows per second of processor time. */
  readonly flowsPerSec: number;
}

export function makeFlows({ dst, flows, ports, goal }: NewFlows): FullSwitch {
  assert(flows % BURST_MAX === 0, 'flows come in bursts');
  const io = burstRing();
  const flowsMax = flows * ports;
  const limits = { flowsMax, flowsPerPortMax: flowsMax };
  const core = sampleSwitch(io, new ManualClock(), limits, goal);
  const bytes = sampleFrame('10.0.0.4', dst, { src: 1, dst: 1 });
  io.load(Array.from({ length: BURST_MAX }, (): RingFrame => ({ device: 0, bytes })));
  let spentMicros = 0;
  for (let made = 0; made < flows; made += BURST_MAX) {
    numberFlows(io, made);
    const start = process.cpuUsage();
    const sent = core.forward(BURST_MAX);
    const { user, system } = process.cpuUsage(start);
    spentMicros += user + system;
    assert(sent === BURST_MAX, 'the first frame of each flow is sent');
  }
  assert(core.flowTable.count === flowsMax, 'every flow is remembered');
  return { core, flowsPerSec: (flows * 1e6) / spentMicros };
}

/** Gives each frame in the ring ports of its own. */
function numberFlows(io: BurstRing, from: number): void {
  for (let index = 0; index < BURST_MAX; index += 1) {
    const at = (io.rx[index * RX_STRIDE + Rx.AT] ?? 0) + PORTS_AT;
    io.view.setUint32(at, FIRST_PORTS + from + index);
  }
}
