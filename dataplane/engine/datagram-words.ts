/**
 * What all fragments of a datagram share, as words of a table: scope, addresses, identification and protocol (RFC 791 §3.2, RFC 8200 §4.5). Nothing is
 * allocated. Called by fragment-table.ts and fragment-hold.ts.
 */
import type { FlowKey } from '../../packet/flow-key.ts';
import { type FlowScope, kindOf } from './flow-id.ts';

const SCOPE = 0;
const SRC = 1;
const DST = 5;
const ID = 9;
const KIND = 10;

/** How many words they take. */
export const DATAGRAM_WORDS = 11;

/** Writes those of the fragment that the key is of, from `at` on. */
export function writeDatagram(
  words: Uint32Array,
  at: number,
  scope: FlowScope,
  key: FlowKey,
): void {
  words[at + SCOPE] = scope;
  words[at + SRC] = key.src0;
  words[at + SRC + 1] = key.src1;
  words[at + SRC + 2] = key.src2;
  words[at + SRC + 3] = key.src3;
  words[at + DST] = key.dst0;
  words[at + DST + 1] = key.dst1;
  words[at + DST + 2] = key.dst2;
  words[at + DST + 3] = key.dst3;
  words[at + ID] = key.fragmentId;
  words[at + KIND] = kindOf(key);
}

/** Is the fragment that the key is of one of the datagram whose words are there? */
export function isOfDatagram(
  words: Uint32Array,
  at: number,
  scope: FlowScope,
  key: FlowKey,
): boolean {
  return (
    words[at + ID] === key.fragmentId &&
    words[at + SCOPE] === scope &&
    words[at + KIND] === kindOf(key) &&
    words[at + SRC] === key.src0 &&
    words[at + SRC + 1] === key.src1 &&
    words[at + SRC + 2] === key.src2 &&
    words[at + SRC + 3] === key.src3 &&
    words[at + DST] === key.dst0 &&
    words[at + DST + 1] === key.dst1 &&
    words[at + DST + 2] === key.dst2 &&
    words[at + DST + 3] === key.dst3
  );
}
