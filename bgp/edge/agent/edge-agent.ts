/**
 * The edge agent: what an edge router does besides forwarding. It brings goal state into force in this order: addresses of interfaces (the kernel
 * speaks BGP with them), the router's links, virtual networks and translations, then BGP; and it answers questions.
 *
 *   southbound agent ── apply ──► EdgeAgent ── addresses ──► kernel          ── peers, networks ──► speaker
 *                    ◄─ observe ──     └────── links, tables ──► router (a worker) ◄── routes ──┘
 *
 * Called by edge-process.ts.
 */
import type { Agent, GoalChange, Observation, Role } from '../../../agent/agent.ts';
import type { InterfaceGoal, Interfaces } from '../../../agent/interfaces.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import { messageOf, SdnError } from '../../../base/errors.ts';
import {
  formatIpWords,
  IPV4_MAPPED_BITS,
  type IpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
  isIpv4Words,
} from '../../../base/ip-words.ts';
import type { Logger } from '../../../base/log.ts';
import {
  EDGE_DIAGNOSTICS,
  type EdgeMethod,
  type EdgeQuestion,
} from '../../../schema/southbound/diagnostics/edge.ts';
import { mismatch } from '../../../schema/southbound/diagnostics/methods.ts';
import type { EdgeSettings, Resource, ResourceError } from '../../../schema/southbound/messages.ts';
import { type AnsweringSpeaker, answerBgp, isBgpMethod } from '../../control/bgp-answers.ts';
import type { BgpControl } from '../../control/bgp-control.ts';
import { EDGE_LINKS_MAX, EDGE_RETRY_INTERVAL } from '../limits.ts';
import type { RouterQuestion } from '../router/answers.ts';
import type { LinkAddress, LinkSettings } from '../router/links.ts';
import type { RouterHandle } from '../router/router-handle.ts';
import type { StaticGateway } from '../router/router-state.ts';
import type { RouterConfiguration } from '../router/worker-protocol.ts';

export interface EdgeAgentOptions {
  /** Interface of the provider network. */
  readonly uplink: string;
  readonly router: RouterHandle;
  readonly bgp: BgpControl;
  readonly interfaces: Interfaces;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Key of the edge's own settings in goal state, and the fault of what they ask for (MS-NCNBI §2.2.4). */
const EDGE_KEY = 'edge';
const EDGE_FAULT_CODE = 'PAAddressConfigurationFailure';
const ANSWERED_DEFAULT = 100;

export class EdgeAgent implements Role {
  readonly #options: EdgeAgentOptions;
  #agent: Agent | undefined;
  #settings: EdgeSettings | undefined;
  /** Addresses that this process has given, by interface. */
  readonly #given = new Map<string, readonly string[]>();
  #fingerprint = '';
  #fault: string | undefined;
  #check: Timer | undefined;
  #work: Promise<unknown> = Promise.resolve();
  /** The router holds what an agent before this one has told it. */
  #isTakenOver: boolean;

  constructor(options: EdgeAgentOptions) {
    this.#options = options;
    this.#isTakenOver = options.router.isAdopted;
  }

  /** From here on faults go up, and what could not be done is tried again. */
  report(agent: Agent): void {
    this.#agent = agent;
    this.#observe();
    this.#checkLater();
  }

  get bgp(): BgpControl {
    return this.#options.bgp;
  }

