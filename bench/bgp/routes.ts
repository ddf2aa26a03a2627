/**
 * A full table as a transit provider sends it, made from a seed: prefixes in the mixture of lengths that the Internet has, attribute sets that
 * are shared by few prefixes each (most by one or two, some by hundreds), AS paths of two to eight numbers, communities on two sets out of
 * three. Encoded once, before anything is measured: a stream of UPDATEs (RFC 4271 §4.3), and one of withdrawals.
 *
 * Every contestant gets the same bytes. Called by tester.ts.
 */
import { below, type Rng } from '../../base/rng.ts';

export interface TableShape {
  readonly afi: 4 | 6;
  readonly count: number;
  /** Tables of one run with different numbers have no prefix in common. */
  readonly block: number;
  /** First AS of every path. */
  readonly asn: number;
  /** 4 or 16 bytes. */
  readonly nextHop: Uint8Array;
}

export interface Table {
  readonly announcements: Uint8Array;
  readonly withdrawals: Uint8Array;
  readonly attributeSetCount: number;
}

const HEADER_LEN = 19;
const UPDATE = 2;
/** Numbers of one block. */
const BLOCK = 100_000;
const MESSAGE_BYTES_MAX = 4_096;
/** Prefixes of one attribute set that share an UPDATE at most. */
const PREFIXES_PER_SET_MAX = 500;

export function makeTable(rng: Rng, shape: TableShape): Table {
  const announcements = new Stream();
  const withdrawals = new Stream();
  let next = 0;
  let attributeSetCount = 0;
  while (next < shape.count) {
    const size = Math.min(shape.count - next, prefixesOfSet(rng));
    const prefixes = Array.from({ length: size }, (_, at) => prefix(rng, shape, next + at));
    announce(announcements, shape, attributes(rng, shape.asn), prefixes);
    withdrawals.hold(prefixes, (held) => withdraw(withdrawals, shape.afi, held));
    next += size;
    attributeSetCount += 1;
  }
  withdrawals.flush((held) => withdraw(withdrawals, shape.afi, held));
  return {
    announcements: announcements.bytes(),
    withdrawals: withdrawals.bytes(),
    attributeSetCount,
  };
}

/** Heavy-tailed, five on average. */
function prefixesOfSet(rng: Rng): number {
  const share = (below(rng, 1_000_000) + 1) / 1_000_000;
  return Math.min(PREFIXES_PER_SET_MAX, Math.floor(share ** -0.9));
}

/**
 * Length and address; the number is spread over the address space so that neighbours in time are not neighbours in the table, and no two
 * numbers give the same prefix: those of a length differ in the bits that it covers.
 */
function prefix(rng: Rng, { afi, block }: TableShape, number: number): Uint8Array {
  const kind = below(rng, 10);
  if (afi === 4) {
    const len = kind < 6 ? 24 : kind < 8 ? 23 : 22;
    // 2^20 numbers under 128.0.0.0/2, each with a /22 of its own.
    const spread = (Math.imul(number + block * BLOCK, 0x9e37) & 0xf_ffff) << 10;
    const address = (0x8000_0000 + spread) >>> 0;
    return Uint8Array.of(len, address >>> 24, (address >>> 16) & 0xff, (address >>> 8) & 0xff);
  }
  const len = kind < 5 ? 48 : kind < 8 ? 40 : 44;
  const spread = Math.imul(number + block * BLOCK, 0x9e37) & 0xf_ffff;
  const bytes = [0x24, (spread >>> 16) & 0x0f, (spread >>> 8) & 0xff, spread & 0xff, 0, 0];
  return Uint8Array.of(len, ...bytes.slice(0, Math.ceil(len / 8)));
}

