/**
 * The access control lists that judge an address of a port, each with where it has been put, in the order in which layers/acl asks them.
 * Called by rule-answers and flow-verify; a property test holds them against the layer.
 */
import type { EffectiveList, RuleDirection } from '../../schema/southbound/diagnostics/rules.ts';
import type { AccessList, PortAddress } from '../layers/port-policy.ts';
import type { ConfiguredPort } from '../switch/network-state.ts';
import { subnetOf } from './asked-port.ts';

export interface PlacedList {
  readonly level: EffectiveList['level'];
  /** The IP configuration, the security tag or the subnet. */
  readonly appliesTo: string;
  /** Undefined: there is none. */
  readonly list: AccessList | undefined;
}

export function placedLists(
  port: ConfiguredPort,
  own: PortAddress,
  direction: RuleDirection,
): readonly PlacedList[] {
  const { accessLists, resourceRef } = own;
  const outbound: PlacedList[] = [
    { level: 'network interface', appliesTo: resourceRef, list: accessLists.interface },
    ...port.policy.tagLists.map(
      ({ securityTagRef, list }): PlacedList => ({
        level: 'security tag',
        appliesTo: securityTagRef,
        list,
      }),
    ),
    { level: 'subnet', appliesTo: subnetOf(port, own).resourceRef, list: accessLists.subnet },
  ];
  return direction === 'outbound' ? outbound : outbound.reverse();
}

/** What the list is called, or why it lets nothing pass. */
export function nameOf(
  { lists }: ConfiguredPort,
  { list }: PlacedList,
  direction: RuleDirection,
): Pick<EffectiveList, 'resourceRef' | 'pending'> {
  if (list === undefined) return { resourceRef: '' };
  const pending = [...lists].find((held) => held === list)?.pending;
  return pending === undefined ? { resourceRef: list[direction].name } : { pending };
}
