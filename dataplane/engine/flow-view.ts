/**
 * One entry of the unified flow table, read out for people and for what is slow enough to be handed an object. Called by flow-table.
 */
import { DOUBLES, Double, type FlowEntries, type FlowIndex, STRIDE, Word } from './flow-entries.ts';
import type { FlowScope } from './flow-id.ts';
import type { FlowPairs } from './flow-pairs.ts';
import type { FlowState } from './flow-state.ts';
import type { TranspositionId } from './transposition.ts';

type AddressWords = readonly [number, number, number, number];

export interface FlowView {
  readonly flow: FlowIndex;
  readonly scope: FlowScope;
  /** Addresses as in a flow key: four words, IPv4 in the last. */
  readonly src: AddressWords;
  readonly dst: AddressWords;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
  /** Its packets answer a flow that the other side opened. */
  readonly isReply: boolean;
  readonly state: FlowState;
  /** Port whose flow it is. */
  readonly owner: number;
  readonly transposition: TranspositionId;
  readonly lastUsedSec: number;
  readonly packets: number;
  readonly bytes: number;
}

export function flowView(entries: FlowEntries, pairs: FlowPairs, flow: FlowIndex): FlowView {
  const { words, doubles } = entries;
  const word = (at: number) => words[flow * STRIDE + at] ?? 0;
  const address = (at: number): AddressWords => [
    word(at),
    word(at + 1),
    word(at + 2),
    word(at + 3),
  ];
  return {
    flow,
    scope: word(Word.SCOPE),
    src: address(Word.SRC),
    dst: address(Word.DST),
    srcPort: word(Word.PORTS) >>> 16,
    dstPort: word(Word.PORTS) & 0xffff,
    protocol: word(Word.KIND) & 0xff,
    isReply: (flow & 1) === 1,
    state: pairs.state(flow >> 1),
    owner: pairs.owner(flow >> 1),
    transposition: word(Word.TRANSPOSITION),
    lastUsedSec: word(Word.LAST_USED),
    packets: doubles[flow * DOUBLES + Double.PACKETS] ?? 0,
    bytes: doubles[flow * DOUBLES + Double.BYTES] ?? 0,
  };
}
