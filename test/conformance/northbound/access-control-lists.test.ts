/** accessControlLists, aclRules and securityTags — MS-NCNBI §3.1.5.1, §3.1.5.31: what is accepted, what is shown, what is refused. */
import test from 'ava';
import { layGround, nicProperties, startController } from './controller-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const FILTER = '/accessControlLists/filter';
const RULE = `${FILTER}/aclRules/r`;
const FRONT = '/securityTags/front';
const WEB = '/virtualNetworks/blue/subnets/web';
const NIC = '/networkInterfaces/n1';

function rule(changes: object = {}): object {
  return {
    action: 'Allow',
    type: 'Inbound',
    protocol: 'TCP',
    priority: 200,
    sourceAddressPrefix: '*',
    sourcePortRange: '*',
    destinationAddressPrefix: '*',
    destinationPortRange: '80',
    logging: 'Enabled',
    ...changes,
  };
}

function list(...rules: readonly object[]): object {
  return {
    aclRules: rules.map((properties, at) => ({ resourceId: `r${at}`, properties })),
  };
}

/** The only rule of a list; `without` names properties that it lacks. */
function only(changes: object, ...without: readonly string[]): object {
  const kept = Object.entries(rule(changes)).filter(([name]) => !without.includes(name));
  return list(Object.fromEntries(kept));
}

const tagged = { resourceRef: FRONT };
const applied = { accessControlList: { resourceRef: FILTER } };

test('§3.1.5.1.1.1.1: the example of the specification, numbers as text and words in its own case', async (t) => {
  const { client } = await startController(t);
  const made = await client.put(
    FILTER,
    list(
      {
        protocol: 'All',
        sourcePortRange: '0-65535',
        destinationPortRange: '2003',
        action: 'Allow',
        sourceAddressPrefix: '*',
        destinationAddressPrefix: '13.168.100.21',
        priority: '200',
        type: 'Inbound',
        logging: 'Enabled',
      },
      rule({ description: 'Port 5100 over tcp', protocol: 'Tcp', priority: '201' }),
    ),
  );
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.aclRules.0.properties.priority'), 200);
  t.is(made.at('properties.aclRules.0.properties.destinationAddressPrefix'), '13.168.100.21');
  t.is(made.at('properties.aclRules.1.properties.protocol'), 'TCP');
  t.is(made.at('properties.inboundDefaultAction'), 'Permit', 'the default value is Permit');
  t.is(made.at('properties.outboundDefaultAction'), 'Permit');
  t.deepEqual(made.listAt('properties.subnets'), []);
  t.deepEqual(made.listAt('properties.ipConfigurations'), []);
});

test('a rule is addressable: PUT, GET, GET ALL and DELETE below its list', async (t) => {
  const { client } = await startController(t);
  await client.put(FILTER, { inboundDefaultAction: 'deny' });
  t.is((await client.put(RULE, rule())).status, 201);
  t.is((await client.put(RULE, rule({ destinationPortRange: 443 }))).status, 200);
  const found = await client.get(RULE);
  t.is(found.at('properties.destinationPortRange'), '443');
  t.is(found.at('resourceRef'), RULE);
  t.is((await client.get(`${FILTER}/aclRules`)).listAt('value').length, 1);
  const whole = await client.get(FILTER);
  t.is(whole.at('properties.inboundDefaultAction'), 'Deny');
  t.is(whole.at('properties.aclRules.0.resourceId'), 'r');
  t.is((await client.delete(RULE)).status, 202);
  t.is((await client.get(RULE)).status, 404);
});

test('logging absent is Enabled, its default', async (t) => {
  const { client } = await startController(t);
  const made = await client.put(FILTER, only({}, 'logging'));
  t.is(made.at('properties.aclRules.0.properties.logging'), 'Enabled', made.text);
});

