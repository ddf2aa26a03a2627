/**
 * Longest-prefix match over 128-bit keys: IPv6, and IPv4 in its mapped form (base/ip-words), in one table.
 *
 * A path-compressed binary trie (Patricia; RFC 1812 §5.2.4.3 names the rule it answers). Each node holds its whole prefix, so a lookup
 * touches one node per branching on its way and never backtracks; a node without a value exists only where two branches meet,
 * hence at most 2n − 1 nodes for n prefixes. Nodes live in typed arrays that double when full: lookups allocate nothing.
 *
 * Values are integers ≥ 0 that mean whatever the caller wants (usually an index). Called by dataplane/engine groups.
 */
import { assert } from './assert.ts';
import { hasHostBits, type IpPrefixWords, type IpWords, wordMask } from './ip-words.ts';

/** "No value" and "no node". */
export const NONE = -1;

const KEY_BITS = 128;
const NODES_INITIAL = 64;

export interface LpmEntry {
  readonly prefix: IpPrefixWords;
  readonly value: number;
}

export class Lpm {
  #words = new Uint32Array(NODES_INITIAL * 4);
  #len = new Uint8Array(NODES_INITIAL);
  #children = new Int32Array(NODES_INITIAL * 2);
  #values = new Int32Array(NODES_INITIAL);
  #root = NONE;
  #nodesUsed = 0;
  #freeNode = NONE;
  #size = 0;

  /** Number of prefixes held. */
  get size(): number {
    return this.#size;
  }

  /** Value of the longest prefix that contains the address, or NONE. */
  lookup(w0: number, w1: number, w2: number, w3: number): number {
    let best = NONE;
    let node = this.#root;
    while (node !== NONE && this.#contains(node, w0, w1, w2, w3)) {
      const value = this.#value(node);
      if (value !== NONE) best = value;
      const len = this.#length(node);
      if (len === KEY_BITS) break;
      node = this.#child(node, bitOf(len, w0, w1, w2, w3));
    }
    return best;
  }

  /** Value of exactly this prefix, or NONE. */
  get(prefix: IpPrefixWords): number {
    const [w0, w1, w2, w3] = prefix.words;
    let node = this.#root;
    while (node !== NONE && this.#length(node) <= prefix.len) {
      if (!this.#contains(node, w0, w1, w2, w3)) return NONE;
      const len = this.#length(node);
      if (len === prefix.len) return this.#value(node);
      node = this.#child(node, bitOf(len, w0, w1, w2, w3));
    }
    return NONE;
  }

  /** Stores `value` under a prefix without host bits; returns the value it replaced, or NONE. */
  set(prefix: IpPrefixWords, value: number): number {
    return this.#insert(prefix, value, true);
  }

  /** Stores `value` under a prefix without host bits unless it has one; returns that, or NONE. */
  add(prefix: IpPrefixWords, value: number): number {
    return this.#insert(prefix, value, false);
  }

  #insert(prefix: IpPrefixWords, value: number, mayReplace: boolean): number {
    assert(Number.isInteger(value) && value >= 0, 'an LPM value is an integer ≥ 0');
    assertPrefix(prefix);
    let parent = NONE;
    let side = 0;
    let node = this.#root;
    while (node !== NONE) {
      const shared = this.#sharedLen(node, prefix);
      if (shared < this.#length(node)) {
        this.#link(parent, side, this.#split(node, shared, prefix, value));
        this.#size += 1;
        return NONE;
      }
      if (shared === prefix.len) {
        const known = this.#value(node);
        return mayReplace || known === NONE ? this.#replace(node, value) : known;
      }
      parent = node;
      side = prefixBit(prefix.words, shared);
      node = this.#child(node, side);
    }
    this.#link(parent, side, this.#allocate(prefix.words, prefix.len, value));
    this.#size += 1;
    return NONE;
  }

  /** Removes exactly this prefix; returns the value it had, or NONE. */
  remove(prefix: IpPrefixWords): number {
    let grandparent = NONE;
    let parent = NONE;
    let node = this.#root;
    while (node !== NONE && this.#length(node) < prefix.len) {
      grandparent = parent;
      parent = node;
      node = this.#child(node, prefixBit(prefix.words, this.#length(node)));
    }
    if (node === NONE || this.get(prefix) === NONE) return NONE;
    const value = this.#replace(node, NONE);
    this.#size -= 1;
    if (this.#unlinkIfUseless(parent, node) && parent !== NONE) {
      this.#unlinkIfUseless(grandparent, parent);
    }
    return value;
  }

