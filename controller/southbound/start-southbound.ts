/**
 * Starts compiler and southbound on a store: reads desired state and placements, compiles, serves targets, and follows the
 * store's revisions from then on. Called by controller/main.ts.
 *
 * Order at start: everything is compiled before the first stream is accepted, so that a target which comes back with the
 * right hash is sent nothing. Placements come from the store: a host that is away keeps its interfaces.
 */
import type { Registry } from 'prom-client';
import { type Clock, sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { millis } from '../../base/units.ts';
import type { AnnouncementInput, LeaseInput } from '../compiler/balancing-state.ts';
import {
  Compiler,
  type DocumentInput,
  type HolderInput,
  type PlacementInput,
} from '../compiler/compiler.ts';
import { type CompilerSettings, DEFAULT_SETTINGS } from '../compiler/node.ts';
import type { RealisedState } from '../model/realised-state.ts';
import type { JsonValue, Revision, RevisionEntry, Store } from '../store/store.ts';
import { type WhatIf, whatIf } from '../what-if/answer.ts';
import { ANNOUNCED_PREFIX } from './announcements.ts';
import {
  type AskEdge,
  type AskMux,
  type AskTarget,
  askEdge,
  askMux,
  askTarget,
} from './ask-target.ts';
import { EGRESS_PREFIX, EgressMeters, METER_PREFIX } from './egress-meters.ts';
import { COMPILE_BUSY, REVISIONS_PER_COMPILE_MAX } from './limits.ts';
import { southboundMetrics } from './metrics.ts';
import { ObservedWriter } from './observed-writer.ts';
import { LEARNED_PREFIX } from './port-reports.ts';
import { realisedState } from './realisation.ts';
import { RevisionProgress } from './revision-progress.ts';
import { type SouthboundServer, serveSouthbound, type TlsMaterial } from './server.ts';
import { SNAT_PREFIX } from './snat-leases.ts';
import type { TargetKindName } from './target.ts';
import { TargetHub } from './target-hub.ts';

export interface SouthboundOptions {
  readonly store: Store;
  /** `unix:PATH` or `HOST:PORT`; port 0 takes any. */
  readonly listen: string;
  readonly tls: TlsMaterial;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where counters and histograms are registered. */
  readonly registry: Registry;
  readonly settings?: CompilerSettings;
}

export interface Southbound {
  readonly realised: RealisedState;
  /** Asks a connected target (schema/southbound/diagnostics). */
  readonly ask: AskTarget;
  readonly askEdge: AskEdge;
  readonly askMux: AskMux;
  /** Asks the compiler what would be. */
  readonly whatIf: WhatIf;
  /** Has a virtual subnet's egress count from zero; resolves when that is stored. */
  readonly resetEgress: (subnetInstanceId: string) => Promise<void>;
  /** Port that TCP is bound to; undefined for a unix socket. */
  readonly port: number | undefined;
  /** Resolves after `close`; rejects when the store can no longer be followed. */
  readonly ended: Promise<void>;
  /** Ends all streams and stores what was observed last. The store stays open. */
  close(): Promise<void>;
}

const TARGET_RECORD = /^target\/(host|mux|gateway|edge)\/(.+)$/;
const PLACEMENT_PREFIX = 'placement/';

export async function startSouthbound(options: SouthboundOptions): Promise<Southbound> {
  const { store, clock, log } = options;
  const compiler = new Compiler(options.settings ?? DEFAULT_SETTINGS);
  const progress = new RevisionProgress();
  const observed = new ObservedWriter({ store, clock, log });
  const metrics = southboundMetrics(options.registry);
  const observe = observed.put.bind(observed);
  const egress = new EgressMeters({
    model: compiler.model,
    observeAll: (entries) => observed.putAll(entries),
  });
  for (const prefix of [EGRESS_PREFIX, METER_PREFIX]) {
    for await (const { key, value } of store.range('observed', prefix)) egress.load(key, value);
  }
  const hub = new TargetHub({ compiler, progress, clock, log, metrics, egress, observe });

  const revision = await loadInto(hub, store);
  const startedAt = clock.now();
  log.info({ revision, targets: [...compiler.targets()].length }, 'goal states compiled');

  const stop = new AbortController();
  const ended = follow(hub, store.watch(revision, stop.signal), clock);
  // The caller decides what a failure means; an unobserved one must not end the process first.
  ended.catch((error: unknown) => log.error({ reason: messageOf(error) }, 'store not followed'));

  const server: SouthboundServer = await serveSouthbound({
    listen: options.listen,
    tls: options.tls,
    onStream: (stream) => hub.onStream(stream),
  }).catch((error: unknown) => {
    stop.abort();
    throw error;
  });
  log.info({ listen: options.listen, afterMs: clock.now() - startedAt }, 'southbound serves');

  return {
    realised: realisedState({ compiler, hub, progress, clock, egress }),
    async resetEgress(subnetInstanceId) {
      egress.reset(subnetInstanceId);
      await observed.settled();
    },
    ask: askTarget((key, method, question) => hub.ask(key, method, question)),
    askEdge: askEdge((key, method, question) => hub.ask(key, method, question)),
    askMux: askMux((key, method, question) => hub.ask(key, method, question)),
    whatIf: whatIf(compiler, clock),
    port: server.port,
    ended,
    async close() {
      stop.abort();
      hub.close();
      server.close();
      await observed.close();
      await ended.catch(() => undefined);
    },
  };
}

async function loadInto(hub: TargetHub, store: Store): Promise<Revision> {
  const { revision } = store;
  const documents: DocumentInput[] = [];
  for await (const { key, value } of store.rangeAt('', revision)) documents.push({ key, value });
  const placements: PlacementInput[] = [];
  for await (const { key, value } of store.range('observed', PLACEMENT_PREFIX)) {
    const serverId = text(value['server'])?.toLowerCase();
    placements.push({ interfaceInstanceId: key.slice(PLACEMENT_PREFIX.length), serverId });
  }
  const holders: HolderInput[] = [];
  for await (const { key, value } of store.range('observed', LEARNED_PREFIX)) {
    const [vnetId = '', address = ''] = key.slice(LEARNED_PREFIX.length).split('/');
    holders.push({ vnetId, address, interfaceInstanceId: text(value['interface']) });
  }
  const announcements: AnnouncementInput[] = [];
  for await (const { key } of store.range('observed', ANNOUNCED_PREFIX)) {
    announcements.push({ vipId: key.slice(ANNOUNCED_PREFIX.length), announced: true });
  }
  const leases: LeaseInput[] = [];
  for await (const { key, value } of store.range('observed', SNAT_PREFIX)) {
    const lease = hub.loadLease(key.slice(SNAT_PREFIX.length), value);
    if (lease !== undefined) leases.push(lease);
  }
  const observed = { placements, holders, announcements, leases };
  hub.apply({ revision, documents, ...observed, committedAt: undefined });
  hub.loaded();
  for await (const { key, value } of store.range('observed', 'target/')) {
    const [, kind, id] = TARGET_RECORD.exec(key) ?? [];
    if (id !== undefined && isKind(kind)) hub.remember(kind, id, Number(value['appliedRevision']));
  }
  return revision;
}

/**
 * Applies revisions as they come. Those that come while others are compiled are taken together: what many of them alter is compiled once, and
 * the controller is never further behind than by what it does now.
 */
async function follow(
  hub: TargetHub,
  entries: AsyncIterable<RevisionEntry>,
  clock: Clock,
): Promise<void> {
  const iterator = entries[Symbol.asyncIterator]();
  let next = iterator.next();
  let isBehind = false;
  for (;;) {
    const first = await next;
    if (first.done === true) return;
    const batch = [first.value];
    next = iterator.next();
    while (isBehind && batch.length < REVISIONS_PER_COMPILE_MAX) {
      const more = await Promise.race([next, sleep(clock, millis(0)).then(() => undefined)]);
      if (more === undefined || more.done === true) break;
      batch.push(more.value);
      next = iterator.next();
    }
    const startedAt = clock.now();
    applyRevisions(hub, batch);
    isBehind = clock.now() - startedAt >= COMPILE_BUSY;
  }
}

function applyRevisions(hub: TargetHub, batch: readonly RevisionEntry[]): void {
  const committed = batch.map(({ revision, at }) => ({ revision, committedAt: at }));
  const last = committed.pop();
  if (last === undefined) return;
  const documents = batch.flatMap(({ changes }) =>
    changes.map(({ key, after }) => ({ key, value: after })),
  );
  hub.apply({ ...last, documents, placements: [], earlier: committed });
}

function isKind(kind: string | undefined): kind is TargetKindName {
  return kind === 'host' || kind === 'mux' || kind === 'gateway' || kind === 'edge';
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
