/** agent/report.ts: a fault is told while it stands and no longer. */
import test from 'ava';
import { FAULTS_TOLD_MAX } from '../../../agent/limits.ts';
import { buildReport, faultsAfter, faultsTold, splitUnknown } from '../../../agent/report.ts';
import { VIRTUAL_NETWORK_DEFAULTS } from '../../../schema/southbound/defaults.ts';
import type { Resource, ResourceError } from '../../../schema/southbound/messages.ts';

function resource(key: string): Resource {
  const virtualNetwork = {
    id: key,
    resourceRef: key,
    ...VIRTUAL_NETWORK_DEFAULTS,
    addressSpace: [],
  };
  return { key, version: 1, virtualNetwork };
}

function fault(key: string): ResourceError {
  return { key, code: 'PolicyConfigurationFailure', message: 'x' };
}

test('a change settles the faults of what it touches, brings new ones, and leaves the others', (t) => {
  const change = { revision: 2, upserts: [resource('vnet/a')], removes: ['vnet/b'] };
  const standing = new Map(['vnet/a', 'vnet/b', 'vnet/c'].map((key) => [key, fault(key)]));
  t.deepEqual([...faultsAfter(standing, change, []).keys()], ['vnet/c']);
  t.deepEqual([...faultsAfter(standing, change, [fault('vnet/a')]).keys()], ['vnet/c', 'vnet/a']);
  t.is(standing.size, 3);
});

test('a report carries what the role observes and every fault that stands', (t) => {
  const ports = [{ portId: 'p', linkUp: true, device: 'tap0', learnedAddresses: [] }];
  const standing = new Map([['vnet/a', fault('vnet/a')]]);
  const told = { ports, health: [fault('host'), fault('vnet/a')] };
  const observed = { ports, health: [fault('host')] };
  t.deepEqual(buildReport(observed, standing), { ...told, run: '', meters: [], probeResults: [] });
  const metering = { run: 'r', meters: [{ portId: 'p', billedBytes: 1, unbilledBytes: 2 }] };
  t.deepEqual(buildReport({ ...observed, metering }, standing), {
    ...told,
    ...metering,
    probeResults: [],
  });
});

test('a resource of a kind that this version does not know is refused by name, the rest goes on', (t) => {
  const change = {
    revision: 2,
    upserts: [resource('vnet/a'), { key: 'vip/1', version: 2 }],
    removes: [],
  };
  const { known, errors } = splitUnknown(change);
  t.deepEqual(
    known.upserts.map(({ key }) => key),
    ['vnet/a'],
  );
  t.deepEqual(
    errors.map(({ key, code }) => [key, code]),
    [['vip/1', 'PolicyConfigurationFailure']],
  );
});

test('more faults than a message carries are counted in its last one', (t) => {
  const few = Array.from({ length: FAULTS_TOLD_MAX }, (_, at) => fault(`port/${at}`));
  t.is(faultsTold(few), few);
  const told = faultsTold([...few, fault('vnet/x'), fault('vnet/y')]);
  t.is(told.length, FAULTS_TOLD_MAX + 1);
  t.regex(told.at(-1)?.message ?? '', /^2 more/);
});
