/** `weft trace` against a scripted controller: what is asked, what people see, and the exit code. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const ROUTE = 'POST /networking/weft/v1/networkInterfaces/web1/trace';
const PACKET = {
  ...{ sourceMac: '', destinationMac: '', protocol: 'tcp', ttl: 64, length: 40 },
  ...{ source: '10.0.0.4', sourcePort: 49152, destination: '10.0.1.5', destinationPort: 443 },
};
const DROP = {
  kind: 'drop',
  reason: 'AclDenied',
  meaning: 'an access control list denies it',
  remedy: 'Look at the rules.',
  rule: { id: 'no-https', resourceRef: '/accessControlLists/db/aclRules/no-https' },
};
const STEP = {
  ...{ portRef: '/networkInterfaces/web1', direction: 'outbound', layer: 'acl', group: 'subnet' },
  ...{ rule: 'no-https', resourceRef: '/accessControlLists/db/aclRules/no-https' },
  ...{ outcome: 'drop AclDenied', judgesRequest: false },
};

test('a denied packet names rule, resource and remedy, and exits 3', async (t) => {
  const body = { hops: [{ host: 'host1', packet: PACKET, steps: [STEP] }], verdict: DROP };
  const controller = await scriptedController({ [ROUTE]: { body } });
  t.teardown(() => controller.close());
  const line = 'trace --from web1 --to 10.0.1.5 --protocol tcp --port 443';
  const { code, out } = await controller.weft(...line.split(' '));
  t.is(code, 3);
  t.true(out.startsWith('tcp 10.0.0.4:49152 → 10.0.1.5:443, TTL 64, 40 bytes\n'), out);
  t.regex(out, /✗ {2}web1 .*acl .*no-https/);
  t.regex(
    out,
    /dropped by rule 'no-https' of \/accessControlLists\/db\/aclRules\/no-https: AclDenied/,
  );
  t.regex(out, /Look at the rules\.\n$/);
  t.deepEqual(controller.received.at(-1)?.body, {
    ...{ destination: '10.0.1.5', protocol: 6, destinationPort: 443 },
  });
});

test('what a mux or an edge drops has its meaning and remedy too', async (t) => {
  const verdict = { kind: 'refused', reason: 'NoLiveBackend', by: '/loadBalancerMuxes/mux1' };
  const controller = await scriptedController({ [ROUTE]: { body: { hops: [], verdict } } });
  t.teardown(() => controller.close());
  const line = 'trace --from web1 --to 203.0.113.9 --protocol tcp --port 80';
  const { code, out } = await controller.weft(...line.split(' '));
  t.is(code, 3);
  t.regex(out, /^dropped by \/loadBalancerMuxes\/mux1: NoLiveBackend\n {2}a new connection/m);
  t.regex(out, /\n {2}Look at the backends and the last result of their probe\.\n$/);
});

test('a packet that arrives exits 0; TCP without a port is a mistake in the command line', async (t) => {
  const verdict = { kind: 'deliver', portId: 'x', resourceRef: '/networkInterfaces/db1' };
  const body = { hops: [{ host: 'host1', packet: PACKET, steps: [] }], verdict };
  const controller = await scriptedController({ [ROUTE]: { body } });
  t.teardown(() => controller.close());
  const found = await controller.weft('trace', '--from', 'web1', '--to', '10.0.1.5');
  t.is(found.code, 0);
  t.regex(found.out, /delivered to \/networkInterfaces\/db1\n$/);
  const wrong = await controller.weft(
    'trace',
    '--from',
    'web1',
    '--to',
    '10.0.1.5',
    '--protocol',
    'tcp',
  );
  t.is(wrong.code, 2);
});

test('a packet from outside: the edge router is asked first, and stands before the host', async (t) => {
  const packet = {
    ...{ source: '192.0.2.1', sourcePort: 50_000, protocol: 6 },
    ...{ destination: '203.0.113.1', destinationPort: 80 },
  };
  const router = {
    ...{ resourceRef: '/edgeRouters/edge', afterHops: 0, packet },
    steps: [{ step: 'destination', text: 'becomes 10.0.1.5', resourceRef: '/publicIPAddresses/w' }],
  };
  const verdict = { kind: 'deliver', portId: 'x', resourceRef: '/networkInterfaces/db1' };
  const hops = [{ host: 'host2', packet: PACKET, steps: [STEP] }];
  const controller = await scriptedController({
    'GET /edgeRouters': {
      body: { value: [resource('/edgeRouters/edge', {})], nextLink: '' },
    },
    'POST /networking/weft/v1/edgeRouters/edge/trace': {
      body: { hops, routers: [router], verdict },
    },
  });
  t.teardown(() => controller.close());
  const line = 'trace --from 192.0.2.1 --to 203.0.113.1 --protocol tcp --port 80';
  const { code, out, err } = await controller.weft(...line.split(' '));
  t.is(code, 0, err);
  t.regex(
    out,
    /^tcp 192\.0\.2\.1:50000 → 203\.0\.113\.1:80\n\n\/edgeRouters\/edge:\n[\s\S]*becomes 10\.0\.1\.5[\s\S]*\nhost2: [\s\S]*delivered to/,
  );
  t.deepEqual(controller.received.at(-1)?.body, {
    ...{ source: '192.0.2.1', destination: '203.0.113.1', protocol: 6, destinationPort: 80 },
  });
});
