/**
 * Flows of which the switch has no entry, because they are denied or cannot be followed, and that have been logged lately: each of their
 * packets is decided anew, and one record per interval is enough. A table of fixed size; a flow that takes another's place makes that one be
 * logged again. Called by flow-recorder.
 */
import { equalIpWords } from '../../base/ip-words.ts';
import type { FlowSource, FlowTuple } from './flow-record.ts';
import { DENIED_FLOWS_REMEMBERED } from './limits.ts';

interface Reported extends FlowTuple {
  readonly ruleRef: string;
  readonly portId: string;
  readonly untilSec: number;
}

/** Multiplicative hashing constant: 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;

export class ReportedFlows {
  readonly #table: (Reported | undefined)[] = new Array(DENIED_FLOWS_REMEMBERED).fill(undefined);

  /** True if the flow has not been noted within its interval; it is now. */
  isNew(flow: FlowTuple, source: FlowSource, nowSec: number, intervalSec: number): boolean {
    const place = hash(flow) % DENIED_FLOWS_REMEMBERED;
    const known = this.#table[place];
    const { ruleRef, portId } = source;
    const isKnown =
      known !== undefined &&
      nowSec < known.untilSec &&
      known.portId === portId &&
      known.ruleRef === ruleRef &&
      isSame(known, flow);
    if (isKnown) return false;
    this.#table[place] = { ...flow, ruleRef, portId, untilSec: nowSec + intervalSec };
    return true;
  }

  clear(): void {
    this.#table.fill(undefined);
  }
}

function isSame(a: FlowTuple, b: FlowTuple): boolean {
  return (
    a.srcPort === b.srcPort &&
    a.dstPort === b.dstPort &&
    a.protocol === b.protocol &&
    a.isOutbound === b.isOutbound &&
    equalIpWords(a.src, b.src) &&
    equalIpWords(a.dst, b.dst)
  );
}

function hash({ src, dst, srcPort, dstPort, protocol }: FlowTuple): number {
  let value = protocol;
  for (const word of [...src, ...dst, srcPort, dstPort]) {
    value = Math.imul(value ^ word, GOLDEN);
    value ^= value >>> 15;
  }
  return value >>> 0;
}
