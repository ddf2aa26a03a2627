/**
 * What a neighbour's route becomes on its way in — RFC 4271 §9.1.2 (loops) and §6.3 (own next hop), RFC 4456 §8 (reflection loops), RFC 9234 §5 (route leaks), then the
 * import policy. Pure.
 */

import type { IpPrefixWords } from '../../base/ip-words.ts';
import * as asPath from '../message/as-path.ts';
import { Role } from '../message/capability.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import { evaluate, type Policy, type PolicyTrace } from '../policy/policy.ts';

export interface ImportContext {
  readonly localAsn: number;
  /** Of this side in the session with the neighbour, 4 or 16 bytes; undefined before the first. */
  readonly ownAddress: Uint8Array | undefined;
  readonly bgpIdentifier: number;
  readonly clusterId: number;
  readonly peerAsn: number;
  readonly isInternal: boolean;
  readonly peerRole: number | undefined;
  /** 'none': RFC 8212. */
  readonly policy: Policy | 'accept-all' | 'none';
}

export interface ImportResult {
  readonly attributes: PathAttributes;
  readonly weight: number;
}

/** Why the protocol itself takes no notice of a route. */
export interface ImportRefusal {
  readonly kind:
    | 'no import policy'
    | 'AS loop'
    | 'originator loop'
    | 'cluster loop'
    | 'own next hop'
    | 'route leak';
  readonly words: string;
}

/** Undefined: not to be used. `trace` hears of the policy's rules. */
export function importRoute(
  attributes: PathAttributes,
  prefix: IpPrefixWords,
  context: ImportContext,
  trace?: PolicyTrace,
): ImportResult | undefined {
  if (context.policy === 'none' || loop(attributes, context) !== undefined) return undefined;
  const checked = context.isInternal ? attributes : leakChecked(attributes, context);
  if (checked === undefined) return undefined;
  if (context.policy === 'accept-all') return { attributes: checked, weight: 0 };
  return evaluate(context.policy, { attributes: checked, prefix, weight: 0 }, trace);
}

/** Undefined: it is for the policy to say. */
export function importRefusal(
  attributes: PathAttributes,
  context: ImportContext,
): ImportRefusal | undefined {
  if (context.policy === 'none') {
    const words = 'an external peer without an import policy is heard in vain (RFC 8212)';
    return { kind: 'no import policy', words };
  }
  const isLeak = !context.isInternal && leakChecked(attributes, context) === undefined;
  const leak = 'its Only-to-Customer attribute says that it leaked (RFC 9234)';
  return loop(attributes, context) ?? (isLeak ? { kind: 'route leak', words: leak } : undefined);
}

/** It has been here, or leads here. */
function loop(attributes: PathAttributes, context: ImportContext): ImportRefusal | undefined {
  const { localAsn, bgpIdentifier, clusterId, ownAddress } = context;
  if (asPath.contains(attributes.asPath, localAsn)) {
    return { kind: 'AS loop', words: `AS loop: its AS path has AS ${localAsn}, which is this one` };
  }
  if (attributes.originatorId === bgpIdentifier) {
    return { kind: 'originator loop', words: 'originator loop: this router originated it' };
  }
  if (attributes.clusterList?.includes(clusterId) === true) {
    return { kind: 'cluster loop', words: 'cluster loop: this cluster has reflected it before' };
  }
  if (ownAddress !== undefined && isAddress(attributes.nextHop, ownAddress)) {
    return { kind: 'own next hop', words: 'its next hop is this router itself (RFC 4271 §6.3)' };
  }
  return undefined;
}

/** `nextHop`: a link-local address may stand behind that of IPv6. */
function isAddress(nextHop: Uint8Array, address: Uint8Array): boolean {
  const isLong = nextHop.length === 2 * address.length && address.length === 16;
  if (nextHop.length !== address.length && !isLong) return false;
  for (let at = 0; at < address.length; at++) if (nextHop[at] !== address[at]) return false;
  return true;
}

/** RFC 9234 §5: a customer or peer must not pass on what its own provider or peer told it. */
function leakChecked(
  attributes: PathAttributes,
  { peerRole, peerAsn }: ImportContext,
): PathAttributes | undefined {
  const { onlyToCustomer } = attributes;
  switch (peerRole) {
    case Role.Customer:
    case Role.RouteServerClient:
      return onlyToCustomer === undefined ? attributes : undefined;
    case Role.Peer:
      if (onlyToCustomer !== undefined && onlyToCustomer !== peerAsn) return undefined;
      return { ...attributes, onlyToCustomer: peerAsn };
    case Role.Provider:
    case Role.RouteServer:
      return { ...attributes, onlyToCustomer: onlyToCustomer ?? peerAsn };
    default:
      return attributes;
  }
}
