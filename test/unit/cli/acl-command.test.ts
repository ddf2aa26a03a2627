/** `weft acl`: what is asked of the API, the order in which rules are shown, and what is refused before asking. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const LIST = '/accessControlLists/web';
const rule = (name: string, properties: Readonly<Record<string, unknown>>) =>
  resource(`${LIST}/aclRules/${name}`, {
    ...{ protocol: 'TCP', sourceAddressPrefix: '*', sourcePortRange: '*' },
    ...{ destinationAddressPrefix: '*', destinationPortRange: '*', logging: 'Enabled' },
    ...properties,
  });
const WEB = resource(LIST, {
  inboundDefaultAction: 'Deny',
  outboundDefaultAction: 'Permit',
  subnets: [{ resourceRef: '/virtualNetworks/blue/subnets/front' }],
  ipConfigurations: [
    { resourceRef: '/networkInterfaces/n1/ipConfigurations/primary' },
    { resourceRef: '/networkInterfaces/n1/ipConfigurations/ipv6' },
  ],
  configurationState: { status: 'Success' },
  aclRules: [
    rule('late', { type: 'Inbound', priority: 1000, action: 'Deny', protocol: 'All' }),
    rule('out', { type: 'Outbound', priority: 100, action: 'Deny', destinationPortRange: '25' }),
    rule('early', {
      ...{ type: 'Inbound', priority: 200, action: 'Allow', destinationPortRange: '80,443' },
      sourceAddressPrefix: undefined,
      sourceSecurityTags: [{ resourceRef: '/securityTags/clients' }],
    }),
  ],
});
const NO_CHANGES = {
  ...{ status: 200, flows: [], flowsOmitted: 0, routes: [], routesOmitted: 0 },
  ...{ goals: [], goalsOmitted: 0 },
};

test('acl list says what uses each list, each user once', async (t) => {
  const controller = await scriptedController({
    'GET /accessControlLists': { body: { value: [WEB], nextLink: '' } },
  });
  t.is(
    (await controller.weft('acl', 'list')).out,
    [
      'NAME  RULES  INBOUND  OUTBOUND  USED BY         PROVISIONING  CONFIGURATION',
      'web       3  Deny     Permit    blue/front, n1  Succeeded     Success',
      '',
    ].join('\n'),
  );
  await controller.close();
});

test('an empty list says how to make the first one', async (t) => {
  const none = { body: { value: [], nextLink: '' } };
  const controller = await scriptedController({ 'GET /accessControlLists': none });
  t.regex((await controller.weft('acl', 'list')).out, /weft acl create NAME/);
  await controller.close();
});

test('acl show prints the rules in the order they are tried, by direction, the default last', async (t) => {
  const counted = (name: string, decisions: number) => ({
    ...{ resourceRef: `${LIST}/aclRules/${name}`, direction: 'inbound', isDefault: false },
    decisions,
  });
  const byDefault = { resourceRef: LIST, isDefault: true, decisions: 1 };
  const counters = {
    value: [
      ...[counted('early', 7), counted('late', 0), { ...byDefault, direction: 'inbound' }],
      ...[{ ...counted('out', 12), direction: 'outbound' }],
      { ...byDefault, direction: 'outbound', decisions: 250 },
    ],
    missing: [{ host: 'host2', reason: 'no connection' }],
  };
  const controller = await scriptedController({
    [`GET ${LIST}`]: { body: WEB },
    [`GET /networking/weft/v1${LIST}/counters`]: { body: counters },
  });
  const { out } = await controller.weft('acl', 'show', 'web');
  t.true(
    out.endsWith(
      [
        '',
        'inbound:',
        'PRIORITY  RULE   ACTION  PROTOCOL  FROM         FROM PORT  TO  TO PORT  LOG      DECISIONS',
        '     200  early  Allow   TCP       tag:clients  *          *   80,443   Enabled          7',
        '    1000  late   Deny    All       *            *          *   *        Enabled          0',
        ' default  -      Deny    -         -            -          -   -        -                1',
        '',
        'outbound:',
        'PRIORITY  RULE  ACTION  PROTOCOL  FROM  FROM PORT  TO  TO PORT  LOG      DECISIONS',
        '     100  out   Deny    TCP       *     *          *   25       Enabled         12',
        ' default  -     Allow   -         -     -          -   -        -              250',
        '',
        'host2 did not answer: no connection',
        '',
      ].join('\n'),
    ),
    out,
  );
  t.deepEqual(
    JSON.parse((await controller.weft('acl', 'show', 'web', '--json')).out),
    JSON.parse(JSON.stringify(WEB)),
  );
  await controller.close();
});

test('acl create never replaces a list, and leaves defaults that are not named to the API', async (t) => {
  const error = { code: 'InvalidParameterValue', message: 'the resource exists' };
  const controller = await scriptedController({
    [`PUT ${LIST}`]: [
      { status: 201, body: WEB },
      { status: 412, body: { error } },
    ],
  });
  const { out } = await controller.weft('acl', 'create', 'web', '--inbound-default', 'deny');
  t.is(out, `created ${LIST}\n`);
  const [put] = controller.received;
  t.deepEqual(put?.body, { resourceId: 'web', properties: { inboundDefaultAction: 'Deny' } });
  t.is(put?.headers['if-none-match'], '*');
  const again = await controller.weft('acl', 'create', 'web');
  t.is(again.code, 1);
  t.regex(again.err, /exists already/);
  await controller.close();
});

test('acl rule add: every option, and those left out', async (t) => {
  const path = `${LIST}/aclRules/r`;
  const controller = await scriptedController({ [`PUT ${path}`]: { body: rule('r', {}) } });
  const add = ['acl', 'rule', 'add', 'web', 'r', '--priority', '100', '--direction'];
  await controller.weft(
    ...[...add, 'inbound', '--action', 'allow', '--protocol', 'tcp', '--no-log'],
    ...['--from', '10.0.0.0/8, VIRTUALNETWORK', '--from-port', '1024-65535'],
    ...['--to', 'tag:web,tag:api', '--to-port', '80,443'],
  );
  await controller.weft(...add, 'outbound', '--action', 'deny', '--protocol', 'icmpv6');
  t.deepEqual(
    controller.received.map(({ body }) => body),
    [
      {
        resourceId: 'r',
        properties: {
          ...{ type: 'Inbound', action: 'Allow', protocol: 'TCP', priority: 100 },
          ...{ sourceAddressPrefix: '10.0.0.0/8,VIRTUALNETWORK', sourcePortRange: '1024-65535' },
          destinationSecurityTags: [
            { resourceRef: '/securityTags/web' },
            { resourceRef: '/securityTags/api' },
          ],
          ...{ destinationPortRange: '80,443', logging: 'Disabled' },
        },
      },
      {
        resourceId: 'r',
        properties: {
          ...{ type: 'Outbound', action: 'Deny', protocol: 'ICMPv6', priority: 100 },
          ...{ sourceAddressPrefix: '*', sourcePortRange: '*' },
          ...{ destinationAddressPrefix: '*', destinationPortRange: '*' },
        },
      },
    ],
  );
  await controller.close();
});

test('a rule that cannot be meant is a usage error and asks nothing', async (t) => {
  const controller = await scriptedController({});
  const words = ['--priority', '100', '--direction', 'inbound', '--action', 'allow'];
  const add = (...rest: readonly string[]) =>
    controller.weft('acl', 'rule', 'add', 'web', 'r', ...words, ...rest);
  for (const [rest, message] of [
    [[], /--protocol/],
    [['--protocol', 'http'], /tcp, udp, icmpv4, icmpv6, all/],
    [['--protocol', 'icmpv4', '--to-port', '80'], /icmpv4 has no ports/],
    [['--protocol', 'tcp', '--from', 'tag:a,10.0.0.0/8'], /cannot be mixed/],
    [['--protocol', 'tcp', '--to', '10.0.0.0/8,'], /empty/],
    [['--protocol', 'tcp', '--to', 'tag:'], /empty/],
    [['--protocol', 'tcp', '--priority', 'high'], /positive whole number/],
  ] as const) {
    const { code, err } = await add(...rest);
    t.is(code, 2, err);
    t.regex(err, message);
  }
  t.deepEqual(controller.received, []);
  await controller.close();
});

test('the API’s refusal of a priority comes with what to do', async (t) => {
  const error = { code: 'InvalidAclRulePriority', message: 'a and r have the same priority, 100' };
  const controller = await scriptedController({
    [`PUT ${LIST}/aclRules/r`]: { status: 400, body: { error } },
  });
  const { code, err } = await controller.weft(
    ...['acl', 'rule', 'add', 'web', 'r', '--priority', '100', '--direction', 'inbound'],
    ...['--action', 'deny', '--protocol', 'all'],
  );
  t.is(code, 1);
  t.regex(err, /same priority, 100\n {6}Choose a priority .*weft acl show/);
  await controller.close();
});

test('rule remove and acl delete are of what exists, at the etag that was seen', async (t) => {
  const path = `${LIST}/aclRules/late`;
  const controller = await scriptedController({
    [`GET ${path}`]: { body: rule('late', {}) },
    [`DELETE ${path}`]: { status: 204 },
    [`GET ${LIST}`]: { body: WEB },
    [`DELETE ${LIST}`]: { status: 204 },
  });
  t.is((await controller.weft('acl', 'rule', 'remove', 'web', 'late')).out, `deleted ${path}\n`);
  t.is((await controller.weft('acl', 'delete', 'web')).out, `deleted ${LIST}\n`);
  const deletes = controller.received.filter(({ request }) => request.startsWith('DELETE'));
  t.deepEqual(
    deletes.map(({ headers }) => headers['if-match']),
    ['W/"1"', 'W/"1"'],
  );
  t.is((await controller.weft('acl', 'rule', 'remove', 'web', 'gone')).code, 1);
  await controller.close();
});

test('--what-if asks under the preconditions of the write, and writes nothing', async (t) => {
  const path = `${LIST}/aclRules/late`;
  const error = { code: 'InvalidParameterValue', message: 'the resource exists' };
  const controller = await scriptedController({
    [`GET ${path}`]: { body: rule('late', {}) },
    [`DELETE ${path}?whatIf=true`]: { body: NO_CHANGES },
    [`PUT ${LIST}?whatIf=true`]: [{ body: NO_CHANGES }, { status: 412, body: { error } }],
  });
  const removed = await controller.weft('acl', 'rule', 'remove', 'web', 'late', '--what-if');
  t.is(removed.out, 'Nothing would change.\n');
  t.is((await controller.weft('acl', 'create', 'web', '--what-if')).out, 'Nothing would change.\n');
  t.regex((await controller.weft('acl', 'create', 'web', '--what-if')).err, /exists already/);
  t.deepEqual(
    controller.received.map(({ request, headers }) => [
      request,
      headers['if-match'] ?? headers['if-none-match'],
    ]),
    [
      [`GET ${path}`, undefined],
      [`DELETE ${path}?whatIf=true`, 'W/"1"'],
      [`PUT ${LIST}?whatIf=true`, '*'],
      [`PUT ${LIST}?whatIf=true`, '*'],
    ],
  );
  await controller.close();
});
