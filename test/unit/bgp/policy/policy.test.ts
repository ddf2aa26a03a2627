/** Policies as data, and the policyMaps of MS-NCNBI §3.1.5.17.3 as policies. */
import test from 'ava';
import { parseIpPrefixWords } from '../../../../base/ip-words.ts';
import { SegmentType } from '../../../../bgp/message/as-path.ts';
import type { PathAttributes } from '../../../../bgp/message/path-attributes.ts';
import { dependsOnPrefix, evaluate, type Policy } from '../../../../bgp/policy/policy.ts';
import { asnOf, policyOfMap } from '../../../../bgp/policy/policy-map.ts';

const ATTRIBUTES: PathAttributes = {
  origin: 0,
  asPath: [{ type: SegmentType.Sequence, asns: [65_001, 65_010] }],
  nextHop: Uint8Array.of(192, 0, 2, 1),
  multiExitDisc: 7,
  communities: [65_001 * 65_536 + 1],
};

function prefix(text: string) {
  const parsed = parseIpPrefixWords(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function run(policy: Policy, text = '10.1.0.0/16') {
  return evaluate(policy, { prefix: prefix(text), attributes: ATTRIBUTES, weight: 0 });
}

test('the first rule that holds decides; what none decides has the policy’s verdict', (t) => {
  const policy: Policy = {
    name: 'p',
    rules: [
      {
        match: [
          { kind: 'prefix', entries: [{ prefix: prefix('10.0.0.0/8'), lenMin: 104, lenMax: 120 }] },
        ],
        set: [{ kind: 'local-preference', value: 200 }],
        action: 'next',
      },
      { match: [{ kind: 'origin-as', ranges: [{ from: 65_010, to: 65_010 }] }], action: 'accept' },
    ],
    otherwise: 'reject',
  };
  t.is(run(policy)?.attributes.localPref, 200);
  t.is(run(policy, '10.1.1.128/25')?.attributes.localPref, undefined);
  t.is(run({ ...policy, rules: [] }), undefined);
  t.true(dependsOnPrefix(policy));
});

test('an untouched route keeps its object: sets are interned by it', (t) => {
  t.is(run({ name: 'all', rules: [], otherwise: 'accept' })?.attributes, ATTRIBUTES);
});

test('a policy map: Deny by prefix, the rest passes', (t) => {
  const policy = policyOfMap('m', [
    {
      action: 'Deny',
      matchCriteria: [{ property: 'MatchPrefix', value: '10.1.0.0/16, 10.2.0.0/16' }],
    },
  ]);
  t.is(run(policy), undefined);
  t.is(run(policy, '10.2.0.0/16'), undefined);
  t.not(run(policy, '10.3.0.0/16'), undefined);
});

test('a prefix may say how much longer a route’s may be', (t) => {
  const allowing = (value: string) =>
    policyOfMap('m', [{ action: 'Allow', matchCriteria: [{ property: 'MatchPrefix', value }] }]);
  const addresses = allowing('203.0.113.0/24 ge 32');
  t.not(run(addresses, '203.0.113.7/32'), undefined);
  t.is(run(addresses, '203.0.113.0/24'), undefined);
  t.is(run(addresses, '203.0.114.7/32'), undefined);
  const subnets = allowing('10.0.0.0/8 ge 16 le 24, 2001:db8::/32 le 48');
  t.deepEqual(
    ['10.0.0.0/8', '10.1.0.0/16', '10.1.1.0/24', '10.1.1.0/25'].map(
      (prefix) => run(subnets, prefix) !== undefined,
    ),
    [false, true, true, false],
  );
  t.deepEqual(
    ['2001:db8::/32', '2001:db8:1::/48', '2001:db8:1::/49'].map(
      (prefix) => run(subnets, prefix) !== undefined,
    ),
    [true, true, false],
  );
});

test('a policy map that allows something refuses all else', (t) => {
  const policy = policyOfMap('m', [
    { action: 'Allow', matchCriteria: [{ property: 'AsnRange', value: '65010-65020' }] },
  ]);
  t.not(run(policy), undefined);
  const other = policyOfMap('m', [
    { action: 'allow', matchCriteria: [{ property: 'nexthop', value: '192.0.2.9' }] },
  ]);
  t.is(run(other), undefined);
});

test('every set action of a policy map does what it says', (t) => {
  const policy = policyOfMap('m', [
    {
      policyName: 'all',
      action: 'ModifyAttribute',
      matchCriteria: [
        { property: 'Community', value: '65001:1' },
        { property: 'IgnorePrefix', value: '10.9.0.0/16' },
      ],
      setActions: [
        { property: 'As-Path', value: '65001 65001' },
        { property: 'Remove-Community', value: '65001:1' },
        { property: 'Add-Community', value: ['no-export', '65001:2'] },
        { property: 'Clear-MED' },
        { property: 'Weight', value: '10' },
        { property: 'Local-Pref', value: 300 },
        { property: 'Next-Hop', value: '198.51.100.1' },
      ],
    },
  ]);
  const result = run(policy);
  t.deepEqual(result?.attributes, {
    origin: 0,
    asPath: [{ type: SegmentType.Sequence, asns: [65_001, 65_001, 65_001, 65_010] }],
    nextHop: Uint8Array.of(198, 51, 100, 1),
    communities: [65_001 * 65_536 + 2, 0xffff_ff01],
    localPref: 300,
  });
  t.is(result?.weight, 10);
  t.is(run(policy, '10.9.0.0/16')?.weight, 0, 'ignored prefixes are left alone');
  const cleared = policyOfMap('m', [
    {
      action: 'ModifyAttribute',
      setActions: [{ property: 'Remove-All-Community' }, { property: 'MED', value: '0' }],
    },
  ]);
  t.is(run(cleared)?.attributes.communities, undefined);
  t.is(run(cleared)?.attributes.multiExitDisc, 0);
});

test('AS numbers plain and asdot (RFC 5396); nonsense in a map is refused', (t) => {
  t.is(asnOf('64512'), 64_512);
  t.is(asnOf('0.64512'), 64_512);
  t.is(asnOf('1.0'), 65_536);
  for (const wrong of ['0', '0.0', '65536.1', '1.65536', '4294967296', 'x', ''])
    t.throws(() => asnOf(wrong), { code: 'SDN_BGP_POLICY' }, wrong);
  for (const entry of [
    { action: 'Maybe' },
    { action: 'Deny', matchCriteria: [{ property: 'Moon', value: '1' }] },
    { action: 'Deny', matchCriteria: [{ property: 'MatchPrefix', value: '10.0.0.1/8' }] },
    ...['10.0.0.0/8 le 7', '10.0.0.0/8 ge 33', '10.0.0.0/8 le 9 ge 8', '10.0.0.0/8 ge'].map(
      (value) => ({ action: 'Deny', matchCriteria: [{ property: 'MatchPrefix', value }] }),
    ),
    { action: 'Deny', matchCriteria: [{ property: 'Community', value: '1:99999' }] },
    { action: 'Allow', setActions: [{ property: 'Next-Hop', value: 'here' }] },
    { action: 'Allow', setActions: [{ property: 'Wait', value: '1' }] },
  ])
    t.throws(() => policyOfMap('m', [entry]), { code: 'SDN_BGP_POLICY' });
});
