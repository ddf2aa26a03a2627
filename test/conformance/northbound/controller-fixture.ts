/**
 * A northbound in this process behind real HTTPS with real certificates, on a memory or a LevelDB store: what the conformance tests of the
 * northbound run on. What the compiler and the hosts would answer is set by hand, so that an operation can be held in progress.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import { systemRng } from '../../../base/rng.ts';
import { type Millis, millis } from '../../../base/units.ts';
import { Compiler } from '../../../controller/compiler/compiler.ts';
import {
  type DesiredStateFeed,
  followDesired,
} from '../../../controller/model/desired-state-feed.ts';
import type {
  ConfigurationState,
  RealisedState,
  SubnetEgress,
  TargetState,
} from '../../../controller/model/realised-state.ts';
import { parseTokenFile } from '../../../controller/northbound/authentication.ts';
import { createHttpServer } from '../../../controller/northbound/http-server.ts';
import { startNorthbound } from '../../../controller/northbound/start-northbound.ts';
import type { AskEdge, AskMux, AskTarget } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import { openLevelStore } from '../../../controller/store/level-store.ts';
import { MemoryStore } from '../../../controller/store/memory-store.ts';
import type { Store } from '../../../controller/store/store.ts';
import { type WhatIf, whatIf } from '../../../controller/what-if/answer.ts';
import {
  type Credentials,
  openCertificateAuthority,
  type RoleKind,
} from '../../../identity/certificate-authority.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** Parsed; undefined where the answer has no JSON body. */
  readonly body: unknown;
  /** A value in the body by its path: `properties.subnets.0.etag`. */
  at(path: string): unknown;
  /** The same as a text; empty where there is none. */
  textAt(path: string): string;
  /** The same as a list; empty where there is none. */
  listAt(path: string): readonly unknown[];
}

export type Headers = Readonly<Record<string, string>>;

export interface Client {
  send(method: string, path: string, body?: unknown, headers?: Headers): Promise<Answer>;
  get(path: string): Promise<Answer>;
  put(path: string, properties: object, headers?: Headers): Promise<Answer>;
  delete(path: string, headers?: Headers): Promise<Answer>;
}

/** Compiler and hosts, by hand. */
export interface Realised extends RealisedState {
  compiledRevision: number;
  readonly servers: Map<string, string>;
  /** instanceId of the interface by `instanceId-of-network address`. */
  readonly holders: Map<string, string>;
  /** By instanceId of the virtual subnet. */
  readonly egress: Map<string, SubnetEgress>;
  readonly states: Map<string, ConfigurationState>;
  /** What `targets` tells; none at first. */
  readonly known: TargetState[];
}

export interface Controller {
  readonly client: Client;
  readonly store: Store;
  readonly realised: Realised;
  /** A client with another certificate, or none. */
  as(name: string, kind: RoleKind): Promise<Client>;
  anonymous(): Client;
  readonly port: number;
  /** Files of the certificate that `client` shows, for programs that read them. */
  readonly credentials: Credentials;
}

export interface ControllerOptions {
  readonly store?: 'memory' | 'level';
  readonly tokens?: string;
  readonly queueLengthMax?: number;
  readonly conflictWait?: Millis;
  readonly operationsMax?: number;
  readonly repliesMax?: number;
  /** Puts something between the northbound and its store. */
  readonly wrapStore?: (store: Store) => Store;
  /** Connections a client opens at once. */
  readonly connections?: number;
  /** Answers questions to hosts; none are there by default. */
  readonly ask?: AskTarget;
  /** Answers questions to edge routers; none are there by default. */
  readonly askEdge?: AskEdge;
  /** Answers questions to muxes; none are there by default. */
  readonly askMux?: AskMux;
  /** An existing store directory, to start again on. */
  readonly directory?: string;
}

