/**
 * The target's side of the southbound, shared by host, mux, gateway and edge. It keeps the target's goal state equal to the
 * controller's, has the role bring every change into force, answers each message with one Ack, saves the goal state, and
 * carries the role's observations up. Without a controller the role goes on with what it has, also after its own restart.
 *
 * A role starts it like this:
 *     const agent = await startAgent({ kind: TargetKind.HOST, id, controller, tls, savedGoalPath, softwareVersion,
 *                                      role: { apply }, clock, rng, log });
 *     agent.observe({ ports, health: [] });      // now, and after each change
 * `startAgent` resolves when the saved goal state is in force; the controller is looked for from then on, without end.
 *
 * Order: messages are applied one at a time; the Ack of a message is sent when `apply` has resolved and before the next one
 * starts. Invariant: what the agent holds is what the controller sent; what of it is not in force stands in `faults`, and is tried again
 * after every removal.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { below } from '../base/rng.ts';
import { millis } from '../base/units.ts';
import { type ControllerFrame, resourceCodec } from '../schema/southbound/codec.ts';
import type { ResourceError, TargetKind, TargetMessage } from '../schema/southbound/messages.ts';
import { GoalSaver } from './goal-saver.ts';
import { RECONNECT_DELAY_MAX, RECONNECT_DELAY_MIN, REPORT_DELAY } from './limits.ts';
import { type AnswerQuestion, QuestionBox } from './question-box.ts';
import {
  commit,
  type GoalChange,
  type HeldGoal,
  type Plan,
  planDelta,
  planSnapshot,
  wholeOf,
} from './reconciler.ts';
import {
  buildReport,
  faultsAfter,
  faultsTold,
  type Observation,
  type StandingFaults,
  splitUnknown,
} from './report.ts';
import { loadGoal } from './saved-goal.ts';
import { type Channel, openChannel, type Stream, type TlsMaterial } from './stream.ts';

export type { TlsMaterial } from './stream.ts';
export type { GoalChange, Observation };

export interface Role {
  /**
   * Brings a change into force as a whole, removals last, and names every resource it could not: of those the last good version
   * stays in force. Never called again before it has resolved. A rejection counts as refusing the whole change.
   */
  apply(change: GoalChange): Promise<{ readonly errors: readonly ResourceError[] }>;
  /** Answers the controller's questions, at any time and several at once; absent: it has no answers. */
  readonly answer?: AnswerQuestion;
}

export interface AgentOptions {
  readonly kind: TargetKind;
  /** resourceId of the server, mux, gateway or edge; the common name of its certificate. */
  readonly id: string;
  /** `unix:PATH` or `HOST:PORT` */
  readonly controller: string;
  readonly tls: TlsMaterial;
  /** e.g. `STATE/host1/goal-state.bin`; its folder is made. */
  readonly savedGoalPath: string;
  readonly softwareVersion: string;
  readonly role: Role;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface AgentStatus {
  /** Revision of the last message that the role has answered. */
  readonly appliedRevision: number;
  /** Revision of the last message received. */
  readonly goalRevision: number;
  /** `since` in milliseconds since 1970; `reason` of the last end of a stream. */
  readonly controller: {
    readonly connected: boolean;
    readonly since: number;
    readonly reason?: string;
  };
  readonly resourceCount: number;
  /** What is held is on disk: a target that is killed now starts with it. */
  readonly goalSaved: boolean;
  readonly faults: readonly ResourceError[];
}

export interface Agent {
  /** The full observation, whenever it changes. Nothing is reported before the first call. */
  observe(observation: Observation): void;
  /**
   * Has the role apply again, as one change, every resource that it could not bring into force: what stood in the way may be gone. The
   * faults as they stand then are reported.
   */
  retry(): void;
  status(): AgentStatus;
  /** Ends the stream, waits for what is being applied and saves it. */
  close(): Promise<void>;
}

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const held = await loadGoal(options.savedGoalPath, options.log);
  const session = new AgentSession(options, held);
  await session.start();
  return session;
}

