/**
 * `counters` of a networkInterface (MS-NCNBI §3.1.5.11), from what its host's switch has counted at its port since it was attached. In and
 * out are the VM's; totals are of all that came, what was dropped included. A super-frame counts once, as in the switch. Copies for a port
 * mirror are none of the interface's packets. TcpSyn, TcpFin and TcpReset are not counted by the switch and left out. Called by
 * northbound/resources/network-interfaces.
 */
import type { Clock } from '../../base/clock.ts';
import type { Counter } from '../../schema/northbound/counters.ts';
import type { PortCounters } from '../../schema/southbound/diagnostics/counters.ts';
import type { AskTarget } from '../southbound/ask-target.ts';
import { INTERFACE_COUNTERS_WAIT } from './limits.ts';

/**
 * Drop reasons (docs/errors.md) by the counters they belong to. NoRuleMatch: no table knows the packet's destination, subnet or flow.
 * Forwarding: a route or peering says so, or the way ends.
 */
export const DROP_KINDS = {
  NoRuleMatch: ['NoRoute', 'NoMapping', 'DestinationNotLocal', 'ArpUnanswered', 'NdpUnanswered'],
  Acl: ['AclDenied', 'PolicyPending', 'DenialsLimited'],
  Forwarding: [
    'RouteNone',
    'InternetUnavailable',
    'GatewayUnavailable',
    'ApplianceUnreachable',
    'PeeringAccessDenied',
    'PeeringForwardedDenied',
    'TtlExpired',
    'HairpinLoop',
  ],
} as const;

/** Frames that were lost in a port's device behind the switch's own count of what it has sent there. */
export const LOST_BEHIND = ['TransmitQueueFull', 'TransmitFailed', 'InboundRateExceeded'] as const;
/** Likewise before its count of what came. */
export const LOST_BEFORE = ['ReceiveQueueFull'] as const;
/** Of copies; the frames themselves went their way. */
export const OF_COPIES = ['MirrorCollectorAbsent', 'MirrorLimited', 'MirrorTooBig'] as const;

type Drops = Readonly<Record<string, number>>;

/**
 * Undefined where nobody can tell: the interface is attached nowhere, or its host is away or has not answered within
 * INTERFACE_COUNTERS_WAIT; reading a resource waits no longer for what is not the resource's own.
 */
export async function interfaceCounters(
  parts: { readonly ask: AskTarget; readonly clock: Clock },
  host: string | undefined,
  instanceId: string,
): Promise<readonly Counter[] | undefined> {
  if (host === undefined) return undefined;
  const answer = parts.ask(host, 'counters', { portId: instanceId }).then(
    ({ ports }) => ports[0],
    () => undefined,
  );
  const port = await within(parts.clock, answer);
  return port && countersOf(port);
}

function within<T>(clock: Clock, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(INTERFACE_COUNTERS_WAIT, () => resolve(undefined));
    void answer.then((value) => {
      timer.cancel();
      resolve(value);
    });
  });
}

export function countersOf(port: PortCounters): readonly Counter[] {
  const into = without(port.txDrops, OF_COPIES);
  const out = without(difference(port.drops, port.txDrops), OF_COPIES);
  const rows: Counter[] = [
    total('TotalPacketsIn', port.txPackets + sum(without(into, LOST_BEHIND))),
    total('TotalPacketsOut', port.rxPackets + sumOf(out, LOST_BEFORE)),
    dropped('DropPacketsIn', sum(into)),
    dropped('DropPacketsOut', sum(out)),
  ];
  for (const [kind, reasons] of Object.entries(DROP_KINDS)) {
    rows.push(dropped(`Drop${kind}PacketsIn`, sumOf(into, reasons)));
    rows.push(dropped(`Drop${kind}PacketsOut`, sumOf(out, reasons)));
  }
  return rows;
}

function total(name: string, currentValue: number): Counter {
  const context = { source: 'VirtualSwitch', category: 'Performance' } as const;
  return { name, unit: 'Decimal', currentValue, context };
}

function dropped(name: string, currentValue: number): Counter {
  const context = { source: 'VirtualSwitch', category: 'Diagnostics' } as const;
  return { name, unit: 'Decimal', currentValue, context };
}

function sumOf(drops: Drops, reasons: readonly string[]): number {
  return reasons.reduce((all, reason) => all + (drops[reason] ?? 0), 0);
}

function sum(drops: Drops): number {
  return Object.values(drops).reduce((all, count) => all + count, 0);
}

function without(drops: Drops, reasons: readonly string[]): Drops {
  return Object.fromEntries(Object.entries(drops).filter(([reason]) => !reasons.includes(reason)));
}

function difference(all: Drops, part: Drops): Drops {
  const rest = Object.entries(all).map(([name, count]) => [name, count - (part[name] ?? 0)]);
  return Object.fromEntries(rest);
}
