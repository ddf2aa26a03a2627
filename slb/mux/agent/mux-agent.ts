/**
 * The mux agent: what a mux does besides forwarding. It brings goal state into force in this order: what is no longer to be announced is withdrawn;
 * the interface's address (the kernel speaks BGP with it) and the forwarder's ports; tables; BGP; and what has its tables in force is announced.
 *
 *   southbound agent ── apply ──► MuxAgent ── tables ──► forwarder (a worker)
 *                    ◄─ observe ──    └────── peers, prefixes ──► speaker
 *
 * After a start nothing is announced before the mux is in sync: the controller has been heard and has nothing new, or there is no controller for
 * SYNC_WAIT, and what was saved has to do. Called by mux-process.ts.
 */
import type { Agent, GoalChange, Role } from '../../../agent/agent.ts';
import type { Interfaces } from '../../../agent/interfaces.ts';
import { interfaceAddress, OwnSettings, settingsAddress } from '../../../agent/own-settings.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import { SdnError } from '../../../base/errors.ts';
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpPrefixWords,
  type IpWords,
  ipWordsFromBytes,
} from '../../../base/ip-words.ts';
import type { Logger } from '../../../base/log.ts';
import { millis } from '../../../base/units.ts';
import { answerBgp, answeringSpeakerOf, isBgpMethod } from '../../../bgp/control/bgp-answers.ts';
import { type BgpControl, isBgpResource } from '../../../bgp/control/bgp-control.ts';
import type { MuxSettings, Resource, ResourceError } from '../../../schema/southbound/messages.ts';
import {
  ADDRESSES_PER_CHANGE_MAX,
  DRAIN,
  OVERLOAD_WITHDRAWN,
  SYNC_CHECK_INTERVAL,
  SYNC_SETTLE,
  SYNC_WAIT,
  TABLES_PER_CHANGE_MAX,
} from '../../limits.ts';
import type { Overload } from '../forwarder/overload.ts';
import type { ForwarderHandle } from '../forwarder/start-forwarder.ts';
import type { TableChange, TableFault } from '../forwarder/table-change.ts';
import { Announcements } from './announcements.ts';
import { answerMux, isMuxMethod, MUX_METHODS } from './mux-answers.ts';
import { MuxGoal } from './mux-goal.ts';

export interface MuxAgentOptions {
  /** Interface of the provider network. */
  readonly uplink: string;
  readonly forwarder: ForwarderHandle;
  readonly bgp: BgpControl;
  readonly interfaces: Interfaces;
  readonly clock: Clock;
  readonly log: Logger;
}

const SETTINGS_CODE = 'SDN_MUX_SETTINGS';
const FAULT_CODE = 'PolicyConfigurationFailure';

export class MuxAgent implements Role {
  readonly #options: MuxAgentOptions;
  readonly #goal = new MuxGoal();
  readonly #announcements = new Announcements();
  readonly #settings: OwnSettings<MuxSettings>;
  #agent: Agent | undefined;
  /** Addresses that this process has given. */
  #given: readonly string[] = [];
  #sync: Timer | undefined;
  #overloadEnd: Timer | undefined;
  /** When the last change of goal state was in force. */
  #appliedAt: number;

