/**
 * The targets that have connected or have a slice, and their streams: drives one session per stream (session.ts), admits who says Hello, and sends
 * what is outstanding in a target's ledger. What targets say is handed on. Streams and time are injected. Called by target-hub.ts.
 */
import { assertNever, defined } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { millis } from '../../base/units.ts';
import type { Ack, Hello, Report, TargetMessage } from '../../schema/southbound/messages.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import type { SouthboundMetrics } from './metrics.ts';
import { Questions } from './questions.ts';
import type { SouthboundStream, StreamHandler } from './server.ts';
import {
  type End,
  nextDeadline,
  type SessionAction,
  type SessionEvent,
  startSession,
  step,
} from './session.ts';
import {
  kindName,
  newTarget,
  type Session,
  type Target,
  type TargetKindName,
  targetKey,
} from './target.ts';

export interface TargetSessionsOptions {
  readonly compiler: Pick<Compiler, 'slice' | 'revision'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SouthboundMetrics;
  /** `isUpToDate`: the target holds exactly its goal state. Nothing has been sent on the new stream. */
  onConnect(target: Target, isUpToDate: boolean): void;
  onDisconnect(target: Target): void;
  onReport(target: Target, report: Report): void;
  onAck(target: Target, ack: Ack): void;
  /** Nothing is configured for it and it is not connected: it is forgotten. */
  onForgotten(target: Target): void;
}

/** A message from a target together with what it runs on. */
interface Context {
  readonly session: Session;
  /** Undefined until Hello was accepted. */
  readonly target: Target | undefined;
}

export class TargetSessions {
  readonly #options: TargetSessionsOptions;
  readonly #targets = new Map<TargetKey, Target>();
  readonly #sessions = new Set<Session>();
  readonly #questions: Questions;

  constructor(options: TargetSessionsOptions) {
    this.#options = options;
    this.#questions = new Questions(options);
  }

  target(key: TargetKey): Target | undefined {
    return this.#targets.get(key);
  }

  targets(): Iterable<Target> {
    return this.#targets.values();
  }

  ensure(kind: TargetKindName, id: string): Target {
    const key = targetKey(kind, id);
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = newTarget(kind, id, this.#options.clock.wallNow());
      this.#targets.set(key, target);
    }
    return target;
  }

  /** Asks a target; rejects with a QuestionFault where it is away, refuses, or does not answer in time. */
  ask(key: TargetKey, method: string, question: unknown): Promise<unknown> {
    return this.#questions.ask(key, this.#targets.get(key)?.session?.stream, method, question);
  }

