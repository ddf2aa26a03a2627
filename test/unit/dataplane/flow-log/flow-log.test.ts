/** The host's side of the flow log: when it fetches, what it keeps, which faults it tells of. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { ipv4Words } from '../../../../base/ip-words.ts';
import { silentLogger } from '../../../../base/log.ts';
import { seconds } from '../../../../base/units.ts';
import { FlowLog } from '../../../../dataplane/flow-log/flow-log.ts';
import {
  FlowEvent,
  type FlowRecordBatch,
  NO_COUNTS,
} from '../../../../dataplane/flow-log/flow-record.ts';
import { RECENT_RECORDS_MAX } from '../../../../dataplane/flow-log/limits.ts';
import { RecordQueue } from '../../../../dataplane/flow-log/record-queue.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { eventually } from '../../../kit/eventually.ts';
import { hostGoal } from '../host-agent/stand-ins.ts';

const NO_LOSSES = { queueFull: 0, unfollowed: 0 };

function rig(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-flow-log-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  const queue = new RecordQueue();
  const counts = { fetches: 0, faults: 0 };
  const flowLog = new FlowLog({
    hostId: 'host1',
    defaultDirectory: join(directory, 'default'),
    fetch: async (): Promise<FlowRecordBatch> => {
      counts.fetches += 1;
      return { ...queue.take(), losses: NO_LOSSES };
    },
    onFault: () => {
      counts.faults += 1;
    },
    clock,
    log: silentLogger,
  });
  const push = (portId: string, srcPort: number) =>
    queue.push({
      ...{ timeSec: 1_700_000_000, src: ipv4Words(1), dst: ipv4Words(2), protocol: 6 },
      ...{ srcPort, dstPort: 80, isOutbound: true, isDenied: false, event: FlowEvent.BEGIN },
      source: { portId, mac: 1, ruleRef: '/accessControlLists/web/aclRules/r' },
      counts: NO_COUNTS,
    });
  /** Lets so many seconds pass, and what they start end, but for the disk's part. */
  const pass = async (count: number) => {
    for (let second = 0; second < count; second += 1) {
      clock.advance(seconds(1));
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    }
  };
  const configure = (flowLogSettings: { intervalSec: number; directory: string } | undefined) => {
    const resource = hostGoal(192, 0, 2, 1);
    const host = resource.host && {
      ...resource.host,
      ...(flowLogSettings && { flowLog: flowLogSettings }),
    };
    const upserts = [{ ...resource, ...(host && { host }) }] as Resource[];
    flowLog.note({ upserts, removes: [] });
  };
  return { directory, flowLog, clock, counts, push, pass, configure };
}

test('without settings nothing is fetched; with them every second, until the last records after they have gone', async (t) => {
  const { flowLog, counts, push, pass, configure, directory } = rig(t);
  configure(undefined);
  await pass(3);
  t.is(counts.fetches, 0);
  t.false(flowLog.answer({ limit: 10 }).isOn);
  configure({ intervalSec: 60, directory: '' });
  push('p', 1);
  await pass(2);
  t.is(counts.fetches, 2);
  const answer = flowLog.answer({ limit: 10 });
  t.like(answer, { isOn: true, directory: join(directory, 'default') });
  t.deepEqual(
    answer.records.map(({ portId, srcPort, src, state }) => [portId, srcPort, src, state]),
    [['p', 1, '0.0.0.1', 'begin']],
  );
  push('p', 2);
  configure(undefined);
  await pass(1);
  await flowLog.close();
  t.is(flowLog.answer({ limit: 10 }).records.length, 2);
  const { fetches } = counts;
  await pass(3);
  t.is(counts.fetches, fetches);
  const files = readdirSync(join(directory, 'default'), { recursive: true, encoding: 'utf8' });
  t.is(files.filter((file) => file.endsWith('PT1H.json')).length, 1);
});

test('answers: newest first asked, then what came after, of one port or all, at most so many', async (t) => {
  const { flowLog, push, pass, configure } = rig(t);
  configure({ intervalSec: 60, directory: '' });
  for (let count = 0; count < 5; count += 1) push(count % 2 === 0 ? 'even' : 'odd', count);
  await pass(1);
  const ports = (question: Parameters<FlowLog['answer']>[0]) =>
    flowLog.answer(question).records.map(({ srcPort }) => srcPort);
  t.deepEqual(ports({ limit: 2 }), [3, 4]);
  t.deepEqual(ports({ limit: 9, portId: 'odd' }), [1, 3]);
  const { last } = flowLog.answer({ limit: 2 });
  t.deepEqual(ports({ limit: 9, after: last }), []);
  push('odd', 5);
  push('odd', 6);
  await pass(1);
  const next = flowLog.answer({ limit: 1, after: last });
  t.deepEqual(
    next.records.map(({ srcPort }) => srcPort),
    [5],
  );
  t.deepEqual(ports({ limit: 9, after: next.last }), [6]);
  await flowLog.close();
});

test('the newest are kept up to a limit', async (t) => {
  const { flowLog, push, pass, configure } = rig(t);
  configure({ intervalSec: 60, directory: '' });
  for (let count = 0; count < RECENT_RECORDS_MAX + 7; count += 1) push('p', count & 0xffff);
  await pass(1);
  const { records } = flowLog.answer({ limit: RECENT_RECORDS_MAX + 7, after: 0 });
  t.is(records.length, RECENT_RECORDS_MAX);
  t.is(records[0]?.srcPort, 7);
  await flowLog.close();
});

test('a directory that cannot be written is a fault that is told once, and told again when it is gone', async (t) => {
  const { flowLog, pass, configure, directory, counts } = rig(t);
  const blocked = join(directory, 'file');
  writeFileSync(blocked, '');
  configure({ intervalSec: 60, directory: blocked });
  await pass(2);
  await eventually('the fault', () => flowLog.fault !== undefined);
  t.regex(flowLog.fault ?? '', /ENOTDIR|EEXIST/);
  t.is(flowLog.answer({ limit: 1 }).fault, flowLog.fault);
  await pass(20);
  t.is(counts.faults, 1);
  rmSync(blocked);
  await pass(11);
  await eventually('the file is written', () => flowLog.fault === undefined);
  t.is(counts.faults, 2);
  await flowLog.close();
});
