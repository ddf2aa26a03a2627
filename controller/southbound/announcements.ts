/**
 * Runs the state machine of each public virtual address (announcement.ts) against what targets have answered: an address is announced when
 * every host, mux and edge that it concerns has its rules and pools in force, and is kept on muxes after its removal until they have withdrawn
 * it. What is announced is remembered in the store, so that a controller that starts again takes nothing back. Called by target-hub.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { resourceCodec } from '../../schema/southbound/codec.ts';
import { addressText } from '../compiler/address-bytes.ts';
import { addressOf, admissionId, isMuxServing, sideOf } from '../compiler/balancing.ts';
import type { RetiredVip } from '../compiler/balancing-state.ts';
import type { Compiler, CompilerInput } from '../compiler/compiler.ts';
import { readDocument } from '../compiler/document.ts';
import type { Frontend, LoadBalancer } from '../compiler/load-balancer-document.ts';
import { muxTarget, vipScope } from '../compiler/node.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import { announcementKey, backendPoolKey, HOST_KEY, virtualIpKey } from '../goal-state/resource.ts';
import type { JsonObject } from '../store/store.ts';
import {
  type AnnouncementFacts,
  type AnnouncementState,
  announcementDeadline,
  judge,
  readdressed,
  startAnnouncement,
} from './announcement.ts';
import { ANNOUNCEMENT_DELAY } from './limits.ts';
import type { Target } from './target.ts';

export interface AnnouncementsOptions {
  readonly compiler: Compiler;
  readonly clock: Clock;
  target(key: TargetKey): Target | undefined;
  /** Compiles what has been decided and sends what follows. */
  decide(input: Pick<CompilerInput, 'announcements' | 'retirements'>): void;
  /** Stores an observation; `value` undefined deletes. */
  observe(key: string, value: JsonObject | undefined): void;
}

/** Of the observations that say what is announced: `announced/<instanceId of the frontend>`, `announced/mux/<id>`. */
export const ANNOUNCED_PREFIX = 'announced/';

/** A virtual address, or a mux, that has been or will be decided about. */
interface Subject {
  /** instanceId of the frontend, or what admissionId makes of a mux. */
  readonly id: string;
  state: AnnouncementState;
  /** Lower-cased resourceId of the load balancer; undefined for a mux. */
  readonly balancerId: string | undefined;
  /** instanceId of the load balancer. */
  readonly balancerInstanceId: string;
  address: string;
  /** Keys that must be in force. */
  keys: readonly string[];
  wanted: boolean;
}

