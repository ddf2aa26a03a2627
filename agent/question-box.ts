/**
 * Answers the controller's questions (weft.proto, Query): hands each to the role and its result, or the fault it ended in, back on the
 * stream it came by. Questions do not wait for goal state that is being applied, nor for each other. Called by agent.ts.
 */
import { messageOf, SdnError } from '../base/errors.ts';
import type { Answer, Query } from '../schema/southbound/messages.ts';
import { ANSWER_BYTES_MAX, QUESTIONS_MAX } from './limits.ts';

/** Answers with a JSON value, or rejects: an SdnError's code, message and remedy reach who asked. */
export type AnswerQuestion = (method: string, question: unknown) => Promise<unknown>;

export class QuestionBox {
  readonly #answer: AnswerQuestion | undefined;
  #open = 0;

  /** Undefined: the role answers no questions. */
  constructor(answer: AnswerQuestion | undefined) {
    this.#answer = answer;
  }

  /** Resolves with the answer to send; never rejects. */
  async take(query: Query): Promise<Answer> {
    this.#open += 1;
    try {
      return { ...NOTHING, id: query.id, body: await this.#bodyOf(query) };
    } catch (thrown) {
      return {
        ...NOTHING,
        id: query.id,
        errorCode: thrown instanceof SdnError ? thrown.code : 'SDN_QUESTION_FAILED',
        errorMessage: messageOf(thrown),
        errorRemedy: thrown instanceof SdnError ? (thrown.remedy ?? '') : '',
      };
    } finally {
      this.#open -= 1;
    }
  }

  async #bodyOf({ method, body }: Query): Promise<Uint8Array> {
    if (this.#answer === undefined) {
      throw new SdnError('SDN_QUESTION_UNKNOWN', 'this target answers no questions');
    }
    if (this.#open > QUESTIONS_MAX) {
      throw new SdnError('SDN_TARGET_BUSY', `${QUESTIONS_MAX} questions are being answered`, {
        remedy: 'Try again after a moment.',
      });
    }
    const answer = Buffer.from(JSON.stringify(await this.#answer(method, questionOf(body))));
    if (answer.length <= ANSWER_BYTES_MAX) return answer;
    const text = `the answer has ${answer.length} bytes, more than ${ANSWER_BYTES_MAX}`;
    throw new SdnError('SDN_ANSWER_TOO_LONG', text, { remedy: 'Ask for less at a time.' });
  }
}

const NOTHING: Omit<Answer, 'id'> = {
  body: new Uint8Array(),
  errorCode: '',
  errorMessage: '',
  errorRemedy: '',
};

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function questionOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(body));
  } catch (cause) {
    throw new SdnError('SDN_QUESTION_INVALID', `not JSON: ${messageOf(cause)}`, { cause });
  }
}
