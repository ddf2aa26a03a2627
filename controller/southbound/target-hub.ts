/**
 * The middle of the southbound: compiled changes go out to targets, their answers and reports come in. It feeds the compiler with what the store
 * has and what targets report, tells target-sessions.ts whom a change concerns, and keeps what realisation.ts tells the northbound.
 * Time, streams and the store's observations are injected; everything happens at once, in the order in which it arrives.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Ack, Report } from '../../schema/southbound/messages.ts';
import type { LeaseInput } from '../compiler/balancing-state.ts';
import type { Compiler, CompilerInput } from '../compiler/compiler.ts';
import type { SliceChanges, TargetKey } from '../goal-state/goal-states.ts';
import type { JsonObject, Revision } from '../store/store.ts';
import { Announcements } from './announcements.ts';
import { AppliedRevisions } from './applied-revisions.ts';
import { BackendHealthReports, type BackendWord } from './backend-health.ts';
import type { EgressMeters } from './egress-meters.ts';
import { REVISION_NOTICE_DELAY } from './limits.ts';
import type { SouthboundMetrics } from './metrics.ts';
import { PortReports } from './port-reports.ts';
import type { RevisionProgress } from './revision-progress.ts';
import type { SouthboundStream, StreamHandler } from './server.ts';
import { SnatLeases, type SnatShortage } from './snat-leases.ts';
import { faultsAfterAck, type Target, type TargetKindName, targetKey } from './target.ts';
import { TargetSessions } from './target-sessions.ts';

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

export class TargetHub {
  readonly #options: TargetHubOptions;
  readonly #sessions: TargetSessions;
  readonly #applied: AppliedRevisions;
  readonly #reports: PortReports;
  readonly #health: BackendHealthReports;
  readonly #announcements: Announcements;
  readonly #snat: SnatLeases;
  #revisionNotice: Timer | undefined;
  #closed = false;

  constructor(options: TargetHubOptions) {
    this.#options = options;
    this.#applied = new AppliedRevisions(options);
    this.#sessions = new TargetSessions({
      ...options,
      onConnect: (target, isUpToDate) => this.#connected(target, isUpToDate),
      onDisconnect: (target) => this.#disconnected(target),
      onReport: (target, report) => this.#takeReport(target, report),
      onAck: (target, ack) => this.#takeAck(target, ack),
      onForgotten: ({ key }) => this.#applied.forget(key),
    });
    this.#reports = new PortReports({
      ...options,
      host: (serverId) => this.target(targetKey('host', serverId)),
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
      target: (key) => this.target(key),
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
    return this.#sessions.target(key);
  }

  targets(): Iterable<Target> {
    return this.#sessions.targets();
  }

  /** A target that an earlier run of the controller knew; its record goes when nothing is configured for it. */
  remember(kind: TargetKindName, id: string, appliedRevision: number): void {
    const key = targetKey(kind, id);
    if (this.#options.compiler.slice(key) === undefined) this.#applied.forget(key);
    else this.#sessions.ensure(kind, id).appliedRevision = appliedRevision;
  }

  /** Asks a target; rejects with a QuestionFault where it is away, refuses, or does not answer in time. */
  ask(key: TargetKey, method: string, question: unknown): Promise<unknown> {
    return this.#sessions.ask(key, method, question);
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
    return this.#sessions.onStream(stream);
  }

  /** Ends every stream; nothing is sent from then on. */
  close(): void {
    this.#closed = true;
    this.#revisionNotice?.cancel();
    this.#announcements.close();
    this.#snat.close();
    this.#health.close();
    this.#applied.close();
    this.#sessions.close({ status: 'UNAVAILABLE', message: 'the controller is shutting down' });
  }

  #distribute(changes: SliceChanges): void {
    const { compiler, progress } = this.#options;
    for (const [key, changed] of changes) {
      const target = this.target(key);
      target?.ledger.changed(changed);
      const isGone = compiler.slice(key) === undefined;
      if (isGone) progress.forgetTarget(key);
      if (target === undefined) continue;
      if (isGone) this.#sessions.remove(target);
      else this.#sessions.changed(target);
    }
  }

  #connected(target: Target, isUpToDate: boolean): void {
    if (isUpToDate) this.#answered(target, this.#options.compiler.revision);
    this.#announcements.targetChanged();
    if (target.kind === 'host') this.#health.connected(target.id);
  }

  #disconnected(target: Target): void {
    this.#announcements.targetChanged();
    if (target.kind === 'host') this.#health.disconnected(target.id);
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
    this.#applied.note(target);
  }

  /** Targets that recent revisions did not concern learn of them, so that their applied revision means something. */
  #scheduleRevisionNotice(): void {
    if (this.#closed) return;
    this.#revisionNotice ??= this.#options.clock.after(
      REVISION_NOTICE_DELAY,
      () => {
        this.#revisionNotice = undefined;
        for (const target of this.targets()) {
          if (target.toldRevision < this.#options.compiler.revision) this.#sessions.changed(target);
        }
      },
      { background: true },
    );
  }
}