class AgentSession implements Agent {
  readonly #options: AgentOptions;
  readonly #held: HeldGoal;
  #faults: StandingFaults = new Map();
  #observation: Observation | undefined;
  #appliedRevision = 0;
  #goalRevision: number;
  #connected: { connected: boolean; since: number; reason?: string };
  /** Whatever touches the goal state waits its turn in this chain. */
  #work: Promise<void> = Promise.resolve();
  readonly #channel: Channel;
  #stream: Stream | undefined;
  #attempts = 0;
  /** Set when controller and agent disagreed: the next Hello asks for everything. */
  #distrusted = false;
  #closed = false;
  #retry: Timer | undefined;
  #report: Timer | undefined;
  readonly #saver: GoalSaver;
  readonly #questions: QuestionBox;

  constructor(options: AgentOptions, held: HeldGoal) {
    this.#options = options;
    this.#held = held;
    this.#channel = openChannel(options);
    const { role } = options;
    this.#questions = new QuestionBox(role.answer?.bind(role));
    this.#saver = new GoalSaver({ path: options.savedGoalPath, held, ...options });
    this.#goalRevision = held.revision;
    this.#connected = { connected: false, since: options.clock.wallNow() };
  }

  async start(): Promise<void> {
    if (this.#held.resources.size > 0) await this.#apply(wholeOf(this.#held));
    this.#connect();
  }

  observe(observation: Observation): void {
    this.#observation = observation;
    if (this.#report !== undefined || this.#closed) return;
    this.#report = this.#options.clock.after(REPORT_DELAY, () => {
      this.#report = undefined;
      this.#sendReport();
    });
  }

  retry(): void {
    this.#work = this.#work.then(() => this.#applyFaulty());
  }

  status(): AgentStatus {
    return {
      appliedRevision: this.#appliedRevision,
      goalRevision: this.#goalRevision,
      controller: this.#connected,
      resourceCount: this.#held.resources.size,
      goalSaved: this.#saver.isSaved,
      faults: [...this.#faults.values()],
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#report?.cancel();
    this.#stream?.close('the target is shutting down');
    await this.#work;
    await this.#saver.close();
    await this.#channel.close();
  }

  /** One attempt; its end starts the next one. */
  #connect(): void {
    const { controller, clock, log } = this.#options;
    const stream = this.#channel.open({
      hello: this.#hello(),
      onAccepted: () => {
        this.#attempts = 0;
        this.#connected = { connected: true, since: clock.wallNow() };
        log.info({ controller }, 'connected');
        this.#sendReport();
      },
      onFrame: (frame) => {
        if (frame.query === undefined) this.#enqueue(stream, frame);
        else {
          void this.#questions.take(frame.query).then((answer) => stream.send({ answer }));
        }
      },
      onEnd: (reason) => {
        this.#stream = undefined;
        if (this.#connected.connected || this.#connected.reason !== reason) {
          log.warn({ controller, reason }, 'not connected');
          this.#connected = { connected: false, since: clock.wallNow(), reason };
        }
        if (!this.#closed) this.#retry = clock.after(this.#backoff(), () => this.#reconnect());
      },
    });
    this.#stream = stream;
  }

