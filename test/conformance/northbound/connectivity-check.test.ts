/** MS-NCNBI §3.1.5.22.1 and §3.1.5.22.2: connectivity checks as asynchronous operations; hosts answer from a table. */
import test, { type ExecutionContext } from 'ava';
import { CONNECTIVITY_CHECKS_RUNNING_MAX } from '../../../controller/diagnostics/limits.ts';
import type { AskTarget } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import type { Answer as HostAnswer } from '../../../schema/southbound/diagnostics/methods.ts';
import {
  type Client,
  type Controller,
  expectCreated,
  layGround,
  nicProperties,
  startController,
} from './controller-fixture.ts';

const CHECK = '/networking/v1/diagnostics/ConnectivityCheck';
const VIEW = {
  ...{ sourceMac: '', destinationMac: '', protocol: 'icmp', ttl: 64, length: 47 },
  ...{ source: '10.1.1.4', destination: '10.1.1.5' },
};
const STEP = {
  ...{ portId: 'p', portRef: '/networkInterfaces/a', direction: 'outbound', layer: 'acl' },
  ...{ group: 'interface', rule: 'permit', resourceRef: '/accessControlLists/web', condition: '' },
  ...{ outcome: 'permit', judgesRequest: false },
};

/** Provider addresses: the first two of the pool but the gateway. */
const HOST1 = '100.64.0.2';
const HOST2 = '100.64.0.3';

/** The hosts: what a probe of host1 comes to, and what host2 sees of it. */
function hosts(
  probe: () => Promise<HostAnswer<'probe'>>,
  seen: HostAnswer<'probeSeen'> = { arrived: 1, delivered: 1, answered: 0 },
): AskTarget {
  const answers: Readonly<Record<string, (host: string) => unknown>> = {
    trace: (host) => ({
      ...{ packet: VIEW, steps: [STEP] },
      ...(host === 'host1'
        ? {
            verdict: { kind: 'tunnel', from: HOST1, to: HOST2, vni: 5000 },
            frame: '',
          }
        : { verdict: { kind: 'deliver', portId: 'p2', resourceRef: '/networkInterfaces/b' } }),
    }),
    probe,
    probeWatch: () => ({}),
    probeSeen: () => seen,
    providerPing: () => ({ kind: 'answered', rttMs: 0.25 }),
  };
  return async (host, method) => (await answers[method]?.(host)) as never;
}

const REPLY: HostAnswer<'probe'> = { kind: 'answered', by: 'echoReply', rttMs: 1.25 };

async function withNic(t: ExecutionContext, ask: AskTarget): Promise<Controller> {
  const controller = await startController(t, { ask });
  await layGround(controller.client);
  const nic = await expectCreated(controller.client, '/networkInterfaces/a', nicProperties());
  controller.realised.servers.set(nic.textAt('instanceId'), 'host1');
  return controller;
}

function ping(more: object = {}): object {
  return { senderIpAddress: '10.1.1.4', receiverIpAddress: '10.1.1.5', protocol: 'ICMP', ...more };
}

async function finished(client: Client, id: string) {
  for (;;) {
    const operation = await client.get(`/networking/v1/operations/${id}`);
    if (operation.at('status') !== 'InProgress') return operation;
  }
}

const RESULTS = '/networking/v1/diagnostics/ConnectivityCheckResults';

