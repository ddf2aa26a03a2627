/**
 * Watches over somebody else's probes, at the port of whoever they are for (schema/southbound/diagnostics/probe):
 *
 *   watch → came / ended / delivered: frames of the probe and of its answers, counted → seen
 *
 * Called by probes; nothing is allocated per frame.
 */
import type { Clock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import type { ProbePacket } from '../../schema/southbound/diagnostics/probe.ts';
import { PROBE_WATCHES_MAX } from '../limits.ts';
import { dropView } from './drop-view.ts';
import { probeKey } from './probe-frame.ts';
import { answerTo, isSame, type ProbePackets } from './probe-packets.ts';

interface Watch {
  readonly port: number;
  readonly request: FlowKey;
  readonly answer: FlowKey;
  readonly deadlineMs: number;
  arrived: number;
  delivered: number;
  answered: number;
  drop: Drop;
  answerDrop: Drop;
}

export class ProbeWatches {
  readonly #clock: Clock;
  readonly #packets: ProbePackets;
  #watches: Watch[] = [];
  // The frame at hand is a request or an answer that somebody watches.
  #watch: Watch | undefined;
  #isAnswer = false;

  /** `packets`: the frame that is told of. */
  constructor(clock: Clock, packets: ProbePackets) {
    this.#clock = clock;
    this.#packets = packets;
  }

  get count(): number {
    return this.#watches.length;
  }

  isAt(port: number): boolean {
    for (const watch of this.#watches) if (watch.port === port) return true;
    return false;
  }

  /** Throws SDN_PROBES_MAX. */
  add(port: number, packet: ProbePacket, forMs: number): void {
    if (this.#watches.length >= PROBE_WATCHES_MAX) {
      throw new SdnError('SDN_PROBES_MAX', `${PROBE_WATCHES_MAX} probes are watched already`, {
        remedy: 'wait for other connectivity checks to end',
      });
    }
    const request = probeKey(packet);
    this.#watches.push({
      port,
      request,
      answer: answerTo(request),
      deadlineMs: this.#clock.now() + forMs,
      ...{ arrived: 0, delivered: 0, answered: 0, drop: Drop.None, answerDrop: Drop.None },
    });
  }

  /** What has been noted; the watch is over. Throws SDN_PROBE_UNWATCHED. */
  take(port: number, packet: ProbePacket): Answer<'probeSeen'> {
    const request = probeKey(packet);
    const found = this.#watches.find(
      (watch) => watch.port === port && isSame(watch.request, request),
    );
    if (found === undefined) {
      throw new SdnError('SDN_PROBE_UNWATCHED', 'the probe is not watched here, or no longer', {
        remedy: 'ask for the watch before the probe is sent',
      });
    }
    this.#watches = this.#watches.filter((watch) => watch !== found);
    const { arrived, delivered, answered, drop, answerDrop } = found;
    return {
      ...{ arrived, delivered, answered },
      ...(drop !== Drop.None && { drop: dropView(drop) }),
      ...(answerDrop !== Drop.None && { answerDrop: dropView(answerDrop) }),
    };
  }

  /** Nothing is known of the frame that comes next. */
  begin(): void {
    this.#watch = undefined;
  }

  /** The frame at hand has come in at `port`. */
  came(port: number): void {
    const packets = this.#packets;
    for (const watch of this.#watches) {
      if (port !== watch.port && packets.isRequest(watch.request)) this.#note(watch, false);
      if (port === watch.port && packets.isAnswer(watch.answer)) this.#note(watch, true);
    }
  }

  /** The frame that came last has been dropped. */
  dropped(drop: Drop): void {
    if (this.#watch === undefined) return;
    if (this.#isAnswer) this.#watch.answerDrop = drop;
    else this.#watch.drop = drop;
  }

  /** The frame at hand is about to be written to the port's device. */
  delivered(port: number): void {
    for (const watch of this.#watches) {
      if (port === watch.port && this.#packets.isRequest(watch.request)) watch.delivered += 1;
    }
  }

  age(nowMs: number): void {
    this.#watches = this.#watches.filter(({ deadlineMs }) => nowMs < deadlineMs);
  }

  forget(port: number): void {
    this.#watches = this.#watches.filter((watch) => watch.port !== port);
  }

  #note(watch: Watch, isAnswer: boolean): void {
    this.#watch = watch;
    this.#isAnswer = isAnswer;
    if (isAnswer) watch.answered += 1;
    else watch.arrived += 1;
  }
}
