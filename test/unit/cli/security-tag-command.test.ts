/** Security tags on the command line: `weft security-tag`, and `set` of what carries or applies them. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const TAG = '/securityTags/app';
const NIC = '/networkInterfaces/n1';
const LIST = '/accessControlLists/web';
const ref = (resourceRef: string) => ({ resourceRef });
const APP = resource(TAG, {
  type: 'tier',
  networkInterfaces: [ref(NIC), ref('/networkInterfaces/n2')],
  aclRulesAsSource: [ref(`${LIST}/aclRules/http`)],
  aclRulesAsDestination: [],
  accessControlList: ref(LIST),
});
const properties = (body: unknown) => (body as typeof APP)['properties'] as object;

test('security-tag list and show: who carries it, what applies by it, which rules name it', async (t) => {
  const bare = resource('/securityTags/bare', { networkInterfaces: [] });
  const controller = await scriptedController({
    'GET /securityTags': [
      { body: { value: [APP, bare], nextLink: '' } },
      { body: { value: [], nextLink: '' } },
    ],
    [`GET ${TAG}`]: { body: APP },
  });
  t.is(
    (await controller.weft('security-tag', 'list')).out,
    [
      'NAME  TYPE  INTERFACES  ACL  PROVISIONING',
      'app   tier  n1, n2      web  Succeeded',
      'bare  -     -           -    Succeeded',
      '',
    ].join('\n'),
  );
  t.regex((await controller.weft('security-tag', 'list')).out, /weft security-tag create NAME/);
  const { out } = await controller.weft('security-tag', 'show', 'app');
  t.regex(out, /^interfaces +n1, n2\nacl +web\nsource of +web\/http\nprovisioning/m);
  await controller.close();
});

test('security-tag create and delete', async (t) => {
  const controller = await scriptedController({
    [`PUT ${TAG}`]: { status: 201, body: APP },
    [`GET ${TAG}`]: { body: APP },
    [`DELETE ${TAG}`]: { status: 204 },
  });
  const made = await controller.weft('security-tag', 'create', 'app', '--type', 'tier');
  t.is(made.out, `created ${TAG}\n`);
  t.deepEqual(controller.received[0]?.body, { resourceId: 'app', properties: { type: 'tier' } });
  t.is((await controller.weft('security-tag', 'delete', 'app')).out, `deleted ${TAG}\n`);
  await controller.close();
});

test('nic set and acl set: the tags that are named are all there are; none takes them off', async (t) => {
  const nic = resource(NIC, { securityTags: [ref('/securityTags/old')], ipConfigurations: [] });
  const rule = resource(`${LIST}/aclRules/http`, { priority: 100 });
  const list = resource(LIST, { inboundDefaultAction: 'Deny', aclRules: [rule] });
  const controller = await scriptedController({
    [`GET ${NIC}`]: { body: nic },
    [`PUT ${NIC}`]: { body: nic },
    [`GET ${LIST}`]: { body: list },
    [`PUT ${LIST}`]: { body: list },
  });
  const put = async (...args: readonly string[]) => {
    const { code, err } = await controller.weft(...args);
    t.is(code, 0, err);
    return properties(controller.received.at(-1)?.body);
  };
  const tags = (...names: readonly string[]) => ({
    securityTags: names.map((name) => ref(`/securityTags/${name}`)),
  });
  const onNic = await put('nic', 'set', 'n1', '--security-tag', 'a,b');
  t.deepEqual(onNic, { ...properties(nic), ...tags('a', 'b') });
  t.deepEqual(await put('nic', 'set', 'n1', '--security-tag', 'none'), {
    ...properties(nic),
    ...tags(),
  });
  const onList = await put(
    'acl',
    'set',
    'web',
    '--security-tag',
    'app',
    '--inbound-default',
    'permit',
  );
  t.deepEqual(onList, { ...properties(list), inboundDefaultAction: 'Permit', ...tags('app') });
  for (const [args, message] of [
    [['nic', 'set', 'n1', '--security-tag', 'none,app'], /none stands alone/],
    [['acl', 'set', 'web'], /nothing to set\n.*--security-tag/],
  ] as const) {
    const { code, err } = await controller.weft(...args);
    t.is(code, 2, err);
    t.regex(err, message);
  }
  await controller.close();
});