test('a check is 202 with an operation, and its result a resource', async (t) => {
  let answer: (told: HostAnswer<'probe'>) => void = () => undefined;
  const { client } = await withNic(
    t,
    hosts(() => new Promise((resolve) => (answer = resolve))),
  );
  const begun = await client.send('PUT', CHECK, { properties: ping() });
  t.is(begun.status, 202, begun.text);
  const id = begun.textAt('properties.operationId');
  t.is(
    begun.textAt('properties.connectivityCheckResult.resourceRef'),
    `/diagnostics/ConnectivityCheckResults/${id}`,
  );
  t.regex(begun.headers['azure-asyncoperation'] ?? '', new RegExp(`/operations/${id}$`));
  t.regex(begun.headers['location'] ?? '', new RegExp(`/operationResults/${id}$`));
  t.is((await client.get(`${RESULTS}/${id}`)).at('properties.result.status'), 'InProgress');
  t.is((await client.get(`/networking/v1/operationResults/${id}`)).status, 202);
  answer(REPLY);
  t.is((await finished(client, id)).at('status'), 'Succeeded');
  const result = await client.get(`${RESULTS}/${id.toUpperCase()}`);
  t.is(result.at('properties.result.status'), 'Success');
  t.is(result.at('properties.result.roundTripTimeMSec'), 1.25);
  t.is(result.at('properties.senderIpAddress'), '10.1.1.4');
  t.is(result.at('properties.result.nodeOutput.0.nodeType'), 'sender');
  t.is(result.at('properties.result.nodeOutput.1.nodeType'), 'receiver');
  t.regex(result.textAt('properties.result.nodeOutput.0.traceOutput'), /acl\/interface.*permit/);
  t.is((await client.get(RESULTS)).listAt('value').length, 1);
  t.is((await client.get(`/networking/v1/operationResults/${id}`)).status, 200);
});

test('a check that shows a failure has succeeded as an operation, and says what failed', async (t) => {
  const { client } = await withNic(
    t,
    hosts(async () => ({ kind: 'silent', waitedMs: 2000 })),
  );
  const begun = await client.send('POST', CHECK.toLowerCase(), {
    properties: ping({ icmpProtocolConfig: { length: '64', sequenceNumber: 3 } }),
  });
  const id = begun.textAt('properties.operationId');
  t.is((await finished(client, id)).at('status'), 'Succeeded');
  const result = await client.get(`${RESULTS}/${id}`);
  t.is(result.at('properties.result.status'), 'Failure');
  t.is(result.at('properties.result.roundTripTimeMSec'), undefined);
  t.regex(result.textAt('properties.result.errorMessage'), /^ReceiverSilent: .*not answered/);
});

test('a check that could not be made has failed as an operation', async (t) => {
  const { client } = await withNic(
    t,
    hosts(async () => {
      throw new QuestionFault('host/host1', 'SDN_PROBES_MAX', '16 probes of this host run');
    }),
  );
  const begun = await client.send('PUT', CHECK, { properties: ping() });
  const id = begun.textAt('properties.operationId');
  const operation = await finished(client, id);
  t.is(operation.at('status'), 'Failed');
  t.regex(operation.textAt('error.message'), /16 probes of this host run \(SDN_PROBES_MAX\)/);
  t.is((await client.get(`/networking/v1/operationResults/${id}`)).status, 503);
});

test('between hosts a check goes by provider addresses', async (t) => {
  const { client } = await withNic(
    t,
    hosts(async () => REPLY),
  );
  const network = { resourceRef: '/logicalNetworks/provider' };
  const hop = { senderIpAddress: HOST1, receiverIpAddress: HOST2, senderLogicalNetwork: network };
  const begun = await client.send('PUT', CHECK, { properties: { ...hop, protocol: 'ICMP' } });
  const id = begun.textAt('properties.operationId');
  t.is((await finished(client, id)).at('status'), 'Succeeded', begun.text);
  const result = await client.get(`${RESULTS}/${id}`);
  t.is(result.at('properties.result.roundTripTimeMSec'), 0.25);
  const named = await client.send('POST', '/networking/weft/v1/servers/HOST1/check', {
    destination: 'host2',
  });
  t.is(named.at('destination'), HOST2, named.text);
  t.is(named.at('isReached'), true);
  const refused: readonly (readonly [object, string])[] = [
    [{ ...hop, protocol: 'TCP', tcpProtocolConfig: { destinationPort: 1 } }, 'properties.protocol'],
    [{ ...hop, protocol: 'ICMP', senderIpAddress: '10.1.1.4' }, 'properties.senderIpAddress'],
    [
      { ...hop, protocol: 'ICMP', icmpProtocolConfig: { sequenceNumber: 2 } },
      'properties.icmpProtocolConfig.sequenceNumber',
    ],
    [
      {
        ...{ ...hop, protocol: 'ICMP' },
        receiverVirtualNetwork: { resourceRef: '/virtualNetworks/blue' },
      },
      'properties',
    ],
  ];
  for (const [properties, target] of refused) {
    const answer = await client.send('PUT', CHECK, { properties });
    t.is(answer.at('error.target'), target, answer.text);
  }
});

