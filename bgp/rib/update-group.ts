/**
 * Adj-RIBs-Out of all neighbours that are told the same — RFC 4271 §3.2, §9.2: same export policy, same capabilities, same next hop. What
 * goes out for a prefix is worked out once per group, and messages are encoded once for all members that are equally far.
 *
 * A change is an entry of the group's log (change-log.ts); each member is a place in it. A prefix that changes again before a slow member has read on moves
 * to the end of the log, so a member that never reads costs one entry per prefix at most, and when it reads again it hears the latest only.
 * A new member, or one that asks for a refresh, walks the whole table first. A bit per prefix and member remembers what the member has been
 * told, so it is not told to forget what it never heard, and hears nothing back of its own.
 *
 * Where members take several paths of a prefix (ADD-PATH, RFC 7911), each prefix has as many places, and what is said above of prefixes holds of
 * places: place 0 is the best path. A place's number is its path identifier, so another path in it replaces the one before at the peer too.
 *
 * Called by the speaker. Invariant: what a member has been told, plus the log from its place on, is what the group says.
 */
import type { AttributeTable } from './attribute-table.ts';
import { BatchRoom } from './batch-room.ts';
import { ChangeLog } from './change-log.ts';
import { isTold, type Member, tell, toldCount } from './group-member.ts';
import { type PackedRoutes, type Packing, UpdatePacker } from './packing.ts';
import { PathNlri } from './path-nlri.ts';
import { NONE } from './prefix-table.ts';
import type { RouteTable } from './route-table.ts';

export interface UpdateGroupOptions {
  readonly table: RouteTable;
  readonly attributes: AttributeTable;
  readonly packing: Packing;
  /** Paths of a prefix that members are told; more than 1: with path identifiers. */
  readonly pathsMax: number;
  /** Attribute set (retained) that members are told for a path, NONE for silence. */
  exported(prefix: number, path: number): number;
}

/** What one turn has for a member. */
export interface Turn {
  readonly packed: PackedRoutes | undefined;
  /** The walk over the table ended with this turn (RFC 4724 §2: time for End-of-RIB). */
  readonly isWalkOver: boolean;
}

interface Batch {
  readonly isWalk: boolean;
  readonly from: number;
  readonly to: number;
  /** End of the log when it was made. */
  readonly madeAt: number;
  readonly announced: ReadonlyMap<number, readonly number[]>;
  readonly withdrawn: readonly number[];
  /** Peers that some of it comes from. */
  readonly sources: ReadonlySet<number>;
  readonly packed: PackedRoutes;
}

const UNKNOWN = -2;
const NO_PATHS: readonly number[] = [];
/** Prefixes looked at in one turn of a walk, announced or not. */
const WALK_STEP = 16_384;

