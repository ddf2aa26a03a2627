/**
 * Header space: exact computation with sets of packets, where a packet is a point (family, protocol, destination port, source port,
 * destination, source): what a filter permits, what two filters permit together, what a change lets through. Never by sampling.
 *
 * A set is a decision diagram (base/header-diagram; the idea is Gouda and Liu's firewall decision diagrams, ICDCS 2004), so a list of a
 * thousand rules takes about as much room as it has different behaviours, and two sets are equal exactly if they are the same number.
 * Sets are read as disjoint boxes, each a product of lists of ranges.
 *
 *   space.firstMatch(rules, otherwise)       what an ordered list of rules permits
 *   space.union / intersection / difference  of two sets of the same space
 *   space.boxes(set, max)                    disjoint boxes, and how many more there are
 *
 * What a field means is the caller's affair: this file knows no rule syntax, and gives ports to every protocol. A space is made for one
 * question and dropped with it; its size and its work are bounded (limits.ts), and beyond them is an error, never a wrong answer.
 * Called by controller/what-if.
 */
import {
  type Bound,
  type Edges,
  edgesOfBox,
  type HeaderBox,
  type HeaderPoint,
  isEverything,
  restricted,
  valuesOfPoint,
} from './header-box.ts';
import { ALL, HeaderDiagrams, type HeaderSet, NONE } from './header-diagram.ts';
import { HEADER_SPACE_NODES_MAX, HEADER_SPACE_STEPS_MAX } from './limits.ts';

/** A rule of an ordered list: it decides the packets of its boxes that no rule before it decides. */
export interface HeaderRule {
  readonly permits: boolean;
  readonly boxes: readonly HeaderBox[];
}

/** Some disjoint boxes of a set, and the number of those left out. */
export interface HeaderBoxes {
  readonly boxes: readonly HeaderBox[];
  readonly omitted: number;
}

export class HeaderSpace {
  readonly none: HeaderSet = NONE;
  readonly all: HeaderSet = ALL;
  readonly #diagrams: HeaderDiagrams;

  /** Whatever would take more nodes or steps than this throws HeaderSpaceError. */
  constructor(options: { readonly nodesMax?: number; readonly stepsMax?: number } = {}) {
    const { nodesMax = HEADER_SPACE_NODES_MAX, stepsMax = HEADER_SPACE_STEPS_MAX } = options;
    this.#diagrams = new HeaderDiagrams({ nodesMax, stepsMax });
  }

  /** All packets of any of the boxes. */
  of(boxes: readonly HeaderBox[]): HeaderSet {
    return this.firstMatch([{ permits: true, boxes }], false);
  }

  /**
   * The packets that are permitted by the first rule that matches them; `otherwise` is for those that none matches. With `within`, only
   * the packets of these boxes: what lies outside costs nothing.
   */
  firstMatch(
    rules: readonly HeaderRule[],
    otherwise: boolean,
    within?: readonly HeaderBox[],
  ): HeaderSet {
    const all = rules.flatMap(({ permits, boxes }) => boxes.map((box) => ({ permits, box })));
    const regions = all.flatMap(({ permits, box }, id) => regionOf(id, permits, box));
    const bounds = within?.flatMap((box, id) => regionOf(id, true, box));
    return this.#decide(0, { regions, bounds, otherwise }, new Map());
  }

  union(a: HeaderSet, b: HeaderSet): HeaderSet {
    return this.#diagrams.union(a, b);
  }

  /** What is in `a` and not in `b`. */
  difference(a: HeaderSet, b: HeaderSet): HeaderSet {
    return this.#diagrams.difference(a, b);
  }

  intersection(a: HeaderSet, b: HeaderSet): HeaderSet {
    return this.difference(a, this.difference(a, b));
  }

  has(set: HeaderSet, point: HeaderPoint): boolean {
    const values = valuesOfPoint(point);
    let at = set;
    while (at > ALL) {
      const { field, starts, children } = this.#diagrams.node(at);
      const value = values[field] ?? 0;
      at = children[starts.findLastIndex((start) => start <= value)] ?? NONE;
    }
    return at === ALL;
  }

  /** At most `max` of the disjoint boxes that make up the set. */
  boxes(set: HeaderSet, max: number): HeaderBoxes {
    const boxes: HeaderBox[] = [];
    const { field, children } = this.#diagrams.node(set);
    const [ipv4 = NONE, ipv6 = NONE] = field === 0 ? children : [set, set];
    this.#list(ipv4, { family: 4 }, max, boxes);
    this.#list(ipv6, { family: 6 }, max, boxes);
    const count = this.#diagrams.count(ipv4) + this.#diagrams.count(ipv6);
    return { boxes, omitted: count - boxes.length };
  }

