/**
 * Names that no virtual network has: a VM asks 168.63.129.16 with dig, the host asks the resolvers that its provider logical subnet
 * names as `dnsServers`, over the provider network. Answered, unknown, too long for UDP, not answered, and no resolver there.
 */
import { test } from 'tap';
import { at, isObject } from '../../cli/fields.ts';
import { DNS_TRIES_MAX } from '../../dataplane/platform/limits.ts';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import { ipBatch, joinProviderNetwork, UPLINK } from '../../fabric/links.ts';
import { createNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { FORWARDED } from '../kit/dns-names.ts';
import { eventually } from '../kit/eventually.ts';
import { startProgram } from '../kit/program.ts';
import { topology } from '../kit/topology.ts';

const RESOLVER = '198.51.100.3';
/** Nobody has this address. */
const GONE = '198.51.100.4';
const PROVIDER_SUBNET = `${PROVIDER_LOGICAL_NETWORK}/subnets/provider`;

test('DNS with a configured upstream', async (t) => {
  const network = await topology({
    hosts: 1,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: {
        ...{ vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.4' },
        nic: { internalDnsNameLabel: 'vm-a' },
      },
    },
  }).start();
  t.teardown(() => network.stop());
  const { fabric, client } = network;
  const namespace = namespaceName(fabric.name, 'dns');
  await createNamespace(namespace);
  await joinProviderNetwork({
    network: namespaceName(fabric.name, 'net'),
    member: namespace,
    portName: 'dns',
    mtu: fabric.settings.provider.mtu,
  });
  await ipBatch(namespace, [`addr add ${RESOLVER}/24 dev ${UPLINK}`]);
  const upstream = await startProgram(
    namespace,
    [process.execPath, programPath('test/kit/dns-upstream.js'), RESOLVER],
    'upstream is ready',
  );
  t.teardown(() => upstream.stop());

  const a = network.vm('a');
  // Longer than the host tries, so that it is the host's answer that is seen.
  const dig = async (...args: string[]): Promise<string> => {
    const argv = ['dig', '@168.63.129.16', '+time=9', '+tries=1', ...args] as const;
    const { stdout, stderr, code } = await a.run([...argv]);
    if (code !== 0) throw new Error(`dig ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const askedFor = (name: string): string[] =>
    upstream
      .stdout()
      .toString()
      .split('\n')
      .filter((line) => line.includes(` ${name} `));
  const socket = fabric.state.role('host1').controlSocket;
  const retries = async (): Promise<number> => {
    const { body } = await exchangeJson(
      { kind: 'unix', socketPath: socket },
      { method: 'GET', path: '/metrics' },
    );
    return Number(/weft_dns_events_total\{.*event="retried".*\} (\d+)/.exec(String(body))?.[1]);
  };
  const forwardTo = async (...dnsServers: string[]): Promise<void> => {
    const subnet = at(await client.get(PROVIDER_SUBNET), 'properties');
    await client.put(PROVIDER_SUBNET, {
      properties: { ...(isObject(subnet) ? subnet : {}), dnsServers },
    });
  };

  await t.test('a name of the upstream’s, once it is configured', async (t) => {
    t.match(await dig(FORWARDED.www), /status: SERVFAIL/);
    await forwardTo(RESOLVER);
    const answer = await eventually('the upstream is asked', async () => {
      const text = await dig(FORWARDED.www);
      return text.includes('status: NOERROR') && text;
    });
    t.match(answer, /192\.0\.2\.80/);
    t.match(answer, /flags:[a-z ]* ra/);
    t.equal((await dig('+short', '+tcp', FORWARDED.www.toUpperCase())).trim(), '192.0.2.80');
    t.same(askedFor(FORWARDED.www), [`udp ${FORWARDED.www} A`], 'the second answer was kept');
  });

  await t.test('an answer that may not be kept is asked for each time', async (t) => {
    for (let count = 1; count <= 2; count += 1) {
      t.equal((await dig('+short', FORWARDED.brief)).trim(), '192.0.2.81');
      t.equal(askedFor(FORWARDED.brief).length, count);
    }
  });

  await t.test('names of the own network do not leave the host', async (t) => {
    t.equal((await dig('+short', 'vm-a.blue.weft.internal')).trim(), '10.1.1.4');
    t.match(await dig('nobody.blue.weft.internal'), /status: NXDOMAIN/);
    t.equal((await dig('+short', '-x', '10.1.1.4')).trim(), 'vm-a.blue.weft.internal.');
    t.notMatch(upstream.stdout().toString(), /weft\.internal|in-addr/);
  });

  await t.test('a name that nobody has', async (t) => {
    const answer = await dig('nobody.example.com');
    t.match(answer, /status: NXDOMAIN/);
    t.match(answer, /SOA\s+ns\.example\.com\. hostmaster\.example\.com\./);
  });

  await t.test('RFC 7766: what does not fit into UDP comes by TCP, on both ways', async (t) => {
    const whole = await dig(FORWARDED.large, 'TXT');
    t.match(whole, /Truncated, retrying in TCP mode/);
    t.equal(whole.match(/"\.+\d+"/g)?.length, 30);
    t.same(askedFor(FORWARDED.large), [`udp ${FORWARDED.large} TXT`, `tcp ${FORWARDED.large} TXT`]);
    const cut = await dig('+ignore', FORWARDED.large, 'TXT');
    t.match(cut, /flags:[a-z ]* tc/);
    t.match(cut, /ANSWER: 0/);
  });

  await t.test('an upstream that is silent is asked as often as the limit says', async (t) => {
    const answer = await dig(FORWARDED.silent);
    t.match(answer, /status: SERVFAIL/);
    t.match(answer, /no DNS forwarder has answered/);
    t.equal(askedFor(FORWARDED.silent).length, DNS_TRIES_MAX);
  });

  await t.test('an upstream that is gone is left for the next one', async (t) => {
    await forwardTo(GONE, RESOLVER);
    const before = await retries();
    await eventually('the first has been asked in vain', async () => {
      t.equal((await dig('+short', FORWARDED.brief)).trim(), '192.0.2.81');
      return (await retries()) > before;
    });
  });

  await t.test('with no upstream left, the answer says so, and own names still work', async (t) => {
    await upstream.stop();
    const answer = await dig(FORWARDED.brief);
    t.match(answer, /status: SERVFAIL/);
    t.match(answer, /no DNS forwarder has answered/);
    t.equal((await dig('+short', 'vm-a.blue.weft.internal')).trim(), '10.1.1.4');
  });
});
