/** `weft flow-log` against a scripted controller: rules by name, counts where there are any, and why records are missing. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const PATH = 'GET /networking/weft/v1';
const RECORD = {
  ...{ host: 'host1', number: 7, time: '2026-11-21T15:00:01.000Z', portId: 'p', protocol: 'tcp' },
  ...{ resourceRef: '/networkInterfaces/web1', state: 'begin', decision: 'denied' },
  ruleRef: '/accessControlLists/web/aclRules/no-ssh',
  ...{ src: '10.0.0.9', srcPort: 4000, dst: '10.0.0.4', dstPort: 22, direction: 'inbound' },
};
const ENDED = {
  ...{ ...RECORD, state: 'end', decision: 'allowed', src: '2001:db8::1' },
  counts: { packetsSent: 3, bytesSent: 180, packetsReceived: 2, bytesReceived: 90 },
};
const LOSSES = { queueFull: 0, unfollowed: 0, unwritten: 4, hoursRemoved: 1 };
const HOST = { host: 'host1', isOn: true, directory: '/var/log', losses: LOSSES };

test('records are a table that names the rule; losses and faults are said', async (t) => {
  const hosts = [{ ...HOST, fault: 'ENOSPC: no space left on device' }];
  const missing = [{ host: 'host2', reason: 'host/host2 is not connected' }];
  const body = { value: [RECORD, ENDED], after: 'host1:7', hosts, missing };
  const controller = await scriptedController({ [`${PATH}/flowLog?limit=50`]: { body } });
  t.teardown(() => controller.close());
  const { code, out, err } = await controller.weft('flow-log');
  t.is(code, 0);
  t.regex(out, /2026-11-21T15:00:01Z +host1 +web1 +web\/no-ssh +inbound +tcp +10\.0\.0\.9:4000 /);
  t.regex(out, /denied +begin +- +-\n/);
  t.regex(out, /\[2001:db8::1\]:4000 +10\.0\.0\.4:22 +allowed +end +3\/180 +2\/90\n/);
  t.regex(err, /ENOSPC/);
  t.regex(err, /4 lost \(unwritten\)/);
  t.regex(err, /host2 is not connected/);
  const json = await controller.weft('--json', 'flow-log');
  t.deepEqual(JSON.parse(json.out), body);
});

test('one interface’s, and what to set where nothing is logged', async (t) => {
  const body = { value: [], after: '', hosts: [{ ...HOST, isOn: false }], missing: [] };
  const url = `${PATH}/networkInterfaces/web1/flowLog?limit=3`;
  const controller = await scriptedController({ [url]: { body } });
  t.teardown(() => controller.close());
  const { code, err } = await controller.weft('flow-log', 'web1', '--limit', '3');
  t.is(code, 0);
  t.regex(err, /auditingSettings/);
});

test('--follow goes on from where each host was, until the controller refuses', async (t) => {
  const first = { value: [RECORD], after: 'host1:7', hosts: [], missing: [] };
  const next = { value: [ENDED], after: 'host1:8', hosts: [], missing: [] };
  const gone = { error: { code: 'NotFound', message: 'gone' } };
  const controller = await scriptedController({
    [`${PATH}/flowLog?limit=50`]: { body: first },
    [`${PATH}/flowLog?limit=1000&after=host1%3A7`]: { body: next },
    [`${PATH}/flowLog?limit=1000&after=host1%3A8`]: { status: 404, body: gone },
  });
  t.teardown(() => controller.close());
  const { out, code } = await controller.weft('flow-log', '--follow');
  t.not(code, 0);
  t.is(out.match(/TIME/g)?.length, 1, 'one heading');
  t.regex(out, /begin[\s\S]*end/);
});