  get providerAddress(): string | undefined {
    const words = ipWordsFromBytes(this.#settings?.providerAddress ?? new Uint8Array());
    return words === undefined ? undefined : formatIpWords(words);
  }

  async apply(change: GoalChange): Promise<{ readonly errors: readonly ResourceError[] }> {
    const errors: ResourceError[] = [];
    const own = change.upserts.find(({ edge }) => edge !== undefined)?.edge;
    if (own !== undefined) {
      const fault = await this.#inTurn(() => this.#configure(own));
      if (fault !== undefined) errors.push(fault);
    }
    const { router, bgp, log } = this.#options;
    const tables = change.upserts.filter(
      (resource) => !isBgp(resource) && resource.edge === undefined,
    );
    errors.push(...(await router.apply(tables, change.removes)));
    if (this.#isTakenOver) {
      // The first change is the whole goal state: what has gone from it while nobody was here goes now.
      this.#isTakenOver = false;
      const gone = await router.keep(change.upserts.map(({ key }) => key));
      log.info({ resources: change.upserts.length, gone }, 'the router holds what it should');
    }
    errors.push(...(await bgp.apply(change.upserts.filter(isBgp), change.removes)));
    return { errors };
  }

  /** Southbound and control socket: a question (schema/southbound/diagnostics/edge.ts). */
  async answer(method: string, question: unknown): Promise<unknown> {
    if (isBgpMethod(method)) return answerBgp(this.#answeringSpeaker(), method, question);
    if (!isEdgeMethod(method)) {
      throw new SdnError('SDN_QUESTION_UNKNOWN', `an edge router knows no question '${method}'`, {
        remedy: `There are ${Object.keys(EDGE_DIAGNOSTICS).join(', ')}.`,
      });
    }
    const fault = mismatch(EDGE_DIAGNOSTICS[method].question, question);
    if (fault !== undefined) throw new SdnError('SDN_QUESTION_INVALID', `'${method}': ${fault}`);
    return this.#options.router.ask(QUESTIONS[method](question as never));
  }

  #answeringSpeaker(): AnsweringSpeaker | undefined {
    const { bgp } = this.#options;
    const { speaker, router } = bgp;
    const id = router === undefined ? undefined : ipWordsFromBytes(router.routerId);
    if (speaker === undefined || router === undefined || id === undefined) return undefined;
    const routerId = formatIpWords(id);
    return {
      speaker,
      asNumber: router.asNumber,
      routerId,
      peerAt: (at) => bgp.peerAt(at),
      mrt: bgp.mrt,
    };
  }

  async close(): Promise<void> {
    this.#check?.cancel();
    await this.#work;
    await this.#options.bgp.close('the edge router is shutting down');
  }

  /** One at a time: goal state and the check of interfaces both configure. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #configure(settings: EdgeSettings): Promise<ResourceError | undefined> {
    const { log, router, bgp, interfaces } = this.#options;
    try {
      const configuration = await this.#prepare(settings);
      await router.configure(configuration);
      bgp.linksChanged(configuration.links.map(({ addresses }) => addresses));
      this.#settings = settings;
      this.#fault = undefined;
      this.#fingerprint = interfaces.fingerprint(configuration.links.map(({ name }) => name));
      log.info({ links: configuration.links.map(({ name }) => name) }, 'links configured');
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof SdnError)) throw thrown;
      log.error({ err: thrown }, 'links not configured');
      this.#settings ??= settings;
      this.#fault = messageOf(thrown);
      return { key: EDGE_KEY, code: EDGE_FAULT_CODE, message: this.#fault };
    } finally {
      this.#observe();
    }
  }

  async #prepare(settings: EdgeSettings): Promise<RouterConfiguration> {
    const provider = wordsOf(settings.providerAddress, 'the provider address');
    if (settings.outside.length >= EDGE_LINKS_MAX) {
      throw fault(`more than ${EDGE_LINKS_MAX - 1} interfaces to the outside`);
    }
    const providerAddresses = [addressOf(provider, settings.providerPrefixLen)];
    if (settings.providerGateway.length > 0) {
      const gateway = wordsOf(settings.providerGateway, 'the provider gateway');
      providerAddresses.push(addressOf(gateway, settings.providerPrefixLen));
    }
    const gateways: StaticGateway[] = [];
    const links = [
      await this.#link('provider', {
        name: this.#options.uplink,
        addresses: providerAddresses,
        mtu: settings.providerMtu,
        gateways: [],
      }),
    ];
    for (const outside of settings.outside) {
      const hops = outside.gateways.map((bytes) => wordsOf(bytes, 'a gateway'));
      for (const gateway of hops) gateways.push({ linkName: outside.name, gateway });
      const addresses = outside.addresses.map(({ address, prefixLen }) =>
        addressOf(wordsOf(address, `an address of ${outside.name}`), prefixLen),
      );
      const { name, mtu } = outside;
      links.push(await this.#link('outside', { name, addresses, mtu, gateways: hops }));
    }
    const { mac, vxlanPort, providerMtu } = settings;
    const natExemptions = settings.natExemptions.map(({ address, len }) => {
      const prefix = ipPrefixFromBytes(address, len);
      if (prefix === undefined) throw fault('an exemption from translation is no prefix');
      return prefix;
    });
    return {
      settings: { mac, vxlanPort, providerMtu, providerAddress: provider, natExemptions },
      links,
      gateways,
    };
  }

  async #link(
    kind: LinkSettings['kind'],
    goal: {
      readonly name: string;
      readonly addresses: readonly LinkAddress[];
      readonly mtu: number;
      readonly gateways: readonly IpWords[];
    },
  ): Promise<LinkSettings> {
    const { name, addresses, mtu } = goal;
    const texts: InterfaceGoal = {
      name,
      mtu,
      addresses: addresses.map(textOf),
      gateways: goal.gateways.map(formatIpWords),
    };
    const previous = this.#given.get(name) ?? [];
    const mac = await this.#options.interfaces.configure(texts, previous);
    this.#given.set(name, texts.addresses);
    return { name, kind, mac, mtu, addresses };
  }

  /** Nobody tells that an interface has come, or come back: it is looked at. */
  #checkLater(): void {
    this.#check = this.#options.clock.after(
      EDGE_RETRY_INTERVAL,
      () => {
        void this.#inTurn(() => this.#checkLinks()).then(() => this.#checkLater());
      },
      { background: true },
    );
  }

