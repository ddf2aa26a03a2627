/** MRT (RFC 6396) read by bgpdump: the table of a speaker with two neighbours, and everything that one of them has said. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { ManualClock } from '../../base/clock.ts';
import { seconds } from '../../base/units.ts';
import { UpdateLog } from '../../bgp/mrt/update-log.ts';
import type { Speaker, SpeakerOptions } from '../../bgp/speaker/contract.ts';
import { createSpeaker } from '../../bgp/speaker.ts';
import { run } from '../../fabric/command.ts';
import { SimulatedNetwork } from '../unit/bgp/session/simulated-network.ts';
import { missing } from './bgp-lab.ts';

const BGPDUMP = '/usr/bin/bgpdump';
const POLICIES = {
  importPolicy: 'accept-all',
  exportPolicy: 'accept-all',
  families: ['ipv4-unicast', 'ipv6-unicast'],
} as const;

test('what is written as MRT is read by bgpdump', async (t) => {
  if ((await missing([BGPDUMP])) !== undefined) {
    const remedy = 'bgpdump is not installed: apt-get install bgpdump';
    t.pass('bgpdump exists', { skip: remedy });
    return;
  }
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock);
  const speaker = async (address: string, asn: number, more: Partial<SpeakerOptions> = {}) => {
    const transport = network.host(address);
    const listen = { addresses: [address] };
    const made = createSpeaker({ clock, asn, routerId: address, listen, transport, ...more });
    await made.start();
    return made;
  };
  const records: Uint8Array[] = [];
  const sink = { pendingBytes: 0, write: (record: Uint8Array) => void records.push(record) };
  const collector = await speaker('192.0.2.1', 65_001, { updateLog: new UpdateLog(sink) });
  const others: [string, number, Speaker][] = [];
  for (const [address, asn] of [
    ['192.0.2.2', 65_002],
    ['192.0.2.3', 4_200_000_003],
  ] as const) {
    const other = await speaker(address, asn);
    other.setNeighbour({
      address: '192.0.2.1',
      asn: 65_001,
      nextHopIpv6: '2001:db8::2',
      ...POLICIES,
    });
    collector.setNeighbour({ address, asn, ...POLICIES });
    others.push([address, asn, other]);
    other.announce({ prefix: '203.0.113.0/24', med: 5, communities: [65_002 * 65_536 + 7] });
  }
  others[0]?.[2].announce({ prefix: '2001:db8:1::/48' });
  clock.advance(seconds(20));
  others[0]?.[2].withdraw('203.0.113.0/24');
  clock.advance(seconds(1));

  const directory = await mkdtemp(join(tmpdir(), 'weft-mrt-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const read = async (name: string, bytes: Iterable<Uint8Array>): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, Buffer.concat([...bytes]));
    return run([BGPDUMP, '-m', '-v', path]);
  };

  const table = (await read('table.mrt', collector.tableDump())).trim().split('\n');
  t.equal(table.length, 2);
  t.match(
    table[0],
    /\|B\|192\.0\.2\.3\|4200000003\|203\.0\.113\.0\/24\|4200000003\|IGP\|192\.0\.2\.3\|0\|5\|65002:7\|/,
  );
  t.match(table[1], /\|B\|192\.0\.2\.2\|65002\|2001:db8:1::\/48\|65002\|IGP\|2001:db8::2\|/);

  const said = await read('updates.mrt', records);
  t.match(said, /\|STATE\|192\.0\.2\.2\|65002\|5\|6/);
  t.match(said, /\|A\|192\.0\.2\.2\|65002\|203\.0\.113\.0\/24\|65002\|IGP\|192\.0\.2\.2\|/);
  t.match(said, /\|A\|192\.0\.2\.2\|65002\|2001:db8:1::\/48\|65002\|IGP\|2001:db8::2\|/);
  t.match(said, /\|W\|192\.0\.2\.2\|65002\|203\.0\.113\.0\/24/);
});
