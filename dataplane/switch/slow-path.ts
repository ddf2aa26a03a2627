/**
 * The slow path: the first packet of a flow, and the first after a change of policy. The layers decide about it, what they decide is remembered
 * as a flow if it can be, and who sends too much of what is refused is stopped before the layers. Allocates little, once per flow.
 *
 * Called by forwarder, on whose frame and key it works.
 */
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { type Decision, DecisionLog } from '../engine/decision.ts';
import { ALWAYS_CURRENT } from '../engine/epochs.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import type { FlowScope } from '../engine/flow-id.ts';
import { recallFlow } from '../engine/flow-memory.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { loadPacket, newPacket, type Packet } from '../engine/packet.ts';
import {
  newResolution,
  Outcome,
  type PipelinePort,
  type Resolution,
  resolve,
} from '../engine/pipeline.ts';
import type { Frame, Transpositions } from '../engine/transposition.ts';
import type { FlowRecorder } from '../flow-log/flow-recorder.ts';
import { isClaim } from '../layers/anti-spoof.ts';
import { type FrameIo, Rx } from '../port/frame-io.ts';
import { Denials } from './denials.ts';
import { FlowTracker, isAwaited } from './flow-tracker.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import type { ConfiguredPort } from './network-state.ts';
import { isForeign, SERVICE_PORT, UPLINK_PORT } from './port-registry.ts';
import { StormGuard } from './storm-guard.ts';
import type { SwitchTables } from './tables.ts';

export interface SlowPathParts {
  readonly io: FrameIo;
  readonly tables: SwitchTables;
  readonly flows: FlowTable;
  readonly transpositions: Transpositions;
  readonly learned: LearnedAddresses;
  readonly recorder: FlowRecorder;
}

/** Where a packet comes in, and what is known of its flow. */
export interface SlowEntrance {
  readonly port: number;
  readonly scope: FlowScope;
  /** Entry of its flow, which is no longer current; NO_FLOW: there is none. */
  readonly known: FlowIndex;
  /** Of the packet; of an ICMP error: of the flow that it belongs to. */
  readonly key: FlowKey;
  /** It may be remembered as part of a flow. */
  readonly isFlow: boolean;
}

export class SlowPath {
  /** Of the last walk. */
  readonly resolution: Resolution = newResolution();
  readonly #io: FrameIo;
  readonly #tables: SwitchTables;
  readonly #flows: FlowTable;
  readonly #learned: LearnedAddresses;
  readonly #recorder: FlowRecorder;
  readonly #tracker: FlowTracker;
  readonly #denials = new Denials();
  readonly #storms = new StormGuard();
  readonly #uplink: PipelinePort;
  readonly #prober: PipelinePort;
  readonly #frame: Frame;
  readonly #key: FlowKey;
  readonly #packet = newPacket();
  readonly #log = new DecisionLog();
  #walked: FlowIndex = NO_FLOW;
  /** Where the packet at hand has come in. */
  #port = UPLINK_PORT;

