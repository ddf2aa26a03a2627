/**
 * A pool of public addresses that many share by ports, leased in blocks — RFC 6888 §3 (REQ-2 pairing, REQ-4 limits, REQ-8 hold-down), RFC 7857
 * §9 (ports are chosen at random within what is leased, RFC 6056).
 *
 * An inside address is a subscriber. Its first mapping leases a block of a public address, the one with the most blocks free; what it
 * needs further comes from the same public address (paired pooling, RFC 4787 REQ-2), up to a number of blocks that the pool sets. When
 * nothing of it is left there, it is refused, rather than given a second public address that its peers would not recognise.
 *
 * A block serves TCP, UDP and ICMP queries, each with every port. One that has no mapping any more stays with its subscriber for
 * NAT_BLOCK_HOLD_SEC. Bounded by the pool's ports. Slow path only: objects per block and subscriber. Called by nat44.ts.
 */
import { assert, defined } from '../../../base/assert.ts';
import { below, type Rng } from '../../../base/rng.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import { NAT_BLOCK_HOLD_SEC } from '../limits.ts';

export interface PoolSpec {
  readonly id: string;
  /** IPv4, unsigned words, no two the same. */
  readonly addresses: readonly number[];
  readonly portFirst: number;
  /** Inclusive. */
  readonly portLast: number;
  readonly portsPerBlock: number;
  readonly blocksPerAddressMax: number;
  /** For the provider network's own addresses too. */
  readonly isInfrastructure: boolean;
}

