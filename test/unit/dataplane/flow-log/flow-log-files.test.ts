/** The flow log's files: format, paths, growth, repair after a crash, bounds on the disk, and disks that do not play along. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { ipv4Words, parseIpWords } from '../../../../base/ip-words.ts';
import { FlowLogDisk } from '../../../../dataplane/flow-log/flow-log-disk.ts';
import { appendRecord } from '../../../../dataplane/flow-log/flow-log-file.ts';
import {
  filePath,
  flowTuple,
  hourOf,
  hourOfPath,
  recordText,
} from '../../../../dataplane/flow-log/flow-log-format.ts';
import { FlowLogWriter } from '../../../../dataplane/flow-log/flow-log-writer.ts';
import {
  FlowEvent,
  type FlowRecord,
  NO_COUNTS,
} from '../../../../dataplane/flow-log/flow-record.ts';
import { UNWRITTEN_RECORDS_MAX } from '../../../../dataplane/flow-log/limits.ts';

const MAC = 0x001d_d8b7_0001;
const RULE = '/accessControlLists/web/aclRules/allow-ssh';
/** 2018-11-13T12:00:37Z, as in Azure's own sample. */
const TIME = 1_542_110_437;
const NOW = '2018-11-13T12:00:35.000Z';

function record(changes: Partial<FlowRecord> = {}): FlowRecord {
  return {
    timeSec: TIME,
    source: { portId: 'p', mac: MAC, ruleRef: RULE },
    src: parseIpWords('10.5.16.4') ?? ipv4Words(0),
    dst: parseIpWords('125.5.6.7') ?? ipv4Words(0),
    srcPort: 59_932,
    dstPort: 443,
    protocol: 6,
    isOutbound: true,
    isDenied: false,
    event: FlowEvent.END,
    counts: [1, 66, 2, 132],
    ...changes,
  };
}

