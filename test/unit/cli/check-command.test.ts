/** `weft check` against a scripted controller: what is asked, a line for each packet, the summary, and the exit code. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const ROUTE = 'POST /networking/weft/v1/networkInterfaces/web1/check';

function reached(rttMs: number, by = 'echoReply') {
  return { body: { isReached: true, verdict: { kind: 'reached', by, rttMs } } };
}

const DENIED = {
  isReached: false,
  verdict: {
    ...{ kind: 'drop', host: 'host2', of: 'request', reason: 'AclDenied' },
    ...{ meaning: 'an access control list denies it', remedy: 'Look at the rules.' },
    rule: { id: 'no-ping', resourceRef: '/accessControlLists/db/aclRules/no-ping' },
  },
};

test('each answer is a line, and the summary is that of ping', async (t) => {
  const controller = await scriptedController({ [ROUTE]: [reached(1), reached(3)] });
  t.teardown(() => controller.close());
  const { code, out } = await controller.weft('check', 'web1', '10.0.1.5', '--count', '2');
  t.is(code, 0);
  t.is(
    out,
    '1: answered, 1.000 ms\n2: answered, 3.000 ms\n' +
      '2 sent, 2 answered, 0 % lost, round trip min/avg/max 1.000/2.000/3.000 ms\n',
  );
  t.deepEqual(
    controller.received.map(({ body }) => body),
    [1, 2].map((sequence) => ({ destination: '10.0.1.5', protocol: 'icmp', sequence })),
  );
});

test('a packet that is dropped names host, rule, resource and remedy, and exits 1', async (t) => {
  const controller = await scriptedController({ [ROUTE]: [reached(1), { body: DENIED }] });
  t.teardown(() => controller.close());
  const { code, out } = await controller.weft('check', 'web1', '10.0.1.5', '--count', '2');
  t.is(code, 1);
  t.regex(out, /^2: no answer: AclDenied$/m);
  t.regex(out, /^2 sent, 1 answered, 50 % lost/m);
  t.true(
    out.endsWith(
      "\ndropped at host2 by rule 'no-ping' of /accessControlLists/db/aclRules/no-ping: AclDenied\n" +
        '  an access control list denies it\n  Look at the rules.\n',
    ),
    out,
  );
});

test('TCP: accepted and refused are both reached; JSON has every answer', async (t) => {
  const controller = await scriptedController({
    [ROUTE]: [reached(1, 'synAck'), reached(1, 'reset')],
  });
  t.teardown(() => controller.close());
  const line = 'check web1 10.0.1.5 tcp 443 --count 2';
  const { code, out } = await controller.weft(...line.split(' '));
  t.is(code, 0);
  t.regex(out, /^1: connection accepted, /m);
  t.regex(out, /^2: reached, but refused: nothing listens/m);
  t.deepEqual(controller.received[0]?.body, {
    ...{ destination: '10.0.1.5', protocol: 'tcp', destinationPort: 443 },
  });
  const json = await controller.weft('--json', ...line.split(' '));
  const told = JSON.parse(json.out);
  t.is(told.received, 2);
  t.is(told.probes.length, 2);
});

test('--provider goes from host to host', async (t) => {
  const body = {
    isReached: false,
    verdict: { kind: 'unanswered', reason: 'Unsent', meaning: 'no route', remedy: 'Add one.' },
  };
  const controller = await scriptedController({
    'POST /networking/weft/v1/servers/host1/check': { body },
  });
  t.teardown(() => controller.close());
  const line = 'check --provider host1 host2 --count 1 --length 1472';
  const { code, out } = await controller.weft(...line.split(' '));
  t.is(code, 1);
  t.true(out.endsWith('no answer: Unsent\n  no route\n  Add one.\n'), out);
  t.deepEqual(controller.received[0]?.body, { destination: 'host2', length: 1472 });
});

test('mistakes in the command line are found before anything is sent', async (t) => {
  const controller = await scriptedController({});
  t.teardown(() => controller.close());
  for (const wrong of [
    'check web1 10.0.1.5 tcp',
    'check web1 10.0.1.5 tcp 0',
    'check web1 10.0.1.5 udp 53',
    'check web1 10.0.1.5 icmp 80',
    'check web1 10.0.1.5 --count 101',
    'check web1 10.0.1.5 tcp 80 --length 100',
    'check --provider host1 host2 tcp 80',
  ]) {
    t.is((await controller.weft(...wrong.split(' '))).code, 2, wrong);
  }
  t.deepEqual(controller.received, []);
});
