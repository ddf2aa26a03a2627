/**
 * Decision diagrams over the fields of a packet: the sets of base/header-space as nodes of one shared, reduced graph. Each level decides
 * one field; a node has a child per interval of its values, neighbouring children differ, and no two nodes are alike: a set has exactly one
 * node, so "equal" and "empty" are comparisons of numbers.
 *
 * Set operations walk two diagrams together and remember each pair of nodes, hence cost at most the product of their sizes; both that work
 * and the number of nodes are bounded. Called by base/header-space.
 */
import { SdnError } from './errors.ts';
import { type Bound, FIELD_COUNT } from './header-box.ts';

/** A set of packets: a node of its diagrams. */
export type HeaderSet = number;

/** The two sets without a node. */
export const NONE: HeaderSet = 0;
export const ALL: HeaderSet = 1;

/** Child `i` has the values from `starts[i]` up to `starts[i + 1]`; the first start is the field's lowest value. */
export interface DiagramNode {
  readonly field: number;
  readonly starts: readonly Bound[];
  readonly children: readonly HeaderSet[];
}

export class HeaderSpaceError extends SdnError {
  constructor() {
    super('SDN_HEADER_SPACE_TOO_COMPLEX', 'the rules divide the packets into too many parts', {
      remedy: 'Ask about a smaller change, or write rules that overlap less.',
    });
  }
}

const CONSTANT: DiagramNode = { field: FIELD_COUNT, starts: [], children: [] };
/** Above every node number. */
const NODES_LIMIT = 2 ** 26;

type Operation = (a: HeaderSet, b: HeaderSet) => HeaderSet;

export class HeaderDiagrams {
  readonly #nodes: DiagramNode[] = [CONSTANT, CONSTANT];
  readonly #known = new Map<string, HeaderSet>();
  readonly #unions = new Map<number, HeaderSet>();
  readonly #differences = new Map<number, HeaderSet>();
  readonly #counts = new Map<HeaderSet, number>();
  readonly #nodesMax: number;
  #stepsLeft: number;

  constructor(limits: { readonly nodesMax: number; readonly stepsMax: number }) {
    this.#nodesMax = Math.min(limits.nodesMax, NODES_LIMIT);
    this.#stepsLeft = limits.stepsMax;
  }

  node(set: HeaderSet): DiagramNode {
    return this.#nodes[set] ?? CONSTANT;
  }

  /** Accounts for work done or about to be done. */
  spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new HeaderSpaceError();
  }

  /** The set that has these children by the values of `field`; what is alike is joined. */
  intern(field: number, starts: readonly Bound[], children: readonly HeaderSet[]): HeaderSet {
    const first = children[0] ?? NONE;
    const isKept = (child: HeaderSet, index: number) =>
      index === 0 || child !== children[index - 1];
    const kept = children.filter(isKept);
    if (kept.length <= 1) return first;
    const keptStarts = starts.filter((_, index) => isKept(children[index] ?? NONE, index));
    const key = `${field} ${keptStarts.join()} ${kept.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#nodes.length >= this.#nodesMax) throw new HeaderSpaceError();
    const set = this.#nodes.length;
    this.#nodes.push({ field, starts: keptStarts, children: kept });
    this.#known.set(key, set);
    return set;
  }

  union(a: HeaderSet, b: HeaderSet): HeaderSet {
    if (a === b || b === NONE) return a;
    if (a === NONE) return b;
    if (a === ALL || b === ALL) return ALL;
    const [low, high] = a < b ? [a, b] : [b, a];
    return this.#remembered(this.#unions, low, high, (x, y) => this.union(x, y));
  }

  /** What is in `a` and not in `b`. */
  difference(a: HeaderSet, b: HeaderSet): HeaderSet {
    if (a === b || a === NONE || b === ALL) return NONE;
    if (b === NONE) return a;
    return this.#remembered(this.#differences, a, b, (x, y) => this.difference(x, y));
  }

  /** Paths to ALL, where edges of a node to one child are one path. */
  count(set: HeaderSet): number {
    if (set <= ALL) return set;
    const known = this.#counts.get(set);
    if (known !== undefined) return known;
    let sum = 0;
    for (const child of new Set(this.node(set).children)) sum += this.count(child);
    this.#counts.set(set, sum);
    return sum;
  }

  #remembered(
    memo: Map<number, HeaderSet>,
    a: HeaderSet,
    b: HeaderSet,
    operation: Operation,
  ): HeaderSet {
    const key = a * NODES_LIMIT + b;
    const known = memo.get(key);
    if (known !== undefined) return known;
    const result = this.#together(a, b, operation);
    memo.set(key, result);
    return result;
  }

  /** Applies `operation` to the children of both, on the intervals that both divide the upper one's field into. */
  #together(a: HeaderSet, b: HeaderSet, operation: Operation): HeaderSet {
    const field = Math.min(this.node(a).field, this.node(b).field);
    const left = this.#at(a, field);
    const right = this.#at(b, field);
    const starts: Bound[] = [];
    const children: HeaderSet[] = [];
    this.spend(left.children.length + right.children.length);
    let i = 0;
    let j = 0;
    for (;;) {
      const start = later(left.starts[i], right.starts[j]);
      starts.push(start);
      children.push(operation(left.children[i] ?? NONE, right.children[j] ?? NONE));
      const nextLeft = left.starts[i + 1];
      const nextRight = right.starts[j + 1];
      if (nextLeft === undefined && nextRight === undefined) break;
      const isLeftNext =
        nextRight === undefined || (nextLeft !== undefined && nextLeft <= nextRight);
      const isRightNext =
        nextLeft === undefined || (nextRight !== undefined && nextRight <= nextLeft);
      if (isLeftNext) i += 1;
      if (isRightNext) j += 1;
    }
    return this.intern(field, starts, children);
  }

  /** The set as a node of this field: its own, or one that does not care about the field. */
  #at(set: HeaderSet, field: number): Pick<DiagramNode, 'starts' | 'children'> {
    const node = this.node(set);
    return node.field === field ? node : { starts: [], children: [set] };
  }
}

/** The later of two starts of which the missing one is the field's lowest value. */
function later(a: Bound | undefined, b: Bound | undefined): Bound {
  if (a === undefined || b === undefined) return a ?? b ?? 0;
  return a < b ? b : a;
}