  /** `frame`, `key`: the forwarder's, which it reuses for every frame. */
  constructor(parts: SlowPathParts, frame: Frame, key: FlowKey) {
    this.#io = parts.io;
    this.#tables = parts.tables;
    this.#flows = parts.flows;
    this.#learned = parts.learned;
    this.#recorder = parts.recorder;
    this.#tracker = new FlowTracker({ ...parts, denials: this.#denials });
    const { uplink, prober } = parts.tables;
    this.#uplink = { index: UPLINK_PORT, cell: ALWAYS_CURRENT, pipeline: uplink };
    this.#prober = { index: SERVICE_PORT, cell: ALWAYS_CURRENT, pipeline: prober };
    this.#frame = frame;
    this.#key = key;
    const packet = this.#packet;
    packet.isAwaited = (answer) =>
      isAwaited(parts.tables, parts.flows, this.#port, packet.segment, answer);
  }

  /** Entry of the flow that has last been walked, if it may go on. */
  get walked(): FlowIndex {
    return this.#walked;
  }

  startBurst(): void {
    this.#denials.startBurst();
  }

  /** Decisions of the last walk, in words. */
  explain(): Decision[] {
    return this.#log.explain();
  }

  /**
   * The layers decide about a packet; what they decide is remembered if it can be. Of a flow that may go on `walked` is the entry; why
   * another may not, is in `resolution`. `vni`: of a frame from the uplink or the service port, the network identifier; `rx`: its receive
   * descriptor.
   */
  walk(entrance: SlowEntrance, vni: number, rx: number, nowSec: number): Outcome {
    const { port, known, key, isFlow } = entrance;
    const configured = this.#tables.ports.at(port)?.configured;
    const ingress = this.#ingress(port, configured);
    if (ingress === undefined) return this.#refuse(Drop.PortUnknown);
    if (!isForeign(port) && this.#denials.isSpent(port)) {
      return this.#refuse(Drop.DenialsLimited);
    }
    const packet = this.#packet;
    const drop = loadPacket(packet, this.#frame, key);
    if (drop !== Drop.None) return this.#refuse(drop);
    this.#port = port;
    recallFlow(this.#flows, isForeign(port) ? NO_FLOW : known, packet);
    if (isForeign(port)) packet.vni = vni;
    if (port === UPLINK_PORT) packet.outerSource = this.#outerSource(rx);
    if (configured !== undefined && ethernet.isToGroup(this.#frame.view, this.#frame.at)) {
      const limit = configured.goal.broadcastPerSecMax;
      if (!this.#storms.mayPass(port, limit, nowSec)) return this.#refuse(Drop.StormLimited);
    }
    const { resolution } = this;
    const tracker = this.#tracker;
    tracker.begin(entrance, isFlow, nowSec);
    resolve(ingress, packet, tracker, this.#log, resolution);
    this.#log.count();
    const { outcome, egress } = resolution;
    if (outcome === Outcome.DROP) {
      if (resolution.drop !== Drop.DenialsLimited) {
        this.#denials.count(egress === NO_PORT ? port : egress);
      }
    } else if (configured !== undefined) this.#learn(configured, packet, nowSec);
    const isOut = outcome === Outcome.FORWARD || egress !== NO_PORT;
    const isRemembered = isOut && isFlow;
    if (isRemembered) {
      const { scope } = entrance;
      const remembered = { port, scope, known, key, frame: this.#frame };
      this.#walked = tracker.remember(remembered, packet, resolution);
    }
    if (this.#recorder.isActive) this.#logDecisions(port, egress, nowSec);
    if (isRemembered && outcome === Outcome.FORWARD && this.#walked === NO_FLOW) {
      return this.#refuse(Drop.FlowTableFull);
    }
    return outcome;
  }

  #ingress(port: number, configured: ConfiguredPort | undefined): PipelinePort | undefined {
    if (port === UPLINK_PORT) return this.#uplink;
    return port === SERVICE_PORT ? this.#prober : configured;
  }

  #learn(configured: ConfiguredPort, packet: Packet, nowSec: number): void {
    if (configured.policy.learning === undefined) return;
    // An ARP packet's addresses are in what the layers saw, all others as the VM sent them in the frame's own key.
    const isArp = this.#key.etherType === ethernet.EtherType.ARP;
    const how = isClaim(packet) ? 'claim' : 'traffic';
    this.#learned.note(configured, isArp ? packet.key : this.#key, how, nowSec);
  }

  #outerSource(rx: number): [number, number, number, number] {
    const word = (index: number): number => this.#io.rx[rx + Rx.SOURCE + index] ?? 0;
    return [word(0), word(1), word(2), word(3)];
  }

  /** What the walk has decided belongs into the flow log, as far as rules say so. */
  #logDecisions(port: number, egress: number, nowSec: number): void {
    const { key } = this.#packet;
    const { sent, received } = this.#tracker;
    this.#recorder.decided(this.#log, port, sent, key, nowSec);
    if (egress !== NO_PORT) this.#recorder.decided(this.#log, egress, received, key, nowSec);
  }

  #refuse(drop: Drop): Outcome {
    this.resolution.outcome = Outcome.DROP;
    this.resolution.drop = drop;
    this.resolution.egress = NO_PORT;
    return Outcome.DROP;
  }
}
