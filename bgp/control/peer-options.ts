/** A peer of goal state, with its policy maps, as a speaker takes neighbours. Pure; called by bgp-control.ts. */
import { SdnError } from '../../base/errors.ts';
import { formatIpPrefixWords, ipPrefixFromBytes } from '../../base/ip-words.ts';
import { type BgpPeer, PeerFamily, type PolicyMap } from '../../schema/southbound/messages.ts';
import type { Policy } from '../policy/policy.ts';
import { type PolicyMapEntry, policyOfMap } from '../policy/policy-map.ts';
import type { FamilyName, PeerOptions } from '../speaker/options.ts';
import { BFD_INTERVAL_MS, BFD_MULTIPLIER } from './limits.ts';

const FAMILY_NAMES: Readonly<Record<PeerFamily, FamilyName>> = {
  [PeerFamily.PEER_IPV4_UNICAST]: 'ipv4-unicast',
  [PeerFamily.PEER_IPV6_UNICAST]: 'ipv6-unicast',
};

/** `maps`: by key. Throws SDN_BGP_CONFIG for what no neighbour can be like. */
export function peerOptionsOf(peer: BgpPeer, maps: ReadonlyMap<string, PolicyMap>): PeerOptions {
  const importPolicy = policyOf(maps, peer.importMapId, peer.acceptAllIn);
  const exportPolicy = policyOf(maps, peer.exportMapId, peer.acceptAllOut);
  const families = peer.families.map((family) => FAMILY_NAMES[family]);
  return {
    ...(peer.asNumber !== 0 && { asn: peer.asNumber }),
    ...(peer.holdTimeSec !== 0 && { holdTimeSec: peer.holdTimeSec }),
    ...(peer.passive && { isPassive: true }),
    ...(families.length > 0 && { families }),
    ...(importPolicy !== undefined && { importPolicy }),
    ...(exportPolicy !== undefined && { exportPolicy }),
    ...(peer.prefixesMax !== 0 && { prefixesMax: peer.prefixesMax }),
    ...(peer.prefixRestartSec !== 0 && { prefixRestartSec: peer.prefixRestartSec }),
    ...(peer.gracefulRestartSec !== 0 && { gracefulRestartSec: peer.gracefulRestartSec }),
    ...(peer.md5Key !== '' && { md5Key: peer.md5Key }),
    ...(peer.ttlSecurityHops !== 0 && { ttlSecurityHops: peer.ttlSecurityHops }),
    ...(peer.bfd && {
      bfd: {
        intervalMs: peer.bfdIntervalMs || BFD_INTERVAL_MS,
        multiplier: peer.bfdMultiplier || BFD_MULTIPLIER,
      },
    }),
    // Inside nobody knows the way to next hops outside but by this router.
    nextHopSelf: true,
    description: peer.resourceRef,
  };
}

/** The prefix whose addresses may connect as this peer; undefined: it is one neighbour. */
export function rangeOf({ range }: BgpPeer): string | undefined {
  if (range === undefined) return undefined;
  const prefix = ipPrefixFromBytes(range.address, range.len);
  if (prefix === undefined) throw refused('the range of peers is no prefix');
  return formatIpPrefixWords(prefix);
}

export function refused(message: string): SdnError {
  return new SdnError('SDN_BGP_CONFIG', message);
}

function policyOf(
  maps: ReadonlyMap<string, PolicyMap>,
  mapId: string,
  acceptsAll: boolean,
): Policy | 'accept-all' | undefined {
  if (mapId === '') return acceptsAll ? 'accept-all' : undefined;
  const map = maps.get(`policymap/${mapId}`);
  if (map === undefined) throw refused(`the policy map ${mapId} is not here`);
  const entries: unknown = JSON.parse(new TextDecoder().decode(map.entries));
  if (!Array.isArray(entries)) throw refused(`the policy map ${map.resourceRef} is no list`);
  // Its shape was checked by the controller; names and values are checked by policyOfMap.
  return policyOfMap(map.resourceRef, entries as readonly PolicyMapEntry[]);
}
