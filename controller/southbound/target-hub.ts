/**
 * The middle of the southbound: compiled changes go out to targets, their answers and reports come in. It drives one session per
 * stream (session.ts) and one ledger per target, feeds the compiler, and keeps what realisation.ts tells the northbound.
 * Time, streams and the store's observations are injected; everything happens at once, in the order in which it arrives.
 */
import { assertNever, defined } from '../../base/assert.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { millis } from '../../base/units.ts';
import type { Ack, Hello, Report, TargetMessage } from '../../schema/southbound/messages.ts';
import type { LeaseInput } from '../compiler/balancing-state.ts';
import type { Compiler, CompilerInput } from '../compiler/compiler.ts';
import type { SliceChanges, TargetKey } from '../goal-state/goal-states.ts';
import type { JsonObject, Revision } from '../store/store.ts';
import { Announcements } from './announcements.ts';
import { BackendHealthReports, type BackendWord } from './backend-health.ts';
import type { EgressMeters } from './egress-meters.ts';
import { APPLIED_RECORD_DELAY, REVISION_NOTICE_DELAY } from './limits.ts';
import type { SouthboundMetrics } from './metrics.ts';
import { PortReports } from './port-reports.ts';
import { Questions } from './questions.ts';
import type { RevisionProgress } from './revision-progress.ts';
import type { SouthboundStream, StreamHandler } from './server.ts';
import {
  type End,
  nextDeadline,
  type SessionAction,
  type SessionEvent,
  startSession,
  step,
} from './session.ts';
import { SnatLeases, type SnatShortage } from './snat-leases.ts';
import {
  faultsAfterAck,
  kindName,
  newTarget,
  type Session,
  type Target,
  type TargetKindName,
  targetKey,
} from './target.ts';

export interface TargetHubOptions {
  readonly compiler: Compiler;
  readonly progress: RevisionProgress;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SouthboundMetrics;
  readonly egress: EgressMeters;
  /** Stores an observation; `value` undefined deletes. */
  observe(key: string, value: JsonObject | undefined): void;
}

/** A compiler input with the time it was committed at, for revisions. */
export interface HubInput extends CompilerInput {
  /** Milliseconds since 1970; undefined when the input is no new revision. */
  readonly committedAt: number | undefined;
  /** Revisions before the last that the input brings, too. */
  readonly earlier?: readonly { readonly revision: Revision; readonly committedAt: number }[];
}

/** A message from a target together with what it runs on. */
interface Context {
  readonly session: Session;
  /** Undefined until Hello was accepted. */
  readonly target: Target | undefined;
}

export class TargetHub {
  readonly #options: TargetHubOptions;
  readonly #targets = new Map<TargetKey, Target>();
  readonly #sessions = new Set<Session>();
  #revisionNotice: Timer | undefined;
  #appliedRecord: Timer | undefined;
  readonly #appliedChanged = new Set<Target>();
  readonly #reports: PortReports;
  readonly #questions: Questions;
  readonly #health: BackendHealthReports;
  readonly #announcements: Announcements;
  readonly #snat: SnatLeases;
  #closed = false;

