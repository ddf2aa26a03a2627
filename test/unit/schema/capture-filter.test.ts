/** A capture's filter in words and as JSON: what is meant, and what is refused. */
import test from 'ava';
import {
  captureFilterFault,
  parseCaptureFilter,
} from '../../../schema/southbound/diagnostics/capture.ts';

test('words become conditions, all of which must hold', (t) => {
  t.deepEqual(parseCaptureFilter(''), {});
  t.deepEqual(parseCaptureFilter('tcp and host 10.0.0.4 and port 443 dropped'), {
    protocol: 6,
    either: { prefix: '10.0.0.4', ports: [443, 443] },
    dropped: true,
  });
  t.deepEqual(parseCaptureFilter('ip6 src net fd00::/64 dst port 1000-2000 inbound vni 5001'), {
    protocol: 'ip6',
    source: { prefix: 'fd00::/64' },
    destination: { ports: [1000, 2000] },
    direction: 'inbound',
    vni: 5001,
  });
  t.deepEqual(parseCaptureFilter('proto 47 outbound'), { protocol: 47, direction: 'outbound' });
});

test('a filter that cannot be meant is refused in words', (t) => {
  for (const text of [
    'tcp udp',
    'host',
    'host 10.0.0',
    'net 10.0.0.1/24',
    'port x',
    'port 70000',
    'port 9-8',
    'vni 16777216',
    'proto 256',
    'or',
    'not tcp',
    'src tcp',
    'inbound outbound',
    'host 10.0.0.1 net 10.0.0.0/8',
  ]) {
    t.is(typeof parseCaptureFilter(text), 'string', text);
  }
});

test('JSON with an unknown, misspelt or mistyped condition is refused', (t) => {
  for (const value of [
    null,
    [],
    'tcp',
    { ports: 1 },
    { portIds: 'a' },
    { portIds: [1] },
    { direction: 'in' },
    { protocol: 'tcp' },
    { source: '10.0.0.1' },
    { source: { address: '10.0.0.1' } },
    { either: { ports: [1] } },
    { either: { prefix: 7 } },
    { dropped: 1 },
  ]) {
    t.is(typeof captureFilterFault(value), 'string', JSON.stringify(value));
  }
  t.is(captureFilterFault({ portIds: ['a'], either: { ports: [1, 2] } }), undefined);
});
