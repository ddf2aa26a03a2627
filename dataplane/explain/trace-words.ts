/**
 * A traced frame's way in words: whose ports and hosts the numbers are, which rule has decided what, and the verdict. Called by tracer.
 */
import { defined } from '../../base/assert.ts';
import { formatIpWords } from '../../base/ip-words.ts';
import { DROP_NAMES, Drop } from '../../packet/drop.ts';
import { newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import type {
  TraceAnswer,
  TraceStep,
  TraceVerdict,
} from '../../schema/southbound/diagnostics/trace.ts';
import type { DecisionLog, Names } from '../engine/decision.ts';
import { NO_FLOW } from '../engine/flow-entries.ts';
import { FLOW_STATE_NAMES } from '../engine/flow-state.ts';
import { UPLINK_PORT } from '../switch/port-registry.ts';
import { dropWords } from './drop-words.ts';
import type { TracerParts, TraceWalk, WalkEnd } from './trace-walk.ts';
import { viewOf } from './traced-frame.ts';

export class TraceWords {
  readonly #parts: TracerParts;
  readonly #walk: TraceWalk;
  readonly #log: DecisionLog;
  readonly #names: Names;

  /** Of a walk that has ended; `log` is what its layers have said. */
  constructor(parts: TracerParts, walk: TraceWalk, log: DecisionLog) {
    this.#parts = parts;
    this.#walk = walk;
    this.#log = log;
    this.#names = {
      port: (index) => this.#portName(index),
      peer: (index) => {
        const address = parts.tables.peers.addressOf(index);
        return address === undefined ? `peer ${index}` : formatIpWords(address);
      },
    };
  }

  /** `left` is what leaves by the end of the way. */
  answer(end: WalkEnd, left: Uint8Array | undefined): TraceAnswer {
    const flow = this.#flow();
    const isGone = end.kind === 'deliver' || end.kind === 'tunnel';
    const leaves = isGone && left !== undefined ? packetIn(left) : undefined;
    return {
      packet: this.#walk.packetView ?? NO_PACKET,
      ...(flow !== undefined && { flow }),
      steps: this.#steps(),
      verdict: this.#verdict(end),
      ...(leaves !== undefined && { leaves }),
      ...(end.kind === 'tunnel' &&
        left !== undefined && { frame: Buffer.from(left).toString('base64') }),
    };
  }

  #verdict(end: WalkEnd): TraceVerdict {
    switch (end.kind) {
      case 'drop':
        return this.#dropped(end.drop);
      case 'deliver': {
        const portId = this.#parts.tables.ports.at(end.port)?.id ?? '';
        return { kind: 'deliver', portId, resourceRef: this.#portName(end.port) };
      }
      case 'tunnel':
        return this.#tunnelled(end);
      case 'answer':
        // In the words of the rule that hands the packet over.
        return { kind: 'answer', service: this.#log.last?.id ?? end.service };
    }
  }

  #tunnelled({ peer, vni, fragments }: WalkEnd & { readonly kind: 'tunnel' }): TraceVerdict {
    const { tables } = this.#parts;
    const to = tables.peers.addressOf(peer);
    const edge = to === undefined ? undefined : tables.internet.edgeAt(to);
    return {
      kind: 'tunnel',
      from: formatIpWords(defined(tables.providerAddress, 'an address of a host with tunnels')),
      to: this.#names.peer(peer),
      vni,
      ...(edge !== undefined && { edge: edge.resourceRef }),
      ...(fragments > 1 && { fragments }),
    };
  }

  #dropped(drop: Drop): TraceVerdict {
    const rule = this.#log.last;
    const action = rule?.action;
    // A service may refuse what its rule has handed to it.
    const isByRule = action?.kind === 'answer' || (action?.kind === 'deny' && action.drop === drop);
    return {
      kind: 'drop',
      reason: DROP_NAMES[drop] ?? `${drop}`,
      ...dropWords(drop),
      ...(isByRule &&
        rule !== undefined && { rule: { id: rule.id, resourceRef: rule.resourceRef } }),
    };
  }

  #steps(): TraceStep[] {
    const { ports } = this.#parts.tables;
    const walk = this.#walk;
    return this.#log.explain(this.#names).map(({ port, ...decision }) => {
      const isReplyHere = port === walk.port ? walk.isReplyAtSender : walk.isReplyAtReceiver;
      const record = ports.at(port);
      const layers = record?.configured?.pipeline.layers ?? [];
      const isStateful = layers.some((layer) => layer.name === decision.layer && layer.isStateful);
      return {
        ...decision,
        portId: port === UPLINK_PORT ? 'uplink' : (record?.id ?? ''),
        portRef: record?.configured?.policy.resourceRef ?? '',
        judgesRequest: isStateful && isReplyHere,
      };
    });
  }

  #flow(): TraceAnswer['flow'] {
    const { flow, isCurrent } = this.#walk;
    if (flow === NO_FLOW) return undefined;
    const { flows, nowSec } = this.#parts;
    const view = flows.viewOf(flow);
    return {
      state: FLOW_STATE_NAMES[view.state] ?? '',
      isReply: view.isReply,
      isCurrent,
      packets: view.packets,
      bytes: view.bytes,
      idleMs: Math.max(0, nowSec() - view.lastUsedSec) * 1000,
    };
  }

  #portName(port: number): string {
    const record = this.#parts.tables.ports.at(port);
    return record?.configured?.policy.resourceRef ?? record?.id ?? `port ${port}`;
  }
}

/** Headers of a frame; undefined: no parser takes it. */
function packetIn(frame: Uint8Array): TraceAnswer['packet'] | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const key = newFlowKey();
  return parseFlow(view, 0, frame.length, key) === Drop.None ? viewOf(view, 0, key) : undefined;
}

/** Of a frame that no parser takes. */
const NO_PACKET: TraceAnswer['packet'] = {
  sourceMac: '',
  destinationMac: '',
  source: '',
  destination: '',
  protocol: '',
  ttl: 0,
  length: 0,
};
