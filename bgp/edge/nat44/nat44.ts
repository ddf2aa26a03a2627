/**
 * NAT44 as tables: pools, mappings and port forwards — RFC 4787, RFC 5382, RFC 5508, RFC 6888, RFC 7857. Knows addresses, ports and time, but no
 * packets: the router asks it what a packet's source or destination becomes, and writes that itself.
 *
 * Supported: TCP, UDP, ICMP queries; endpoint-independent mapping and filtering (mapping-table.ts says why), paired pooling and port blocks
 * (port-pool.ts), static port forwards. Hairpinning and the translation of ICMP errors are the router's, from the same tables. Other
 * protocols are refused: what has no ports cannot be shared. Port parity is not kept (RFC 7857 §4).
 *
 * A routing domain is a number: an inside address means something only within one. Called by the router and its slow path.
 */
import { assert } from '../../../base/assert.ts';
import type { Rng } from '../../../base/rng.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import {
  type MappingIndex,
  MappingTable,
  type NatTimeouts,
  NO_BLOCK,
  NO_MAPPING,
} from './mapping-table.ts';
import { type BlockLease, type PoolSpec, PortPool } from './port-pool.ts';

/** Why a packet from inside has no mapping and gets none. */
export const NatRefusal = {
  /** The inside address has all the blocks it may have, and all their ports are in use. */
  BLOCKS_SPENT: -2,
  /** No block is free where its next one must come from. */
  POOL_EXHAUSTED: -3,
  /** There is no pool for it. */
  NO_POOL: -4,
  TABLE_FULL: -5,
  PROTOCOL: -6,
} as const;
export type NatRefusal = (typeof NatRefusal)[keyof typeof NatRefusal];

/** One public port that leads to one inside, both ways. */
export interface PortForwardSpec {
  readonly id: string;
  readonly protocol: number;
  readonly outside: number;
  readonly outsidePort: number;
  readonly domain: number;
  readonly inside: number;
  readonly insidePort: number;
}

/** Who asks for a translation. */
export interface InsideTuple {
  readonly domain: number;
  /** Is the domain the provider network, of which only some pools may be used? */
  readonly isInfrastructure: boolean;
  readonly inside: number;
  readonly insidePort: number;
  readonly protocol: number;
}

export interface NatCounts {
  readonly mappings: number;
  readonly mappingsMax: number;
  readonly created: number;
  readonly removed: number;
  readonly subscribers: number;
  readonly blocksLeased: number;
  readonly blocksTotal: number;
}

export class Nat44 {
  readonly table: MappingTable;
  readonly #rng: Rng;
  readonly #onBlock: (lease: BlockLease, isLeased: boolean) => void;
  readonly #pools = new Map<string, PortPool>();
  readonly #poolOfBlock = new Map<number, PortPool>();
  readonly #forwards = new Map<string, { spec: PortForwardSpec; mapping: MappingIndex }>();
  readonly #public = new Set<number>();
  #lastBlock = -1;
  #created = 0;
  #removed = 0;
  #nowSec: number;

  constructor(options: {
    readonly capacity: number;
    readonly timeouts: NatTimeouts;
    readonly rng: Rng;
    readonly startSec: number;
    /** A mapping has gone: nobody may use its number any more. */
    onRemoved(mapping: MappingIndex): void;
    /** A block of ports has been leased, or has come back (RFC 6888 §4). */
    onBlock?(lease: BlockLease, isLeased: boolean): void;
  }) {
    const { capacity, timeouts, rng, startSec } = options;
    this.#rng = rng;
    this.#onBlock = (lease, isLeased) => options.onBlock?.(lease, isLeased);
    this.#nowSec = startSec;
    this.table = new MappingTable({
      capacity,
      timeouts,
      startSec,
      seed: rng.uint32(),
      onRemoved: (mapping) => {
        this.#released(mapping);
        options.onRemoved(mapping);
      },
    });
  }

