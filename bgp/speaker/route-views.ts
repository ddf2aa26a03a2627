/**
 * What there is to see of single routes: what a neighbour has announced, what it has been told, and for one prefix why each of these is so, step
 * by step. Judged by the very functions that decide, with the policies of now. For people, hence not fast. Called by running-speaker.ts.
 */
import { formatIpPrefixWords } from '../../base/ip-words.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import { evaluate, type Match, type Policy } from '../policy/policy.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import { type ExportSource, exportRefusal, transform } from '../rib/export.ts';
import { NONE } from '../rib/prefix-table.ts';
import type { ExplainedPath } from '../rib/route-table.ts';
import { type ImportContext, type ImportRefusal, importRefusal, importRoute } from './import.ts';
import type { Neighbour } from './neighbour.ts';
import { LOCAL } from './neighbour-set.ts';
import type { FamilyRib } from './rib.ts';

export interface ReceivedRoute {
  readonly prefix: string;
  /** As the neighbour announced it. */
  readonly attributes: PathAttributes;
  readonly isAccepted: boolean;
  readonly isBest: boolean;
  readonly isMultipath: boolean;
  readonly isStale: boolean;
  readonly lostBy: LostBy;
}

/** The step of the decision that a path lost by, or why it took no part. */
export type LostBy = ExplainedPath['lostBy'] | ImportRefusal['kind'];

export interface AdvertisedRoute {
  readonly prefix: string;
  /** As the neighbour was told them. */
  readonly attributes: PathAttributes;
}

/** A rule that was asked. */
export interface TracedRule {
  readonly policy: string;
  /** Its name, or its place from 1. */
  readonly rule: string;
  /** The condition that did not hold; undefined: it acted. */
  readonly failed: Match | undefined;
  readonly action: 'accept' | 'reject' | 'next';
}

/** How a route came through a policy, and what became of it. */
interface Judged {
  /** Why the protocol keeps it back, before any policy is asked. */
  readonly refusal: string | undefined;
  readonly rules: readonly TracedRule[];
  /** What no rule decided; undefined: a rule did, or there is no policy. */
  readonly otherwise: 'accept' | 'reject' | undefined;
  /** Undefined: kept back. */
  readonly result: PathAttributes | undefined;
}

export interface TracedPath extends Judged {
  /** Undefined: this speaker's own. */
  readonly neighbour: string | undefined;
  readonly received: PathAttributes;
  readonly isBest: boolean;
  readonly isMultipath: boolean;
  readonly isStale: boolean;
  readonly lostBy: LostBy;
}

export interface TracedExport extends Judged {
  readonly neighbour: string;
  /** It has been told of the prefix. */
  readonly isTold: boolean;
}

export interface RouteTrace {
  readonly paths: readonly TracedPath[];
  /** To each neighbour whose session is up. */
  readonly exports: readonly TracedExport[];
}

export interface RouteViewsHost {
  readonly attributes: AttributeTable;
  readonly ribs: readonly FamilyRib[];
  /** `peer` other than LOCAL. */
  neighbourAt(peer: number): Neighbour;
  neighbours(): Iterable<Neighbour>;
  sourceOf(peer: number): ExportSource;
}

export class RouteViews {
  readonly #host: RouteViewsHost;

  constructor(host: RouteViewsHost) {
    this.#host = host;
  }

  *received(neighbour: Neighbour): Iterable<ReceivedRoute> {
    const context = neighbour.importContext();
    for (const { table } of this.#host.ribs) {
      for (let prefix = 0; prefix < table.prefixes.idEnd; prefix++) {
        if (!table.hasPaths(prefix)) continue;
        for (const path of table.explain(prefix)) {
          if (path.peer !== neighbour.number) continue;
          const { isBest, isMultipath, isStale } = path;
          const { attributes } = this.#host.attributes.get(table.receivedOf(path.path));
          yield {
            prefix: formatIpPrefixWords(table.prefixes.prefix(prefix)),
            attributes,
            isAccepted: table.acceptedOf(path.path) !== NONE,
            ...{ isBest, isMultipath, isStale },
            lostBy: lostBy(path, attributes, context),
          };
        }
      }
    }
  }

  *advertised(neighbour: Neighbour): Iterable<AdvertisedRoute> {
    for (const { afi, table } of this.#host.ribs) {
      for (let prefix = 0; prefix < table.prefixes.idEnd; prefix++) {
        for (const set of neighbour.toldOf(afi, prefix)) {
          yield {
            prefix: formatIpPrefixWords(table.prefixes.prefix(prefix)),
            attributes: this.#host.attributes.get(set).attributes,
          };
        }
      }
    }
  }

