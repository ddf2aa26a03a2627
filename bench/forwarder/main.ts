/**
 * `npm run bench -- forwarder`: what one frame costs in TypeScript alone, without devices: nanoseconds of processor time per frame of the
 * forwarder over a ring that always holds the same burst, and bytes of heap per frame. Median of the rounds.
 *
 *   --rounds N     (5)          --frames N     per round and scene (2,000,000; slow path a tenth)
 *
 * No peer: the figure is for watching over time and for profiles (`node --cpu-prof`). bench/switch has the peers.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../../base/clock.ts';
import type { SwitchCore } from '../../dataplane/switch/switch-core.ts';
import { describeMachine, formatMachine } from '../machine.ts';
import { median } from '../statistics.ts';
import { type BurstRing, burstRing, type RingFrame } from './burst-ring.ts';
import { PEER_WORDS, sampleFrame, sampleSwitch, tunnelledFrame, UPLINK } from './sample-network.ts';

const BURST = 64;

interface Scene {
  readonly name: string;
  readonly bursts: readonly (readonly RingFrame[])[];
  /** Frames are made anew before each burst: what forwarding changes in them would add up. */
  readonly restores: boolean;
  /** Part of the asked-for frames. */
  readonly share: number;
}

function udp(dst: string, index: number): RingFrame {
  const ports = { src: 1 + (index % 60_000), dst: 5000 + Math.floor(index / 60_000) };
  return { device: 0, bytes: sampleFrame('10.0.0.4', dst, ports) };
}

function bursts(count: number, make: (index: number) => RingFrame): RingFrame[][] {
  return Array.from({ length: count }, (_, burst) =>
    Array.from({ length: BURST }, (_unused, index) => make(burst * BURST + index)),
  );
}

const SCENES: readonly Scene[] = [
  {
    name: 'local, one flow',
    bursts: bursts(1, () => udp('10.0.0.5', 0)),
    restores: false,
    share: 1,
  },
  {
    name: 'local, 64 flows',
    bursts: bursts(1, (n) => udp('10.0.0.5', n)),
    restores: false,
    share: 1,
  },
  {
    name: 'local, 16,384 flows',
    bursts: bursts(256, (n) => udp('10.0.0.5', n)),
    restores: false,
    share: 1,
  },
  {
    name: 'to a tunnel, 64 flows',
    bursts: bursts(1, (n) => udp('10.0.0.6', n)),
    restores: false,
    share: 1,
  },
  {
    name: 'routed, 64 flows',
    bursts: bursts(1, (n) => udp('10.0.1.4', n)),
    restores: true,
    share: 1,
  },
  {
    name: 'from a tunnel, 64 flows',
    bursts: bursts(1, (n) => ({
      device: UPLINK,
      bytes: tunnelledFrame('10.0.0.4', { src: n + 1, dst: 9 }),
      source: PEER_WORDS,
    })),
    restores: false,
    share: 1,
  },
  {
    name: 'new TCP flow per frame (slow path)',
    bursts: bursts(512, (n) => ({
      device: 0,
      bytes: sampleFrame('10.0.0.4', '10.0.0.5', { src: 1 + n, dst: 80 }, true),
    })),
    restores: false,
    share: 0.1,
  },
];

interface Figure {
  readonly nsPerFrame: number;
  readonly heapBytesPerFrame: number;
}

function measure(scene: Scene, frames: number): Figure {
  const io = burstRing();
  // The slow path's scene meets each flow once, then a table too small for it: each frame is a new flow.
  const flowsMax = scene.share < 1 ? 1024 : 65_536;
  const core = sampleSwitch(io, systemClock, { flowsMax });
  run(core, io, scene, frames / 4);
  const heapBefore = process.memoryUsage().heapUsed;
  const { spentMs, done } = run(core, io, scene, frames);
  const heap = process.memoryUsage().heapUsed - heapBefore;
  return { nsPerFrame: (spentMs * 1e6) / done, heapBytesPerFrame: heap / done };
}

function run(
  core: SwitchCore,
  io: BurstRing,
  scene: Scene,
  frames: number,
): { readonly spentMs: number; readonly done: number } {
  let spentMs = 0;
  let done = 0;
  const rounds = Math.max(1, Math.ceil(frames / (scene.bursts.length * BURST * REPEATS)));
  for (let round = 0; round < rounds; round += 1) {
    for (const burst of scene.bursts) {
      io.load(burst);
      const start = process.cpuUsage();
      for (let repeat = 0; repeat < REPEATS; repeat += 1) {
        if (scene.restores) io.restore();
        core.forward(BURST);
        if (scene.share < 1) break;
      }
      const { user, system } = process.cpuUsage(start);
      spentMs += (user + system) / 1000;
      done += scene.share < 1 ? BURST : BURST * REPEATS;
    }
  }
  return { spentMs, done };
}

/** Times a burst is forwarded before the next one is loaded, so that loading does not count. */
const REPEATS = 64;

function main(): void {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, frames: { type: 'string' }, only: { type: 'string' } },
  });
  const rounds = Number(values.rounds ?? 5);
  const frames = Number(values.frames ?? 2_000_000);
  console.log(formatMachine(describeMachine()));
  for (const scene of SCENES) {
    if (values.only !== undefined && !scene.name.includes(values.only)) continue;
    const figures = Array.from({ length: rounds }, () => measure(scene, frames * scene.share));
    const ns = median(figures.map((figure) => figure.nsPerFrame));
    const heap = median(figures.map((figure) => figure.heapBytesPerFrame));
    console.log(
      `${scene.name.padEnd(36)} ${ns.toFixed(0).padStart(6)} ns/frame ${heap.toFixed(2).padStart(8)} heap bytes/frame`,
    );
  }
}

main();