export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #subjects = new Map<string, Subject>();
  /** By lower-cased resourceId of the load balancer. */
  readonly #byBalancer = new Map<string, Set<Subject>>();
  /** Those that wait for something. */
  readonly #open = new Set<Subject>();
  /** Decided and not compiled yet. */
  readonly #announce = new Map<string, boolean>();
  readonly #forget = new Set<string>();
  #soon: Timer | undefined;
  #deadline: Timer | undefined;
  #closed = false;

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  close(): void {
    this.#closed = true;
    this.#soon?.cancel();
    this.#deadline?.cancel();
  }

  /**
   * Called before an input is compiled: what it takes out of desired state while it is announced is withdrawn with it, and kept. Returns the
   * input with that.
   */
  accompany(input: CompilerInput): CompilerInput {
    const retirements = input.documents.flatMap(({ key, value }) => {
      const [collection, id = ''] = key.split('/');
      if (collection !== 'loadbalancers') return [];
      const document = value === undefined ? undefined : readDocument(key, value);
      const after = typeof document === 'object' ? document : undefined;
      return this.#retire(id, after?.kind === 'load-balancer' ? after : undefined);
    });
    if (retirements.length === 0) return input;
    const withdrawn = retirements.map(({ vipId }) => ({ vipId, announced: false }));
    return {
      ...input,
      announcements: [...(input.announcements ?? []), ...withdrawn],
      retirements: [...(input.retirements ?? []), ...retirements],
    };
  }

  /** Called after an input was compiled. */
  compiled({ documents, announcements = [] }: CompilerInput): void {
    for (const { key } of documents) this.#documentChanged(key);
    for (const { vipId, announced } of announcements) {
      const subject = this.#subjects.get(vipId);
      if (subject !== undefined && announced) subject.state = { kind: 'Announced' };
      if (subject !== undefined && announced) this.#open.delete(subject);
    }
    this.#lookSoon();
  }

  /** Called after what the store remembered was compiled: what has no object any more is forgotten. */
  prune(): void {
    for (const id of this.#options.compiler.model.balancing.announcedIds()) {
      if (!this.#subjects.has(id)) this.#announce.set(id, false);
    }
    this.#flush();
  }

  /** A target has answered, come or gone. */
  targetChanged(): void {
    this.#lookSoon();
  }

  #retire(
    id: string,
    after: LoadBalancer | undefined,
  ): { readonly vipId: string; readonly retired: RetiredVip | undefined }[] {
    return [...(this.#byBalancer.get(id) ?? [])].flatMap((subject) => {
      if (subject.state.kind !== 'Announced') return [];
      const stays = after?.frontends.some(
        (frontend) => frontend.instanceId === subject.id && isUsed(frontend, after),
      );
      if (stays === true) return [];
      return [{ vipId: subject.id, retired: this.#asItWas(subject, after) }];
    });
  }

  /** As the muxes have it; undefined where there are none. */
  #asItWas(subject: Subject, after: LoadBalancer | undefined): RetiredVip | undefined {
    const { compiler } = this.#options;
    const key = virtualIpKey(subject.id);
    for (const target of compiler.targetsOf(vipScope(subject.balancerInstanceId))) {
      const bytes = compiler.slice(target)?.resources.get(key)?.bytes;
      const { virtualIp } = bytes === undefined ? {} : resourceCodec.decode(bytes);
      if (virtualIp === undefined) continue;
      const left = new Set(
        [...(after?.pools ?? []), ...(after?.rules ?? [])].map(({ instanceId }) => instanceId),
      );
      const rules = virtualIp.rules.filter(({ poolId }) => left.has(poolId));
      return { balancerId: subject.balancerInstanceId, virtualIp: { ...virtualIp, rules } };
    }
    return undefined;
  }

  #documentChanged(key: string): void {
    const { model } = this.#options.compiler;
    const [collection, id = ''] = key.split('/');
    if (collection === 'loadbalancers') this.#balancerChanged(id);
    else if (collection === 'loadbalancermuxes') this.#muxChanged(id);
    else if (collection === 'publicipaddresses') {
      const users = [...model.referring('load-balancer', `/publicipaddresses/${id}`)];
      for (const user of users) this.#balancerChanged(user);
    }
  }

  #balancerChanged(id: string): void {
    const { model } = this.#options.compiler;
    const balancer = model.loadBalancers.get(id);
    const isPublic = balancer !== undefined && sideOf(balancer, model)?.kind === 'public';
    const frontends = isPublic ? balancer.frontends : [];
    const found = new Set<string>();
    for (const frontend of frontends) {
      const address = addressOf(frontend, model);
      if (balancer === undefined || address === undefined || !isUsed(frontend, balancer)) continue;
      found.add(frontend.instanceId);
      this.#wanted(frontend, balancer, addressText(address));
    }
    for (const subject of this.#byBalancer.get(id) ?? []) {
      if (found.has(subject.id)) continue;
      subject.wanted = false;
      subject.keys = [announcementKey(subject.id)];
      this.#open.add(subject);
    }
  }

  #wanted(frontend: Frontend, balancer: LoadBalancer, address: string): void {
    const id = frontend.instanceId;
    const keys = [
      virtualIpKey(id),
      ...balancer.rules
        .filter(({ frontends }) => frontends.includes(frontend.ref))
        .map(({ target }) => poolKeyOf(target, balancer)),
    ];
    const known = this.#subjects.get(id);
    if (known === undefined || known.state.kind === 'Over') {
      this.#forgetTwins(id, address);
      const subject = this.#begin({
        ...{ id, address, keys, wanted: true },
        balancerId: balancer.id,
        balancerInstanceId: balancer.instanceId,
      });
      const of = this.#byBalancer.get(balancer.id) ?? new Set();
      this.#byBalancer.set(balancer.id, of.add(subject));
      return;
    }
    known.keys = keys;
    known.wanted = true;
    if (known.address === address) return;
    known.address = address;
    this.#take(known, readdressed(known.state, this.#options.clock.now()));
    this.#open.add(known);
  }

  /** Its announced state, if it has one, was read from the store. */
  #begin(subject: Omit<Subject, 'state'>): Subject {
    const { compiler, clock } = this.#options;
    const isAnnounced = compiler.model.balancing.isAnnounced(subject.id);
    const state = isAnnounced ? ({ kind: 'Announced' } as const) : startAnnouncement(clock.now());
    const begun = { ...subject, state };
    this.#subjects.set(subject.id, begun);
    if (!isAnnounced) this.#open.add(begun);
    return begun;
  }

  /** An address that another frontend has now need not be kept for the one that had it. */
  #forgetTwins(id: string, address: string): void {
    for (const subject of this.#open) {
      if (subject.id === id || subject.address !== address) continue;
      if (subject.state.kind === 'Withdrawing') this.#end(subject);
    }
  }

  #muxChanged(id: string): void {
    const mux = this.#options.compiler.model.loadBalancerMuxes.get(id);
    const address = mux?.providerAddress === undefined ? '' : addressText(mux.providerAddress);
    const subject = this.#subjects.get(admissionId(id));
    if (subject === undefined) {
      if (!isMuxServing(mux)) return;
      const nothing = { balancerId: undefined, balancerInstanceId: '' };
      this.#begin({ id: admissionId(id), address, keys: [HOST_KEY], wanted: true, ...nothing });
      return;
    }
    subject.wanted = isMuxServing(mux);
    if (subject.wanted && subject.address !== address) {
      this.#take(subject, readdressed(subject.state, this.#options.clock.now()));
    }
    subject.address = address;
    this.#open.add(subject);
  }

  #lookSoon(): void {
    if (this.#closed || this.#open.size === 0) return;
    this.#soon ??= this.#options.clock.after(ANNOUNCEMENT_DELAY, () => this.#look());
  }

  #look(): void {
    this.#soon = undefined;
    const now = this.#options.clock.now();
    let deadline = Number.POSITIVE_INFINITY;
    for (const subject of [...this.#open]) {
      this.#take(subject, judge(subject.state, this.#factsOf(subject), now));
      const at = announcementDeadline(subject.state);
      if (at !== undefined && at > now) deadline = Math.min(deadline, at);
    }
    this.#deadline?.cancel();
    this.#deadline = undefined;
    if (Number.isFinite(deadline) && !this.#closed) {
      const wait = millis(deadline - now);
      this.#deadline = this.#options.clock.after(wait, () => this.#look(), { background: true });
    }
    this.#flush();
  }

  /** Notes what the step asks for; #flush has it compiled, of all subjects at once. */
  #take(subject: Subject, { next, actions }: ReturnType<typeof judge>): void {
    subject.state = next;
    for (const action of actions) {
      if (action === 'Forget') this.#forget.add(subject.id);
      else this.#announce.set(subject.id, action === 'Announce');
    }
    if (next.kind === 'Announced') this.#open.delete(subject);
    if (next.kind === 'Over') this.#end(subject);
  }

  #end(subject: Subject): void {
    this.#open.delete(subject);
    this.#subjects.delete(subject.id);
    if (this.#options.compiler.model.balancing.retired(subject.id) !== undefined) {
      this.#forget.add(subject.id);
    }
    if (subject.balancerId === undefined) return;
    const of = this.#byBalancer.get(subject.balancerId);
    of?.delete(subject);
    if (of?.size === 0) this.#byBalancer.delete(subject.balancerId);
  }

  #flush(): void {
    if (this.#announce.size === 0 && this.#forget.size === 0) return;
    const { clock, decide, observe } = this.#options;
    const announcements = [...this.#announce].map(([vipId, announced]) => ({ vipId, announced }));
    const retirements = [...this.#forget].map((vipId) => ({ vipId, retired: undefined }));
    this.#announce.clear();
    this.#forget.clear();
    for (const { vipId, announced } of announcements) {
      observe(`${ANNOUNCED_PREFIX}${vipId}`, announced ? { since: clock.wallNow() } : undefined);
    }
    decide({ announcements, retirements });
  }

  #factsOf(subject: Subject): AnnouncementFacts {
    let waiting = false;
    let away = false;
    for (const key of this.#concerned(subject)) {
      const target = this.#options.target(key);
      if (target?.session === undefined) away = true;
      else waiting ||= subject.keys.some((each) => target.ledger.isOutstanding(each));
    }
    return { wanted: subject.wanted, waiting, away };
  }

  #concerned(subject: Subject): Iterable<TargetKey> {
    const { compiler } = this.#options;
    if (subject.balancerId === undefined) {
      return [...compiler.targets()].filter((key) => key.startsWith('host/'));
    }
    if (subject.wanted) return compiler.targetsOf(vipScope(subject.balancerInstanceId));
    return [...compiler.model.loadBalancerMuxes.values()]
      .filter(isMuxServing)
      .map(({ id }) => muxTarget(id));
  }
}

/** A frontend that nothing leads on from is not for the outside to know. */
function isUsed({ ref }: Frontend, { rules, outboundRules }: LoadBalancer): boolean {
  return [...rules, ...outboundRules].some(({ frontends }) => frontends.includes(ref));
}

function poolKeyOf(target: string, { pools, rules }: LoadBalancer): string {
  const found = [...pools, ...rules].find(({ ref }) => ref === target);
  return backendPoolKey(found?.instanceId ?? '');
}
