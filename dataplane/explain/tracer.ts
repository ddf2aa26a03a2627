/**
 * Tracer: what would happen to a frame? It takes the forwarder's way, with the forwarder's own parts: the same parser, the same lookup, the
 * same walk through the same tables, the same transposition, the same local services. But it works on a copy in memory of its own, makes
 * no flow, advances no state and counts nothing. A property test holds it against the forwarder, packet by packet.
 *
 * Called by answers, between two bursts.
 */
import { Drop } from '../../packet/drop.ts';
import { newFlowKey } from '../../packet/flow-key.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import type { TraceAnswer } from '../../schema/southbound/diagnostics/trace.ts';
import { DecisionLog } from '../engine/decision.ts';
import { newPacket } from '../engine/packet.ts';
import { newResolution } from '../engine/pipeline.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import { Answers } from '../switch/answers.ts';
import { type AnsweredRequest, type Entrance, type TracerParts, TraceWalk } from './trace-walk.ts';
import { TraceWords } from './trace-words.ts';

export interface TraceOptions {
  /** The frame's offloads; none by default. */
  readonly vnet?: vnetHeader.VnetHeader;
  /** A packet of no known flow is judged as the answer to this. */
  readonly answers?: AnsweredRequest;
}

/** What became of a frame. */
export interface Trace {
  readonly drop: Drop;
  readonly answer: TraceAnswer;
  /** As it leaves, or what the switch answers with; undefined: nothing leaves. */
  readonly bytes: Uint8Array | undefined;
}

/** Before the frame, for its virtio_net_hdr and for whoever writes an outer header there. */
const FRAME_AT = 128;
const SCRATCH_AT: number = FRAME_AT + Math.ceil(FRAME_BYTES_MAX / 16) * 16 + 16;
const SCRATCH_BYTES = 80 * 1024;

export class Tracer {
  readonly #parts: TracerParts;
  /** Frame and answer of the trace at hand; taken by the first one. */
  #memory: { readonly view: DataView; readonly answers: Answers } | undefined;
  readonly #log = new DecisionLog();
  readonly #reused = {
    key: newFlowKey(),
    flowOfError: newFlowKey(),
    packet: newPacket(),
    resolution: newResolution(),
    log: this.#log,
  };

  constructor(parts: TracerParts) {
    this.#parts = parts;
  }

  /** Takes a frame through the switch. */
  trace(entrance: Entrance, bytes: Uint8Array, options: TraceOptions = {}): Trace {
    this.#memory ??= newMemory();
    const { view, answers } = this.#memory;
    new Uint8Array(view.buffer).set(bytes, FRAME_AT);
    const frame = {
      view,
      at: FRAME_AT,
      end: FRAME_AT + bytes.length,
      vnetAt: FRAME_AT - vnetHeader.VNET_HEADER_LEN,
    };
    vnetHeader.emit(options.vnet ?? vnetHeader.NO_OFFLOAD, view, frame.vnetAt);
    answers.clear();
    this.#log.clear();
    const tools = { ...this.#reused, answers, request: options.answers };
    const walk = new TraceWalk(this.#parts, entrance, frame, tools);
    const end = walk.run();
    const left = end.leaves && new Uint8Array(view.buffer).slice(...end.leaves);
    return {
      drop: end.kind === 'drop' ? end.drop : Drop.None,
      answer: new TraceWords(this.#parts, walk, this.#log).answer(end, left),
      bytes: left,
    };
  }
}

function newMemory(): { view: DataView; answers: Answers } {
  const view = new DataView(new ArrayBuffer(SCRATCH_AT + SCRATCH_BYTES));
  const scratch = { scratchAt: SCRATCH_AT, scratchBytes: SCRATCH_BYTES };
  return { view, answers: new Answers({ view, ...scratch }) };
}