  /** Every prefix with its value, shorter and lower ones first. */
  entries(): LpmEntry[] {
    const found: LpmEntry[] = [];
    const pending = [this.#root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node === NONE) continue;
      const value = this.#value(node);
      if (value !== NONE) {
        found.push({ prefix: { words: this.#key(node), len: this.#length(node) }, value });
      }
      pending.push(this.#child(node, 1), this.#child(node, 0));
    }
    return found;
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    let valued = 0;
    let reached = 0;
    const pending = [this.#root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node === NONE) continue;
      reached += 1;
      const key = this.#key(node);
      assertPrefix({ words: key, len: this.#length(node) });
      if (this.#value(node) === NONE) {
        assert(this.#child(node, 0) !== NONE && this.#child(node, 1) !== NONE, 'a useless node');
      } else valued += 1;
      for (const side of [0, 1]) {
        const child = this.#child(node, side);
        if (child === NONE) continue;
        assert(this.#length(child) > this.#length(node), 'a child is longer than its parent');
        assert(this.#contains(node, ...this.#key(child)), 'a child extends its parent');
        assert(prefixBit(this.#key(child), this.#length(node)) === side, 'a child on its side');
        pending.push(child);
      }
    }
    assert(valued === this.#size, 'size counts the prefixes');
    assert(reached <= Math.max(0, 2 * this.#size - 1), 'at most 2n − 1 nodes');
  }

  #replace(node: number, value: number): number {
    const old = this.#value(node);
    this.#values[node] = value;
    if (old === NONE && value !== NONE) this.#size += 1;
    return old;
  }

  /** Puts a node of `shared` bits over `node`: the new prefix itself, or a branch between the two. */
  #split(node: number, shared: number, prefix: IpPrefixWords, value: number): number {
    const nodeSide = prefixBit(this.#key(node), shared);
    if (shared === prefix.len) {
      const above = this.#allocate(prefix.words, prefix.len, value);
      this.#children[above * 2 + nodeSide] = node;
      return above;
    }
    const branch = this.#allocate(truncated(prefix.words, shared), shared, NONE);
    const leaf = this.#allocate(prefix.words, prefix.len, value);
    this.#children[branch * 2 + nodeSide] = node;
    this.#children[branch * 2 + (1 - nodeSide)] = leaf;
    return branch;
  }

  /** Takes a node without value and with fewer than two children out of the trie. */
  #unlinkIfUseless(parent: number, node: number): boolean {
    const left = this.#child(node, 0);
    const right = this.#child(node, 1);
    if (this.#value(node) !== NONE || (left !== NONE && right !== NONE)) return false;
    const side = parent !== NONE && this.#child(parent, 1) === node ? 1 : 0;
    this.#link(parent, side, left === NONE ? right : left);
    this.#children[node * 2] = this.#freeNode;
    this.#freeNode = node;
    return true;
  }

  #link(parent: number, side: number, node: number): void {
    if (parent === NONE) this.#root = node;
    else this.#children[parent * 2 + side] = node;
  }

  #allocate(words: IpWords, len: number, value: number): number {
    let node = this.#freeNode;
    if (node === NONE) {
      if (this.#nodesUsed === this.#len.length) this.#grow();
      node = this.#nodesUsed++;
    } else this.#freeNode = this.#child(node, 0);
    const [w0, w1, w2, w3] = words;
    this.#words[node * 4] = w0;
    this.#words[node * 4 + 1] = w1;
    this.#words[node * 4 + 2] = w2;
    this.#words[node * 4 + 3] = w3;
    this.#len[node] = len;
    this.#values[node] = value;
    this.#children[node * 2] = NONE;
    this.#children[node * 2 + 1] = NONE;
    return node;
  }

  #grow(): void {
    const count = this.#len.length * 2;
    const words = new Uint32Array(count * 4);
    words.set(this.#words);
    this.#words = words;
    const len = new Uint8Array(count);
    len.set(this.#len);
    this.#len = len;
    const children = new Int32Array(count * 2);
    children.set(this.#children);
    this.#children = children;
    const values = new Int32Array(count);
    values.set(this.#values);
    this.#values = values;
  }

  /** How many leading bits the node's prefix and `prefix` have in common, at most the shorter length. */
  #sharedLen(node: number, prefix: IpPrefixWords): number {
    const limit = Math.min(this.#length(node), prefix.len);
    for (let index = 0; index * 32 < limit; index += 1) {
      const difference = (this.#words[node * 4 + index] ?? 0) ^ (prefix.words[index] ?? 0);
      if (difference !== 0) return Math.min(limit, index * 32 + Math.clz32(difference));
    }
    return limit;
  }

  #contains(node: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const len = this.#length(node);
    const words = this.#words;
    const at = node * 4;
    if (((w0 ^ (words[at] ?? 0)) & wordMask(len, 0)) !== 0) return false;
    if (len <= 32) return true;
    if (((w1 ^ (words[at + 1] ?? 0)) & wordMask(len, 1)) !== 0) return false;
    if (len <= 64) return true;
    if (((w2 ^ (words[at + 2] ?? 0)) & wordMask(len, 2)) !== 0) return false;
    return len <= 96 || ((w3 ^ (words[at + 3] ?? 0)) & wordMask(len, 3)) === 0;
  }

  #key(node: number): IpWords {
    const word = (index: number) => this.#words[node * 4 + index] ?? 0;
    return [word(0), word(1), word(2), word(3)];
  }

  #length(node: number): number {
    return this.#len[node] ?? 0;
  }

  #value(node: number): number {
    return this.#values[node] ?? NONE;
  }

  #child(node: number, side: number): number {
    return this.#children[node * 2 + side] ?? NONE;
  }
}

function assertPrefix({ words, len }: IpPrefixWords): void {
  assert(len >= 0 && len <= KEY_BITS, 'a prefix length is 0 … 128');
  assert(!hasHostBits(words, len), 'a prefix has no host bits');
}

function truncated(words: IpWords, len: number): IpWords {
  const cut = (index: 0 | 1 | 2 | 3) => (words[index] & wordMask(len, index)) >>> 0;
  return [cut(0), cut(1), cut(2), cut(3)];
}

function prefixBit(words: IpWords, at: number): number {
  return bitOf(at, words[0], words[1], words[2], words[3]);
}

/** Bit `at` of a key, 0 being the most significant. */
function bitOf(at: number, w0: number, w1: number, w2: number, w3: number): number {
  const word = at < 64 ? (at < 32 ? w0 : w1) : at < 96 ? w2 : w3;
  return (word >>> (31 - (at & 31))) & 1;
}