  /** Hello must state what is held, so a message still being applied is waited for. */
  #reconnect(): void {
    this.#retry = undefined;
    void this.#work.then(() => {
      if (!this.#closed) this.#connect();
    });
  }

  #backoff(): ReturnType<typeof millis> {
    const ceiling = Math.min(RECONNECT_DELAY_MAX, RECONNECT_DELAY_MIN * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16);
    return millis(ceiling / 2 + below(this.#options.rng, Math.ceil(ceiling / 2)));
  }

  #hello(): TargetMessage {
    const { id, kind, softwareVersion } = this.#options;
    const known = !this.#distrusted && this.#held.revision > 0;
    return {
      hello: {
        targetId: id,
        kind,
        softwareVersion,
        appliedRevision: known ? this.#held.revision : 0,
        goalHash: known ? this.#held.hash : new Uint8Array(0),
      },
    };
  }

  #enqueue(stream: Stream, frame: ControllerFrame): void {
    this.#work = this.#work.then(() => this.#receive(stream, frame));
  }

  async #receive(stream: Stream, frame: ControllerFrame): Promise<void> {
    // A frame of a stream that has ended meanwhile: the controller will start from this target's next Hello.
    if (stream !== this.#stream) return;
    const message = frame.snapshot ?? frame.delta;
    if (message === undefined) return;
    const plan = this.#plan(frame);
    if (plan === undefined) {
      this.#distrusted = true;
      stream.close('the goal states of controller and target differ');
      return;
    }
    const startedAt = this.#options.clock.now();
    this.#goalRevision = message.revision;
    const refused = await this.#apply(plan.change);
    commit(this.#held, plan);
    const errors = plan.change.removes.length > 0 ? await this.#leftOf(refused) : refused;
    this.#distrusted = false;
    this.#saver.changed();
    const applyMicros = Math.round((this.#options.clock.now() - startedAt) * 1000);
    const { nonce, revision } = message;
    stream.send({ ack: { nonce, revision, applyMicros, errors: faultsTold(errors) } });
  }

  #plan(frame: ControllerFrame): Plan | undefined {
    try {
      if (frame.snapshot !== undefined) return planSnapshot(this.#held, frame.snapshot);
      return frame.delta === undefined ? undefined : planDelta(this.#held, frame.delta);
    } catch (error) {
      this.#options.log.error({ reason: messageOf(error) }, 'unreadable message');
      return undefined;
    }
  }

  async #apply(change: GoalChange): Promise<readonly ResourceError[]> {
    const { known, errors: unknown } = splitUnknown(change);
    const errors = [...unknown, ...(await this.#applyKnown(known))];
    this.#faults = faultsAfter(this.#faults, change, errors);
    this.#appliedRevision = change.revision;
    const { log } = this.#options;
    const counts = { upserts: change.upserts.length, removes: change.removes.length };
    if (errors.length > 0) log.warn({ revision: change.revision, errors }, 'partly refused');
    else log.debug({ revision: change.revision, ...counts }, 'applied');
    return errors;
  }

  /** What has gone may have stood in the way, of these and of others: of these, the errors that are left. */
  async #leftOf(refused: readonly ResourceError[]): Promise<readonly ResourceError[]> {
    await this.#applyFaulty();
    return refused.flatMap(({ key }) => this.#faults.get(key) ?? []);
  }

  async #applyFaulty(): Promise<void> {
    const upserts = [...this.#faults.keys()].flatMap((key) => {
      const held = this.#held.resources.get(key);
      return held === undefined ? [] : [resourceCodec.decode(held.bytes)];
    });
    if (upserts.length === 0 || this.#closed) return;
    await this.#apply({ revision: this.#appliedRevision, upserts, removes: [] });
    this.#sendReport();
  }

  async #applyKnown(change: GoalChange): Promise<readonly ResourceError[]> {
    if (change.upserts.length === 0 && change.removes.length === 0) return [];
    try {
      return (await this.#options.role.apply(change)).errors;
    } catch (error) {
      const message = messageOf(error);
      this.#options.log.error({ err: error, revision: change.revision }, 'apply failed');
      const keys = [...change.upserts.map(({ key }) => key), ...change.removes];
      return keys.map((key) => ({ key, code: 'PolicyConfigurationFailure', message }));
    }
  }

  #sendReport(): void {
    if (this.#observation === undefined) return;
    this.#stream?.send({ report: buildReport(this.#observation, this.#faults) });
  }
}
