/**
 * The edge agent: what an edge router does besides forwarding. It brings goal state into force in this order: addresses of interfaces (the kernel
 * speaks BGP with them), the router's links, virtual networks and translations, then BGP; and it answers questions.
 *
 *   southbound agent ── apply ──► EdgeAgent ── addresses ──► kernel          ── peers, networks ──► speaker
 *                    ◄─ observe ──     └────── links, tables ──► router (a worker) ◄── routes ──┘
 *
 * Called by edge-process.ts.
 */
import type { Agent, GoalChange, Role } from '../../../agent/agent.ts';
import type { InterfaceGoal, Interfaces } from '../../../agent/interfaces.ts';
import { interfaceAddress, OwnSettings, settingsAddress } from '../../../agent/own-settings.ts';
import type { Clock } from '../../../base/clock.ts';
import { SdnError } from '../../../base/errors.ts';
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
} from '../../../base/ip-words.ts';
import type { Logger } from '../../../base/log.ts';
import type { EdgeMethod, EdgeQuestion } from '../../../schema/southbound/diagnostics/edge.ts';
import { QUESTION_SHAPES } from '../../../schema/southbound/diagnostics/question-shapes.ts';
import { shapeFault } from '../../../schema/southbound/diagnostics/shape.ts';
import type { EdgeSettings, ResourceError } from '../../../schema/southbound/messages.ts';
import { answerBgp, answeringSpeakerOf, isBgpMethod } from '../../control/bgp-answers.ts';
import { type BgpControl, isBgpResource } from '../../control/bgp-control.ts';
import { EDGE_LINKS_MAX } from '../limits.ts';
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

const SETTINGS_CODE = 'SDN_EDGE_SETTINGS';
const ANSWERED_DEFAULT = 100;

export class EdgeAgent implements Role {
  readonly #options: EdgeAgentOptions;
  readonly #settings: OwnSettings<EdgeSettings>;
  #agent: Agent | undefined;
  /** Addresses that this process has given, by interface. */
  readonly #given = new Map<string, readonly string[]>();
  /** The router holds what an agent before this one has told it. */
  #isTakenOver: boolean;

  constructor(options: EdgeAgentOptions) {
    this.#options = options;
    this.#isTakenOver = options.router.isAdopted;
    const { interfaces, clock, log } = options;
    this.#settings = new OwnSettings({
      ...{ interfaces, clock, log },
      key: 'edge',
      what: 'links',
      interfacesOf: ({ outside }) => [options.uplink, ...outside.map(({ name }) => name)],
      configure: (settings) => this.#configure(settings),
      onTried: () => this.#observe(),
    });
  }

  /** From here on faults go up, and what could not be done is tried again. */
  report(agent: Agent): void {
    this.#agent = agent;
    this.#observe();
    this.#settings.watch(() => agent.retry());
  }

  get bgp(): BgpControl {
    return this.#options.bgp;
  }

  get providerAddress(): string | undefined {
    const words = ipWordsFromBytes(this.#settings.current?.providerAddress ?? new Uint8Array());
    return words === undefined ? undefined : formatIpWords(words);
  }

  async apply(change: GoalChange): Promise<{ readonly errors: readonly ResourceError[] }> {
    const errors: ResourceError[] = [];
    const own = change.upserts.find(({ edge }) => edge !== undefined)?.edge;
    if (own !== undefined) errors.push(...(await this.#settings.apply(own)));
    const { router, bgp, log } = this.#options;
    const tables = change.upserts.filter(
      (resource) => !isBgpResource(resource) && resource.edge === undefined,
    );
    errors.push(...(await router.apply(tables, change.removes)));
    if (this.#isTakenOver) {
      // The first change is the whole goal state: what has gone from it while nobody was here goes now.
      this.#isTakenOver = false;
      const gone = await router.keep(change.upserts.map(({ key }) => key));
      log.info({ resources: change.upserts.length, gone }, 'the router holds what it should');
    }
    errors.push(...(await bgp.apply(change.upserts.filter(isBgpResource), change.removes)));
    return { errors };
  }

  /** Southbound and control socket: a question (schema/southbound/diagnostics/edge.ts). */
  async answer(method: string, question: unknown): Promise<unknown> {
    if (isBgpMethod(method)) {
      return answerBgp(answeringSpeakerOf(this.#options.bgp), method, question);
    }
    if (!isEdgeMethod(method)) {
      throw new SdnError('SDN_QUESTION_UNKNOWN', `an edge router knows no question '${method}'`, {
        remedy: `There are ${Object.keys(QUESTIONS).join(', ')}.`,
      });
    }
    const fault = shapeFault(QUESTION_SHAPES[method], question);
    if (fault !== undefined) throw new SdnError('SDN_QUESTION_INVALID', `'${method}': ${fault}`);
    return this.#options.router.ask(QUESTIONS[method](question as never));
  }

  async close(): Promise<void> {
    await this.#settings.close();
    await this.#options.bgp.close('the edge router is shutting down');
  }

  async #configure(settings: EdgeSettings): Promise<void> {
    const { log, router, bgp } = this.#options;
    const configuration = await this.#prepare(settings);
    await router.configure(configuration);
    bgp.linksChanged(configuration.links.map(({ addresses }) => addresses));
    log.info({ links: configuration.links.map(({ name }) => name) }, 'links configured');
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
      addresses: addresses.map(formatIpPrefixWords),
      gateways: goal.gateways.map(formatIpWords),
    };
    const previous = this.#given.get(name) ?? [];
    const mac = await this.#options.interfaces.configure(texts, previous);
    this.#given.set(name, texts.addresses);
    return { name, kind, mac, mtu, addresses };
  }

  #observe(): void {
    this.#agent?.observe({ ports: [], health: this.#settings.faults });
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
  return Object.hasOwn(QUESTIONS, method);
}

function wordsOf(bytes: Uint8Array, what: string): IpWords {
  return settingsAddress(bytes, what, SETTINGS_CODE);
}

function addressOf(words: IpWords, prefixLen: number): LinkAddress {
  return interfaceAddress(words, prefixLen, SETTINGS_CODE);
}

function fault(message: string): SdnError {
  return new SdnError(SETTINGS_CODE, message);
}
