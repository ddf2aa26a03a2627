/**
 * The switch's part of the flow log: what rules with logging decide, and what the flows that they allow carry.
 *
 *   B  begins    a rule with logging allows a flow, or denies one: then that is all there is to say
 *   C  goes on   every interval, with what was counted since the last record; nothing counted, no record
 *   E  ends      the flow is forgotten, or no longer allowed by this rule
 *
 * Nothing is done per packet: a flow is looked at when its packets walk the layers (its first, and the first after a change of policy), when
 * its interval has passed, and before its entry goes. Its counters are those of the flow table; what has been reported of them is kept
 * here, so the counts of all its records add up to them. A flow allowed by lists of the interface and of the subnet has a record of each.
 *
 * Called by forwarder (walks), flow-table (what goes), switch-core (time, fetching).
 */
import type { Clock } from '../../base/clock.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { DecisionLog } from '../engine/decision.ts';
import { Direction } from '../engine/direction.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import { INBOUND_SCOPE } from '../engine/flow-id.ts';
import type { FlowTable, FlowWatcher } from '../engine/flow-table.ts';
import type { Rule } from '../engine/rule.ts';
import {
  type FlowCounts,
  FlowEvent,
  type FlowRecordBatch,
  type FlowSource,
  type FlowTuple,
  NO_COUNTS,
} from './flow-record.ts';
import { LOGGED_FLOWS_MAX, RECORDED_FLOWS_PER_BURST } from './limits.ts';
import { RecordQueue } from './record-queue.ts';
import { ReportedFlows } from './reported-flows.ts';

/** An interface, as records name it. */
export interface LoggedPort {
  readonly id: string;
  readonly mac: number;
}

/** A flow as one rule logs it. */
interface Logged {
  readonly source: FlowSource;
  readonly tuple: FlowTuple;
  /** What the flow's entries had counted at the last record. */
  readonly reported: [number, number, number, number];
}

interface LoggedFlow {
  /** The opener's entry. */
  readonly flow: FlowIndex;
  logs: readonly Logged[];
  dueSec: number;
}

export class FlowRecorder implements FlowWatcher {
  readonly #flows: FlowTable;
  readonly #clock: Clock;
  readonly #portAt: (index: number) => LoggedPort | undefined;
  readonly #queue = new RecordQueue();
  readonly #reported = new ReportedFlows();
  /** By number of the pair; in order of their next record. */
  readonly #logged = new Map<number, LoggedFlow>();
  /** By rule and number of the port. Lists are replaced as a whole, and their rules' entries go with them. */
  readonly #sources = new WeakMap<Rule, Map<number, FlowSource>>();
  #unfollowed = 0;
  #intervalSec = 0;

  constructor(parts: {
    readonly flows: FlowTable;
    readonly clock: Clock;
    readonly portAt: (index: number) => LoggedPort | undefined;
  }) {
    this.#flows = parts.flows;
    this.#clock = parts.clock;
    this.#portAt = parts.portAt;
    parts.flows.setWatcher(this);
  }

  /** Somebody wants a flow log. */
  get isActive(): boolean {
    return this.#intervalSec > 0;
  }

