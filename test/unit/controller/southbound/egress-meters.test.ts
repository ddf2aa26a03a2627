/** controller/southbound/egress-meters.ts: egress of subnets is added up from what hosts report, each byte once. */
import test from 'ava';
import { Compiler } from '../../../../controller/compiler/compiler.ts';
import { EgressMeters } from '../../../../controller/southbound/egress-meters.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import {
  networkInterfaceDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const WEB = 'subnet-Blue-Web';

function meters(stored = new Map<string, JsonObject>()) {
  const compiler = new Compiler();
  const subnet = '/virtualNetworks/Blue/subnets/Web';
  compiler.apply({
    revision: 1,
    documents: [
      {
        key: 'virtualnetworks/blue',
        value: virtualNetworkDocument({
          id: 'Blue',
          subnets: [{ id: 'Web', prefix: '10.0.0.0/24', vni: 5001 }],
        }),
      },
      ...['a', 'b'].map((id, at) => ({
        key: `networkinterfaces/${id}`,
        value: networkInterfaceDocument({
          id,
          mac: `001DD800000${at}`,
          addresses: [{ subnet, address: `10.0.0.${at + 10}` }],
        }),
      })),
    ],
    placements: [],
  });
  const commits: number[] = [];
  const egress = new EgressMeters({
    model: compiler.model,
    observeAll(entries) {
      commits.push(entries.size);
      for (const [key, value] of entries) stored.set(key, value);
    },
  });
  for (const [key, value] of stored) egress.load(key, value);
  const report = (host: string, run: string, ports: Record<string, readonly [number, number]>) =>
    egress.take(host, {
      run,
      meters: Object.entries(ports).map(([portId, [billedBytes, unbilledBytes]]) => ({
        portId,
        billedBytes,
        unbilledBytes,
      })),
    });
  const total = () => {
    const found = egress.of(WEB);
    return found && [found.billedBytes, found.unbilledBytes];
  };
  return { egress, stored, commits, report, total };
}

test('what ports of a subnet have sent is added up, and a report that comes again adds nothing', (t) => {
  const { report, total, commits } = meters();
  t.is(total(), undefined);
  report('host1', 'r1', { 'nic-a': [100, 10] });
  report('host2', 'r7', { 'nic-b': [5, 0] });
  t.deepEqual(total(), [105, 10]);
  report('host1', 'r1', { 'nic-a': [150, 10] });
  report('host1', 'r1', { 'nic-a': [150, 10] });
  t.deepEqual(total(), [155, 10]);
  t.deepEqual(commits, [2, 2, 2], 'total and mark in one commit');
});

test('a host that starts anew counts from zero, and nothing is lost or counted twice', (t) => {
  const { report, total } = meters();
  report('host1', 'r1', { 'nic-a': [100, 0] });
  report('host1', 'r2', { 'nic-a': [30, 0] });
  t.deepEqual(total(), [130, 0]);
  report('host1', 'r2', { 'nic-a': [300, 0] });
  t.deepEqual(total(), [400, 0]);
});

test('an interface that moves counts at both hosts, whatever the old one still reports', (t) => {
  const { report, total } = meters();
  report('host1', 'r1', { 'nic-a': [100, 0] });
  report('host2', 'r7', { 'nic-a': [1, 0] });
  report('host1', 'r1', { 'nic-a': [120, 0] });
  report('host2', 'r7', { 'nic-a': [2, 0] });
  t.deepEqual(total(), [122, 0]);
});

test('a controller that starts anew goes on from what it has stored', (t) => {
  const first = meters();
  first.report('host1', 'r1', { 'nic-a': [100, 10] });
  const second = meters(first.stored);
  t.deepEqual(second.total(), [100, 10]);
  second.report('host1', 'r1', { 'nic-a': [110, 10] });
  t.deepEqual(second.total(), [110, 10]);
});

test('after a reset only what comes from then on counts', (t) => {
  const { egress, report, total, stored } = meters();
  report('host1', 'r1', { 'nic-a': [100, 10] });
  egress.reset(WEB);
  t.deepEqual(total(), [0, 0]);
  t.deepEqual(stored.get(`egress/${WEB}`), { billed: 0, unbilled: 0 });
  report('host1', 'r1', { 'nic-a': [101, 10] });
  t.deepEqual(total(), [1, 0]);
});

test('interfaces that are not known are not taken notice of', (t) => {
  const { report, stored } = meters();
  report('host1', 'r1', { 'nic-x': [100, 10] });
  t.is(stored.size, 0);
});
