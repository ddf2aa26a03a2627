/**
 * One packet's decision while it is made: what is known of the packet, what has been decided so far, and the words for whoever asks. Each step of the
 * slow path adds to it: header actions, the epoch cells of what was asked, and at the end what became of the packet. One object, reused.
 * Called by slow-path.ts, source-translation.ts and onward-way.ts.
 */
import type { IpWords } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { EpochCell } from '../../../dataplane/engine/epochs.ts';
import { type FlowScope, inboundScope, outboundScope } from '../../../dataplane/engine/flow-id.ts';
import type { FlowView } from '../../../dataplane/engine/flow-view.ts';
import {
  type Composition,
  clearComposition,
  fold,
  type HeaderAction,
  newComposition,
} from '../../../dataplane/engine/header-action.ts';
import type { UnreachableCodes } from '../../../dataplane/engine/icmp-error.ts';
import { Drop } from '../../../packet/drop.ts';
import { type FlowKey, newFlowKey } from '../../../packet/flow-key.ts';
import * as icmp from '../../../packet/icmp.ts';
import { type MappingIndex, NO_MAPPING } from '../nat44/mapping-table.ts';
import type { Link } from './links.ts';
import type { Neighbour } from './neighbours.ts';
import { PLAIN_DOMAIN, type SegmentOwner } from './networks.ts';

/** Where a packet has come in. */
export interface Ingress {
  /** Number of the link; OVERLAY_LINK for tunnelled packets. */
  readonly link: number;
  readonly kind: 'overlay' | 'provider' | 'outside';
  /** Of a tunnelled packet. */
  readonly segment: SegmentOwner | undefined;
}

/** What the sender of a packet that is refused may be told: a kind of destination unreachable. */
export const Refused = { SILENTLY: 0, NET: 1, HOST: 2, PROHIBITED: 3, PROTOCOL: 4 } as const;
export type Refused = (typeof Refused)[keyof typeof Refused];

/** What the sender is told. */
export const UNREACHABLE_CODES: Readonly<Record<Refused, UnreachableCodes>> = {
  [Refused.SILENTLY]: { ipv4: 0, ipv6: 0 },
  [Refused.NET]: { ipv4: icmp.Unreachable.NET, ipv6: 0 },
  [Refused.HOST]: { ipv4: icmp.Unreachable.HOST, ipv6: 3 },
  [Refused.PROHIBITED]: { ipv4: icmp.Unreachable.ADMINISTRATIVELY_PROHIBITED, ipv6: 1 },
  [Refused.PROTOCOL]: { ipv4: icmp.Unreachable.PROTOCOL, ipv6: 1 },
};

/** Positions of a flow's epoch cells: the two mappings are found again by them with every packet. */
export const SOURCE_MAPPING_CELL = 0;
export const TARGET_MAPPING_CELL = 1;
const FIRST_FREE_CELL = 2;

/** What was decided; reused. */
export interface Verdict {
  drop: Drop;
  refused: Refused;
  readonly composition: Composition;
  /** The packet as it leaves. */
  readonly key: FlowKey;
  /** Where answers come in. */
  reverseScope: FlowScope;
  /** Routing domain whose flow it is. */
  domain: number;
  /** Not resolved yet: the packet has to wait for it. */
  awaits: Neighbour | undefined;
  sourceMapping: MappingIndex;
  targetMapping: MappingIndex;
  egressLink: number;
  /** On that link: who is given it. Undefined in a tunnel. */
  nextHop: IpWords | undefined;
}

export interface Circumstances {
  /** The flow that the packet answers: what its initiator sent, as it came in. */
  readonly answers: FlowView | undefined;
  /** May mappings be made? Not for ICMP errors, nor for somebody who only asks. */
  readonly mayMap: boolean;
  readonly nowSec: number;
}

/** A step in words, for whoever asks what would happen to a packet. */
export type Explain = (step: string, text: string, resourceRef?: string) => void;

export const PROVIDER_SCOPE: FlowScope = outboundScope(1);
export const OUTSIDE_SCOPE: FlowScope = outboundScope(2);

export function scopeOf({ kind, segment }: Ingress): FlowScope {
  if (segment !== undefined) return inboundScope(segment.vni);
  return kind === 'provider' ? PROVIDER_SCOPE : OUTSIDE_SCOPE;
}

const ingresses = new WeakMap<Link, Ingress>();

/** One object per link, since every frame asks. */
export function ingressOf(link: Link): Ingress {
  const known = ingresses.get(link);
  if (known !== undefined) return known;
  const ingress: Ingress = { link: link.number, kind: link.kind, segment: undefined };
  ingresses.set(link, ingress);
  return ingress;
}

export class Decision {
  readonly verdict: Verdict = {
    drop: Drop.None,
    refused: Refused.SILENTLY,
    composition: newComposition(),
    key: newFlowKey(),
    reverseScope: 0,
    domain: PLAIN_DOMAIN,
    awaits: undefined,
    sourceMapping: NO_MAPPING,
    targetMapping: NO_MAPPING,
    egressLink: NONE,
    nextHop: undefined,
  };
  #nextCell = FIRST_FREE_CELL;
  #ingress: Ingress = { link: NONE, kind: 'outside', segment: undefined };
  #circumstances: Circumstances = { answers: undefined, mayMap: false, nowSec: 0 };
  #explain: Explain | undefined;

  get ingress(): Ingress {
    return this.#ingress;
  }

  get circumstances(): Circumstances {
    return this.#circumstances;
  }

  /** Does somebody only ask what would become of the packet? */
  get isExplained(): boolean {
    return this.#explain !== undefined;
  }

  /** Begins anew. */
  begin(ingress: Ingress, key: FlowKey, circumstances: Circumstances, explain?: Explain): void {
    const { verdict } = this;
    this.#ingress = ingress;
    this.#circumstances = circumstances;
    this.#explain = explain;
    Object.assign(verdict.key, key);
    clearComposition(verdict.composition);
    this.#nextCell = FIRST_FREE_CELL;
    verdict.refused = Refused.SILENTLY;
    verdict.awaits = undefined;
    verdict.sourceMapping = NO_MAPPING;
    verdict.targetMapping = NO_MAPPING;
    verdict.egressLink = NONE;
    verdict.nextHop = undefined;
    verdict.domain = ingress.segment?.domain.number ?? PLAIN_DOMAIN;
  }

  /** What is to be done to the packet, and to the key of what it becomes. */
  fold(action: HeaderAction): void {
    fold(this.verdict.composition, action, this.verdict.key);
  }

  /** The decision holds as long as this does not change. */
  dependOn(cell: EpochCell): void {
    const { cells } = this.verdict.composition;
    for (let index = FIRST_FREE_CELL; index < this.#nextCell; index += 1) {
      if (cells[index] === cell) return;
    }
    cells[this.#nextCell] = cell;
    this.#nextCell += 1;
  }

  /** A step in words. */
  tell(step: string, text: string, resourceRef?: string): void {
    this.#explain?.(step, text, resourceRef);
  }

  /** The packet goes no further. */
  refuse(drop: Drop, step: string, text: string, resourceRef?: string): Drop {
    this.tell(step, text, resourceRef);
    return drop;
  }

  /** … by policy, of which its sender is told. */
  prohibit(drop: Drop, text: string): Drop {
    this.verdict.refused = Refused.PROHIBITED;
    return this.refuse(drop, 'way', text);
  }

  /** … since its protocol cannot be translated. */
  refuseProtocol(): Drop {
    this.verdict.refused = Refused.PROTOCOL;
    return this.refuse(Drop.NatProtocolUnsupported, 'translation', 'not of this protocol');
  }
}
