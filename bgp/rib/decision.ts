/**
 * Which path is best, and why — RFC 4271 §9.1.2.2 with the additions everybody makes: weight before all, locally originated routes before
 * learned ones, RFC 4456 §9 for reflected ones. Each step keeps those paths that are best by it; the first step that leaves one path
 * decides. Because MEDs compare within one neighbouring AS only, comparing pairs would depend on their order: steps over the set do not.
 *
 * Pure. Called by route-table.ts for every changed prefix, and by `explain` for people.
 */
import type { AttributeSet } from './attribute-set.ts';

/** What a path's origin adds to its attributes. */
export interface PathSource {
  /** Originated here, not learned. */
  readonly isLocal: boolean;
  readonly isExternal: boolean;
  readonly bgpIdentifier: number;
  /** Comparable as numbers, first the most significant word. */
  readonly address: readonly number[];
}

export interface Candidate {
  readonly set: AttributeSet;
  readonly source: PathSource;
  readonly pathId: number;
  /** Cost to the next hop (§9.1.2.2 e). */
  readonly interiorCost: number;
}

export interface DecisionOptions {
  readonly pathsExternalMax: number;
  readonly pathsInternalMax: number;
  /** RFC 4271 §9.1.2.2 c as it stands, or MEDs of all neighbours alike. */
  readonly compareMedAcrossAs: boolean;
}

/** In order. The name is what `explain` says a path has lost by. */
export const STEPS = [
  'long-lived stale',
  'weight',
  'local preference',
  'locally originated',
  'AS path length',
  'origin',
  'MED',
  'external over internal',
  'cost to the next hop',
  'router identifier',
  'cluster list length',
  'peer address',
  'path identifier',
] as const;
export type StepName = (typeof STEPS)[number];

/** Paths equal up to and including this step may be used side by side. */
const LAST_MULTIPATH_STEP = STEPS.indexOf('cost to the next hop');

export interface Decision<T extends Candidate> {
  readonly best: T;
  /** The best first, then those used beside it. */
  readonly multipath: readonly T[];
}

/** `candidates` are all eligible; undefined when there are none. */
export function decide<T extends Candidate>(
  candidates: readonly T[],
  options: DecisionOptions,
): Decision<T> | undefined {
  const [first] = candidates;
  if (first === undefined) return undefined;
  if (candidates.length === 1) return { best: first, multipath: [first] };
  const { left, equals } = run(candidates, options, () => undefined);
  const [best = first] = left;
  const max = best.source.isExternal ? options.pathsExternalMax : options.pathsInternalMax;
  const others = equals.filter((candidate) => candidate !== best);
  return { best, multipath: [best, ...others.slice(0, Math.max(0, max - 1))] };
}

/** For every candidate the step it lost by; undefined for the best. */
export function explain<T extends Candidate>(
  candidates: readonly T[],
  options: DecisionOptions,
): ReadonlyMap<T, StepName | undefined> {
  const verdicts = new Map<T, StepName | undefined>(candidates.map((each) => [each, undefined]));
  run(candidates, options, (lost, step) => verdicts.set(lost, step));
  return verdicts;
}

function run<T extends Candidate>(
  candidates: readonly T[],
  options: DecisionOptions,
  onLost: (candidate: T, step: StepName) => void,
): { readonly left: readonly T[]; readonly equals: readonly T[] } {
  let left: readonly T[] = candidates;
  let equals: readonly T[] = candidates;
  for (const [index, step] of STEPS.entries()) {
    if (left.length > 1) {
      const kept = keep(step, left, options);
      for (const candidate of left) if (!kept.includes(candidate)) onLost(candidate, step);
      left = kept;
    }
    if (index === LAST_MULTIPATH_STEP) equals = left;
  }
  return { left, equals };
}

function keep<T extends Candidate>(
  step: StepName,
  from: readonly T[],
  options: DecisionOptions,
): readonly T[] {
  switch (step) {
    case 'long-lived stale': // RFC 9494 §4.3: less preferred than any other
      return lowest(from, ({ set }) => (set.isLongLivedStale ? 1 : 0));
    case 'weight':
      return lowest(from, ({ set }) => -set.weight);
    case 'local preference':
      return lowest(from, ({ set }) => -set.localPref);
    case 'locally originated':
      return lowest(from, ({ source }) => (source.isLocal ? 0 : 1));
    case 'AS path length':
      return lowest(from, ({ set }) => set.pathLength);
    case 'origin':
      return lowest(from, ({ set }) => set.origin);
    case 'MED':
      return lowestMed(from, options.compareMedAcrossAs);
    case 'external over internal':
      return lowest(from, ({ source }) => (source.isExternal ? 0 : 1));
    case 'cost to the next hop':
      return lowest(from, ({ interiorCost }) => interiorCost);
    case 'router identifier': // RFC 4456 §9: the originator's where the route was reflected
      return lowest(from, ({ set, source }) => set.originatorId ?? source.bgpIdentifier);
    case 'cluster list length':
      return lowest(from, ({ set }) => set.clusterListLength);
    case 'peer address':
      return [0, 1, 2, 3].reduce(
        (rest, word) => lowest(rest, ({ source }) => source.address[word] ?? 0),
        from,
      );
    default:
      return lowest(from, ({ pathId }) => pathId).slice(0, 1);
  }
}

function lowestMed<T extends Candidate>(from: readonly T[], acrossAs: boolean): readonly T[] {
  const med = ({ set }: T): number => set.med;
  if (acrossAs) return lowest(from, med);
  const best = new Map<number, number>();
  for (const each of from) {
    const { neighbourAsn } = each.set;
    best.set(neighbourAsn, Math.min(best.get(neighbourAsn) ?? Number.POSITIVE_INFINITY, med(each)));
  }
  return from.filter((each) => med(each) === best.get(each.set.neighbourAsn));
}

function lowest<T>(from: readonly T[], value: (each: T) => number): readonly T[] {
  const best = from.reduce((least, each) => Math.min(least, value(each)), Number.POSITIVE_INFINITY);
  return from.filter((each) => value(each) === best);
}