  /** Sets how often flows that go on are logged; 0: there is no flow log from now on. */
  configure(intervalSec: number): void {
    if (intervalSec === this.#intervalSec) return;
    this.#intervalSec = intervalSec;
    this.#reported.clear();
    if (intervalSec > 0) return;
    for (const { flow } of [...this.#logged.values()]) this.#allow(flow, [], 0);
  }

  /**
   * A packet has walked the layers of the port `port`: `flow` is its flow's entry there, `key` what the packet is as the layers saw it. A
   * port that the packet has not come to has no decisions in the log.
   */
  decided(log: DecisionLog, port: number, flow: FlowIndex, key: FlowKey, nowSec: number): void {
    const own = log.loggedAt(port);
    const isFollowed = flow !== NO_FLOW && this.#logged.has(flow >> 1);
    if (own.length === 0 && !isFollowed) return;
    const opener = flow === NO_FLOW ? NO_FLOW : flow & ~1;
    const isDenied = log.isDeniedAt(port);
    const tuple = (direction: Direction) =>
      opener === NO_FLOW ? tupleOf(key, direction) : this.#tupleOf(opener);
    if (opener !== NO_FLOW) {
      const allowing = isDenied ? [] : own.filter(({ rule }) => rule.action.kind === 'allow');
      const logs = allowing.flatMap(({ rule, direction }) => {
        const source = this.#sourceOf(rule, port);
        return source === undefined ? [] : [this.#logOf(source, opener, tuple(direction))];
      });
      this.#allow(opener, logs, nowSec);
    }
    for (const { rule, direction } of own) {
      const denies = rule.action.kind === 'deny';
      if (!denies && opener !== NO_FLOW) continue;
      const source = this.#sourceOf(rule, port);
      if (source === undefined) continue;
      const about = tuple(direction);
      if (!this.#reported.isNew(about, source, nowSec, this.#intervalSec)) continue;
      this.#record(source, about, FlowEvent.BEGIN, NO_COUNTS, denies);
    }
  }

  /** Records of flows whose interval has passed, a bounded number; true if there are more. Once a second, and while there are. */
  age(nowSec: number): boolean {
    let count = 0;
    for (const [pair, logged] of this.#logged) {
      if (logged.dueSec > nowSec) return false;
      if (count === RECORDED_FLOWS_PER_BURST) return true;
      count += 1;
      for (const log of logged.logs) this.#report(logged.flow, log, FlowEvent.CONTINUING);
      // To the end of the order.
      this.#logged.delete(pair);
      logged.dueSec = nowSec + this.#intervalSec;
      this.#logged.set(pair, logged);
    }
    return false;
  }

  /** The oldest records. */
  take(): FlowRecordBatch {
    const losses = { queueFull: this.#queue.lost, unfollowed: this.#unfollowed };
    return { ...this.#queue.take(), losses };
  }

  /** Flow table: an entry is about to count from zero. */
  onCleared(flow: FlowIndex): void {
    const at = (flow & 1) * 2;
    for (const { reported } of this.#logged.get(flow >> 1)?.logs ?? []) {
      reported[at] = (reported[at] ?? 0) - this.#flows.packets(flow);
      reported[at + 1] = (reported[at + 1] ?? 0) - this.#flows.bytes(flow);
    }
  }

  /** Flow table: a flow is about to be forgotten. */
  onRemoved(flow: FlowIndex): void {
    const pair = flow >> 1;
    const logged = this.#logged.get(pair);
    this.#logged.delete(pair);
    for (const log of logged?.logs ?? []) this.#report(flow & ~1, log, FlowEvent.END);
  }

  /** These logs, and no others, are of the flow from now on. Those that it has already go on. */
  #allow(flow: FlowIndex, wanted: readonly Logged[], nowSec: number): void {
    const pair = flow >> 1;
    const known = this.#logged.get(pair);
    const before = known?.logs ?? [];
    const isSame = (a: Logged, b: Logged) => a.source.ruleRef === b.source.ruleRef;
    const kept = before.filter((log) => wanted.some((other) => isSame(log, other)));
    const begun = wanted.filter((log) => !before.some((other) => isSame(log, other)));
    for (const log of before) if (!kept.includes(log)) this.#report(flow, log, FlowEvent.END);
    for (const { source, tuple } of begun) {
      this.#record(source, tuple, FlowEvent.BEGIN, NO_COUNTS, false);
    }
    const logs = [...kept, ...begun];
    if (logs.length === 0) {
      this.#logged.delete(pair);
      this.#flows.unwatch(flow);
    } else if (known !== undefined) known.logs = logs;
    else if (this.#logged.size >= LOGGED_FLOWS_MAX) this.#unfollowed += 1;
    else {
      this.#logged.set(pair, { flow, logs, dueSec: nowSec + this.#intervalSec });
      this.#flows.watch(flow);
    }
  }

  #logOf(source: FlowSource, flow: FlowIndex, tuple: FlowTuple): Logged {
    return { source, tuple, reported: [...this.#countsOf(flow)] };
  }

  /** What the flow has carried since its last record of this log. */
  #report(flow: FlowIndex, { source, tuple, reported }: Logged, event: FlowEvent): void {
    const [packetsSent, bytesSent, packetsReceived, bytesReceived] = this.#countsOf(flow);
    const counts: FlowCounts = [
      packetsSent - reported[0],
      bytesSent - reported[1],
      packetsReceived - reported[2],
      bytesReceived - reported[3],
    ];
    const hasCounted = counts[0] > 0 || counts[2] > 0;
    if (event === FlowEvent.CONTINUING && !hasCounted) return;
    reported[0] = packetsSent;
    reported[1] = bytesSent;
    reported[2] = packetsReceived;
    reported[3] = bytesReceived;
    this.#record(source, tuple, event, counts, false);
  }

  #record(
    source: FlowSource,
    tuple: FlowTuple,
    event: FlowEvent,
    counts: FlowCounts,
    isDenied: boolean,
  ): void {
    const timeSec = Math.floor(this.#clock.wallNow() / 1000);
    this.#queue.push({ ...tuple, timeSec, source, event, counts, isDenied });
  }

  #countsOf(flow: FlowIndex): FlowCounts {
    const flows = this.#flows;
    const back = flow + 1;
    return [flows.packets(flow), flows.bytes(flow), flows.packets(back), flows.bytes(back)];
  }

  #tupleOf(flow: FlowIndex): FlowTuple {
    const { src, dst, srcPort, dstPort, protocol, scope } = this.#flows.viewOf(flow);
    const isOutbound = scope < INBOUND_SCOPE;
    return { src, dst, ...portsOf(protocol, srcPort, dstPort), protocol, isOutbound };
  }

  /** One for each port and rule, so that records share it. */
  #sourceOf(rule: Rule, port: number): FlowSource | undefined {
    const own = this.#portAt(port);
    if (own === undefined) return undefined;
    const byPort = this.#sources.get(rule) ?? new Map<number, FlowSource>();
    this.#sources.set(rule, byPort);
    const known = byPort.get(port);
    if (known?.portId === own.id && known.mac === own.mac) return known;
    const source = { portId: own.id, mac: own.mac, ruleRef: rule.resourceRef };
    byPort.set(port, source);
    return source;
  }
}

function tupleOf(key: FlowKey, direction: Direction): FlowTuple {
  const { protocol } = key;
  return {
    src: [key.src0, key.src1, key.src2, key.src3],
    dst: [key.dst0, key.dst1, key.dst2, key.dst3],
    ...portsOf(protocol, key.srcPort, key.dstPort),
    protocol,
    isOutbound: direction === Direction.OUTBOUND,
  };
}

/** Of ICMP a flow's key has an identifier there. */
function portsOf(protocol: number, srcPort: number, dstPort: number) {
  const hasPorts = protocol === IpProtocol.TCP || protocol === IpProtocol.UDP;
  return hasPorts ? { srcPort, dstPort } : { srcPort: 0, dstPort: 0 };
}
