/**
 * Questions to targets (weft.proto, Query and Answer): numbered on their stream, answered in any order, each within QUESTION_TIMEOUT.
 * They pass beside goal state and wait for none of it. What a target answers is a JSON value; what it should be is checked by
 * ask-target.ts. Called by target-sessions.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import type { Answer } from '../../schema/southbound/messages.ts';
import { QUESTION_TIMEOUT, QUESTIONS_PER_TARGET_MAX } from './limits.ts';
import type { SouthboundMetrics } from './metrics.ts';
import type { SouthboundStream } from './server.ts';

/** A question that got no answer, or was refused by the target: then with the target's own code and remedy. */
export class QuestionFault extends SdnError {
  override readonly name = 'QuestionFault';
  /** Of the target: `host/host1`. */
  readonly target: string;

  constructor(target: string, code: string, message: string, remedy = '') {
    super(code, message, remedy === '' ? {} : { remedy });
    this.target = target;
  }
}

interface Waiting {
  readonly target: string;
  readonly method: string;
  readonly timer: Timer;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: QuestionFault) => void;
}

type Outcome = 'answered' | 'refused' | 'timeout' | 'lost' | 'busy' | 'away' | 'malformed';

export class Questions {
  readonly #clock: Clock;
  readonly #metrics: SouthboundMetrics;
  readonly #waiting = new Map<SouthboundStream, Map<number, Waiting>>();
  #lastId = 0;

  constructor(parts: { readonly clock: Clock; readonly metrics: SouthboundMetrics }) {
    this.#clock = parts.clock;
    this.#metrics = parts.metrics;
  }

  /** `stream`: the target's, undefined while it is away. Rejects with a QuestionFault. */
  ask(
    target: string,
    stream: SouthboundStream | undefined,
    method: string,
    question: unknown,
  ): Promise<unknown> {
    if (stream === undefined) return this.#refuse('away', away(target));
    const waiting = this.#waiting.get(stream) ?? new Map<number, Waiting>();
    if (waiting.size >= QUESTIONS_PER_TARGET_MAX) return this.#refuse('busy', busy(target));
    this.#waiting.set(stream, waiting);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(QUESTION_TIMEOUT, () => {
        this.#settle(stream, id, 'timeout')?.reject(late(target, method));
      });
      waiting.set(id, { target, method, timer, resolve, reject });
      stream.send({ query: { id, method, body: Buffer.from(JSON.stringify(question)) } });
    });
  }

  /** An answer has come; one to a question that nobody waits for any more is let go. */
  take(stream: SouthboundStream, answer: Answer): void {
    const { id, errorCode, errorMessage, errorRemedy } = answer;
    if (errorCode !== '') {
      const { target, reject } = this.#settle(stream, id, 'refused') ?? NOBODY;
      reject(new QuestionFault(target, errorCode, errorMessage, errorRemedy));
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(UTF8.decode(answer.body));
    } catch (thrown) {
      const { target, reject } = this.#settle(stream, id, 'malformed') ?? NOBODY;
      const message = `the answer of ${target} is not JSON: ${messageOf(thrown)}`;
      reject(new QuestionFault(target, 'SDN_ANSWER_MALFORMED', message));
      return;
    }
    this.#settle(stream, id, 'answered')?.resolve(value);
  }

  /** The stream has ended, and its questions with it. */
  lose(stream: SouthboundStream): void {
    for (const [id, { target, reject }] of this.#waiting.get(stream) ?? []) {
      this.#settle(stream, id, 'lost');
      reject(away(target));
    }
    this.#waiting.delete(stream);
  }

  #settle(stream: SouthboundStream, id: number, outcome: Outcome): Waiting | undefined {
    const waiting = this.#waiting.get(stream);
    const found = waiting?.get(id);
    if (found === undefined) return undefined;
    waiting?.delete(id);
    found.timer.cancel();
    this.#metrics.questions.inc({ outcome });
    return found;
  }

  #refuse(outcome: Outcome, fault: QuestionFault): Promise<never> {
    this.#metrics.questions.inc({ outcome });
    return Promise.reject(fault);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
/** Who waits for an answer that is too late. */
const NOBODY: Pick<Waiting, 'target' | 'reject'> = { target: '', reject: () => undefined };

function away(target: string): QuestionFault {
  const remedy = 'Look at what is connected: weft status.';
  return new QuestionFault(target, 'SDN_TARGET_AWAY', `${target} is not connected`, remedy);
}

function busy(target: string): QuestionFault {
  const message = `${target} has ${QUESTIONS_PER_TARGET_MAX} unanswered questions`;
  return new QuestionFault(target, 'SDN_TARGET_BUSY', message, 'Try again after a moment.');
}

function late(target: string, method: string): QuestionFault {
  const message = `${target} has not answered '${method}' in ${QUESTION_TIMEOUT / 1000} s`;
  return new QuestionFault(target, 'SDN_TARGET_SILENT', message, 'Look at its log, and try again.');
}