test('what makes no sense is refused at once', async (t) => {
  const { client, realised } = await withNic(
    t,
    hosts(async () => REPLY),
  );
  const code = async (properties: object) => {
    const answer = await client.send('PUT', CHECK, { properties });
    return `${answer.status} ${answer.textAt('error.code')} ${answer.textAt('error.target')}`;
  };
  const vnet = { resourceRef: '/virtualNetworks/nowhere' };
  const lnet = { resourceRef: '/logicalNetworks/nowhere' };
  const asked: readonly (readonly [object, string])[] = [
    [{}, '400 RequiredParamMissing properties.senderIpAddress'],
    [ping({ protocol: 'UDP' }), '400 InvalidParameterValue properties.protocol'],
    [ping({ port: 80 }), '400 InvalidRequestFormat properties.port'],
    [ping({ senderIpAddress: 'x' }), '400 InvalidIPAddress properties.senderIpAddress'],
    [ping({ senderIpAddress: '10.9.9.9' }), '400 InvalidParameterValue properties.senderIpAddress'],
    [
      ping({ senderVirtualNetwork: vnet }),
      '400 InvalidResourceReference properties.senderVirtualNetwork',
    ],
    [
      ping({ receiverLogicalNetwork: lnet }),
      '400 InvalidLogicalNetworkReference properties.receiverLogicalNetwork',
    ],
    [ping({ protocol: 'TCP' }), '400 InvalidParameterValue properties.protocol'],
    [
      ping({ protocol: 'TCP', tcpProtocolConfig: { destinationPort: 0 } }),
      '400 InvalidParameterValue properties.tcpProtocolConfig.destinationPort',
    ],
  ];
  for (const [properties, expected] of asked) t.is(await code(properties), expected);
  t.is((await client.send('GET', CHECK)).status, 405);
  t.is((await client.get(`${RESULTS}/none`)).status, 404);
  t.is((await client.get('/networking/v1/diagnostics/NetworkControllerState')).status, 404);
  realised.servers.clear();
  t.is(
    await code(ping()),
    '409 ReferencedResourceNotProvisioned /networkInterfaces/a',
    'attached nowhere',
  );
});

test('as many checks run as the limit says', async (t) => {
  const { client } = await withNic(
    t,
    hosts(() => new Promise(() => undefined)),
  );
  for (let n = 0; n < CONNECTIVITY_CHECKS_RUNNING_MAX; n += 1) {
    t.is((await client.send('PUT', CHECK, { properties: ping() })).status, 202);
  }
  const refused = await client.send('PUT', CHECK, { properties: ping() });
  t.is(refused.status, 503);
  t.regex(refused.textAt('error.message'), /connectivity checks are under way/);
});

test('the same check for people: verdict and hops in one answer', async (t) => {
  const { client } = await withNic(
    t,
    hosts(async () => ({ kind: 'silent', waitedMs: 2000 })),
  );
  const path = '/networking/weft/v1/networkInterfaces/a/check';
  const body = { destination: '10.1.1.5', protocol: 'icmp' };
  const answer = await client.send('POST', path, body);
  t.is(answer.status, 200, answer.text);
  t.is(answer.at('isReached'), false);
  t.is(answer.at('verdict.reason'), 'ReceiverSilent');
  t.is(answer.at('hops.1.host'), 'host2');
  const tcp = await client.send('POST', path, { ...body, protocol: 'tcp' });
  t.is(tcp.at('error.target'), 'destinationPort');
});