  /** `prefix`: in the table of the family. */
  trace(rib: FamilyRib, prefix: number): RouteTrace {
    const { table } = rib;
    const explained = table.explain(prefix);
    // A policy that has just changed may have refused the best before another was decided on.
    const best = explained.find(({ isBest, path }) => isBest && table.acceptedOf(path) !== NONE);
    return {
      paths: explained.map((path) => this.#tracedPath(rib, prefix, path)),
      exports: [...this.#host.neighbours()].flatMap((neighbour) =>
        best === undefined ? [] : (this.#tracedExport(rib, prefix, best, neighbour) ?? []),
      ),
    };
  }

  #tracedPath({ table }: FamilyRib, prefix: number, path: ExplainedPath): TracedPath {
    const { isBest, isMultipath, isStale } = path;
    const { attributes: received } = this.#host.attributes.get(table.receivedOf(path.path));
    const seen = { received, isBest, isMultipath, isStale };
    if (path.peer === LOCAL) {
      const own = {
        lostBy: path.lostBy,
        refusal: undefined,
        rules: [],
        otherwise: undefined,
        result: received,
      };
      return { neighbour: undefined, ...seen, ...own };
    }
    const neighbour = this.#host.neighbourAt(path.peer);
    const context = neighbour.importContext();
    const refusal = importRefusal(received, context);
    const rules = new RuleRecord(context.policy);
    const imported = importRoute(received, table.prefixes.prefix(prefix), context, rules.note);
    return {
      neighbour: neighbour.checked.options.address,
      ...seen,
      lostBy: lostBy(path, received, context),
      ...{ refusal: refusal?.words, rules: rules.asked, result: imported?.attributes },
      otherwise: refusal === undefined ? rules.otherwise : undefined,
    };
  }

  #tracedExport(
    { afi, table }: FamilyRib,
    prefix: number,
    best: ExplainedPath,
    neighbour: Neighbour,
  ): TracedExport | undefined {
    const context = neighbour.exportContext(afi);
    if (context === undefined) return undefined;
    const { target, policy } = context;
    const { attributes } = this.#host.attributes.get(table.acceptedOf(best.path));
    const source = this.#host.sourceOf(best.peer);
    const seen = {
      neighbour: neighbour.checked.options.address,
      isTold: neighbour.toldOf(afi, prefix).length > 0,
    };
    const refusal =
      best.peer === neighbour.number
        ? 'it is the one that announced it'
        : policy === 'none'
          ? 'an external peer without an export policy is told nothing (RFC 8212)'
          : exportRefusal(attributes, source, target);
    if (refusal !== undefined || policy === 'none') {
      return { ...seen, refusal, rules: [], otherwise: undefined, result: undefined };
    }
    const rules = new RuleRecord(policy);
    const route = { attributes, weight: 0, prefix: table.prefixes.prefix(prefix) };
    const unchanged = { attributes, weight: 0, isNextHopSet: false, isMedSet: false };
    const judged = policy === 'accept-all' ? unchanged : evaluate(policy, route, rules.note);
    const result = judged && transform(judged, source, target);
    const isLost = judged !== undefined && result === undefined;
    return {
      ...seen,
      refusal: isLost ? 'there is no next hop of its family to give' : undefined,
      ...{ rules: rules.asked, otherwise: rules.otherwise, result },
    };
  }
}

/** A path that was refused: by the protocol itself, or else by the policy. */
function lostBy(path: ExplainedPath, received: PathAttributes, context: ImportContext): LostBy {
  if (path.lostBy !== 'refused by import policy') return path.lostBy;
  return importRefusal(received, context)?.kind ?? path.lostBy;
}

/** Notes what a policy's rules did. */
class RuleRecord {
  readonly asked: TracedRule[] = [];
  readonly #policy: Policy | undefined;

  constructor(policy: Policy | string) {
    this.#policy = typeof policy === 'object' ? policy : undefined;
  }

  readonly note = (rule: Policy['rules'][number], failed: Match | undefined): void => {
    const place = (this.#policy?.rules.indexOf(rule) ?? 0) + 1;
    this.asked.push({
      policy: this.#policy?.name ?? '',
      rule: rule.name ?? String(place),
      ...{ failed, action: rule.action },
    });
  };

  /** Undefined where a rule has decided. */
  get otherwise(): 'accept' | 'reject' | undefined {
    const last = this.asked.at(-1);
    const isDecided = last !== undefined && last.failed === undefined && last.action !== 'next';
    return isDecided ? undefined : this.#policy?.otherwise;
  }
}