  constructor(options: TargetHubOptions) {
    this.#options = options;
    this.#questions = new Questions(options);
    this.#reports = new PortReports({
      ...options,
      host: (serverId) => this.#targets.get(targetKey('host', serverId)),
      place: (placements) => {
        this.#observe({ placements });
        this.#health.moved(new Set(placements.map((each) => each.interfaceInstanceId)));
      },
      hold: (holders) => {
        this.#observe({ holders });
      },
    });
    this.#health = new BackendHealthReports({
      ...options,
      model: options.compiler.model,
      change: (health) => this.#observe({ health }),
    });
    this.#announcements = new Announcements({
      ...options,
      target: (key) => this.#targets.get(key),
      decide: (decided) => this.#observe(decided),
    });
    this.#snat = new SnatLeases({
      ...options,
      model: options.compiler.model,
      lease: (leases) => this.#observe({ leases }),
    });
  }

  /** What the store remembers of a frontend's ports, before anything is applied; undefined: it cannot be read. */
  loadLease(vipId: string, value: JsonObject): LeaseInput | undefined {
    return this.#snat.load(vipId, value);
  }

  /** Rules whose backends have fewer ports of a frontend for outbound connections than they should. */
  snatShortagesOf(vipId: string): readonly SnatShortage[] {
    return this.#snat.shortagesOf(vipId);
  }

  /** What probes last said of a backend; `address`: canonical text. */
  wordOn(probeId: string, address: string): BackendWord | undefined {
    return this.#health.wordOn(probeId, address);
  }

  /** Called once after what the store remembered has been applied. */
  loaded(): void {
    this.#announcements.prune();
    this.#snat.loaded();
  }

  /** Compiles what is no new revision. */
  #observe(input: Partial<CompilerInput>): void {
    const { revision } = this.#options.compiler;
    this.apply({ revision, documents: [], placements: [], ...input, committedAt: undefined });
  }

  target(key: TargetKey): Target | undefined {
    return this.#targets.get(key);
  }

  targets(): Iterable<Target> {
    return this.#targets.values();
  }

  /** A target that an earlier run of the controller knew; its record goes when nothing is configured for it. */
  remember(kind: TargetKindName, id: string, appliedRevision: number): void {
    const key = targetKey(kind, id);
    if (this.#options.compiler.slice(key) === undefined) {
      this.#options.observe(`target/${key}`, undefined);
    } else {
      this.#ensure(kind, id).appliedRevision = appliedRevision;
    }
  }

  /** Asks a target; rejects with a QuestionFault where it is away, refuses, or does not answer in time. */
  ask(key: TargetKey, method: string, question: unknown): Promise<unknown> {
    return this.#questions.ask(key, this.#targets.get(key)?.session?.stream, method, question);
  }

  /** Compiles an input and sends what it changed to whom it concerns. */
  apply(input: HubInput): void {
    const { compiler, clock, metrics, progress } = this.#options;
    const startedAt = clock.now();
    this.#snat.note(input);
    const changes = compiler.apply(this.#announcements.accompany(input));
    const now = clock.now();
    metrics.compileTime.observe((now - startedAt) / 1000);
    if (input.committedAt !== undefined) {
      const { revision, committedAt, earlier = [] } = input;
      for (const each of [...earlier, { revision, committedAt }]) {
        const ago = Math.max(0, clock.wallNow() - each.committedAt);
        progress.compiled(each.revision, changes.keys(), now - ago);
      }
      this.#scheduleRevisionNotice();
    }
    this.#distribute(changes);
    this.#announcements.compiled(input);
    this.#snat.note(input);
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

  /** Ends every stream; nothing is sent from then on. */
  close(): void {
    this.#closed = true;
    this.#revisionNotice?.cancel();
    this.#appliedRecord?.cancel();
    this.#announcements.close();
    this.#snat.close();
    this.#health.close();
    this.#recordApplied();
    const end: End = { status: 'UNAVAILABLE', message: 'the controller is shutting down' };
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
    const target = this.#ensure(kind, id);
    const slice = defined(compiler.slice(target.key), 'slice of an admitted target');
    this.#replaceSession(target);
    const outcome = target.ledger.resume(hello.goalHash, slice);
    target.session = session;
    target.softwareVersion = hello.softwareVersion;
    target.toldRevision = hello.appliedRevision;
    target.since = clock.wallNow();
    target.heardAt = target.since;
    if (outcome === 'equal') this.#answered(target, compiler.revision);
    metrics.streamsAccepted.inc({ outcome });
    metrics.connectedTargets.inc({ kind });
    log.info({ target: target.key, outcome, version: hello.softwareVersion }, 'target connected');
    this.#announcements.targetChanged();
    if (kind === 'host') this.#health.connected(id);
    this.#step({ session, target }, { kind: 'Hello', upToDate: outcome === 'equal' });
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
    this.#announcements.targetChanged();
    if (target.kind === 'host') this.#health.disconnected(target.id);
    this.#dropIfUnused(target);
  }

  #distribute(changes: SliceChanges): void {
    for (const [key, changed] of changes) {
      const target = this.#targets.get(key);
      target?.ledger.changed(changed);
      if (this.#options.compiler.slice(key) === undefined) this.#sliceGone(key, target);
      else if (target?.session !== undefined) {
        this.#step({ session: target.session, target }, { kind: 'Changed' });
      }
    }
  }

  #sliceGone(key: TargetKey, target: Target | undefined): void {
    this.#options.progress.forgetTarget(key);
    if (target === undefined) return;
    const message = `nothing is configured for '${key}' any more`;
    if (target.session !== undefined) {
      const event: SessionEvent = {
        kind: 'Close',
        end: { status: 'FAILED_PRECONDITION', message },
      };
      this.#step({ session: target.session, target }, event);
    }
    this.#dropIfUnused(target);
  }

  #dropIfUnused(target: Target): void {
    const { compiler, observe } = this.#options;
    if (target.session !== undefined || compiler.slice(target.key) !== undefined) return;
    this.#targets.delete(target.key);
    this.#appliedChanged.delete(target);
    observe(`target/${target.key}`, undefined);
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
        this.#takeAck(defined(target, 'target'), defined(message?.ack, 'ack'));
        return;
      case 'TakeReport':
        this.#takeReport(defined(target, 'target'), defined(message?.report, 'report'));
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

  #takeReport(target: Target, report: Report): void {
    this.#reports.take(target, report);
    this.#health.take(target, report.probeResults);
  }

  #takeAck(target: Target, ack: Ack): void {
    const { compiler, log, metrics, progress } = this.#options;
    const { revision, keys } = target.ledger.acknowledged();
    target.faults = faultsAfterAck(target.faults, keys, ack.errors);
    if (ack.errors.length > 0) {
      metrics.resourcesRefused.inc(ack.errors.length);
      log.warn({ target: target.key, revision, errors: ack.errors }, 'target refused resources');
    }
    const resources = compiler.slice(target.key)?.resources;
    for (const { key } of ack.errors) {
      const version = resources?.get(key)?.version;
      if (version !== undefined) progress.refused(target.key, version);
    }
    this.#answered(target, revision);
    this.#announcements.targetChanged();
  }

  /** Everything up to `revision` that concerns the target is in force there, or refused. */
  #answered(target: Target, revision: number): void {
    const { clock, metrics, progress } = this.#options;
    for (const elapsedMs of progress.answered(target.key, revision, clock.now())) {
      metrics.timeToProgrammed.observe(elapsedMs / 1000);
    }
    if (target.appliedRevision === revision) return;
    target.appliedRevision = revision;
    this.#appliedChanged.add(target);
    this.#appliedRecord ??= clock.after(APPLIED_RECORD_DELAY, () => this.#recordApplied(), {
      background: true,
    });
  }

  #recordApplied(): void {
    this.#appliedRecord = undefined;
    for (const { key, appliedRevision, heardAt } of this.#appliedChanged) {
      this.#options.observe(`target/${key}`, { appliedRevision, at: heardAt });
    }
    this.#appliedChanged.clear();
  }

  /** Targets that recent revisions did not concern learn of them, so that their applied revision means something. */
  #scheduleRevisionNotice(): void {
    if (this.#closed) return;
    this.#revisionNotice ??= this.#options.clock.after(
      REVISION_NOTICE_DELAY,
      () => {
        this.#revisionNotice = undefined;
        for (const target of this.#targets.values()) {
          if (target.session === undefined) continue;
          if (target.toldRevision >= this.#options.compiler.revision) continue;
          this.#step({ session: target.session, target }, { kind: 'Changed' });
        }
      },
      { background: true },
    );
  }

  #ensure(kind: TargetKindName, id: string): Target {
    const key = targetKey(kind, id);
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = newTarget(kind, id, this.#options.clock.wallNow());
      this.#targets.set(key, target);
    }
    return target;
  }
}
