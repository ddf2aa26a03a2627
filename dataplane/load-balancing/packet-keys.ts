/**
 * Keys of packets as addresses, and what makes one of another. Called by translation and outbound.
 */
import { equalIpWords, type IpWords } from '../../base/ip-words.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { HeaderAction } from '../engine/header-action.ts';

export function dstOf(key: FlowKey): IpWords {
  return [key.dst0, key.dst1, key.dst2, key.dst3];
}

export function srcOf(key: FlowKey): IpWords {
  return [key.src0, key.src1, key.src2, key.src3];
}

/** The packets are the same. */
export function isSameWay(a: FlowKey, b: FlowKey): boolean {
  return (
    a.srcPort === b.srcPort &&
    a.dstPort === b.dstPort &&
    equalIpWords(srcOf(a), srcOf(b)) &&
    equalIpWords(dstOf(a), dstOf(b))
  );
}

/** What turns a packet of `from` into one of `to`. */
export function differenceOf(from: FlowKey, to: FlowKey): HeaderAction {
  const [src, dst] = [srcOf(to), dstOf(to)];
  return {
    ip: {
      ...(!equalIpWords(srcOf(from), src) && { src }),
      ...(!equalIpWords(dstOf(from), dst) && { dst }),
    },
    transport: {
      ...(from.srcPort !== to.srcPort && { srcPort: to.srcPort }),
      ...(from.dstPort !== to.dstPort && { dstPort: to.dstPort }),
    },
  };
}
