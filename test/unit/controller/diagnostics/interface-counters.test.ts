/** Counters of an interface as MS-NCNBI names them, from what a switch counts at its port. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import {
  countersOf,
  DROP_KINDS,
  interfaceCounters,
  LOST_BEFORE,
  LOST_BEHIND,
  OF_COPIES,
} from '../../../../controller/diagnostics/interface-counters.ts';
import { INTERFACE_COUNTERS_WAIT } from '../../../../controller/diagnostics/limits.ts';
import { DROP_NAMES } from '../../../../packet/drop.ts';

const PORT = { portId: 'p', name: 'tap0', rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

function values(port: Parameters<typeof countersOf>[0]): Record<string, number> {
  const counted = countersOf(port).filter(({ currentValue }) => currentValue !== 0);
  return Object.fromEntries(counted.map(({ name, currentValue }) => [name, currentValue]));
}

test('every reason that belongs to a counter is one that the switch knows, and belongs to one only', (t) => {
  const kinds = Object.values<readonly string[]>(DROP_KINDS).flat();
  for (const reason of [...kinds, ...LOST_BEFORE, ...LOST_BEHIND, ...OF_COPIES]) {
    t.true(DROP_NAMES.includes(reason), reason);
  }
  t.is(new Set(kinds).size, kinds.length);
});

test('totals are of all that came, each direction by itself', (t) => {
  const drops = { SpoofedMac: 1, AclDenied: 6, TransmitQueueFull: 3, ReceiveQueueFull: 2 };
  const txDrops = { AclDenied: 4, TransmitQueueFull: 3 };
  t.deepEqual(values({ ...PORT, rxPackets: 10, txPackets: 20, drops, txDrops }), {
    TotalPacketsIn: 24,
    TotalPacketsOut: 12,
    DropPacketsIn: 7,
    DropPacketsOut: 5,
    DropAclPacketsIn: 4,
    DropAclPacketsOut: 2,
  });
});

test('kinds of drops are told apart; copies for a mirror are no packets of the interface', (t) => {
  const drops = { NoRoute: 1, NoMapping: 1, RouteNone: 1, MirrorLimited: 9 };
  t.deepEqual(values({ ...PORT, rxPackets: 3, drops, txDrops: {} }), {
    TotalPacketsOut: 3,
    DropPacketsOut: 3,
    DropNoRuleMatchPacketsOut: 2,
    DropForwardingPacketsOut: 1,
  });
});

test('a host that does not answer in time costs the reader that time and no more', async (t) => {
  const clock = new ManualClock();
  const silent = interfaceCounters({ clock, ask: () => new Promise(() => undefined) }, 'h', 'p');
  clock.advance(INTERFACE_COUNTERS_WAIT);
  t.is(await silent, undefined);
  const ask = () => Promise.reject(new Error('away'));
  t.is(await interfaceCounters({ clock, ask }, 'h', 'p'), undefined);
  t.is(await interfaceCounters({ clock, ask }, undefined, 'p'), undefined, 'attached nowhere');
});