  async #checkLinks(): Promise<void> {
    const settings = this.#settings;
    if (settings === undefined) return;
    const names = [this.#options.uplink, ...settings.outside.map(({ name }) => name)];
    const isSame = this.#options.interfaces.fingerprint(names) === this.#fingerprint;
    if (isSame && this.#fault === undefined) return;
    const hadFault = this.#fault !== undefined;
    await this.#configure(settings);
    // What the agent holds as a fault is one no more.
    if (hadFault && this.#fault === undefined) this.#agent?.retry();
  }

  #observe(): void {
    const message = this.#fault;
    const health = message === undefined ? [] : [{ key: EDGE_KEY, code: EDGE_FAULT_CODE, message }];
    const observation: Observation = { ports: [], health };
    this.#agent?.observe(observation);
  }
}

type Questions = {
  readonly [M in EdgeMethod]: (question: EdgeQuestion<M>) => RouterQuestion;
};

const QUESTIONS: Questions = {
  natMappings: ({ inside, limit = ANSWERED_DEFAULT }) => ({ kind: 'mappings', inside, limit }),
  edgeRoutes: ({ destination, limit = ANSWERED_DEFAULT }) => ({
    kind: 'routes',
    destination,
    limit,
  }),
  edgeNeighbours: () => ({ kind: 'neighbours' }),
  edgeCounters: () => ({ kind: 'counters' }),
  edgeTrace: ({ vni, link, sourcePort = 49_152, destinationPort = 0, ...packet }) => ({
    kind: 'trace',
    packet: { vni, link, sourcePort, destinationPort, ...packet },
  }),
};

function isEdgeMethod(method: string): method is EdgeMethod {
  return Object.hasOwn(EDGE_DIAGNOSTICS, method);
}

function isBgp({ bgpRouter, bgpPeer, policyMap }: Resource): boolean {
  return bgpRouter !== undefined || bgpPeer !== undefined || policyMap !== undefined;
}

function wordsOf(bytes: Uint8Array, what: string): IpWords {
  const words = ipWordsFromBytes(bytes);
  if (words === undefined) throw fault(`${what} has neither 4 nor 16 bytes`);
  return words;
}

function addressOf(words: IpWords, prefixLen: number): LinkAddress {
  const len = prefixLen + (isIpv4Words(words) ? IPV4_MAPPED_BITS : 0);
  if (len > 128) throw fault(`${formatIpWords(words)} has a prefix of ${prefixLen} bits`);
  return { words, len };
}

function textOf({ words, len }: LinkAddress): string {
  return `${formatIpWords(words)}/${isIpv4Words(words) ? len - IPV4_MAPPED_BITS : len}`;
}

function fault(message: string): SdnError {
  return new SdnError('SDN_EDGE_SETTINGS', message);
}