  constructor(options: MuxAgentOptions) {
    this.#options = options;
    this.#appliedAt = options.clock.now();
    const { interfaces, clock, log } = options;
    this.#settings = new OwnSettings({
      ...{ interfaces, clock, log },
      key: 'mux',
      what: 'uplink',
      interfacesOf: () => [options.uplink],
      configure: (settings) => this.#configure(settings),
      onTried: () => this.#observe(),
    });
  }

  /** From here on faults go up, what could not be done is tried again, and it is waited for the controller. */
  report(agent: Agent): void {
    this.#agent = agent;
    this.#observe();
    this.#settings.watch(() => agent.retry());
    this.#awaitSync(this.#options.clock.now());
  }

  get bgp(): BgpControl {
    return this.#options.bgp;
  }

  get isInSync(): boolean {
    return this.#announcements.isInSync;
  }

  get providerAddress(): string | undefined {
    const words = ipWordsFromBytes(this.#settings.current?.providerAddress ?? new Uint8Array());
    return words === undefined ? undefined : formatIpWords(words);
  }

  async apply(change: GoalChange): Promise<{ readonly errors: readonly ResourceError[] }> {
    const { upserts, removes } = change;
    const { bgp } = this.#options;
    const errors: ResourceError[] = [];
    this.#withdrawFirst(upserts, removes);
    const own = upserts.find(({ mux }) => mux !== undefined)?.mux;
    if (own !== undefined) errors.push(...(await this.#settings.apply(own)));
    const goal = await this.#goal.apply(upserts, removes);
    const faults = await this.#applyTables(goal.change);
    errors.push(...goal.errors, ...faults);
    errors.push(...(await bgp.apply(upserts.filter(isBgpResource), removes)));
    const refused = new Set(faults.map(({ key }) => key));
    this.#goal.refused(refused);
    for (const { key, virtualIp, announcement } of upserts) {
      // Of one that goal state refuses, the last good version is in force.
      const held = virtualIp === undefined ? undefined : this.#goal.vip(key);
      if (held !== undefined && !refused.has(key)) {
        this.#announcements.inForce(key, prefixOf(held.address));
      }
      if (announcement !== undefined) this.#announcements.ask(`vip/${announcement.vipId}`);
    }
    this.#announce();
    this.#appliedAt = this.#options.clock.now();
    return { errors };
  }

  /** Southbound and control socket: a question (schema/southbound/diagnostics/slb.ts and bgp.ts). */
  async answer(method: string, question: unknown): Promise<unknown> {
    if (isBgpMethod(method)) {
      return answerBgp(answeringSpeakerOf(this.#options.bgp), method, question);
    }
    if (!isMuxMethod(method)) {
      throw new SdnError('SDN_QUESTION_UNKNOWN', `a mux knows no question '${method}'`, {
        remedy: `There are ${MUX_METHODS.join(', ')}.`,
      });
    }
    const { forwarder } = this.#options;
    const parts = { goal: this.#goal, announcements: this.#announcements, forwarder };
    return answerMux(parts, method, question);
  }

  /** A virtual address takes what the others need: it alone is withdrawn, for a while. */
  overloaded({ key, reason }: Overload): void {
    const { clock, log } = this.#options;
    log.warn({ address: key, reason }, 'virtual address withdrawn: overload');
    this.#announcements.withdraw(key, reason, millis(clock.now() + OVERLOAD_WITHDRAWN));
    this.#announce();
    this.#observe();
    this.#endOverloadLater();
  }

  /** Withdraws everything and forwards on for a moment, so that nothing that is on its way is lost. */
  async drain(): Promise<void> {
    const { clock, bgp, log } = this.#options;
    const announced = this.#announcements.prefixes().size;
    this.#announcements.end();
    bgp.announce(new Set());
    if (announced === 0) return;
    log.info({ announced }, 'routes withdrawn, draining');
    await new Promise<void>((resolve) => {
      clock.after(DRAIN, () => resolve());
    });
  }

  async close(): Promise<void> {
    this.#sync?.cancel();
    this.#overloadEnd?.cancel();
    await this.#settings.close();
    await this.#options.bgp.close('the load balancer is shutting down');
  }

  /** Neighbours hear of what goes, or has another address, before its tables go. */
  #withdrawFirst(upserts: readonly Resource[], removes: readonly string[]): void {
    for (const key of removes) {
      if (key.startsWith('announcement/')) {
        this.#announcements.unask(`vip/${key.slice('announcement/'.length)}`);
      }
      this.#announcements.notInForce(key);
    }
    for (const { key, virtualIp } of upserts) {
      const before = this.#goal.vip(key);
      const isMoved =
        virtualIp !== undefined &&
        before !== undefined &&
        prefixOf(before.address) !== prefixOf(virtualIp.address);
      if (isMoved) this.#announcements.notInForce(key);
    }
    this.#announce();
  }

  #announce(): void {
    this.#options.bgp.announce(this.#announcements.prefixes());
  }

  /** In parts, so that forwarding goes on between them. */
  async #applyTables(change: TableChange): Promise<ResourceError[]> {
    const { forwarder } = this.#options;
    const faults: TableFault[] = [];
    for (const groups of partsOf(change.groups, TABLES_PER_CHANGE_MAX)) {
      faults.push(...(await forwarder.apply({ ...NOTHING, groups })));
    }
    for (const addresses of partsOf(change.addresses, ADDRESSES_PER_CHANGE_MAX)) {
      faults.push(...(await forwarder.apply({ ...NOTHING, addresses })));
    }
    const { leases, removedLeases, removedAddresses, removedGroups } = change;
    const isRest = [leases, removedLeases, removedAddresses, removedGroups].some(
      ({ length }) => length > 0,
    );
    if (isRest) faults.push(...(await forwarder.apply({ ...change, groups: [], addresses: [] })));
    return faults.map(({ key, message }) => ({
      // A group is of a pool, and so is its fault.
      key: key.includes(' ') ? `pool/${key.slice(0, key.indexOf(' '))}` : key,
      code: FAULT_CODE,
      message,
    }));
  }

  async #configure(settings: MuxSettings): Promise<void> {
    const { log, forwarder, bgp, interfaces, uplink } = this.#options;
    const { providerMtu, providerGateway: gateway, vxlanPort, mac } = settings;
    const own = ownAddressOf(settings);
    const text = formatIpPrefixWords(own);
    const gateways = gateway.length > 0 ? [formatIpWords(wordsOf(gateway, 'the gateway'))] : [];
    const goal = { name: uplink, mtu: providerMtu, addresses: [text], gateways };
    const uplinkMac = await interfaces.configure(goal, this.#given);
    this.#given = goal.addresses;
    await forwarder.configure({
      uplink: { name: uplink, mac: uplinkMac },
      ...{ providerAddress: own.words, vxlanPort, providerMtu, mac },
    });
    bgp.linksChanged([[own]]);
    log.info({ uplink, address: text }, 'uplink configured');
  }

  /** `startedAt`: since when it is waited. */
  #awaitSync(startedAt: number): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    const controller = this.#agent?.status().controller;
    const isHeard = controller?.connected === true;
    const heardForMs = isHeard ? clock.wallNow() - controller.since : 0;
    const quietForMs = now - this.#appliedAt;
    const isInSync = isHeard && heardForMs >= SYNC_SETTLE && quietForMs >= SYNC_SETTLE;
    if (isInSync || (!isHeard && now - startedAt >= SYNC_WAIT)) {
      this.#announcements.inSync();
      this.#announce();
      log.info({ withController: isHeard }, 'in sync: announcing');
      return;
    }
    this.#sync = clock.after(SYNC_CHECK_INTERVAL, () => this.#awaitSync(startedAt));
  }

  #endOverloadLater(): void {
    const { clock, log } = this.#options;
    this.#overloadEnd?.cancel();
    this.#overloadEnd = clock.after(
      OVERLOAD_WITHDRAWN,
      () => {
        if (!this.#announcements.tick(clock.now())) return;
        log.info({}, 'virtual addresses announced again after overload');
        this.#announce();
        this.#observe();
      },
      { background: true },
    );
  }

  #observe(): void {
    const overloads = this.#announcements.withdrawn().map(({ key, reason }) => ({
      key,
      code: FAULT_CODE,
      message: `withdrawn for ${OVERLOAD_WITHDRAWN / 1000} s: ${reason}`,
    }));
    this.#agent?.observe({ ports: [], health: [...this.#settings.faults, ...overloads] });
  }
}

const NOTHING: TableChange = {
  groups: [],
  addresses: [],
  leases: [],
  removedLeases: [],
  removedAddresses: [],
  removedGroups: [],
};

function* partsOf<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

/** The address alone, as a prefix. */
function prefixOf(address: Uint8Array): string {
  const words = ipWordsFromBytes(address);
  return words === undefined ? '' : formatIpPrefixWords({ words, len: 128 });
}

function wordsOf(bytes: Uint8Array, what: string): IpWords {
  return settingsAddress(bytes, what, SETTINGS_CODE);
}

function ownAddressOf({ providerAddress, providerPrefixLen }: MuxSettings): IpPrefixWords {
  const words = wordsOf(providerAddress, 'the provider address');
  return interfaceAddress(words, providerPrefixLen, SETTINGS_CODE);
}