export class UpdateGroup {
  readonly #options: UpdateGroupOptions;
  readonly #packer: UpdatePacker;
  /** Places of a prefix: place p · #places + n is the prefix's nth path. */
  readonly #places: number;
  readonly members: Set<Member> = new Set();
  #out = new Int32Array(0);
  #source = new Int32Array(0);
  readonly #log = new ChangeLog();
  readonly #recent: { walk: Batch | undefined; log: Batch | undefined } = {
    walk: undefined,
    log: undefined,
  };

  constructor(options: UpdateGroupOptions) {
    const { table, attributes, packing, pathsMax } = options;
    this.#options = options;
    this.#places = pathsMax;
    const nlri = pathsMax === 1 ? table.prefixes : new PathNlri(table.prefixes, pathsMax);
    this.#packer = new UpdatePacker(nlri, attributes, packing);
  }

  /** `told`: what the peer knows from the group that it was in before. */
  add(peer: number, told: Uint8Array = new Uint8Array(0)): Member {
    const member: Member = { peer, walkAt: 0, logAt: this.#log.end, told };
    this.members.add(member);
    return member;
  }

  remove(member: Member): void {
    this.members.delete(member);
    this.#log.trim(this.members);
  }

  /** Releases every attribute set: the group is not to be used any more. */
  dispose(): void {
    for (const set of this.#out) if (set >= 0) this.#options.attributes.release(set);
    this.#out.fill(UNKNOWN);
    this.#forget('walk');
    this.#forget('log');
  }

  hasWork(member: Member): boolean {
    return member.walkAt !== NONE || member.logAt < this.#log.end;
  }

  /** The table has decided a prefix anew. True when members have something to hear. */
  changed(prefix: number): boolean {
    if (this.#places === 1) return this.#changedPlace(prefix, this.#options.table.best(prefix));
    const first = prefix * this.#places;
    const paths = this.#paths(prefix);
    let hasNews = false;
    for (let index = 0; index < this.#places; index++) {
      if (this.#changedPlace(first + index, paths[index] ?? NONE)) hasNews = true;
    }
    return hasNews;
  }

  #changedPlace(place: number, path: number): boolean {
    if (!this.#resolve(place, path)) return false;
    this.#log.add(place, this.members, this.#placeEnd);
    return true;
  }

  /** Work for at most one batch. */
  next(member: Member): Turn {
    if (member.walkAt !== NONE) return this.#walk(member);
    const batch = this.#logBatch(member.logAt);
    if (batch === undefined) return { packed: undefined, isWalkOver: false };
    member.logAt = batch.to;
    const packed = this.#packedFor(member, batch);
    this.#log.trim(this.members);
    return { packed, isWalkOver: false };
  }

  /** Whether nothing here refers to the prefix any more; it is then forgotten, and its identifier may be used anew. */
  letGo(prefix: number): boolean {
    const first = prefix * this.#places;
    const end = first + this.#places;
    if (first >= this.#out.length) return true;
    for (let place = first; place < end; place++) {
      if ((this.#out[place] ?? UNKNOWN) >= 0) return false;
    }
    this.#out.fill(UNKNOWN, first, end);
    this.#source.fill(NONE, first, end);
    this.#log.forget(first, end);
    return true;
  }

  get isIdle(): boolean {
    return this.#log.isEmpty && [...this.members].every((each) => !this.hasWork(each));
  }

  /** Prefixes, or paths of them, that a member has been told. */
  announcedCount(member: Member): number {
    return toldCount(member);
  }

  /** Attribute sets that a member has been told of a prefix. */
  toldOf(member: Member, prefix: number): number[] {
    const first = prefix * this.#places;
    const places = Array.from({ length: this.#places }, (_, index) => first + index);
    return places
      .filter((place) => isTold(member, place))
      .map((place) => this.outOf(place))
      .filter((set) => set !== NONE);
  }

  /** The attribute set that the group says for a place; NONE for silence. */
  outOf(place: number): number {
    this.#grow();
    if (this.#out[place] === UNKNOWN) {
      const paths = this.#paths(Math.floor(place / this.#places));
      this.#resolve(place, paths[place % this.#places] ?? NONE);
    }
    return this.#out[place] ?? NONE;
  }

  /** Paths of a prefix that are told, the best one first. */
  #paths(prefix: number): readonly number[] {
    const { table } = this.#options;
    if (this.#places > 1) return table.ranked(prefix, this.#places);
    const best = table.best(prefix);
    return best === NONE ? NO_PATHS : [best];
  }

  /** Places are below this. */
  get #placeEnd(): number {
    return this.#options.table.prefixes.idEnd * this.#places;
  }

  /** Works out anew what is said for the place; false when it is what was said before. */
  #resolve(place: number, path: number): boolean {
    this.#grow();
    const { table, attributes, exported } = this.#options;
    const isUsable = path !== NONE && table.acceptedOf(path) !== NONE;
    const out = isUsable ? exported(Math.floor(place / this.#places), path) : NONE;
    const source = isUsable ? table.peerOf(path) : NONE;
    const before = this.#out[place] ?? UNKNOWN;
    const isSame = out === before && source === this.#source[place];
    if (before >= 0) attributes.release(before);
    this.#out[place] = out;
    this.#source[place] = source;
    return !isSame && !(before === UNKNOWN && out === NONE);
  }

  #walk(member: Member): Turn {
    const end = this.#placeEnd;
    const from = member.walkAt;
    const to = Math.min(end, from + WALK_STEP);
    // What the member knew before, and is said no more, is withdrawn on the way.
    const isNew = member.told.length === 0;
    let batch = this.#recent.walk;
    const isUsable = batch !== undefined && batch.from === from && batch.to > from;
    // Changes since the batch was made must lie ahead of the member in the log.
    if (batch === undefined || !isUsable || member.logAt > batch.madeAt)
      batch = this.#walkBatch(from, to);
    member.walkAt = batch.to >= end ? NONE : batch.to;
    const gone = isNew ? [] : this.#toldInVain(member, from, batch.to);
    const packed = this.#packedFor(member, batch, gone);
    return { packed, isWalkOver: member.walkAt === NONE };
  }

  #toldInVain(member: Member, from: number, to: number): number[] {
    const gone: number[] = [];
    for (let prefix = from; prefix < to; prefix++) {
      if (isTold(member, prefix) && this.outOf(prefix) === NONE) gone.push(prefix);
    }
    return gone;
  }

  #walkBatch(from: number, end: number): Batch {
    const ids: number[] = [];
    const room = new BatchRoom(this.#options.attributes);
    let to = from;
    for (; to < end && room.isLeft; to++) {
      const set = this.outOf(to);
      if (set === NONE) continue;
      ids.push(to);
      room.take(set);
    }
    return this.#remember('walk', this.#batch({ isWalk: true, from, to }, ids));
  }

  #logBatch(from: number): Batch | undefined {
    const recent = this.#recent.log;
    if (recent !== undefined && recent.from === from && recent.to > from) return recent;
    const ids: number[] = [];
    const room = new BatchRoom(this.#options.attributes);
    let to = from;
    for (; to < this.#log.end && room.isLeft; to++) {
      const place = this.#log.placeAt(to);
      if (place === NONE) continue;
      ids.push(place);
      room.take(this.#out[place] ?? NONE);
    }
    if (to === from) return undefined;
    return this.#remember('log', this.#batch({ isWalk: false, from, to }, ids));
  }

  #batch(range: Pick<Batch, 'isWalk' | 'from' | 'to'>, ids: readonly number[]): Batch {
    const announced = new Map<number, number[]>();
    const withdrawn: number[] = [];
    const sources = new Set<number>();
    for (const prefix of ids) {
      const set = this.#out[prefix] ?? NONE;
      if (set < 0) {
        withdrawn.push(prefix);
        continue;
      }
      sources.add(this.#source[prefix] ?? NONE);
      const list = announced.get(set);
      if (list === undefined) announced.set(set, [prefix]);
      else list.push(prefix);
    }
    return {
      ...range,
      madeAt: this.#log.end,
      announced,
      withdrawn,
      sources,
      packed: this.#packer.pack(announced, withdrawn),
    };
  }

  /** The sets of a remembered batch stay: members that come later may need them in another arrangement. */
  #remember(kind: 'walk' | 'log', batch: Batch): Batch {
    this.#forget(kind);
    for (const set of batch.announced.keys()) this.#options.attributes.retainId(set);
    this.#recent[kind] = batch;
    return batch;
  }

  #forget(kind: 'walk' | 'log'): void {
    const batch = this.#recent[kind];
    if (batch === undefined) return;
    for (const set of batch.announced.keys()) this.#options.attributes.release(set);
    this.#recent[kind] = undefined;
  }

  #packedFor(member: Member, batch: Batch, gone: readonly number[] = []): PackedRoutes | undefined {
    const isShared =
      gone.length === 0 &&
      !batch.sources.has(member.peer) &&
      batch.withdrawn.every((prefix) => isTold(member, prefix));
    let { announced, withdrawn, packed } = batch;
    if (!isShared) {
      const own = this.#withoutOwn(member, batch);
      announced = own.announced;
      withdrawn = [...own.withdrawn, ...gone];
      packed = this.#packer.pack(announced, withdrawn);
    }
    for (const ids of announced.values()) for (const prefix of ids) tell(member, prefix, true);
    for (const prefix of withdrawn) tell(member, prefix, false);
    for (const prefix of packed.oversized) tell(member, prefix, false);
    return packed.messageCount === 0 ? undefined : packed;
  }

  #withoutOwn(member: Member, batch: Batch): Pick<Batch, 'announced' | 'withdrawn'> {
    const announced = new Map<number, readonly number[]>();
    const withdrawn = batch.withdrawn.filter((prefix) => isTold(member, prefix));
    for (const [set, ids] of batch.announced) {
      const others = ids.filter((prefix) => this.#source[prefix] !== member.peer);
      if (others.length > 0) announced.set(set, others);
      if (others.length === ids.length) continue;
      for (const prefix of ids) {
        if (this.#source[prefix] === member.peer && isTold(member, prefix)) withdrawn.push(prefix);
      }
    }
    return { announced, withdrawn };
  }

  #grow(): void {
    const capacity = this.#options.table.prefixes.capacity * this.#places;
    if (capacity <= this.#out.length) return;
    const out = new Int32Array(capacity).fill(UNKNOWN);
    out.set(this.#out);
    this.#out = out;
    const source = new Int32Array(capacity).fill(NONE);
    source.set(this.#source);
    this.#source = source;
    this.#log.grow(capacity);
  }
}
