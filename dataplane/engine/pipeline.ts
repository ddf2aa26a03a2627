/**
 * Pipeline — the ordered layers of a port, and the walk of a packet through them: the slow path.
 *
 *   outbound:  first layer → … → last layer          inbound:  last layer → … → first layer
 *
 * A walk ends early where a rule denies or has the switch answer. Else it has folded every rule's header action into one composition.
 * `resolve` is the whole way through the switch: the sending port's pipeline outbound and, where that leads to another port of
 * the same switch, the receiver's inbound on top of it. Both end up in one composition, so that a packet between two local ports
 * costs one lookup and one transposition, as one to a remote host does; its flow depends on the epochs of both.
 *
 * Which side asks and which answers is each port's own view: the sender's stateful layers judge by the sender's flow, the receiver's by
 * the receiver's. So a port that has let a request in lets the answer out and the other way round, whichever way the two took.
 *
 * Called by dataplane/switch/forwarder for the first packet of a flow, and by whoever explains a path (dataplane/explain).
 */
import { assert } from '../../base/assert.ts';
import { Drop } from '../../packet/drop.ts';
import { type FlowKey, newFlowKey } from '../../packet/flow-key.ts';
import type { DecisionLog } from './decision.ts';
import { Direction } from './direction.ts';
import { ALWAYS_CURRENT, type EpochCell } from './epochs.ts';
import { copyIdentity, reverseKey } from './flow-id.ts';
import {
  type Composition,
  clearComposition,
  dependOn,
  fold,
  NO_PORT,
  newComposition,
  Op,
} from './header-action.ts';
import { groupsFor, judgesRequest, type Layer } from './layer.ts';
import type { Packet } from './packet.ts';
import type { IdleLimit, Rule, Steering } from './rule.ts';

export interface Pipeline {
  /** In outbound order. */
  readonly layers: readonly Layer[];
}

/** A port as the engine needs it. */
export interface PipelinePort {
  readonly index: number;
  /** Bumped whenever anything in the pipeline changes. */
  readonly cell: EpochCell;
  readonly pipeline: Pipeline;
}

