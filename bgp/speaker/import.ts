/**
 * What a neighbour's route becomes on its way in — RFC 4271 §9.1.2 (loops), RFC 4456 §8 (reflection loops), RFC 9234 §5 (route leaks), then the
 * import policy. Pure.
 */

import type { IpPrefixWords } from '../../base/ip-words.ts';
import * as asPath from '../message/as-path.ts';
import { Role } from '../message/capability.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import { evaluate, type Policy, type PolicyTrace } from '../policy/policy.ts';

export interface ImportContext {
  readonly localAsn: number;
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

/** Undefined: not to be used. `trace` hears of the policy's rules. */
export function importRoute(
  attributes: PathAttributes,
  prefix: IpPrefixWords,
  context: ImportContext,
  trace?: PolicyTrace,
): ImportResult | undefined {
  if (context.policy === 'none' || isLoop(attributes, context)) return undefined;
  const checked = context.isInternal ? attributes : leakChecked(attributes, context);
  if (checked === undefined) return undefined;
  if (context.policy === 'accept-all') return { attributes: checked, weight: 0 };
  return evaluate(context.policy, { attributes: checked, prefix, weight: 0 }, trace);
}

/** Why the protocol itself takes no notice of the route, in words; undefined: it is for the policy to say. */
export function importRefusal(
  attributes: PathAttributes,
  context: ImportContext,
): string | undefined {
  if (context.policy === 'none') {
    return 'an external peer without an import policy is heard in vain (RFC 8212)';
  }
  if (isLoop(attributes, context)) {
    return 'it has been here: the AS path, the originator or the cluster list names this router';
  }
  const isLeak = !context.isInternal && leakChecked(attributes, context) === undefined;
  return isLeak ? 'its Only-to-Customer attribute says that it leaked (RFC 9234)' : undefined;
}

function isLoop(attributes: PathAttributes, context: ImportContext): boolean {
  return (
    asPath.contains(attributes.asPath, context.localAsn) ||
    attributes.originatorId === context.bgpIdentifier ||
    attributes.clusterList?.includes(context.clusterId) === true
  );
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