export async function startController(
  t: ExecutionContext,
  options: ControllerOptions = {},
): Promise<Controller> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-northbound-'));
  const authority = await openCertificateAuthority({
    directory: join(directory, 'pki'),
    clock: systemClock,
  });
  const opened = await openStore(options, directory);
  const store = options.wrapStore?.(opened) ?? opened;
  const stop = new AbortController();
  const feed = await followDesired(store, stop.signal);
  const realised = realisedByHand();
  const metrics = new Registry();
  const northbound = await startNorthbound({
    ...options,
    ...{ store, feed, realised, metrics, clock: systemClock, rng: systemRng, log: silentLogger },
    ask: options.ask ?? away,
    askEdge: options.askEdge ?? away,
    askMux: options.askMux ?? away,
    whatIf: compiledFresh(feed, realised),
    async resetEgress(subnetInstanceId) {
      realised.egress.set(subnetInstanceId, { billedBytes: 0, unbilledBytes: 0 });
    },
    version: '0.0.1',
    conflictWait: options.conflictWait ?? millis(0),
  });
  const tls = await pem(await authority.ensure({ name: 'controller', kind: 'controller' }));
  const tokens = options.tokens === undefined ? undefined : parseTokenFile(options.tokens);
  const server = await createHttpServer({ api: northbound.api, metrics, tls, tokens });
  const port = Number(
    (await server.listen({ kind: 'address', host: '127.0.0.1', port: 0 })).split(':')[1],
  );
  const { connections = 64 } = options;
  const agents: https.Agent[] = [];
  const clientOf = (options: https.AgentOptions): Client => {
    const agent = new https.Agent({
      ...options,
      ca: tls.ca,
      keepAlive: true,
      maxSockets: connections,
    });
    agents.push(agent);
    return createClient(port, agent);
  };
  const as = async (name: string, kind: RoleKind) => {
    const { cert, key } = await pem(await authority.ensure({ name, kind }));
    return clientOf({ cert, key });
  };
  const credentials = await authority.ensure({ name: 'admin', kind: 'client' });
  const client = await as('admin', 'client');
  t.teardown(async () => {
    for (const agent of agents) agent.destroy();
    await server.close();
    await northbound.close();
    stop.abort();
    await feed.ended;
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { client, store, realised, as, anonymous: () => clientOf({}), port, credentials };
}

const away = (target: string) => Promise.reject(new QuestionFault(target, 'SDN_TARGET_AWAY', ''));

async function openStore(options: ControllerOptions, directory: string): Promise<Store> {
  if (options.store !== 'level') return new MemoryStore(systemClock);
  return openLevelStore({ path: options.directory ?? join(directory, 'db'), clock: systemClock });
}

function realisedByHand(): Realised {
  const servers = new Map<string, string>();
  const states = new Map<string, ConfigurationState>();
  const known: TargetState[] = [];
  const holders = new Map<string, string>();
  const egress = new Map<string, SubnetEgress>();
  return {
    known,
    // Everything is compiled as soon as it is committed, until a test says otherwise.
    compiledRevision: Number.MAX_SAFE_INTEGER,
    programmedRevision: 0,
    servers,
    states,
    holders,
    egress,
    egressOf: (instanceId) => egress.get(instanceId),
    serverOf: (instanceId) => servers.get(instanceId),
    holderOf: (networkInstanceId, address) => holders.get(`${networkInstanceId} ${address}`),
    configurationState: (instanceId) => states.get(instanceId),
    programmed: () => ({ status: 'Programmed', waitingFor: [], programmedAfterMs: 0 }),
    targets: () => known,
  };
}

/** A compiler that begins with what is desired now. */
function compiledFresh(feed: DesiredStateFeed, realised: Realised): WhatIf {
  return (documents) => {
    const compiler = new Compiler();
    compiler.apply({
      revision: feed.state.revision,
      documents: [...feed.state.trees().values()].map(({ key, root }) => ({
        key,
        value: root.body,
      })),
      placements: [...realised.servers].map(([interfaceInstanceId, serverId]) => ({
        interfaceInstanceId,
        serverId,
      })),
    });
    return whatIf(compiler, systemClock)(documents);
  };
}

async function pem({ ca, cert, key }: Credentials) {
  return { ca: await readFile(ca), cert: await readFile(cert), key: await readFile(key) };
}

function createClient(port: number, agent: https.Agent): Client {
  const send: Client['send'] = (method, path, body, headers = {}) => {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const type: Headers = body === undefined ? {} : { 'content-type': 'application/json' };
    return exchange(
      { port, agent, method, path: absolute(path), headers: { ...type, ...headers } },
      bytes,
    );
  };
  return {
    send,
    get: (path) => send('GET', path),
    put: (path, properties, headers) => send('PUT', path, { properties }, headers),
    delete: (path, headers) => send('DELETE', path, undefined, headers),
  };
}

function absolute(path: string): string {
  return /^\/networking/i.test(path) || path === '/metrics' ? path : `/networking/v1${path}`;
}

function exchange(
  options: https.RequestOptions,
  body: string | Buffer | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request({ host: '127.0.0.1', ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers['content-type']?.includes('json') === true && text !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
          ),
          text,
          ...reader(isJson ? JSON.parse(text) : undefined),
        });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function reader(body: unknown): Pick<Answer, 'body' | 'at' | 'textAt' | 'listAt'> {
  const at = (path: string) => valueAt(body, path);
  return {
    body,
    at,
    textAt(path) {
      const value = at(path);
      return typeof value === 'string' ? value : '';
    },
    listAt(path) {
      const value = at(path);
      return Array.isArray(value) ? value : [];
    },
  };
}

export function valueAt(body: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => {
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.entries(value).find(([key]) => key === name)?.[1];
  }, body);
}