/** ORIGIN, AS_PATH, sometimes MULTI_EXIT_DISC, AGGREGATOR, COMMUNITIES: everything but the next hop. */
function attributes(rng: Rng, asn: number): number[] {
  const origin = [0x40, 1, 1, below(rng, 10) === 0 ? 2 : 0];
  const transit = Array.from({ length: 1 + below(rng, 4) }, () => 1_000 + below(rng, 400));
  const origins = Array.from({ length: 1 + below(rng, 3) }, () => 131_072 + below(rng, 70_000));
  const path = [asn, ...transit, ...origins].flatMap(uint32);
  const asPath = [0x40, 2, 2 + path.length, 2, path.length / 4, ...path];
  const med = below(rng, 5) === 0 ? [0x80, 4, 4, ...uint32(below(rng, 100))] : [];
  const last = origins.at(-1) ?? asn;
  const aggregator =
    below(rng, 12) === 0 ? [0xc0, 7, 8, ...uint32(last), ...uint32(0xc633_6400)] : [];
  const communities = Array.from({ length: Math.max(0, below(rng, 9) - 2) }, () =>
    uint32(((1_000 + below(rng, 400)) << 16) | below(rng, 3_000)),
  ).flat();
  const community = communities.length === 0 ? [] : [0xc0, 8, communities.length, ...communities];
  return [...origin, ...asPath, ...med, ...aggregator, ...community];
}

function announce(
  stream: Stream,
  { afi, nextHop }: TableShape,
  others: readonly number[],
  prefixes: readonly Uint8Array[],
): void {
  const fixed = afi === 4 ? [...others, 0x40, 3, 4, ...nextHop] : others;
  const mp = afi === 4 ? 0 : 9 + nextHop.length;
  const room = MESSAGE_BYTES_MAX - HEADER_LEN - 4 - fixed.length - mp;
  for (const part of parts(prefixes, room)) {
    const nlri = part.flatMap((each) => [...each]);
    if (afi === 4) {
      stream.message([0, 0, ...uint16(fixed.length), ...fixed, ...nlri]);
      continue;
    }
    const value = [0, 2, 1, nextHop.length, ...nextHop, 0, ...nlri];
    const reach = [0x90, 14, ...uint16(value.length), ...value];
    stream.message([0, 0, ...uint16(reach.length + fixed.length), ...reach, ...fixed]);
  }
}

function withdraw(stream: Stream, afi: 4 | 6, prefixes: readonly Uint8Array[]): void {
  const room = MESSAGE_BYTES_MAX - HEADER_LEN - 4 - (afi === 4 ? 0 : 7);
  for (const part of parts(prefixes, room)) {
    const nlri = part.flatMap((each) => [...each]);
    if (afi === 4) stream.message([...uint16(nlri.length), ...nlri, 0, 0]);
    else {
      const value = [0, 2, 1, ...nlri];
      const unreach = [0x90, 15, ...uint16(value.length), ...value];
      stream.message([0, 0, ...uint16(unreach.length), ...unreach]);
    }
  }
}

/** As many prefixes as fit in `room` octets, and so on. */
function parts(prefixes: readonly Uint8Array[], room: number): Uint8Array[][] {
  const all: Uint8Array[][] = [];
  let left = 0;
  for (const each of prefixes) {
    if (all.length === 0 || each.length > left) {
      all.push([]);
      left = room;
    }
    all.at(-1)?.push(each);
    left -= each.length;
  }
  return all;
}

const HELD_MAX = 700;

class Stream {
  #bytes = new Uint8Array(1 << 20);
  #end = 0;
  #held: Uint8Array[] = [];

  message(body: readonly number[]): void {
    const length = HEADER_LEN + body.length;
    if (this.#end + length > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.fill(0xff, this.#end, this.#end + 16);
    this.#bytes.set([...uint16(length), UPDATE], this.#end + 16);
    this.#bytes.set(body, this.#end + HEADER_LEN);
    this.#end += length;
  }

  /** Gathers prefixes until a message is worth it. */
  hold(prefixes: readonly Uint8Array[], write: (held: readonly Uint8Array[]) => void): void {
    this.#held.push(...prefixes);
    if (this.#held.length >= HELD_MAX) this.flush(write);
  }

  flush(write: (held: readonly Uint8Array[]) => void): void {
    const held = this.#held;
    this.#held = [];
    if (held.length > 0) write(held);
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }
}

function uint16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