  #list(set: HeaderSet, box: HeaderBox, max: number, into: HeaderBox[]): void {
    if (set === NONE || into.length >= max) return;
    if (set === ALL) {
      into.push(box);
      return;
    }
    const { field, starts, children } = this.#diagrams.node(set);
    for (const child of new Set(children)) {
      // Neighbours differ, so each of the child's intervals ends where the next one starts.
      const edges = children.flatMap((other, index) =>
        other === child ? starts.slice(index, index + 2) : [],
      );
      this.#list(child, restricted(box, field, edges), max, into);
    }
  }

  #decide(field: number, filter: Filter, memo: Map<string, HeaderSet>): HeaderSet {
    this.#diagrams.spend(1 + filter.regions.length + (filter.bounds?.length ?? 0));
    const { regions, bounds, otherwise } = simplified(field, filter);
    if (bounds?.length === 0 || (regions.length === 0 && !otherwise)) return NONE;
    if (regions.length === 0 && bounds === undefined) return ALL;
    const key = keyOf(field, regions, bounds, otherwise);
    const known = memo.get(key);
    if (known !== undefined) return known;
    const result = this.#split(field, { regions, bounds, otherwise }, memo);
    memo.set(key, result);
    return result;
  }

  /** Decides each interval of the field by the regions that reach into it. */
  #split(field: number, filter: Filter, memo: Map<string, HeaderSet>): HeaderSet {
    const { regions, bounds, otherwise } = filter;
    const starts = startsOf([...regions, ...(bounds ?? [])], field);
    this.#diagrams.spend(starts.length * (regions.length + (bounds?.length ?? 0)));
    const regionsAt = sweep(regions, field);
    const boundsAt = sweep(bounds ?? [], field);
    const children = starts.map((start) => {
      const part = { regions: regionsAt(start), bounds: boundsAt(start), otherwise };
      return this.#decide(
        field + 1,
        bounds === undefined ? { ...part, bounds: undefined } : part,
        memo,
      );
    });
    return this.#diagrams.intern(field, starts, children);
  }
}

/** A rule's box in the diagram's terms. */
interface Region {
  readonly id: number;
  readonly permits: boolean;
  /** By field. */
  readonly edges: readonly Edges[];
  /** It is everything from this field on. */
  readonly fullFrom: number;
}

interface Filter {
  /** In order: the first one counts. */
  readonly regions: readonly Region[];
  /** Undefined: everything. */
  readonly bounds: readonly Region[] | undefined;
  readonly otherwise: boolean;
}

function regionOf(id: number, permits: boolean, box: HeaderBox): Region[] {
  const edges = edgesOfBox(box);
  if (edges === undefined) return [];
  const fullFrom = edges.findLastIndex((list) => !isEverything(list)) + 1;
  return [{ id, permits, edges, fullFrom }];
}

/** The same filter without what cannot matter from `field` on: equal behaviour more often looks equal. */
function simplified(field: number, { regions, bounds, otherwise }: Filter): Filter {
  const last = regions.findIndex(({ fullFrom }) => fullFrom <= field);
  const decided = last === -1 ? otherwise : (regions[last]?.permits ?? otherwise);
  const before = last === -1 ? regions : regions.slice(0, last);
  const end = before.findLastIndex(({ permits }) => permits !== decided) + 1;
  const isBounded = bounds?.every(({ fullFrom }) => fullFrom > field) === true;
  return {
    regions: before.slice(0, end),
    bounds: isBounded ? bounds : undefined,
    otherwise: decided,
  };
}

function keyOf(
  field: number,
  regions: readonly Region[],
  bounds: readonly Region[] | undefined,
  otherwise: boolean,
): string {
  const ids = (list: readonly Region[]) => list.map(({ id }) => id).join();
  const within = bounds === undefined ? '*' : ids(bounds);
  return `${field} ${otherwise} ${ids(regions)} ${within}`;
}

/** Every value of the field at which some region begins or ends, and the lowest. */
function startsOf(regions: readonly Region[], field: number): Bound[] {
  const lowest = typeof regions[0]?.edges[field]?.[0] === 'bigint' ? 0n : 0;
  const starts = new Set<Bound>([lowest]);
  for (const { edges } of regions) for (const edge of edges[field] ?? []) starts.add(edge);
  return [...starts].sort((a, b) => (a < b ? -1 : Number(a > b)));
}

/** To be asked for ascending starts: the regions whose field includes the values from there on. */
function sweep(regions: readonly Region[], field: number): (start: Bound) => Region[] {
  const passed = new Uint32Array(regions.length);
  return (start) =>
    regions.filter(({ edges }, index) => {
      const own = edges[field] ?? [];
      let count = passed[index] ?? 0;
      while (count < own.length && (own[count] ?? 0) <= start) count += 1;
      passed[index] = count;
      return count % 2 === 1;
    });
}