const ACCEPTED: readonly (readonly [what: string, changes: object, stored?: object])[] = [
  [
    'a tag, in any case',
    { sourceAddressPrefix: 'VirtualNetwork' },
    { sourceAddressPrefix: 'VIRTUALNETWORK' },
  ],
  ['INTERNET', { sourceAddressPrefix: 'INTERNET' }],
  ['AZURELOADBALANCER', { sourceAddressPrefix: 'AZURELOADBALANCER' }],
  ['all IPv4 traffic', { sourceAddressPrefix: '0.0.0.0/0' }],
  ['all IPv6 traffic', { sourceAddressPrefix: '::/0' }],
  [
    'IPv6 in its canonical text',
    { sourceAddressPrefix: '2001:DB8:0::/64' },
    { sourceAddressPrefix: '2001:db8::/64' },
  ],
  [
    'a list of prefixes',
    { sourceAddressPrefix: '10.0.0.0/8, 192.0.2.1' },
    { sourceAddressPrefix: '10.0.0.0/8,192.0.2.1' },
  ],
  ['a port', { destinationPortRange: '80' }],
  ['a range of one', { destinationPortRange: '80-80' }],
  ['a range', { destinationPortRange: '80-81' }],
  ['every port', { destinationPortRange: '*' }],
  ['a list of ports', { destinationPortRange: '80,443,8000-8080' }],
  ['ICMPv4', { protocol: 'ICMPv4', destinationPortRange: '*' }],
  ['ICMPv6', { protocol: 'icmpv6', destinationPortRange: '0-65535' }, { protocol: 'ICMPv6' }],
  ['All', { protocol: 'ALL' }, { protocol: 'All' }],
  ['the lowest priority number of §6.1', { priority: 100 }],
  ['the highest', { priority: 65000 }],
  ['an outbound denial', { type: 'Outbound', action: 'Deny' }],
];

for (const [what, changes, stored] of ACCEPTED) {
  test(`a rule may have ${what}`, async (t) => {
    const { client } = await startController(t);
    const made = await client.put(FILTER, only(changes));
    t.is(made.status, 201, made.text);
    for (const [name, value] of Object.entries(stored ?? changes)) {
      t.is(made.at(`properties.aclRules.0.properties.${name}`), value);
    }
  });
}

test('a list names the subnets and ipConfigurations it is associated with', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(FILTER, {});
  await client.put(WEB, { addressPrefix: '10.1.1.0/24', ...applied });
  await client.put(NIC, nicProperties(applied));
  const found = await client.get(FILTER);
  t.deepEqual(found.listAt('properties.subnets'), [{ resourceRef: WEB }]);
  t.deepEqual(found.listAt('properties.ipConfigurations'), [
    { resourceRef: `${NIC}/ipConfigurations/primary` },
  ]);
});

test('§3.1.5.31: a tag names its interfaces and the rules that have it as source or destination', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  t.is(
    (
      await client.send('PUT', '/networking/v5/securityTags/front', {
        resourceId: 'front',
        properties: { provisioningState: 'Succeeded', type: 'Environment' },
      })
    ).status,
    201,
  );
  const without = ['sourceAddressPrefix', 'destinationAddressPrefix'];
  const made = await client.put(
    FILTER,
    only({ sourceSecurityTags: [tagged], destinationSecurityTags: tagged }, ...without),
  );
  t.is(made.status, 201, made.text);
  t.deepEqual(
    made.listAt('properties.aclRules.0.properties.destinationSecurityTags'),
    [tagged],
    'one reference, as §6.1 has it, is read as a list of one',
  );
  await client.put(NIC, { ...nicProperties(), securityTags: [tagged] });
  const found = await client.get(FRONT);
  t.is(found.at('properties.type'), 'Environment');
  t.deepEqual(found.listAt('properties.networkInterfaces'), [{ resourceRef: NIC }]);
  const rules = [{ resourceRef: `${FILTER}/aclRules/r0` }];
  t.deepEqual(found.listAt('properties.aclRulesAsSource'), rules);
  t.deepEqual(found.listAt('properties.aclRulesAsDestination'), rules);
});

test('§3.1.5.1: a list may be applied to security tags, and the tag names it', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(FRONT, {});
  t.is((await client.get(FRONT)).at('properties.accessControlList'), undefined);
  const made = await client.put(FILTER, { securityTags: [tagged] });
  t.is(made.status, 201, made.text);
  t.deepEqual(made.listAt('properties.securityTags'), [tagged]);
  const shown = await client.get(FRONT);
  t.deepEqual(shown.at('properties.accessControlList'), { resourceRef: FILTER });
  const again = await client.put(FRONT, { accessControlList: { resourceRef: FILTER } });
  t.is(again.status, 200, 'what a client was given, it may send back');
  t.is((await client.put(FILTER, { securityTags: [] })).status, 200);
  t.is((await client.get(FRONT)).at('properties.accessControlList'), undefined);
  t.is((await client.delete(FRONT)).status, 202);
});

