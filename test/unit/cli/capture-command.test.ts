/** `weft capture` against a scripted controller: what it asks for, where the file goes, and where it must be told more. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const WEFT = '/networking/weft/v1';
const STARTED = { id: 'host1.3', host: 'host1', filter: {}, packets: 0, bytes: 0, lost: 0 };
const ENDED = { ...STARTED, ended: 'packets', packets: 2, bytes: 300, lost: 1 };
const SCRIPT = {
  [`POST ${WEFT}/captures`]: { status: 201, body: STARTED },
  [`GET ${WEFT}/captures/host1.3/pcapng`]: { body: { stands: 'for the file' } },
  [`GET ${WEFT}/captures/host1.3`]: { body: ENDED },
};

test('an interface, a filter and bounds are asked for; the file is what comes; how it ended is said', async (t) => {
  const controller = await scriptedController(SCRIPT);
  t.teardown(() => controller.close());
  const file = join(controller.state, 'web.pcapng');
  const words = ['--filter', 'tcp and port 443', '-c', '2', '--seconds', '9', '-s', '96'];
  const { code, err, out } = await controller.weft('capture', 'web1', ...words, '-w', file);
  t.is(code, 0, err);
  t.deepEqual(controller.received[0]?.body, {
    ...{ nic: 'web1', filter: 'tcp and port 443' },
    ...{ packetsMax: 2, secondsMax: 9, snapLen: 96 },
  });
  t.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { stands: 'for the file' });
  t.is(out, '');
  t.regex(err, /2 frames, 300 bytes, 1 lost \(packets\)/);
  const json = await controller.weft('--json', 'capture', '--nic', 'web1', '-w', file);
  t.deepEqual(JSON.parse(json.out), ENDED);
});

test('without an interface it is the only host’s; of several one must be named', async (t) => {
  const target = (id: string) => ({ kind: 'host', id });
  const status = `GET ${WEFT}/status`;
  const one = await scriptedController({
    ...SCRIPT,
    [status]: { body: { targets: [target('host1'), { kind: 'edge', id: 'edge1' }] } },
  });
  t.teardown(() => one.close());
  const file = join(one.state, 'all.pcapng');
  t.is((await one.weft('capture', '-w', file)).code, 0);
  t.like(one.received[1]?.body, { host: 'host1' });
  const two = await scriptedController({
    [status]: { body: { targets: [target('host1'), target('host2')] } },
  });
  t.teardown(() => two.close());
  const refused = await two.weft('capture', '-w', file);
  t.is(refused.code, 2);
  t.regex(refused.err, /host1, host2/);
  t.is((await two.weft('capture', 'web1', '--host', 'host1', '-w', file)).code, 2);
  t.is((await two.weft('capture', 'web1', '--filter', 'nonsense', '-w', file)).code, 2);
});

test('a file that cannot be written, and a capture that is refused, are faults', async (t) => {
  const gone = { error: { code: 'NotFound', message: 'there is no network interface' } };
  const controller = await scriptedController({
    ...SCRIPT,
    [`DELETE ${WEFT}/captures/host1.3`]: { body: ENDED },
    [`POST ${WEFT}/captures`]: [
      { status: 201, body: STARTED },
      { status: 404, body: gone },
    ],
  });
  t.teardown(() => controller.close());
  const nowhere = join(controller.state, 'no-such-directory', 'x.pcapng');
  const unwritable = await controller.weft('capture', 'web1', '-w', nowhere);
  t.is(unwritable.code, 1);
  t.regex(unwritable.err, /ENOENT/);
  const refused = await controller.weft('capture', 'web2', '-w', nowhere);
  t.is(refused.code, 1);
  t.regex(refused.err, /there is no network interface/);
});
