/**
 * Addresses that no packet on a wire may come from or go to — RFC 1812 §5.3.7, RFC 6890, RFC 4291 §2. Private ones are not among them: what
 * they mean is for routes and translation to say. Pure; called by bgp/edge/router and slb/mux/forwarder.
 */
import { EtherType } from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';

/** 0/8, loopback, link-local, multicast and above; the unspecified address, loopback, link-local and multicast of IPv6. */
export function isMartianSource(key: FlowKey): boolean {
  if (key.etherType === EtherType.IPV4) return isMartianIpv4(key.src3 | 0);
  return isMartianIpv6(key.src0, key.src1, key.src2, key.src3);
}

/** As isMartianSource: nothing that a router sends on is for many, or for the link alone. */
export function isMartianDestination(key: FlowKey): boolean {
  if (key.etherType === EtherType.IPV4) return isMartianIpv4(key.dst3 | 0);
  return isMartianIpv6(key.dst0, key.dst1, key.dst2, key.dst3);
}

/** Signed or not: a signed word needs no box where this is called, not inlined. */
function isMartianIpv4(address: number): boolean {
  const first = address >>> 24;
  return first === 0 || first === 127 || first >= 224 || address >>> 16 === 0xa9fe;
}

function isMartianIpv6(w0: number, w1: number, w2: number, w3: number): boolean {
  if (w0 >>> 24 === 0xff || w0 >>> 22 === 0x3fa) return true;
  return w0 === 0 && w1 === 0 && ((w2 === 0 && w3 <= 1) || w2 === 0xffff);
}
