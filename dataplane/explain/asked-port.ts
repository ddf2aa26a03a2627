/** The port that a question is about. Called by answers, route-answers, placed-lists, flow-verify. */
import { SdnError } from '../../base/errors.ts';
import type { PortAddress } from '../layers/port-policy.ts';
import type { ConfiguredPort, Subnet } from '../switch/network-state.ts';
import type { SwitchTables } from '../switch/tables.ts';

/** Throws SDN_SWITCH_PORT_UNKNOWN where goal state has no such port, or none that works. */
export function portAt(tables: SwitchTables, portId: string): ConfiguredPort {
  const port = tables.ports.get(portId)?.configured;
  if (port !== undefined) return port;
  throw new SdnError('SDN_SWITCH_PORT_UNKNOWN', `the switch does not know port ${portId}`, {
    remedy: 'See the state of the interface: weft nic show.',
  });
}

/** Of one of the port's addresses. */
export function subnetOf(
  { network }: ConfiguredPort,
  { segment, resourceRef }: PortAddress,
): Subnet {
  const found = [...network.subnets].find(({ vni }) => vni === segment);
  if (found !== undefined) return found;
  throw new SdnError('SDN_SWITCH_PORT_UNKNOWN', `the switch does not know ${resourceRef}’s subnet`);
}

export function invalid(message: string): SdnError {
  return new SdnError('SDN_QUESTION_INVALID', message);
}
