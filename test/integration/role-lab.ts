/**
 * A role as a process in a namespace of its own, among others of which the kernel of this machine is all there is. Its controller says what a test tells
 * it to. Called by edge-lab.ts and mux-lab.ts, which build what is around it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { type Argv, attempt, type CommandResult, run } from '../../fabric/command.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import {
  createNamespace,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import {
  type Credentials,
  openCertificateAuthority,
} from '../../identity/certificate-authority.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import { register, sweepStaleTopologies, uniqueFabricName, unregister } from '../kit/stale.ts';
import { type ScriptedSouthbound, scriptedSouthbound } from './scripted-southbound.ts';

export interface LabRole {
  readonly kind: 'edge' | 'mux';
  /** What the controller calls it. */
  readonly id: string;
  /** Relative to dist. */
  readonly program: string;
}

/** Its namespace has the name of its kind, its interface of the provider network is `uplink0`. */
export class RoleLab {
  readonly fabric: string = uniqueFabricName();
  readonly #role: LabRole;
  readonly #credentials = new Map<string, Credentials>();
  readonly #programs: Program[] = [];
  #directory = '';
  #southbound: ScriptedSouthbound | undefined;
  #process: Program | undefined;

  constructor(role: LabRole) {
    this.#role = role;
  }

  ns(member: string): string {
    return namespaceName(this.fabric, member);
  }

  /** A command in the namespace of a member; rejects when it fails. */
  run(member: string, argv: Argv): Promise<string> {
    return run(inNamespace(this.ns(member), argv));
  }

  attempt(member: string, argv: Argv): Promise<CommandResult> {
    return attempt(inNamespace(this.ns(member), argv));
  }

  /** A program that ends with the lab, if not before. */
  async start(member: string, argv: Argv, ready?: string | RegExp): Promise<Program> {
    const program = await startProgram(this.ns(member), argv, ready);
    this.started(program);
    return program;
  }

  started(program: Program): void {
    this.#programs.push(program);
  }

  /** The running role. */
  get role(): Program {
    return defined(this.#process, `a running ${this.#role.kind}`);
  }

  get southbound(): ScriptedSouthbound {
    return defined(this.#southbound, 'a southbound');
  }

  get directory(): string {
    return this.#directory;
  }

  async members(...names: string[]): Promise<void> {
    await sweepStaleTopologies();
    this.#directory = await mkdtemp(join(tmpdir(), `weft-${this.#role.kind}-`));
    register(this.fabric, this.#directory);
    for (const name of names) await createNamespace(this.ns(name));
  }

  async veth(a: string, aName: string, b: string, bName: string): Promise<void> {
    const end = ['type', 'veth', 'peer', 'name', bName, 'netns', this.ns(b)] as const;
    await run(['ip', '-n', this.ns(a), 'link', 'add', aName, ...end]);
    await this.run(a, ['ip', 'link', 'set', aName, 'up']);
    await this.run(b, ['ip', 'link', 'set', bName, 'up']);
  }

  async address(member: string, name: string, ...addresses: string[]): Promise<void> {
    for (const address of addresses) {
      const once = address.includes(':') ? ['nodad'] : [];
      await this.run(member, ['ip', 'address', 'add', address, 'dev', name, ...once]);
    }
  }

  /** The southbound, and the role with this goal state in force. */
  async serve(resources: readonly Resource[]): Promise<void> {
    const authority = await openCertificateAuthority({
      directory: join(this.#directory, 'pki'),
      clock: systemClock,
    });
    const { id, kind } = this.#role;
    const controller = await authority.ensure({ name: 'controller', kind: 'controller' });
    this.#credentials.set(id, await authority.ensure({ name: id, kind }));
    this.#southbound = await scriptedSouthbound(this.#socket, controller);
    this.southbound.set(id, resources);
    await this.startRole();
    await eventually(`the ${kind} acknowledges`, () => this.southbound.ack(id) !== undefined);
  }

  /** New goal state, whole; resolves when the role has acknowledged it. */
  async set(resources: readonly Resource[]): Promise<void> {
    const { id, kind } = this.#role;
    const before = this.southbound.ack(id)?.revision ?? 0;
    this.southbound.set(id, resources);
    await eventually(`the ${kind} acknowledges`, () => {
      return (this.southbound.ack(id)?.revision ?? 0) > before;
    });
  }

  async startRole(): Promise<void> {
    const { id, kind, program } = this.#role;
    const { ca, cert, key } = defined(this.#credentials.get(id), 'credentials');
    const argv: Argv = [
      process.execPath,
      programPath(program),
      ...['--id', id, '--state', join(this.#directory, id)],
      ...['--controller', `unix:${this.#socket}`, '--ca', ca, '--cert', cert, '--key', key],
      ...['--uplink', 'uplink0'],
    ];
    this.#process = await startProgram(this.ns(kind), argv, '"event":"ready"');
  }

  /** GET of the role's control socket. */
  async ask<T>(path: string): Promise<T> {
    const socketPath = join(this.#directory, this.#role.id, 'control.sock');
    const target = { kind: 'unix', socketPath } as const;
    const { status, body } = await exchangeJson(target, { method: 'GET', path });
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** `signal`: to the role. */
  async close(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
    await Promise.all(this.#programs.map((program) => program.stop('SIGKILL')));
    this.#southbound?.close();
    await sweepNamespaces(this.fabric);
    unregister(this.fabric);
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #socket(): string {
    return join(this.#directory, 'southbound.sock');
  }
}