  onStream(stream: SouthboundStream): StreamHandler {
    const session: Session = {
      stream,
      state: startSession(this.#options.clock.now()),
      deadline: undefined,
    };
    this.#sessions.add(session);
    this.#armDeadline(session);
    let target: Target | undefined;
    return {
      onMessage: (message) => {
        target = this.#onMessage({ session, target }, message);
      },
      onEnd: () => {
        this.#step({ session, target }, { kind: 'StreamEnded' });
        this.#questions.lose(stream);
        this.#sessions.delete(session);
        if (target?.session === session) this.#detach(target);
      },
    };
  }

  /** There is something to send to the target. */
  changed(target: Target): void {
    const { session } = target;
    if (session !== undefined) this.#step({ session, target }, { kind: 'Changed' });
  }

  /** Nothing is configured for the target any more: its stream ends, and it is forgotten. */
  remove(target: Target): void {
    const { key, session } = target;
    if (session !== undefined) {
      const message = `nothing is configured for '${key}' any more`;
      const end: End = { status: 'FAILED_PRECONDITION', message };
      this.#step({ session, target }, { kind: 'Close', end });
    }
    this.#dropIfUnused(target);
  }

  /** Ends every stream. */
  close(end: End): void {
    for (const session of [...this.#sessions]) {
      this.#step({ session, target: undefined }, { kind: 'Close', end });
    }
  }

  #onMessage(context: Context, message: TargetMessage): Target | undefined {
    const { session, target } = context;
    if (target !== undefined) target.heardAt = this.#options.clock.wallNow();
    if (message.hello !== undefined) return this.#onHello(context, message.hello);
    if (message.ack !== undefined) {
      const outstanding = target?.ledger.hasOutstanding === true;
      const event: SessionEvent = { kind: 'Ack', nonce: message.ack.nonce, outstanding };
      this.#step({ session, target }, event, message);
    } else if (message.report !== undefined) {
      this.#step({ session, target }, { kind: 'Report' }, message);
    } else if (message.answer !== undefined) {
      this.#step({ session, target }, { kind: 'Answer' }, message);
    }
    return target;
  }

  #onHello({ session, target: current }: Context, hello: Hello): Target | undefined {
    const { compiler, clock, log, metrics } = this.#options;
    const kind = kindName(hello.kind);
    const id = hello.targetId.toLowerCase();
    const refusal = this.#refusal(session, kind, id);
    if (current !== undefined || refusal !== undefined || kind === undefined) {
      if (refusal !== undefined) log.warn({ kind, id, reason: refusal.message }, 'target refused');
      this.#step(
        { session, target: current },
        { kind: 'Hello', upToDate: false, ...(refusal && { refusal }) },
      );
      return current;
    }
    const target = this.ensure(kind, id);
    const slice = defined(compiler.slice(target.key), 'slice of an admitted target');
    this.#replaceSession(target);
    const outcome = target.ledger.resume(hello.goalHash, slice);
    target.session = session;
    target.softwareVersion = hello.softwareVersion;
    target.toldRevision = hello.appliedRevision;
    target.since = clock.wallNow();
    target.heardAt = target.since;
    const upToDate = outcome === 'equal';
    metrics.streamsAccepted.inc({ outcome });
    metrics.connectedTargets.inc({ kind });
    log.info({ target: target.key, outcome, version: hello.softwareVersion }, 'target connected');
    this.#options.onConnect(target, upToDate);
    this.#step({ session, target }, { kind: 'Hello', upToDate });
    return target;
  }

  #refusal(session: Session, kind: TargetKindName | undefined, id: string): End | undefined {
    if (kind === undefined) {
      return { status: 'INVALID_ARGUMENT', message: 'Hello names no kind of target' };
    }
    const { commonName, organizationalUnit } = session.stream.peer;
    if (commonName !== id || organizationalUnit !== kind) {
      const message = `the certificate is that of ${organizationalUnit || 'no role'} '${commonName}', not of ${kind} '${id}'`;
      return { status: 'PERMISSION_DENIED', message };
    }
    if (this.#options.compiler.slice(targetKey(kind, id)) !== undefined) return undefined;
    const message =
      kind === 'host'
        ? `there is no server '${id}' with a provider address: create /servers/${id}`
        : `nothing is configured for ${kind} '${id}'`;
    return { status: 'FAILED_PRECONDITION', message };
  }

  #replaceSession(target: Target): void {
    const before = target.session;
    if (before === undefined) return;
    const end: End = { status: 'ABORTED', message: 'another stream of this target took over' };
    this.#step({ session: before, target }, { kind: 'Close', end });
    this.#detach(target);
  }

  #detach(target: Target): void {
    const { clock, log, metrics } = this.#options;
    if (target.session === undefined) return;
    target.session = undefined;
    target.since = clock.wallNow();
    metrics.connectedTargets.dec({ kind: target.kind });
    log.warn({ target: target.key }, 'target disconnected');
    this.#options.onDisconnect(target);
    this.#dropIfUnused(target);
  }

  #dropIfUnused(target: Target): void {
    const { compiler, onForgotten } = this.#options;
    if (target.session !== undefined || compiler.slice(target.key) !== undefined) return;
    this.#targets.delete(target.key);
    onForgotten(target);
  }

  #step({ session, target }: Context, event: SessionEvent, message?: TargetMessage): void {
    const { next, actions } = step(session.state, event, this.#options.clock.now());
    const changed = next !== session.state;
    session.state = next;
    for (const action of actions) this.#run({ session, target }, action, message);
    if (changed) this.#armDeadline(session);
  }

  #run({ session, target }: Context, action: SessionAction, message?: TargetMessage): void {
    switch (action.kind) {
      case 'Accept':
        session.stream.accept();
        return;
      case 'SendUpdate':
        this.#send(session, defined(target, 'target of a session'), action.nonce);
        return;
      case 'TakeAck':
        this.#options.onAck(defined(target, 'target'), defined(message?.ack, 'ack'));
        return;
      case 'TakeReport':
        this.#options.onReport(defined(target, 'target'), defined(message?.report, 'report'));
        return;
      case 'TakeAnswer':
        this.#questions.take(session.stream, defined(message?.answer, 'answer'));
        return;
      case 'End':
        this.#options.metrics.streamsEnded.inc({ status: action.end.status });
        session.stream.end(action.end);
        return;
      default:
        assertNever(action);
    }
  }

  #armDeadline(session: Session): void {
    session.deadline?.cancel();
    const at = nextDeadline(session.state);
    if (at === undefined) {
      session.deadline = undefined;
      return;
    }
    const { clock } = this.#options;
    const wait = millis(Math.max(0, at - clock.now()));
    session.deadline = clock.after(
      wait,
      () => this.#step({ session, target: undefined }, { kind: 'Deadline' }),
      { background: true },
    );
  }

  #send(session: Session, target: Target, nonce: number): void {
    const { compiler, metrics } = this.#options;
    const slice = defined(compiler.slice(target.key), 'slice of a connected target');
    const { revision } = compiler;
    const { frame, keyCount } = target.ledger.take(slice, { nonce, revision });
    target.toldRevision = revision;
    metrics.messagesSent.inc({ body: frame.snapshot === undefined ? 'delta' : 'snapshot' });
    metrics.resourcesSent.inc(keyCount);
    session.stream.send(frame);
  }
}