const logicalSubnet = '/logicalNetworks/provider/subnets/hosts';
const forAnyone = only({ sourceAddressPrefix: 'VIRTUALNETWORK' });

const NINE = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const nth = (at: number) => ({ resourceRef: `/securityTags/t${at}` });

const REFUSALS: readonly Refusal[] = [
  ...(
    [
      ['an action that is none', { action: 'Permit' }, 'InvalidAclRuleAction'],
      ['a type that is none', { type: 'Both' }, 'InvalidAclRuleType'],
      ['HTTP, which a packet filter cannot see', { protocol: 'HTTP' }, 'InvalidAclRuleProtocol'],
      ['a protocol that is none', { protocol: 47 }, 'InvalidAclRuleProtocol'],
      ['a reserved priority', { priority: 99 }, 'InvalidAclRulePriority'],
      ['a priority at the reserved end', { priority: 65001 }, 'InvalidAclRulePriority'],
      ['a priority that is no number', { priority: 'first' }, 'InvalidAclRulePriority'],
      ['an empty source', { sourceAddressPrefix: '' }, 'AclRuleNullOrEmptySourceAddressPrefix'],
      [
        'an empty destination',
        { destinationAddressPrefix: ' ' },
        'AclRuleNullOrEmptyDestinationAddressPrefix',
      ],
      ['no source ports', { sourcePortRange: null }, 'AclRuleNullOrEmptySourcePortRange'],
      ['empty source ports', { sourcePortRange: '' }, 'AclRuleNullOrEmptySourcePortRange'],
      [
        'no destination ports',
        { destinationPortRange: null },
        'AclRuleNullOrEmptyDestinationPortRange',
      ],
      [
        'a source that is no prefix',
        { sourceAddressPrefix: 'anywhere' },
        'AclRuleInvalidSourceAddressPrefix',
      ],
      [
        'a source with host bits',
        { sourceAddressPrefix: '10.0.0.1/8' },
        'AclRuleInvalidSourceAddressPrefix',
      ],
      [
        'a list with a bad item',
        { destinationAddressPrefix: '10.0.0.0/8,' },
        'AclRuleInvalidDestinationAddressPrefix',
      ],
      [
        'a destination of another family than the source',
        { sourceAddressPrefix: '10.0.0.0/8', destinationAddressPrefix: '::/0' },
        'AclRuleInvalidDestinationAddressPrefix',
      ],
      ['port 0', { sourcePortRange: '0' }, 'AclRuleInvalidSourcePortRange'],
      ['a port too high', { destinationPortRange: '65536' }, 'AclRuleInvalidDestinationPortRange'],
      ['a falling range', { destinationPortRange: '81-80' }, 'AclRuleInvalidDestinationPortRange'],
      [
        'ports of ICMP',
        { protocol: 'ICMPv4', destinationPortRange: '80' },
        'AclRuleInvalidDestinationPortRange',
      ],
      ['logging that is none', { logging: 'Sometimes' }, 'InvalidParameterValue'],
    ] as const
  ).map(([what, changes, code]) => ({
    what: `a rule with ${what}`,
    request: ['PUT', FILTER, only(changes)] as const,
    code,
  })),
  {
    what: 'a rule without a source',
    request: ['PUT', FILTER, only({}, 'sourceAddressPrefix')],
    code: 'AclRuleSourceNeitherAddressPrefixNorSecurityTagsPresent',
  },
  {
    what: 'a rule without a destination',
    request: ['PUT', FILTER, only({ destinationSecurityTags: [] }, 'destinationAddressPrefix')],
    code: 'AclRuleDestinationNeitherAddressPrefixNorSecurityTagsPresent',
  },
  {
    what: 'a rule with a source prefix and source tags',
    given: [[FRONT, {}]],
    request: ['PUT', FILTER, only({ sourceSecurityTags: [tagged] })],
    code: 'AclRuleBothSourceAddressPrefixAndSecurityTagsPresent',
  },
  {
    what: 'a rule with a destination prefix and destination tags',
    given: [[FRONT, {}]],
    request: ['PUT', FILTER, only({ destinationSecurityTags: [tagged] })],
    code: 'AclRuleBothDestinationAddressPrefixAndSecurityTagsPresent',
  },
  {
    what: 'a rule with a security tag that does not exist',
    request: ['PUT', FILTER, only({ sourceSecurityTags: [tagged] }, 'sourceAddressPrefix')],
    code: 'InvalidResourceReference',
  },
  {
    what: 'a rule without an action',
    request: ['PUT', FILTER, only({}, 'action')],
    code: 'RequiredParamMissing',
  },
  {
    what: 'two rules of one priority in a list',
    request: ['PUT', FILTER, list(rule(), rule({ type: 'Outbound' }))],
    code: 'InvalidAclRulePriority',
  },
  {
    what: 'a rule with the priority of its sibling',
    given: [[FILTER, list(rule())]],
    request: ['PUT', RULE, rule()],
    code: 'InvalidAclRulePriority',
  },
  {
    what: 'a second list on a security tag',
    given: [
      [FRONT, {}],
      ['/accessControlLists/other', { securityTags: [tagged] }],
    ],
    request: ['PUT', FILTER, { securityTags: [tagged] }],
    code: 'SecurityTagAlreadyHasAclApplied',
  },
  {
    what: 'a list on a security tag that does not exist',
    request: ['PUT', FILTER, { securityTags: [tagged] }],
    code: 'InvalidResourceReference',
  },
  {
    what: 'deleting a tag that a list is applied to',
    given: [
      [FRONT, {}],
      [FILTER, { securityTags: [tagged] }],
    ],
    request: ['DELETE', FRONT],
    code: 'InUseSecurityTagCannotBeDeleted',
    status: 409,
  },
  {
    what: 'a list with address tags on a security tag of an interface in a logical network',
    given: [
      [FRONT, {}],
      [NIC, { ...nicProperties({}, logicalSubnet), securityTags: [tagged] }],
    ],
    request: ['PUT', FILTER, { ...forAnyone, securityTags: [tagged] }],
    code: 'AclRuleTagsNotSupportedOnLogicalNetwork',
  },
  {
    what: 'an interface of a logical network with a security tag whose list has address tags',
    given: [
      [FRONT, {}],
      [FILTER, { ...forAnyone, securityTags: [tagged] }],
    ],
    request: ['PUT', NIC, { ...nicProperties({}, logicalSubnet), securityTags: [tagged] }],
    code: 'AclRuleTagsNotSupportedOnLogicalNetwork',
  },
  {
    what: 'an interface with more lists by security tags than a port can have',
    given: [
      ...NINE.map((at) => [`/securityTags/t${at}`, {}] as const),
      ...NINE.map((at) => [`/accessControlLists/l${at}`, { securityTags: [nth(at)] }] as const),
    ],
    request: ['PUT', NIC, { ...nicProperties(), securityTags: NINE.map(nth) }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a list too many for an interface by its security tags',
    given: [
      ...NINE.map((at) => [`/securityTags/t${at}`, {}] as const),
      [NIC, { ...nicProperties(), securityTags: NINE.map(nth) }],
    ],
    request: ['PUT', FILTER, { securityTags: NINE.map(nth) }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a list with tags on an ipConfiguration of a logical network',
    given: [[FILTER, forAnyone]],
    request: ['PUT', NIC, nicProperties(applied, logicalSubnet)],
    code: 'AclRuleTagsNotSupportedOnLogicalNetwork',
  },
  {
    what: 'a tag in a list that an ipConfiguration of a logical network has',
    given: [
      [FILTER, {}],
      [NIC, nicProperties(applied, logicalSubnet)],
    ],
    request: ['PUT', FILTER, forAnyone],
    code: 'AclRuleTagsNotSupportedOnLogicalNetwork',
  },
  {
    what: 'deleting a list that an ipConfiguration has',
    given: [
      [FILTER, {}],
      [NIC, nicProperties(applied)],
    ],
    request: ['DELETE', FILTER],
    code: 'InUseAccessControlListCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a list that a subnet has',
    given: [
      [FILTER, {}],
      ['/virtualNetworks/blue/subnets/more', { addressPrefix: '10.1.3.0/24', ...applied }],
    ],
    request: ['DELETE', FILTER],
    code: 'InUseAccessControlListCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a tag that an interface carries',
    given: [
      [FRONT, {}],
      [NIC, { ...nicProperties(), securityTags: [tagged] }],
    ],
    request: ['DELETE', FRONT],
    code: 'InUseSecurityTagCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a tag that a rule names',
    given: [
      [FRONT, {}],
      [FILTER, only({ sourceSecurityTags: [tagged] }, 'sourceAddressPrefix')],
    ],
    request: ['DELETE', FRONT],
    code: 'InUseSecurityTagCannotBeDeleted',
    status: 409,
  },
];

testRefusals(REFUSALS);