/** Everything a tenant network needs: provider network, MAC pool, two servers, a virtual network `blue` with two subnets. */
export async function layGround(client: Client): Promise<void> {
  await expectCreated(client, '/logicalNetworks/provider', {
    networkVirtualizationEnabled: true,
    subnets: [
      {
        resourceId: 'hosts',
        properties: {
          addressPrefix: '100.64.0.0/24',
          vlanId: 0,
          defaultGateways: ['100.64.0.1'],
          ipPools: [
            {
              resourceId: 'pool',
              properties: { startIpAddress: '100.64.0.1', endIpAddress: '100.64.0.9' },
            },
          ],
        },
      },
    ],
  });
  await expectCreated(client, '/macPools/default', {
    startMacAddress: '00-1D-D8-00-00-00',
    endMacAddress: '00-1D-D8-00-FF-FF',
  });
  for (const host of ['host1', 'host2']) await expectCreated(client, `/servers/${host}`, {});
  await expectCreated(client, '/virtualNetworks/blue', vnetProperties());
}

export function vnetProperties(
  subnets: Readonly<Record<string, string>> = { web: '10.1.1.0/24', data: '10.1.2.0/24' },
): object {
  return {
    addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
    logicalNetwork: { resourceRef: '/logicalNetworks/provider' },
    subnets: Object.entries(subnets).map(([resourceId, addressPrefix]) => ({
      resourceId,
      properties: { addressPrefix },
    })),
  };
}

export function nicProperties(
  configuration: object = { privateIPAllocationMethod: 'Dynamic' },
  subnet = '/virtualNetworks/blue/subnets/web',
): object {
  return {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      {
        resourceId: 'primary',
        properties: { subnet: { resourceRef: subnet }, ...configuration },
      },
    ],
  };
}

export async function expectCreated(
  client: Client,
  path: string,
  properties: object,
): Promise<Answer> {
  const answer = await client.put(path, properties);
  if (answer.status !== 201) throw new Error(`PUT ${path}: ${answer.status} ${answer.text}`);
  return answer;
}