function directory(t: { teardown(run: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-flow-log-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function writerIn(path: string, bytesMax?: number): FlowLogWriter {
  return new FlowLogWriter({
    directory: path,
    hostId: 'host1',
    systemIdOf: (ref) => (ref === '/accessControlLists/web' ? 'acl-id' : undefined),
    ...(bytesMax !== undefined && { bytesMax }),
  });
}

/** Paths of all files below a directory. */
function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

interface LogFile {
  readonly records: readonly {
    readonly properties: {
      readonly flows: readonly {
        readonly rule: string;
        readonly flows: readonly { readonly flowTuples: readonly string[] }[];
      }[];
    };
  }[];
}

function tuplesIn(path: string): string[] {
  const { records } = JSON.parse(readFileSync(path, 'utf8')) as LogFile;
  return records.flatMap(({ properties }) =>
    properties.flows.flatMap((rule) => rule.flows.flatMap(({ flowTuples }) => flowTuples)),
  );
}

test('NSG flow log version 2: a tuple is what Azure writes', (t) => {
  t.is(flowTuple(record()), '1542110437,10.5.16.4,125.5.6.7,59932,443,T,O,A,E,1,66,2,132');
  const begin = { event: FlowEvent.BEGIN, counts: NO_COUNTS };
  t.is(
    flowTuple(record({ ...begin, protocol: 17, isOutbound: false, isDenied: true })),
    '1542110437,10.5.16.4,125.5.6.7,59932,443,U,I,D,B,,,,',
  );
  const ping = { protocol: 58, srcPort: 0, dstPort: 0, event: FlowEvent.CONTINUING };
  const v6 = { src: parseIpWords('2001:db8::1') ?? ipv4Words(0) };
  t.is(
    flowTuple(record({ ...ping, ...v6 })),
    '1542110437,2001:db8::1,125.5.6.7,0,0,58,O,A,C,1,66,2,132',
  );
});

test('NSG flow log version 2: a record groups tuples by rule', (t) => {
  const other = { portId: 'p', mac: MAC, ruleRef: '/accessControlLists/web/aclRules/no' };
  const text = recordText(
    [record(), record({ source: other }), record({ srcPort: 1 })],
    { ref: '/accessControlLists/web', systemId: 'acl-id' },
    NOW,
  );
  t.false(text.includes('\n'));
  t.deepEqual(JSON.parse(text), {
    time: NOW,
    systemId: 'acl-id',
    category: 'NetworkSecurityGroupFlowEvent',
    resourceId: '/ACCESSCONTROLLISTS/WEB',
    operationName: 'NetworkSecurityGroupFlowEvents',
    properties: {
      Version: 2,
      flows: [
        {
          rule: 'UserRule_allow-ssh',
          flows: [
            {
              mac: '001DD8B70001',
              flowTuples: [
                '1542110437,10.5.16.4,125.5.6.7,59932,443,T,O,A,E,1,66,2,132',
                '1542110437,10.5.16.4,125.5.6.7,1,443,T,O,A,E,1,66,2,132',
              ],
            },
          ],
        },
        {
          rule: 'UserRule_no',
          flows: [
            {
              mac: '001DD8B70001',
              flowTuples: ['1542110437,10.5.16.4,125.5.6.7,59932,443,T,O,A,E,1,66,2,132'],
            },
          ],
        },
      ],
    },
  });
});

test('a file’s path is that of Azure’s blobs, and no name leads out of the directory', (t) => {
  const path = filePath('/accessControlLists/web', hourOf(TIME), MAC);
  t.is(
    path,
    'insights-logs-networksecuritygroupflowevent/resourceId=/ACCESSCONTROLLISTS/WEB/' +
      'y=2018/m=11/d=13/h=12/m=00/macAddress=001DD8B70001/PT1H.json',
  );
  t.is(hourOfPath(path), '2018/11/13/12');
  t.is(hourOfPath('/etc/passwd'), undefined);
  fc.assert(
    fc.property(fc.array(fc.string()), (names) => {
      const made = filePath(`/accessControlLists/${names.join('/')}`, hourOf(TIME), MAC);
      t.false(made.split('/').some((segment) => segment === '..' || segment === '.'));
      t.false(made.includes('\0'));
      t.is(hourOfPath(made), '2018/11/13/12');
    }),
  );
});

test('a file is JSON after every append', async (t) => {
  const path = join(directory(t), 'a/b/PT1H.json');
  for (let count = 1; count <= 3; count += 1) {
    const length = await appendRecord(path, JSON.stringify({ count }));
    t.is(statSync(path).size, length);
    t.is((JSON.parse(readFileSync(path, 'utf8')) as LogFile).records.length, count);
  }
});

test('wherever a write was cut off, the next append keeps each record that is whole', async (t) => {
  const path = join(directory(t), 'PT1H.json');
  await appendRecord(path, '{"first":"{\\"a\\":1}"}');
  const one = readFileSync(path);
  await appendRecord(path, '{"second":[1,2,3]}');
  const two = readFileSync(path);
  for (let cut = 0; cut <= two.length; cut += 1) {
    // As the write leaves it: it begins where the end of the file was.
    writeFileSync(
      path,
      cut < one.length ? two.subarray(0, Math.max(cut, one.length - 4)) : two.subarray(0, cut),
    );
    await appendRecord(path, '{"third":3}');
    const { records } = JSON.parse(readFileSync(path, 'utf8')) as { records: object[] };
    t.deepEqual(records[0], { first: '{"a":1}' });
    t.deepEqual(records.at(-1), { third: 3 });
    t.true(records.length >= 2 && records.length <= 3);
    writeFileSync(path, two.subarray(0, cut));
    await appendRecord(path, '{"third":3}');
    const after = JSON.parse(readFileSync(path, 'utf8')) as { records: object[] };
    t.deepEqual(after.records.at(-1), { third: 3 });
  }
});

test('a file that is no flow log is put aside, not overwritten', async (t) => {
  const path = join(directory(t), 'PT1H.json');
  writeFileSync(path, 'somebody’s notes');
  await appendRecord(path, '{"a":1}');
  t.is(readFileSync(`${path}.foreign`, 'utf8'), 'somebody’s notes');
  t.deepEqual(JSON.parse(readFileSync(path, 'utf8')), { records: [{ a: 1 }] });
});

test('each list, interface and hour has its own file; records of one write are one record', async (t) => {
  const path = directory(t);
  const writer = writerIn(path);
  const db = '/accessControlLists/db/aclRules/r';
  writer.add(record());
  writer.add(record({ srcPort: 2 }));
  writer.add(record({ source: { portId: 'p', mac: MAC, ruleRef: db } }));
  writer.add(record({ source: { portId: 'q', mac: MAC + 1, ruleRef: RULE } }));
  writer.add(record({ timeSec: TIME + 3600 }));
  await writer.write(NOW);
  t.is(writer.fault, undefined);
  const files = filesIn(join(path, 'host1'));
  t.is(files.length, 4);
  t.deepEqual(files.map((file) => tuplesIn(file).length).sort(), [1, 1, 1, 2]);
  t.is(writer.counters.written, 5);
  t.is(writer.counters.bytes, 4 * 4096);
  writer.add(record());
  await writer.write(NOW);
  t.deepEqual(files.map((file) => tuplesIn(file).length).sort(), [1, 1, 1, 3]);
  t.is(writer.counters.bytes, 4 * 4096);
});

test('beyond the disk’s share the oldest hour goes, with its directories, also one of an earlier process', async (t) => {
  const path = directory(t);
  const hours = 5;
  for (let hour = 0; hour < hours; hour += 1) {
    const writer = writerIn(path, 3 * 4096);
    writer.add(record({ timeSec: TIME + 3600 * hour }));
    await writer.write(NOW);
    t.is(writer.fault, undefined);
    t.is(writer.counters.hoursRemoved, hour < 3 ? 0 : 1);
  }
  const left = filesIn(path).map((file) => hourOfPath(file));
  t.deepEqual(left, ['2018/11/13/14', '2018/11/13/15', '2018/11/13/16']);
  t.false(
    existsSync(join(path, 'host1', filePath(RULE.slice(0, 23), '2018/11/13/12', MAC), '../../..')),
  );
  const others = join(path, 'host1/notes.txt');
  writeFileSync(others, 'x'.repeat(100_000));
  const disk = new FlowLogDisk(join(path, 'host1'), 3 * 4096);
  await disk.scan();
  t.is(disk.bytes, 3 * 4096, 'other files are nobody’s business');
});

test('an hour that fills the share alone is a fault, and its records wait', async (t) => {
  const path = directory(t);
  const writer = writerIn(path, 4096);
  writer.add(record());
  await writer.write(NOW);
  writer.add(record({ source: { portId: 'q', mac: MAC + 1, ruleRef: RULE } }));
  await writer.write(NOW);
  t.regex(writer.fault ?? '', /this hour alone/);
  writer.add(record({ timeSec: TIME + 3600 }));
  t.is(filesIn(path).length, 1);
});

test('a directory that cannot be written is a fault until it can; what waits is bounded and counted', async (t) => {
  const path = directory(t);
  const blocked = join(path, 'log');
  writeFileSync(blocked, 'a file where the directory should be');
  const writer = writerIn(blocked);
  await writer.write(NOW);
  t.regex(writer.fault ?? '', /log: E(NOTDIR|EXIST)/, 'known before there is anything to write');
  for (let count = 0; count < UNWRITTEN_RECORDS_MAX + 5; count += 1) writer.add(record());
  await writer.write(NOW);
  t.is(writer.counters.unwritten, 5);
  rmSync(blocked);
  await writer.write(NOW);
  t.is(writer.fault, undefined);
  t.is(writer.counters.written, UNWRITTEN_RECORDS_MAX);
  rmSync(blocked, { recursive: true });
  writer.add(record());
  await writer.write(NOW);
  t.is(writer.fault, undefined, 'made again where somebody has removed it');
  t.is(filesIn(blocked).length, 1);
});
