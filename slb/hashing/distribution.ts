/**
 * Which row of a pool's table a packet belongs to, by the distribution mode of its rule (MS-NCNBI §3.1.5.5.6, loadDistribution):
 *
 *   Default            source and destination address and port, and protocol
 *   SourceIPProtocol   both addresses and protocol: what a client sends by one protocol goes to one backend
 *   SourceIP           both addresses: all that a client sends goes to one backend
 *
 * Every mux has the same seed (TABLE_SEED), so it does not matter which of them a packet comes to. Called by the mux for every packet whose flow it
 * does not remember, by hosts for the first packet of a flow to an internal address; allocates nothing.
 */
import type { FlowKey } from '../../packet/flow-key.ts';
import { MAGLEV_ROWS } from './maglev.ts';

export const Distribution = { FIVE_TUPLE: 0, SOURCE_IP_PROTOCOL: 1, SOURCE_IP: 2 } as const;
export type Distribution = (typeof Distribution)[keyof typeof Distribution];

/** 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;

/** 0 … MAGLEV_ROWS − 1. Of a fragment that is not the first, `key` has the ports of its datagram. */
export function rowOf(key: FlowKey, distribution: Distribution, seed: number): number {
  let hash = mix(mix(seed, key.src3), key.dst3);
  // Words of IPv6 that every IPv4 address has alike cost nothing but their mixing.
  hash = mix(mix(mix(hash, key.src0), key.src1), key.src2);
  hash = mix(mix(mix(hash, key.dst0), key.dst1), key.dst2);
  if (distribution !== Distribution.SOURCE_IP) hash = mix(hash, key.protocol);
  if (distribution === Distribution.FIVE_TUPLE) {
    hash = mix(hash, (key.srcPort << 16) | key.dstPort);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % MAGLEV_ROWS;
}

function mix(hash: number, word: number): number {
  return Math.imul(hash ^ (hash >>> 15) ^ word, GOLDEN);
}