export const Outcome = { FORWARD: 0, DROP: 1, ANSWER: 2 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Result of a walk; reused. */
export interface Resolution {
  outcome: Outcome;
  /** Outcome.DROP: why. */
  drop: Drop;
  /** Outcome.ANSWER: who. */
  service: number;
  /** With the epoch cells that the outcome depends on. */
  readonly composition: Composition;
  /** The packet's identity between the two ports: as the sender's layers left it, and as the receiver's found it. */
  readonly between: FlowKey;
  /** How the flow ends when it is idle, at the port that sends and at the one that receives; undefined: as any. */
  sentIdle: IdleLimit | undefined;
  receivedIdle: IdleLimit | undefined;
  /** Port whose inbound layers have been walked, or NO_PORT: the sender's alone have. */
  egress: number;
}

export function newResolution(): Resolution {
  return {
    outcome: Outcome.DROP,
    drop: Drop.None,
    service: 0,
    composition: newComposition(),
    between: newFlowKey(),
    sentIdle: undefined,
    receivedIdle: undefined,
    egress: NO_PORT,
  };
}

/** What the way through the switch depends on besides the packet. */
export interface Surroundings {
  /** Port of this number, if a device is behind it. */
  portAt(index: number): PipelinePort | undefined;
  /** Drop.None, or why the port's layers are not to be bothered now. */
  refusalAt(egress: PipelinePort): Drop;
  /** Says in the packet what `egress` remembers of its flow (isReply, isKnown, beyond), as the packet comes to that port. */
  recallAt(egress: PipelinePort, packet: Packet): void;
}

/**
 * Sends `packet` through the switch: from `ingress` to wherever its layers lead. `packet.isReply` says whether it answers a flow that
 * `ingress` was the receiver of.
 */
export function resolve(
  ingress: PipelinePort,
  packet: Packet,
  surroundings: Surroundings,
  log: DecisionLog,
  resolution: Resolution,
): void {
  const { composition } = resolution;
  clearComposition(composition);
  log.clear();
  resolution.egress = NO_PORT;
  resolution.sentIdle = undefined;
  resolution.receivedIdle = undefined;
  if (ingress.cell !== ALWAYS_CURRENT) dependOn(composition, ingress.cell);
  walk(ingress, Direction.OUTBOUND, packet, log, resolution);
  if (resolution.outcome !== Outcome.FORWARD) return;
  copyIdentity(packet.key, resolution.between);
  if (composition.port === NO_PORT) {
    if ((composition.ops & Op.PUSH) === 0) refuse(resolution, Drop.NoRoute);
    return;
  }
  const egress = surroundings.portAt(composition.port);
  if (egress === undefined) refuse(resolution, Drop.PortDetached);
  else if (egress.index === ingress.index && !packet.mayReturn)
    refuse(resolution, Drop.HairpinLoop);
  else if (surroundings.refusalAt(egress) !== Drop.None) {
    refuse(resolution, surroundings.refusalAt(egress));
  } else {
    resolution.egress = egress.index;
    dependOn(composition, egress.cell);
    surroundings.recallAt(egress, packet);
    walk(egress, Direction.INBOUND, packet, log, resolution);
  }
}

/** One port's layers in one direction; adds to what `resolution` has composed and `log` has noted. */
export function walk(
  port: PipelinePort,
  direction: Direction,
  packet: Packet,
  log: DecisionLog,
  resolution: Resolution,
): void {
  resolution.outcome = Outcome.FORWARD;
  resolution.drop = Drop.None;
  const { layers } = port.pipeline;
  const step = direction === Direction.OUTBOUND ? 1 : -1;
  let index = direction === Direction.OUTBOUND ? 0 : layers.length - 1;
  for (let layer = layers[index]; layer !== undefined; layer = layers[index]) {
    // A stateful layer sees the request that a reply answers, and decides about that.
    const turned = judgesRequest(layer, packet);
    if (turned) reverseKey(packet.key, packet.key);
    for (const group of groupsFor(layer, direction, packet)) {
      const rule = group.find(packet);
      log.note(port.index, direction, layer.name, group.name, rule);
      assert(
        !turned || !translates(rule),
        'a layer that judges a reply by its request translates nothing',
      );
      perform(rule, packet, resolution);
      if (resolution.outcome !== Outcome.FORWARD) break;
      if (rule.idle === undefined) continue;
      if (direction === Direction.OUTBOUND) resolution.sentIdle = rule.idle;
      else resolution.receivedIdle = rule.idle;
    }
    if (turned) reverseKey(packet.key, packet.key);
    if (resolution.outcome !== Outcome.FORWARD) return;
    index += step;
  }
}

function perform(rule: Rule, packet: Packet, resolution: Resolution): void {
  const { action } = rule;
  const { composition } = resolution;
  if (rule.cell !== undefined) dependOn(composition, rule.cell);
  switch (action.kind) {
    case 'deny':
      refuse(resolution, action.drop);
      break;
    case 'answer':
      resolution.outcome = Outcome.ANSWER;
      resolution.service = action.service;
      break;
    case 'allow':
      if (action.header !== undefined) fold(composition, action.header, packet.key);
      // Whoever translates the destination says where the packet is to go.
      if (action.header?.ip?.dst !== undefined) packet.nextHop = action.header.ip.dst;
      if (action.steering !== undefined) steer(action.steering, packet, composition);
      break;
  }
}

function translates({ action }: Rule): boolean {
  return action.kind === 'allow' && (action.header?.ip ?? action.header?.transport) !== undefined;
}

function steer(steering: Steering, packet: Packet, composition: Composition): void {
  if (steering.segment !== undefined) packet.segment = steering.segment;
  if (steering.nextSegment !== undefined) packet.nextSegment = steering.nextSegment;
  if (steering.domain !== undefined) packet.domain = steering.domain;
  if (steering.nextHop !== undefined) packet.nextHop = steering.nextHop;
  if (steering.route !== undefined) packet.route = steering.route;
  if (steering.mayReturn !== undefined) packet.mayReturn = steering.mayReturn;
  if (steering.port !== undefined) composition.port = steering.port;
}

function refuse(resolution: Resolution, drop: Drop): void {
  resolution.outcome = Outcome.DROP;
  resolution.drop = drop;
}
