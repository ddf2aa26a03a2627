/**
 * Flow tracker: which flows a packet belongs to on its way through the switch, and how what its walk has decided is remembered.
 *
 * Every port has its own pair for each flow it takes part in, found by what the port sends and by what is delivered to it:
 *
 *   VM a ──out(a), key as a sends it──► layers of a ──► delivery(b), key between the two ──► layers of b ──► VM b
 *   └─────────────── pair of a ────────────────┘  └────────────────── pair of b ─────────────────────┘
 *
 * and the same with the uplink in place of either. So state follows the port, not the path: a request that took the way through an
 * appliance finds its answer expected at the port that sent it, also when the answer comes straight. A port that forwards for others
 * has one pair towards each side.
 *
 * The sender's pair is made as soon as its own layers have let the packet out, as it would be if the receiver were at another host.
 * Called by forwarder, for the first packet of a flow and the first after a change.
 */
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, newFlowKey } from '../../packet/flow-key.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import {
  type FlowScope,
  forwardedScope,
  inboundScope,
  outboundScope,
  reverseKey,
} from '../engine/flow-id.ts';
import { recallFlow } from '../engine/flow-memory.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import { NO_PORT } from '../engine/header-action.ts';
import type { Packet } from '../engine/packet.ts';
import {
  Outcome,
  type PipelinePort,
  type Resolution,
  type Surroundings,
} from '../engine/pipeline.ts';
import { type Frame, NO_TRANSPOSITION, type Transpositions } from '../engine/transposition.ts';
import type { Denials } from './denials.ts';
import { NOT_FORWARDING } from './forwarding-ports.ts';
import { isForeign } from './port-registry.ts';
import type { SwitchTables } from './tables.ts';

/** Where a packet came in; `scope` and `key` are what its flow is looked up by. */
export interface Entrance {
  readonly port: number;
  readonly scope: FlowScope;
  /** The flow's entry, or NO_FLOW. */
  readonly known: FlowIndex;
  readonly key: FlowKey;
  readonly frame: Frame;
}

export class FlowTracker implements Surroundings {
  readonly #tables: SwitchTables;
  readonly #flows: FlowTable;
  readonly #transpositions: Transpositions;
  readonly #denials: Denials;
  readonly #reverse: FlowKey = newFlowKey();
  /** Scope of the packet at hand if it came through a tunnel, or from the service port. */
  #tunnelScope: FlowScope | undefined;
  /** The packet at hand may be part of a flow. */
  #isFlow = false;
  #nowSec = 0;
  /** Where it is delivered, and the receiver's entry for it: what recallAt has found. */
  #deliveryScope: FlowScope = 0;
  #received: FlowIndex = NO_FLOW;
  /** The sender's entry. */
  #sent: FlowIndex = NO_FLOW;

  constructor(parts: {
    readonly tables: SwitchTables;
    readonly flows: FlowTable;
    readonly transpositions: Transpositions;
    readonly denials: Denials;
  }) {
    this.#tables = parts.tables;
    this.#flows = parts.flows;
    this.#transpositions = parts.transpositions;
    this.#denials = parts.denials;
  }

  /** Starts the walk of a packet that came in at `port`. */
  begin(
    entrance: Pick<Entrance, 'port' | 'scope' | 'known'>,
    isFlow: boolean,
    nowSec: number,
  ): void {
    const { port, scope, known } = entrance;
    this.#nowSec = nowSec;
    this.#tunnelScope = isForeign(port) ? scope : undefined;
    this.#isFlow = isFlow;
    this.#received = NO_FLOW;
    this.#sent = isForeign(port) ? NO_FLOW : known;
  }

  /** Entry of the packet at hand among the flows of the port that sends it; NO_FLOW: it has none, or its sender is no port's. */
  get sent(): FlowIndex {
    return this.#sent;
  }

  /** Among the flows of the port that receives it. */
  get received(): FlowIndex {
    return this.#received;
  }

  portAt(index: number): PipelinePort | undefined {
    const record = this.#tables.ports.at(index);
    return record?.isAttached === true ? record.configured : undefined;
  }

  refusalAt(egress: PipelinePort): Drop {
    return this.#denials.isSpent(egress.index) ? Drop.DenialsLimited : Drop.None;
  }