/** Why there is no port. */
export const Refusal = {
  /** The subscriber has all the blocks it may have, and all their ports are in use. */
  BLOCKS_SPENT: -2,
  /** No block is free where the subscriber's must come from. */
  POOL_EXHAUSTED: -3,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** Protocols that have ports of their own each. */
const PROTOCOLS: readonly number[] = [IpProtocol.TCP, IpProtocol.UDP, IpProtocol.ICMP];
const NAMESPACES = PROTOCOLS.length;
const WORD_BITS = 32;

interface Block {
  readonly number: number;
  readonly address: PublicPorts;
  /** Which part of the address' range it is. */
  readonly part: number;
  readonly subscriber: Subscriber;
  /** A bit per port, protocol after protocol. */
  readonly used: Uint32Array;
  readonly free: Uint32Array;
  /** Since when it has had no mapping; undefined: it has some. */
  emptySec: number | undefined;
  count: number;
}

interface PublicPorts {
  readonly address: number;
  /** Parts that nobody has, the next one to be leased first. */
  readonly parts: number[];
}

export interface Subscriber {
  readonly domain: number;
  readonly inside: number;
  readonly blocks: Block[];
}

/** Who has which ports of which public address; IPv4 addresses as unsigned words. */
export interface BlockLease {
  readonly domain: number;
  readonly inside: number;
  readonly address: number;
  readonly portFirst: number;
  /** Inclusive. */
  readonly portLast: number;
}

/** Gives each block a number that no other block of any pool has, and hears who leases it. */
export interface BlockNumbers {
  take(lease: BlockLease): number;
  giveBack(number: number, lease: BlockLease): void;
}

export interface LeasedPort {
  readonly address: number;
  readonly port: number;
  readonly block: number;
}

export class PortPool {
  #spec: PoolSpec;
  readonly #rng: Rng;
  #addresses: PublicPorts[];
  /** By domain · 2^32 + address. */
  readonly #subscribers = new Map<number, Subscriber>();
  readonly #blocks = new Map<number, Block>();
  /** Blocks in the order they became empty; one that has been used since is passed over. */
  #empty: { readonly block: Block; readonly sinceSec: number }[] = [];
  readonly #numbers: BlockNumbers;
  readonly #words: number;

  constructor(spec: PoolSpec, rng: Rng, numbers: BlockNumbers) {
    this.#spec = spec;
    this.#rng = rng;
    this.#numbers = numbers;
    this.#words = Math.ceil(spec.portsPerBlock / WORD_BITS);
    this.#addresses = spec.addresses.map((address) => this.#freshPorts(address));
  }

  get spec(): PoolSpec {
    return this.#spec;
  }

  /** Other addresses, other limits, the same blocks. No mapping has one of the addresses that go. */
  change(spec: PoolSpec): void {
    const kept = this.#addresses.filter(({ address }) => spec.addresses.includes(address));
    for (const block of [...this.#blocks.values()]) {
      if (kept.includes(block.address)) continue;
      assert(block.count === 0, 'a block without mappings');
      this.#takeBack(block);
    }
    this.#spec = spec;
    this.#addresses = spec.addresses.map(
      (address) => kept.find((known) => known.address === address) ?? this.#freshPorts(address),
    );
  }

  /** Blocks leased and blocks there are. */
  get blocks(): { readonly leased: number; readonly total: number } {
    const free = this.#addresses.reduce((sum, { parts }) => sum + parts.length, 0);
    return { leased: this.#blocks.size, total: this.#blocks.size + free };
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  /** A port for one more mapping; `isTaken` says of a public tuple whether something else has it (a port forward). */
  lease(
    request: { readonly domain: number; readonly inside: number; readonly protocol: number },
    isTaken: (address: number, port: number) => boolean,
  ): LeasedPort | Refusal {
    const subscriber = this.#subscriberOf(request.domain, request.inside);
    const space = namespaceOf(request.protocol);
    for (const block of subscriber.blocks) {
      const port = this.#pick(block, space, isTaken);
      if (port !== undefined) return leased(block, port);
    }
    for (;;) {
      if (subscriber.blocks.length >= this.spec.blocksPerAddressMax) return Refusal.BLOCKS_SPENT;
      const block = this.#leaseBlock(subscriber);
      if (block === undefined) {
        if (subscriber.blocks.length === 0) this.#subscribers.delete(keyOf(subscriber));
        return Refusal.POOL_EXHAUSTED;
      }
      const port = this.#pick(block, space, isTaken);
      if (port !== undefined) return leased(block, port);
    }
  }

  /** The port of a mapping that has gone. */
  release(number: number, port: number, protocol: number, nowSec: number): void {
    const block = defined(this.#blocks.get(number), 'the block of a mapping');
    const offset = port - this.#firstPort(block);
    const space = namespaceOf(protocol);
    const at = space * this.#words + (offset >>> 5);
    const bit = 1 << (offset & 31);
    assert(((block.used[at] ?? 0) & bit) !== 0, 'a port in use');
    block.used[at] = (block.used[at] ?? 0) & ~bit;
    block.free[space] = (block.free[space] ?? 0) + 1;
    block.count -= 1;
    if (block.count > 0) return;
    block.emptySec = nowSec;
    this.#empty.push({ block, sinceSec: nowSec });
  }

  /** Takes back the blocks that have been empty for their time. */
  expire(nowSec: number): void {
    let done = 0;
    for (const { block, sinceSec } of this.#empty) {
      if (sinceSec + NAT_BLOCK_HOLD_SEC > nowSec) break;
      done += 1;
      if (block.emptySec === sinceSec && this.#blocks.has(block.number)) this.#takeBack(block);
    }
    if (done > 0) this.#empty = this.#empty.slice(done);
  }

  hasSubscriber(domain: number, inside: number): boolean {
    return this.#subscribers.has(keyOf({ domain, inside }));
  }

  /** Every public port that an inside address has in use. */
  *portsOf(
    domain: number,
    inside: number,
  ): Generator<{ readonly address: number; readonly port: number; readonly protocol: number }> {
    for (const block of this.#subscribers.get(keyOf({ domain, inside }))?.blocks ?? []) {
      for (const [space, protocol] of PROTOCOLS.entries()) {
        for (let offset = 0; offset < this.spec.portsPerBlock; offset += 1) {
          const word = block.used[space * this.#words + (offset >>> 5)] ?? 0;
          if ((word & (1 << (offset & 31))) === 0) continue;
          const port = this.#firstPort(block) + offset;
          yield { address: block.address.address, port, protocol };
        }
      }
    }
  }

  /** Leases in force, for people: who may be behind which ports. */
  *leases(): Generator<BlockLease & { readonly mappings: number }> {
    for (const block of this.#blocks.values()) {
      yield { ...this.#leaseOf(block), mappings: block.count };
    }
  }

  /** Takes everything back: no mapping has one of its ports, and none will. */
  close(): void {
    for (const block of [...this.#blocks.values()]) this.#takeBack(block);
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    let leasedCount = 0;
    for (const subscriber of this.#subscribers.values()) {
      const { blocks } = subscriber;
      leasedCount += blocks.length;
      assert(blocks.length > 0, 'a subscriber has a block');
      assert(blocks.length <= this.spec.blocksPerAddressMax, 'and no more than it may have');
      assert(new Set(blocks.map(({ address }) => address)).size === 1, 'all of one public address');
      for (const block of blocks) {
        const bits = [...block.used].reduce((sum, word) => sum + bitCount(word), 0);
        assert(bits === block.count, 'a block counts its mappings');
        assert(
          (block.count === 0) === (block.emptySec !== undefined),
          'and knows when it has none',
        );
      }
    }
    assert(leasedCount === this.#blocks.size, 'every leased block has a subscriber');
  }

  #subscriberOf(domain: number, inside: number): Subscriber {
    const key = keyOf({ domain, inside });
    const known = this.#subscribers.get(key);
    if (known !== undefined) return known;
    const subscriber = { domain, inside, blocks: [] };
    this.#subscribers.set(key, subscriber);
    return subscriber;
  }

  #leaseBlock(subscriber: Subscriber): Block | undefined {
    const address = subscriber.blocks[0]?.address ?? this.#emptiest();
    const part = address?.parts.pop();
    if (address === undefined || part === undefined) return undefined;
    const block: Block = {
      number: this.#numbers.take(this.#leaseOf({ subscriber, address, part })),
      address,
      part,
      subscriber,
      used: new Uint32Array(NAMESPACES * this.#words),
      free: new Uint32Array(NAMESPACES).fill(this.spec.portsPerBlock),
      emptySec: 0,
      count: 0,
    };
    subscriber.blocks.push(block);
    this.#blocks.set(block.number, block);
    return block;
  }

  #freshPorts(address: number): PublicPorts {
    const { portFirst, portLast, portsPerBlock } = this.#spec;
    const count = Math.floor((portLast - portFirst + 1) / portsPerBlock);
    return { address, parts: shuffled(count, this.#rng) };
  }

  #emptiest(): PublicPorts | undefined {
    let best: PublicPorts | undefined;
    for (const address of this.#addresses) {
      if (address.parts.length > (best?.parts.length ?? 0)) best = address;
    }
    return best;
  }

  #takeBack(block: Block): void {
    const { subscriber, address } = block;
    this.#blocks.delete(block.number);
    this.#numbers.giveBack(block.number, this.#leaseOf(block));
    subscriber.blocks.splice(subscriber.blocks.indexOf(block), 1);
    address.parts.unshift(block.part);
    if (subscriber.blocks.length === 0) this.#subscribers.delete(keyOf(subscriber));
  }

  /** A free port of the block, the search starting anywhere in it. */
  #pick(
    block: Block,
    space: number,
    isTaken: (address: number, port: number) => boolean,
  ): number | undefined {
    if (block.free[space] === 0) return undefined;
    const size = this.spec.portsPerBlock;
    const first = this.#firstPort(block);
    const start = below(this.#rng, size);
    for (let step = 0; step < size; step += 1) {
      const offset = (start + step) % size;
      const at = space * this.#words + (offset >>> 5);
      const bit = 1 << (offset & 31);
      if (((block.used[at] ?? 0) & bit) !== 0) continue;
      if (isTaken(block.address.address, first + offset)) continue;
      block.used[at] = (block.used[at] ?? 0) | bit;
      block.free[space] = (block.free[space] ?? 0) - 1;
      block.count += 1;
      block.emptySec = undefined;
      return first + offset;
    }
    return undefined;
  }

  #leaseOf(block: Pick<Block, 'subscriber' | 'address' | 'part'>): BlockLease {
    const { domain, inside } = block.subscriber;
    const portFirst = this.#firstPort(block);
    const portLast = portFirst + this.spec.portsPerBlock - 1;
    return { domain, inside, address: block.address.address, portFirst, portLast };
  }

  #firstPort({ part }: Pick<Block, 'part'>): number {
    return this.spec.portFirst + part * this.spec.portsPerBlock;
  }
}

function leased(block: Block, port: number): LeasedPort {
  return { address: block.address.address, port, block: block.number };
}

function keyOf({ domain, inside }: { readonly domain: number; readonly inside: number }): number {
  return domain * 0x1_0000_0000 + inside;
}

function namespaceOf(protocol: number): number {
  const space = PROTOCOLS.indexOf(protocol);
  assert(space >= 0, 'a protocol with ports');
  return space;
}

/** 0 … count − 1 in an order that nobody can foresee. */
function shuffled(count: number, rng: Rng): number[] {
  const parts = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index -= 1) {
    const other = below(rng, index + 1);
    [parts[index], parts[other]] = [parts[other] ?? 0, parts[index] ?? 0];
  }
  return parts;
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
