/**
 * The hero test (after the one of SONiC's DASH): constant traffic over known flows while the policy of all ports is replaced ten times a
 * second. Every version of the policy permits the same, so nothing may be lost of what it permits, nothing sent of what it denies, and
 * when all has aged no flow may be left. Called by main.
 */
import { assert } from '../../base/assert.ts';
import { ManualClock, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { TCP_ESTABLISHED_IDLE_SEC_MAX } from '../../dataplane/limits.ts';
import { BURST_MAX } from '../../dataplane/port/frame-io.ts';
import type { SwitchCore } from '../../dataplane/switch/switch-core.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { burstRing, type RingFrame } from '../forwarder/burst-ring.ts';
import { DEVICES, sampleFrame, sampleGoal, sampleSwitch } from '../forwarder/sample-network.ts';
import { median } from '../statistics.ts';
import { DENIED_PORT, heroPolicy, withHeroPolicy } from './policy.ts';

export const HERO_REPLACEMENTS_PER_SEC = 10;
const CLIENT = '10.0.0.4';
const SERVER = '10.0.0.5';
/** Each burst: a request and an answer of each of its flows; after it comes one frame that is denied. */
const FLOWS_PER_BURST = BURST_MAX / 2;
const BURSTS = 256;
export const HERO_FLOWS: number = BURSTS * FLOWS_PER_BURST;
const FLOWS_MAX = 65_536;
const WARM_UP_ROUNDS = 20;

export interface HeroResult {
  /** Per second of processor time, replacements included. */
  readonly framesPerSec: number;
  readonly replacements: number;
  /** Frames that every version permits and that were not sent. */
  readonly lost: number;
  /** Frames that every version denies and that were sent. */
  readonly leaked: number;
  /** Wall time of the longest burst, a replacement before it included, and of the longest without one. */
  readonly stallMsMax: number;
  readonly burstMsMax: number;
  /** Processor time of a replacement, median and most. */
  readonly replaceMs: number;
  readonly replaceMsMax: number;
  readonly flowsBefore: number;
  /** Flows left after the longest time that any lives without a packet. */
  readonly flowsAged: number;
}

export function heroTest(seconds: number): HeroResult {
  const io = burstRing();
  const clock = new ManualClock();
  const limits = { flowsMax: FLOWS_MAX, flowsPerPortMax: FLOWS_MAX };
  const core = sampleSwitch(io, clock, limits, withHeroPolicy(sampleGoal()));
  const bursts = heroBursts();
  for (let burst = 0; burst < BURSTS * WARM_UP_ROUNDS; burst += 1) {
    const frames = bursts[burst % BURSTS] ?? [];
    io.load(frames);
    core.forward(frames.length);
  }
  const deniedFrames = Array.from({ length: BURSTS }, (_, index) => [deniedFrame(index)]);
  let burst = 0;
  let sent = 0;
  let leaked = 0;
  let stallMsMax = 0;
  let burstMsMax = 0;
  const replaceMs: number[] = [];
  const cpuStart = process.cpuUsage();
  const start = systemClock.now();
  const end = start + seconds * 1000;
  let replaceAt: number = start;
  let now: number = start;
  for (; now < end; burst += 1) {
    const frames = bursts[burst % BURSTS] ?? [];
    io.load(frames);
    const isReplacing = now >= replaceAt;
    const policy = isReplacing ? [heroPolicy(replaceMs.length + 2)] : [];
    const before = systemClock.now();
    if (isReplacing) {
      replaceAt += 1000 / HERO_REPLACEMENTS_PER_SEC;
      replaceMs.push(replace(core, policy));
    }
    sent += core.forward(frames.length);
    const after = systemClock.now();
    stallMsMax = Math.max(stallMsMax, after - before);
    if (!isReplacing) burstMsMax = Math.max(burstMsMax, after - before);
    // In a burst of its own, so that what is sent of it cannot make up for a lost one.
    io.load(deniedFrames[burst % BURSTS] ?? []);
    leaked += core.forward(1);
    clock.advance(millis(after - now));
    now = after;
    core.expireFlows();
  }
  const { user, system } = process.cpuUsage(cpuStart);
  const permitted = burst * FLOWS_PER_BURST * 2;
  const flowsBefore = core.flowTable.count;
  return {
    framesPerSec: (burst * (FLOWS_PER_BURST * 2 + 1) * 1e6) / (user + system),
    replacements: replaceMs.length,
    lost: permitted - sent,
    leaked,
    stallMsMax,
    burstMsMax,
    replaceMs: median(replaceMs),
    replaceMsMax: Math.max(...replaceMs),
    flowsBefore,
    flowsAged: aged(core, clock),
  };
}

/** Bytes of heap per frame of established flows, no policy replaced: the median of many stretches, most of which see no collection. */
export function heapBytesPerFrame(frames: number): number {
  const io = burstRing();
  const limits = { flowsMax: FLOWS_MAX, flowsPerPortMax: FLOWS_MAX };
  const core = sampleSwitch(io, new ManualClock(), limits, withHeroPolicy(sampleGoal()));
  const burst = heroBursts()[0] ?? [];
  io.load(burst);
  const stretches = 50;
  const pass = () => {
    for (let done = 0; done < frames / stretches; done += burst.length) core.forward(burst.length);
  };
  for (let warm = 0; warm < stretches / 2; warm += 1) pass();
  const growth = new Float64Array(stretches);
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const before = process.memoryUsage().heapUsed;
    pass();
    growth[stretch] = process.memoryUsage().heapUsed - before;
  }
  return median([...growth]) / (frames / stretches);
}

/** Milliseconds of processor time. */
function replace(core: SwitchCore, upserts: readonly Resource[]): number {
  const start = process.cpuUsage();
  const errors = core.applyGoal({ upserts, removes: [] });
  const { user, system } = process.cpuUsage(start);
  assert(errors.length === 0, 'every version is realised');
  return (user + system) / 1000;
}

function heroBursts(): RingFrame[][] {
  return Array.from({ length: BURSTS }, (_, burst) => {
    const frames: RingFrame[] = [];
    for (let index = 0; index < FLOWS_PER_BURST; index += 1) {
      const ports = { src: 1024 + burst * FLOWS_PER_BURST + index, dst: 80 };
      frames.push(frame(CLIENT, SERVER, ports));
      frames.push(frame(SERVER, CLIENT, { src: ports.dst, dst: ports.src }));
    }
    return frames;
  });
}

function frame(src: string, dst: string, ports: { src: number; dst: number }): RingFrame {
  return { device: DEVICES[src] ?? 0, bytes: sampleFrame(src, dst, ports) };
}

function deniedFrame(index: number): RingFrame {
  return frame(CLIENT, SERVER, { src: 1024 + index, dst: DENIED_PORT });
}

function aged(core: SwitchCore, clock: ManualClock): number {
  clock.advance(millis((TCP_ESTABLISHED_IDLE_SEC_MAX + 60) * 1000));
  core.forward(0);
  while (core.expireFlows());
  core.checkInvariants();
  return core.flowTable.count;
}
