/** `weft flows` against a scripted controller: what is asked and what people see. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const WEFT = 'GET /networking/weft/v1';
const FLOW = {
  ...{ host: 'host1', portId: 'p1', resourceRef: '/networkInterfaces/web1' },
  ...{ direction: 'outbound', state: '', packets: 3, bytes: 294, idleMs: 1500 },
};
const FLOWS = [
  {
    ...{ ...FLOW, protocol: 'icmp', src: '10.0.0.4', srcPort: 7, dst: '10.0.0.5', dstPort: 2048 },
    action: 'deliver to /networkInterfaces/web2',
  },
  {
    ...{ ...FLOW, protocol: 'tcp', src: '10.0.0.4', srcPort: 40000, dst: 'fd00::5', dstPort: 80 },
    ...{ state: 'established', action: 'encapsulate VNI 5001 to 192.0.2.2' },
  },
];

test('flows name interfaces, and give ports only where the protocol has them', async (t) => {
  const body = { value: FLOWS, missing: [] };
  const controller = await scriptedController({
    [`${WEFT}/networkInterfaces/web1/flows?limit=50`]: { body },
  });
  t.teardown(() => controller.close());
  const { code, out } = await controller.weft('flows', 'web1');
  t.is(code, 0);
  t.is(
    out,
    [
      'HOST   NIC   DIRECTION  PROTO  FROM            TO            STATE        PACKETS  BYTES  IDLE  ACTION',
      'host1  web1  outbound   icmp   10.0.0.4        10.0.0.5      -                  3    294   1 s  deliver to web2',
      'host1  web1  outbound   tcp    10.0.0.4:40000  [fd00::5]:80  established        3    294   1 s  encapsulate VNI 5001 to 192.0.2.2',
      '',
    ].join('\n'),
  );
  const json = await controller.weft('--json', 'flows', 'web1');
  t.deepEqual(JSON.parse(json.out), body);
});

test('flows of one host; what is not shown and who did not answer is said', async (t) => {
  const missing = [{ host: 'host2', reason: 'no connection' }];
  const controller = await scriptedController({
    [`${WEFT}/flows?limit=2`]: { body: { value: FLOWS, missing } },
    [`${WEFT}/flows?host=host3&limit=50`]: { body: { value: [], missing: [] } },
  });
  t.teardown(() => controller.close());
  const all = await controller.weft('flows', '--limit', '2');
  t.regex(all.out, /perhaps more: --limit/);
  t.regex(all.out, /host2 did not answer: no connection/);
  const one = await controller.weft('flows', '--host', 'host3');
  t.regex(one.out, /^No flows/);
});

test('an interface of a named host, and more rows than one answer has, are mistakes', async (t) => {
  const controller = await scriptedController({});
  t.teardown(() => controller.close());
  t.is((await controller.weft('flows', 'web1', '--host', 'host1')).code, 2);
  t.is((await controller.weft('flows', '--limit', '1001')).code, 2);
  t.deepEqual(controller.received, []);
});