  recallAt(egress: PipelinePort, packet: Packet): void {
    recallFlow(this.#flows, this.#findReceived(egress, packet), packet);
  }

  #findReceived(egress: PipelinePort, packet: Packet): FlowIndex {
    if (!this.#isFlow) return NO_FLOW;
    const flows = this.#flows;
    const scope =
      this.#tunnelScope ?? deliveryScope(this.#tables, egress.index, packet.nextSegment);
    let found = flows.findFor(flows.hash(scope, packet.key), scope, packet.key);
    if (found === NO_FLOW) found = this.#findMoved(egress.index, scope, packet);
    this.#deliveryScope = scope;
    this.#received = found;
    if (found === NO_FLOW || flows.owner(found) === egress.index) return found;
    // The address has gone to another port, which takes no flows over.
    flows.remove(found);
    this.#received = NO_FLOW;
    return NO_FLOW;
  }

  /** The receiver's entry where it was before the port was found otherwise; from now on it is where the packet has come in. */
  #findMoved(egress: number, scope: FlowScope, { key, nextSegment, vni }: Packet): FlowIndex {
    const flows = this.#flows;
    const segment = this.#tunnelScope === undefined ? nextSegment : vni;
    const moved = receivedBefore(flows, egress, { scope, segment }, key, this.#reverse);
    if (moved === NO_FLOW) return NO_FLOW;
    flows.moveCounterpart(moved ^ 1, scope, key, this.#nowSec);
    return flows.findFor(flows.hash(scope, key), scope, key);
  }

  /**
   * Remembers a walk's outcome at every port whose layers have let the packet pass. Returns the entry of the packet's flow, resolved if the
   * packet may go on; NO_FLOW when there is no room (Drop.FlowTableFull).
   */
  remember(
    { port, scope, known, key, frame }: Entrance,
    packet: Packet,
    resolution: Resolution,
  ): FlowIndex {
    const flows = this.#flows;
    const { between, composition, egress } = resolution;
    let sent = NO_FLOW;
    if (!isForeign(port)) {
      const answersAt = deliveryScope(this.#tables, port, packet.segment);
      reverseKey(between, this.#reverse);
      sent = this.#ensure(known, scope, key, answersAt, port);
      this.#sent = sent;
      if (sent === NO_FLOW) return NO_FLOW;
      if (resolution.sentIdle !== undefined) {
        flows.setIdleLimit(sent, resolution.sentIdle, this.#nowSec);
      }
    }
    if (resolution.outcome !== Outcome.FORWARD) return sent;
    const generation = flows.generation(sent);
    let received = NO_FLOW;
    if (egress !== NO_PORT) {
      reverseKey(packet.key, this.#reverse);
      received = this.#ensureReceived(between, egress);
      this.#received = received;
      // Making room may have cost the sender's pair.
      if (sent !== NO_FLOW && flows.generation(sent) !== generation) {
        this.#sent = NO_FLOW;
        return NO_FLOW;
      }
      if (received === NO_FLOW) return NO_FLOW;
      if (resolution.receivedIdle !== undefined) {
        flows.setIdleLimit(received, resolution.receivedIdle, this.#nowSec);
      }
    }
    const flow = sent === NO_FLOW ? received : sent;
    const transposition = this.#transpositions.intern(composition);
    if (transposition === NO_TRANSPOSITION) return NO_FLOW;
    const link = sent === NO_FLOW ? NO_FLOW : received;
    flows.bind(flow, { transposition, cells: composition.cells, link, frame });
    return flow;
  }

  /** The receiver's entry as recallAt has found it, or a new one; #reverse is the key of its answers. */
  #ensureReceived(between: FlowKey, egress: number): FlowIndex {
    const flows = this.#flows;
    const scope = this.#deliveryScope;
    const found = flows.find(flows.hash(scope, between), scope, between);
    // What decided whether this is a reply went to make room for the sender's pair.
    if (found !== this.#received) return NO_FLOW;
    return this.#ensure(found, scope, between, outboundScope(egress), egress);
  }

  /** The entry of `key` in `scope`, whose answers are known by #reverse in `answersAt`. */
  #ensure(
    known: FlowIndex,
    scope: FlowScope,
    key: FlowKey,
    answersAt: FlowScope,
    owner: number,
  ): FlowIndex {
    const reverse = this.#reverse;
    const nowSec = this.#nowSec;
    if (known !== NO_FLOW) {
      this.#flows.moveCounterpart(known, answersAt, reverse, nowSec);
      return known;
    }
    return this.#flows.insert({ scope, key, reverseScope: answersAt, reverse, owner, nowSec });
  }
}

/**
 * The entry of a packet to a port that has begun or ceased to be found by its MAC address (to forward for others, to be a backend) since the flow was
 * seen last: under the key that it had, or, of a flow that was forwarded, as it is known by what the port sends. `reverse` is overwritten.
 */
export function receivedBefore(
  flows: FlowTable,
  port: number,
  now: { readonly scope: FlowScope; readonly segment: number },
  key: FlowKey,
  reverse: FlowKey,
): FlowIndex {
  const byMac = forwardedScope(port);
  const before = now.scope === byMac ? inboundScope(now.segment) : byMac;
  const moved = flows.find(flows.hash(before, key), before, key);
  if (moved !== NO_FLOW && flows.owner(moved) === port) return moved;
  reverseKey(key, reverse);
  return flows.findAnswered(outboundScope(port), reverse);
}

/** Does `port` have a flow whose answers, delivered within the segment, have this key? */
export function isAwaited(
  tables: SwitchTables,
  flows: FlowTable,
  port: number,
  segment: number,
  answer: FlowKey,
): boolean {
  const scope = deliveryScope(tables, port, segment);
  return flows.find(flows.hash(scope, answer), scope, answer) !== NO_FLOW;
}

/** Whose flows a packet is looked up among that is delivered to `port` within a segment. */
export function deliveryScope(tables: SwitchTables, port: number, segment: number): FlowScope {
  const isFoundByMac = tables.ports.at(port)?.configured?.isFoundByMac === true;
  return isFoundByMac ? forwardedScope(port) : inboundScope(segment);
}

/** Whose flows a tunnelled frame is looked up among: those of a port that forwards, or by address. */
export function tunnelScope(tables: SwitchTables, frame: Frame, vni: number): FlowScope {
  const { view, at, end } = frame;
  if (end - at < ethernet.HEADER_LEN) return inboundScope(vni);
  const port = tables.forwarding.find(vni, view.getUint16(at), view.getUint32(at + 2));
  return port === NOT_FORWARDING ? inboundScope(vni) : forwardedScope(port);
}
