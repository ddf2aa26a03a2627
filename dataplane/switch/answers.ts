/**
 * Answers: frames the switch sends in its own name, made by the local services (dataplane/service) in the ring's scratch area. An answer lives
 * until the exchange that sends it; the area is shared out anew in every burst. Called by forwarder.
 */
import { assertNever } from '../../base/assert.ts';
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import type { Frame } from '../engine/transposition.ts';
import { Service } from '../layers/services.ts';
import { ICMP_ERRORS_PER_SEC_MAX } from '../limits.ts';
import type { FrameIo } from '../port/frame-io.ts';
import type { Answer } from '../service/answer.ts';
import { answerArp } from '../service/arp-responder.ts';
import { answerDhcp } from '../service/dhcp-server.ts';
import {
  answerEcho,
  emitFragmentationNeeded,
  emitTimeExceeded,
} from '../service/icmp-responder.ts';
import { ANSWER_BYTES_MIN } from '../service/limits.ts';
import type { ServicePort } from './network-state.ts';

/** Before each answer: its virtio_net_hdr, rounded up. */
const VNET_ROOM = 16;
/** What an answer may be longer than its question: headers of its own. */
const HEADERS_ROOM = 128;

export class Answers {
  readonly #view: DataView;
  readonly #start: number;
  readonly #end: number;
  #next: number;
  #errorsLeft = ICMP_ERRORS_PER_SEC_MAX;
  #errorsSec = 0;
  /** The last answer made: [at, end), its header at `at` − VNET_ROOM. */
  #answer: Answer;

  constructor(io: Pick<FrameIo, 'view' | 'scratchAt' | 'scratchBytes'>) {
    this.#view = io.view;
    this.#start = io.scratchAt;
    this.#end = io.scratchAt + io.scratchBytes;
    this.#next = this.#start;
    this.#answer = { at: this.#start, limit: this.#start, end: this.#start };
  }

  /** Starts a burst: what was made for the last one has been sent. */
  clear(): void {
    this.#next = this.#start;
  }

  get at(): number {
    return this.#answer.at;
  }
  get end(): number {
    return this.#answer.end;
  }
  get vnetAt(): number {
    return this.#answer.at - VNET_ROOM;
  }

  /** Answers a question to the switch itself. Drop.None: send [at, end) if it is not empty. */
  answer(service: Service, frame: Frame, key: FlowKey, port: ServicePort): Drop {
    if (!this.#reserve(frame.end - frame.at)) return Drop.RateLimited;
    const drop = this.#make(service, frame, key, port);
    if (drop === Drop.None) this.#keep();
    return drop;
  }

  /** Tells the sender that its packet cannot go on. True: send [at, end). */
  reportError(
    error: typeof Service.TIME_EXCEEDED | typeof Service.FRAGMENTATION_NEEDED,
    packet: { readonly frame: Frame; readonly key: FlowKey; readonly port: ServicePort },
    mtu: number,
    nowSec: number,
  ): boolean {
    const { frame, key, port } = packet;
    if (!this.#mayReport(nowSec) || !this.#reserve(0)) return false;
    const router = port.settings.gateway;
    const about = { at: frame.at, key };
    if (error === Service.TIME_EXCEEDED) emitTimeExceeded(this.#view, about, router, this.#answer);
    else emitFragmentationNeeded(this.#view, about, { router, mtu }, this.#answer);
    if (this.end === this.at) return false;
    this.#keep();
    return true;
  }

  #make(service: Service, frame: Frame, key: FlowKey, port: ServicePort): Drop {
    const view = this.#view;
    switch (service) {
      case Service.ARP:
        return answerArp(view, { at: frame.at, end: frame.end, key }, port, this.#answer);
      case Service.DHCP_V4:
        return answerDhcp(view, key, port.settings, this.#answer);
      case Service.ICMP_ECHO:
        return answerEcho(view, { at: frame.at, key }, this.#answer);
      case Service.TIME_EXCEEDED:
      case Service.FRAGMENTATION_NEEDED:
        return Drop.ServiceUnsupported;
      default:
        return assertNever(service);
    }
  }

  /** Makes room for an answer to a frame of `bytes`. */
  #reserve(bytes: number): boolean {
    const at = this.#next + VNET_ROOM;
    const limit = at + Math.max(ANSWER_BYTES_MIN, bytes + HEADERS_ROOM);
    if (limit > this.#end) return false;
    this.#answer = { at, limit, end: at };
    return true;
  }

  #keep(): void {
    vnetHeader.clear(this.#view, this.vnetAt);
    // Aligned, as the view's accesses and the kernel's copies like it.
    this.#next = (this.end + VNET_ROOM - 1) & ~(VNET_ROOM - 1);
  }

  #mayReport(nowSec: number): boolean {
    if (nowSec !== this.#errorsSec) {
      this.#errorsSec = nowSec;
      this.#errorsLeft = ICMP_ERRORS_PER_SEC_MAX;
    }
    this.#errorsLeft -= 1;
    return this.#errorsLeft >= 0;
  }
}
