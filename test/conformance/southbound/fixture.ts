/**
 * A controller's southbound and agents in one process, over real sockets with real certificates: what the conformance tests
 * of the southbound run on. Roles are recorders: they keep what they were told, and refuse what they are told to refuse.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { type Agent, type GoalChange, startAgent, type TlsMaterial } from '../../../agent/agent.ts';
import type { AnswerQuestion } from '../../../agent/question-box.ts';
import { sleep, systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import { systemRng } from '../../../base/rng.ts';
import { millis } from '../../../base/units.ts';
import {
  type Southbound,
  startSouthbound,
} from '../../../controller/southbound/start-southbound.ts';
import { MemoryStore } from '../../../controller/store/memory-store.ts';
import type { JsonObject, Revision, Store } from '../../../controller/store/store.ts';
import {
  openCertificateAuthority,
  type RoleKind,
} from '../../../identity/certificate-authority.ts';
import {
  type Resource,
  type ResourceError,
  TargetKind,
} from '../../../schema/southbound/messages.ts';

const SETTLE_MS = 20_000;

/** A role that keeps what it is told. */
export interface Recorder {
  readonly resources: Map<string, Resource>;
  readonly changes: GoalChange[];
  /** Keys to refuse, with the code. */
  readonly refuse: Map<string, string>;
  /** Time each change takes. */
  applyMs: number;
  /** What it says to questions; undefined: it never answers. */
  answer: AnswerQuestion | undefined;
}

export interface HostOptions {
  readonly kind?: TargetKind;
  /** Whose certificate it shows; its own by default. */
  readonly certificate?: { readonly name: string; readonly kind: RoleKind };
  /** Name of its state; its id by default. A host that starts again with the same one has its saved goal state. */
  readonly state?: string;
  readonly tls?: TlsMaterial;
}

export interface Host {
  readonly agent: Agent;
  readonly role: Recorder;
  /** Attaches exactly these interfaces. */
  attach(...instanceIds: string[]): void;
}

export interface Fixture {
  readonly folder: string;
  readonly store: Store;
  readonly southbound: () => Southbound;
  readonly registry: () => Registry;
  /** Where the southbound is. */
  readonly address: () => string;
  /** Writes desired documents; undefined deletes. */
  write(documents: Readonly<Record<string, JsonObject | undefined>>): Promise<Revision>;
  host(id: string, options?: HostOptions): Promise<Host>;
  tls(name: string, kind: RoleKind): Promise<TlsMaterial>;
  stopController(): Promise<void>;
  startController(): Promise<void>;
}

export async function fixture(t: ExecutionContext, transport: 'unix' | 'tcp'): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-sb-'));
  const authority = await openCertificateAuthority({
    directory: join(folder, 'pki'),
    clock: systemClock,
  });
  const store = new MemoryStore(systemClock);
  const agents: Agent[] = [];
  let southbound: Southbound | undefined;
  let registry = new Registry();
  let listen = transport === 'unix' ? `unix:${join(folder, 'southbound.sock')}` : '127.0.0.1:0';

  const tls = async (name: string, kind: RoleKind): Promise<TlsMaterial> => {
    const files = await authority.ensure({ name, kind });
    const [ca, cert, key] = await Promise.all(
      [files.ca, files.cert, files.key].map((file) => readFile(file)),
    );
    if (ca === undefined || cert === undefined || key === undefined) throw new Error('unreachable');
    return { ca, cert, key };
  };
  const startController = async (): Promise<void> => {
    registry = new Registry();
    southbound = await startSouthbound({
      store,
      listen,
      tls: await tls('controller', 'controller'),
      clock: systemClock,
      log: silentLogger,
      registry,
    });
    if (southbound.port !== undefined) listen = `127.0.0.1:${southbound.port}`;
  };
  const stopController = async (): Promise<void> => {
    await southbound?.close();
    southbound = undefined;
  };
  await startController();
  t.teardown(async () => {
    await Promise.all(agents.map((agent) => agent.close()));
    await stopController();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  return {
    folder,
    store,
    southbound: () => {
      if (southbound === undefined) throw new Error('the controller is stopped');
      return southbound;
    },
    registry: () => registry,
    address: () => listen,
    async write(documents) {
      const mutations = Object.entries(documents).map(([key, value]) => ({
        section: 'desired' as const,
        key,
        value,
      }));
      const entry = await store.commit({
        mutations,
        cause: { client: 'test', requestId: '', summary: '' },
      });
      return entry?.revision ?? store.revision;
    },
    async host(id, options = {}) {
      const role = recorder();
      const certificate = options.certificate ?? { name: id, kind: 'host' };
      const agent = await startAgent({
        kind: options.kind ?? TargetKind.HOST,
        id,
        controller: listen,
        tls: options.tls ?? (await tls(certificate.name, certificate.kind)),
        savedGoalPath: join(folder, options.state ?? id, 'goal-state.bin'),
        softwareVersion: 'test',
        role: {
          apply: (change) => record(role, change),
          answer: (method, question) => role.answer?.(method, question) ?? new Promise(() => {}),
        },
        clock: systemClock,
        rng: systemRng,
        log: silentLogger,
      });
      agents.push(agent);
      const attach = (...instanceIds: string[]): void => {
        const ports = instanceIds.map((portId) => ({
          portId,
          linkUp: true,
          learnedAddresses: [],
          device: `tap-${portId}`,
        }));
        agent.observe({ ports, health: [] });
      };
      return { agent, role, attach };
    },
    tls,
    stopController,
    startController,
  };
}

/** Waits until `condition` holds; fails with `what` if it does not in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = systemClock.now() + SETTLE_MS;
  while (!(await condition())) {
    if (systemClock.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(systemClock, millis(5));
  }
}

function recorder(): Recorder {
  return { resources: new Map(), changes: [], refuse: new Map(), applyMs: 0, answer: undefined };
}

async function record(
  role: Recorder,
  change: GoalChange,
): Promise<{ errors: readonly ResourceError[] }> {
  if (role.applyMs > 0) await sleep(systemClock, millis(role.applyMs));
  role.changes.push(change);
  const errors: ResourceError[] = [];
  for (const resource of change.upserts) {
    const code = role.refuse.get(resource.key);
    if (code === undefined) role.resources.set(resource.key, resource);
    else errors.push({ key: resource.key, code, message: 'told to refuse' });
  }
  for (const key of change.removes) role.resources.delete(key);
  return { errors };
}
