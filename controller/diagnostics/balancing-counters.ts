/**
 * `counters` of frontends (MS-NCNBI §3.1.5.5.3) and muxes (§3.1.5.7), from what muxes count: of a frontend the sum over the muxes that answer.
 * Counts begin with a mux's process. Bandwidth and packets per second are left to whoever reads twice, as of interfaces. Called by
 * northbound/resources/load-balancer-frontends and load-balancer-muxes.
 */
import type { Clock } from '../../base/clock.ts';
import type { Counter } from '../../schema/northbound/counters.ts';
import type { BgpPeerRow } from '../../schema/southbound/diagnostics/bgp.ts';
import type { MuxAddress, MuxStatus } from '../../schema/southbound/diagnostics/slb.ts';
import type { AskMux } from '../southbound/ask-target.ts';
import { INTERFACE_COUNTERS_WAIT } from './limits.ts';

interface Asked {
  readonly askMux: AskMux;
  readonly clock: Clock;
}

/** Undefined where no mux has told in time. */
export async function frontendCounters(
  asked: Asked,
  muxes: readonly string[],
  frontendRef: string,
): Promise<readonly Counter[] | undefined> {
  const answers = await Promise.all(muxes.map((mux) => statusOf(asked, mux)));
  const rows = answers.flatMap((answer) =>
    (answer?.addresses ?? []).filter(
      ({ resourceRef }) => resourceRef.toLowerCase() === frontendRef.toLowerCase(),
    ),
  );
  return rows.length === 0 ? undefined : countersOf(rows, '');
}

export async function muxCounters(
  asked: Asked,
  mux: string,
): Promise<readonly Counter[] | undefined> {
  const answer = await statusOf(asked, mux);
  if (answer === undefined) return undefined;
  const isIpv6 = ({ address }: MuxAddress) => address.includes(':');
  return [
    ...countersOf(
      answer.addresses.filter((each) => !isIpv6(each)),
      'IPv4',
    ),
    ...countersOf(answer.addresses.filter(isIpv6), 'IPv6'),
  ];
}

/** BGP sessions of a mux; undefined where it has not told in time. */
export async function muxPeers(
  { askMux, clock }: Asked,
  mux: string,
): Promise<readonly BgpPeerRow[] | undefined> {
  return (await inTime(clock, askMux(mux, 'bgpPeers', {})))?.peers;
}

function statusOf({ askMux, clock }: Asked, mux: string): Promise<MuxStatus | undefined> {
  return inTime(clock, askMux(mux, 'muxStatus', {}));
}

/** Reading a resource waits no longer for what is not its own. */
function inTime<T>(clock: Clock, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(INTERFACE_COUNTERS_WAIT, () => resolve(undefined));
    const told = (value: T | undefined) => {
      timer.cancel();
      resolve(value);
    };
    answer.then(told, () => told(undefined));
  });
}

function countersOf(rows: readonly MuxAddress[], suffix: string): Counter[] {
  const sum = (of: (row: MuxAddress) => number) => rows.reduce((all, row) => all + of(row), 0);
  const dropped = ({ drops }: MuxAddress) =>
    Object.values(drops).reduce((all, count) => all + count, 0);
  const context = { source: 'SoftwareLoadBalancer', category: 'Performance' } as const;
  return Object.entries({
    TotalPackets: sum(({ packets }) => packets),
    DroppedPackets: sum(dropped),
    FlowEntries: sum(({ flows }) => flows),
    SynPackets: sum(({ syns }) => syns),
  }).map(([name, currentValue]) => ({
    ...{ name: `${name}${suffix}`, unit: 'Decimal' as const, currentValue, context },
  }));
}
