/**
 * Connectivity checks through real hosts and real kernels: answered, refused, denied by a rule, not answered by the guest, a guest that is not
 * there; between hosts; and that the sender's own kernel never hears of them.
 */
import { test } from 'tap';
import { at, isObject } from '../../cli/fields.ts';
import { eventually } from '../kit/eventually.ts';
import { topology } from '../kit/topology.ts';

const vnet = {
  space: '10.1.0.0/16',
  subnets: { web: ['10.1.1.0/24', 'fd00:1:0:1::/64'] as const },
};

test('connectivity checks', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: { blue: { ...vnet, space: ['10.1.0.0/16', 'fd00:1::/48'] } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.4' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.5' },
      c: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.6' },
    },
  }).start();
  t.teardown(() => network.stop());
  const [a, b] = [network.vm('a'), network.vm('b')];
  const check = async (destination: string, more: object = {}): Promise<unknown> => {
    const path = '/networking/weft/v1/networkInterfaces/a/check';
    return network.client.ask('POST', path, { destination, protocol: 'icmp', ...more });
  };
  const tcp = { protocol: 'tcp', destinationPort: 8080 };
  const reasonOf = (answer: unknown) => at(answer, 'verdict', 'reason');

  await t.test('the guest answers, here and at another host, over IPv4 and IPv6', async (t) => {
    await eventually('a check is answered', async () =>
      at(await check('10.1.1.5'), 'isReached') === true ? 1 : undefined,
    );
    const before = await a.run(['cat', '/proc/net/snmp']);
    for (const destination of ['10.1.1.5', '10.1.1.6', '10.1.1.1']) {
      const answer = await check(destination);
      t.equal(at(answer, 'verdict', 'by'), 'echoReply', destination);
      t.ok(Number(at(answer, 'verdict', 'rttMs')) > 0);
    }
    t.equal((await a.run(['cat', '/proc/net/snmp'])).stdout, before.stdout, 'the VM hears nothing');
    await b.run(['ip', 'address', 'add', 'fd00:1:0:1::5/64', 'dev', 'eth0', 'nodad']);
    const six = await check('fd00:1:0:1::5');
    t.equal(at(six, 'verdict', 'by'), 'echoReply');
  });

  await t.test('TCP: refused while nobody listens, accepted when somebody does', async (t) => {
    t.equal(at(await check('10.1.1.5', tcp), 'verdict', 'by'), 'reset');
    const script =
      'require("node:net").createServer(() => process.exit(7)).listen(8080, "0.0.0.0")';
    const server = await b.start(['node', '-e', script]);
    t.teardown(() => server.stop());
    await eventually('a connection is accepted', async () =>
      at(await check('10.1.1.5', tcp), 'verdict', 'by') === 'synAck' ? 1 : undefined,
    );
    const half = await b.run(['cat', '/proc/net/tcp']);
    t.notMatch(half.stdout, / 0[13] /, 'no connection is left, neither open nor half open');
  });

  await t.test('a rule that denies is named', async (t) => {
    await network.client.put('/accessControlLists/quiet', {
      properties: {
        inboundDefaultAction: 'Permit',
        outboundDefaultAction: 'Permit',
        aclRules: [
          {
            resourceId: 'no-ping',
            properties: {
              ...{ protocol: 'ICMPv4', sourcePortRange: '*', destinationPortRange: '*' },
              ...{ sourceAddressPrefix: '*', destinationAddressPrefix: '*', action: 'Deny' },
              ...{ priority: '100', type: 'Inbound', logging: 'Disabled' },
            },
          },
        ],
      },
    });
    const subnet = await network.client.get('/virtualNetworks/blue/subnets/web');
    const properties = at(subnet, 'properties');
    const list = { resourceRef: '/accessControlLists/quiet' };
    await network.client.put('/virtualNetworks/blue/subnets/web', {
      properties: { ...(isObject(properties) ? properties : {}), accessControlList: list },
    });
    const denied = await eventually('the rule denies', async () => {
      const answer = await check('10.1.1.5');
      return reasonOf(answer) === 'AclDenied' ? answer : undefined;
    });
    t.equal(at(denied, 'verdict', 'host'), 'host2');
    t.equal(
      at(denied, 'verdict', 'rule', 'resourceRef'),
      '/accessControlLists/quiet/aclRules/no-ping',
      JSON.stringify(at(denied, 'verdict')),
    );
    await network.client.put('/virtualNetworks/blue/subnets/web', {
      properties: isObject(properties) ? properties : {},
    });
    await eventually('the rule has gone', async () =>
      at(await check('10.1.1.5'), 'isReached') === true ? 1 : undefined,
    );
  });

  await t.test('a guest that does not answer is told from a network that does not', async (t) => {
    await b.run(['sysctl', '-q', '-w', 'net.ipv4.icmp_echo_ignore_all=1']);
    const silent = await check('10.1.1.5');
    t.equal(reasonOf(silent), 'ReceiverSilent', JSON.stringify(at(silent, 'verdict')));
    await b.run(['sysctl', '-q', '-w', 'net.ipv4.icmp_echo_ignore_all=0']);
  });

  await t.test('the check of MS-NCNBI: an operation and its result', async (t) => {
    const begun = await network.client.ask('PUT', '/networking/v1/diagnostics/ConnectivityCheck', {
      properties: {
        ...{ senderIpAddress: '10.1.1.4', receiverIpAddress: '10.1.1.5', protocol: 'ICMP' },
        senderVirtualNetwork: { resourceRef: '/virtualNetworks/blue' },
      },
    });
    const ref = String(at(begun, 'properties', 'connectivityCheckResult', 'resourceRef'));
    const status = await eventually('the check has ended', async () => {
      const result = await network.client.get(ref);
      const text = at(result, 'properties', 'result', 'status');
      return text === 'InProgress' ? undefined : text;
    });
    t.equal(status, 'Success');
  });

  await t.test('from host to host', async (t) => {
    const path = '/networking/weft/v1/servers/host1/check';
    const answer = await network.client.ask('POST', path, { destination: 'host2', length: 1480 });
    t.equal(at(answer, 'isReached'), true, JSON.stringify(answer));
    const long = await network.client.ask('POST', path, { destination: 'host2', length: 4000 });
    t.equal(reasonOf(long), 'Unsent', JSON.stringify(long));
  });

  await t.test(
    'a guest that is gone: nobody has the address, and the answer says so',
    async (t) => {
      await network.removeVm('b');
      const gone = await eventually('the guest has gone', async () => {
        const answer = await check('10.1.1.5');
        return at(answer, 'verdict', 'kind') === 'drop' ? answer : undefined;
      });
      t.match(reasonOf(gone), /NoMapping|PortDetached/);
    },
  );
});