  /** Adds a pool or replaces the one with its id. Mappings stay as far as the new one could have made them. */
  setPool(spec: PoolSpec): void {
    const known = this.#pools.get(spec.id);
    if (known !== undefined) {
      if (hasSameBlocks(known.spec, spec)) {
        this.#removeMappings(known, (address) => !spec.addresses.includes(address));
        known.change(spec);
        this.#findPublic();
        return;
      }
      this.removePool(spec.id);
    }
    const numbers = {
      take: (lease: BlockLease) => {
        this.#onBlock(lease, true);
        return this.#nextBlock(pool);
      },
      giveBack: (number: number, lease: BlockLease) => {
        this.#onBlock(lease, false);
        this.#poolOfBlock.delete(number);
      },
    };
    const pool: PortPool = new PortPool(spec, this.#rng, numbers);
    this.#pools.set(spec.id, pool);
    this.#findPublic();
  }

  /** Its mappings go. */
  removePool(id: string): void {
    const pool = this.#pools.get(id);
    if (pool === undefined) return;
    this.#removeMappings(pool, () => true);
    this.#pools.delete(id);
    pool.close();
    this.#findPublic();
  }

  /** Of every pool and port forward. */
  *keys(): Generator<string> {
    yield* this.#pools.keys();
    yield* this.#forwards.keys();
  }

  get pools(): readonly PortPool[] {
    return [...this.#pools.values()];
  }

  /** Adds a port forward or replaces the one with its id. False: another forward has the public port, or the table is full. */
  setForward(spec: PortForwardSpec, nowSec: number): boolean {
    this.#nowSec = nowSec;
    const { outside, outsidePort, protocol } = spec;
    const holder = this.table.findOutside(outside, outsidePort, protocol);
    const own = this.#forwards.get(spec.id);
    if (holder !== NO_MAPPING && holder !== own?.mapping) {
      if (this.table.isStatic(holder)) return false;
      this.table.remove(holder);
    }
    this.removeForward(spec.id);
    if (this.table.isFull) return false;
    const mapping = this.table.add({ ...spec, block: NO_BLOCK }, nowSec);
    this.#created += 1;
    this.#forwards.set(spec.id, { spec, mapping });
    this.#findPublic();
    return true;
  }

  removeForward(id: string): void {
    const forward = this.#forwards.get(id);
    if (forward === undefined) return;
    this.#forwards.delete(id);
    this.table.remove(forward.mapping);
    this.#findPublic();
  }

  /** The mapping of an inside tuple, made if there is none, or why there is none. */
  outbound(tuple: InsideTuple, nowSec: number): MappingIndex | NatRefusal {
    const { domain, inside, insidePort, protocol } = tuple;
    const known = this.table.findInside(domain, inside, insidePort, protocol);
    if (known !== NO_MAPPING) return known;
    if (!isTranslatable(protocol)) return NatRefusal.PROTOCOL;
    const pool = this.#poolFor(tuple);
    if (pool === undefined) return NatRefusal.NO_POOL;
    if (this.table.isFull) return NatRefusal.TABLE_FULL;
    this.#nowSec = nowSec;
    const port = pool.lease(
      tuple,
      (address, candidate) => this.table.findOutside(address, candidate, protocol) !== NO_MAPPING,
    );
    if (typeof port === 'number') return port;
    this.#created += 1;
    return this.table.add(
      {
        domain,
        inside,
        insidePort,
        protocol,
        outside: port.address,
        outsidePort: port.port,
        block: port.block,
      },
      nowSec,
    );
  }

  /** The pool that `outbound` would take a port of for a tuple without a mapping, and changes nothing. */
  poolOf(tuple: InsideTuple): PoolSpec | NatRefusal {
    if (!isTranslatable(tuple.protocol)) return NatRefusal.PROTOCOL;
    if (this.table.isFull) return NatRefusal.TABLE_FULL;
    return this.#poolFor(tuple)?.spec ?? NatRefusal.NO_POOL;
  }

  /** The mapping that a packet to this public tuple is for, or NO_MAPPING. */
  inbound(outside: number, port: number, protocol: number): MappingIndex {
    return this.table.findOutside(outside, port, protocol);
  }

  /** May the provider network's own addresses be translated? */
  get hasInfrastructurePool(): boolean {
    for (const { spec } of this.#pools.values()) if (spec.isInfrastructure) return true;
    return false;
  }

  /** Has another pool than `id` the address? */
  poolWith(address: number, id: string): boolean {
    for (const { spec } of this.#pools.values()) {
      if (spec.id !== id && spec.addresses.includes(address)) return true;
    }
    return false;
  }

  /** Is it an address of a pool or of a port forward? Then what comes to it is for nobody else. */
  isPublic(address: number): boolean {
    return this.#public.has(address);
  }

  /** Forgets what an inside address has leased: it is no more, or somebody else's now. */
  removeInside(domain: number, inside: number): void {
    for (const pool of this.#pools.values()) {
      for (const { address, port, protocol } of [...pool.portsOf(domain, inside)]) {
        this.table.remove(this.table.findOutside(address, port, protocol));
      }
    }
  }

  /** Ages mappings and blocks; true: there is more to do at once. */
  expire(nowSec: number, room: Uint32Array): boolean {
    this.#nowSec = nowSec;
    for (const pool of this.#pools.values()) pool.expire(nowSec);
    return this.table.expire(nowSec, room);
  }

  get counts(): NatCounts {
    const blocks = this.pools.map((pool) => pool.blocks);
    return {
      mappings: this.table.count,
      mappingsMax: this.table.capacity,
      created: this.#created,
      removed: this.#removed,
      subscribers: this.pools.reduce((sum, { subscriberCount }) => sum + subscriberCount, 0),
      blocksLeased: blocks.reduce((sum, { leased }) => sum + leased, 0),
      blocksTotal: blocks.reduce((sum, { total }) => sum + total, 0),
    };
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    this.table.checkInvariants();
    for (const pool of this.#pools.values()) pool.checkInvariants();
    for (const { mapping } of this.#forwards.values()) {
      assert(this.table.isUsed(mapping) && this.table.isStatic(mapping), 'a forward is in force');
    }
    assert(this.#created - this.#removed === this.table.count, 'made and not removed: there');
  }

  /** A subscriber keeps its pool, since it keeps its public address; a new one takes any pool that it may use. */
  #poolFor({ domain, inside, isInfrastructure }: InsideTuple): PortPool | undefined {
    let chosen: PortPool | undefined;
    let free = -1;
    for (const pool of this.#pools.values()) {
      if (isInfrastructure && !pool.spec.isInfrastructure) continue;
      if (pool.hasSubscriber(domain, inside)) return pool;
      const { leased, total } = pool.blocks;
      if (total - leased <= free) continue;
      chosen = pool;
      free = total - leased;
    }
    return chosen;
  }

  #nextBlock(pool: PortPool): number {
    // Wraps before NO_BLOCK would be a number; one that is still in use is passed over.
    do this.#lastBlock = (this.#lastBlock + 1) % 0x8000_0000;
    while (this.#poolOfBlock.has(this.#lastBlock));
    this.#poolOfBlock.set(this.#lastBlock, pool);
    return this.#lastBlock;
  }

  #removeMappings(pool: PortPool, isGone: (address: number) => boolean): void {
    for (const mapping of this.table.all()) {
      if (this.#poolOfBlock.get(this.table.block(mapping)) !== pool) continue;
      if (isGone(this.table.outside(mapping))) this.table.remove(mapping);
    }
  }

  #findPublic(): void {
    this.#public.clear();
    for (const { spec } of this.#pools.values()) {
      for (const address of spec.addresses) this.#public.add(address);
    }
    for (const { spec } of this.#forwards.values()) this.#public.add(spec.outside);
  }

  #released(mapping: MappingIndex): void {
    this.#removed += 1;
    const block = this.table.block(mapping);
    if (block === NO_BLOCK) return;
    const port = this.table.outsidePort(mapping);
    const protocol = this.table.protocol(mapping);
    this.#poolOfBlock.get(block)?.release(block, port, protocol, this.#nowSec);
  }
}

export function isTranslatable(protocol: number): boolean {
  return protocol === IpProtocol.TCP || protocol === IpProtocol.UDP || protocol === IpProtocol.ICMP;
}

/** Were the blocks of one pool cut like those of the other? */
function hasSameBlocks(a: PoolSpec, b: PoolSpec): boolean {
  return (
    a.portFirst === b.portFirst &&
    a.portLast === b.portLast &&
    a.portsPerBlock === b.portsPerBlock &&
    a.isInfrastructure === b.isInfrastructure
  );
}
