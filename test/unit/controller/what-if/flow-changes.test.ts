/** What-if about flows: the sets of packets it names are exactly those whose verdict by the reference model changes. */
import test from 'ava';
import fc from 'fast-check';
import { FlowDiff, type Policy } from '../../../../controller/what-if/flow-changes.ts';
import type { FlowChange, PacketSet } from '../../../../schema/northbound/what-if.ts';
import { type AccessControlList, AclDirection } from '../../../../schema/southbound/messages.ts';
import { type Address, bytesOf, isIn, isIpv6 } from '../../../model/address.ts';
import { familyOf, type Header, type PolicyContext, permits } from '../../../model/policy.ts';
import {
  accessControlList,
  prefix,
  securityTags,
  virtualNetwork,
} from '../../../model/policy-plans.ts';

const OWN: readonly Address[] = ['10.0.0.4', 'fd00:0:0:1::4'];
// Every boundary of what the generators make, on both sides.
const OTHERS: readonly Address[] = [
  '0.0.0.0',
  '10.0.0.0',
  '10.0.0.4',
  '10.0.0.5',
  '10.0.0.6',
  '10.0.1.4',
  '10.0.2.0',
  '10.1.0.0',
  '10.2.0.1',
  '10.3.0.0',
  '168.63.129.16',
  '168.63.129.17',
  '203.0.113.9',
  '255.255.255.255',
  '::',
  'fd00:0:0:1::4',
  'fd00:0:0:1::5',
  'fd00:0:0:2::',
  'fd00:2::1',
  'fd01::',
];
const PORTS = [0, 67, 68, 69, 80, 81, 1000, 1001, 1002, 65_535];
const PROTOCOLS = [1, 6, 17, 47, 58];

const HEADER: fc.Arbitrary<
  { readonly own: Address; readonly other: Address } & Omit<Header, 'src' | 'dst'>
> = fc
  .record({
    own: fc.constantFrom(...OWN),
    other: fc.constantFrom(...OTHERS),
    protocol: fc.constantFrom(...PROTOCOLS),
    srcPort: fc.constantFrom(...PORTS),
    dstPort: fc.constantFrom(...PORTS),
  })
  .filter(({ own, other }) => isIpv6(own) === isIpv6(other));

const POLICY: fc.Arbitrary<Policy> = fc
  .record({
    network: virtualNetwork('blue'),
    tags: securityTags('blue'),
    lists: fc.tuple(fc.option(accessControlList('nic')), fc.option(accessControlList('subnet'))),
  })
  .map(({ network, tags, lists }) => ({
    network,
    securityTags: new Map(tags.map((tag) => [tag.id, tag])),
    lists: lists.flatMap((list) => list ?? []),
  }));

/** Two unrelated policies, or one with a rule more, less or moved. */
const PAIR: fc.Arbitrary<readonly [Policy, Policy]> = fc.oneof(
  fc.tuple(POLICY, POLICY),
  fc
    .tuple(POLICY, accessControlList('new'), fc.nat())
    .map(([policy, other, at]): [Policy, Policy] => {
      const lists = policy.lists.map((list, index) =>
        index === 0 ? edited(list, other, at) : list,
      );
      return [policy, { ...policy, lists }];
    }),
);

function edited(list: AccessControlList, other: AccessControlList, at: number): AccessControlList {
  const rules = [...list.rules];
  const [added] = other.rules;
  if (added === undefined) rules.splice(at % (rules.length + 1), 1);
  else rules.splice(at % (rules.length + 1), other.rules.length % 2, added);
  return { ...list, rules };
}

function isAllowed(policy: Policy, direction: AclDirection, header: Header): boolean {
  const context: PolicyContext = {
    network: policy.network,
    securityTags: [...policy.securityTags.values()],
  };
  return policy.lists.every((list) => permits(list, direction, header, context));
}

function changesOf([before, after]: readonly [Policy, Policy], forwards = false): FlowChange[] {
  const diff = new FlowDiff(before, after);
  return OWN.flatMap((address) =>
    diff.at({
      networkInterface: '/networkInterfaces/a',
      ipConfiguration: `/networkInterfaces/a/ipConfigurations/${address}`,
      address: bytesOf(address),
      forwards,
    }),
  );
}

function isIncluded(set: PacketSet, header: Header): boolean {
  const names: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' };
  const inNumbers = (texts: readonly string[] | undefined, value: number) =>
    texts === undefined ||
    texts.some((text) => {
      const [from = '', to = from] = text.split('-');
      return text === names[value] || (Number(from) <= value && value <= Number(to));
    });
  const inAddresses = (texts: readonly string[] | undefined, address: Address) =>
    texts === undefined || texts.some((text) => hasAddress(text, address));
  return (
    set.family === familyOf(header) &&
    inNumbers(set.protocols, header.protocol) &&
    inNumbers(set.sourcePorts, header.srcPort) &&
    inNumbers(set.destinationPorts, header.dstPort) &&
    inAddresses(set.sources, header.src) &&
    inAddresses(set.destinations, header.dst)
  );
}

function hasAddress(text: string, address: Address): boolean {
  if (text.includes('/')) return isIn(address, prefix(text));
  const [first = '', last = first] = text.split('-');
  const hex = (one: Address) => Buffer.from(bytesOf(one)).toString('hex');
  return hex(first) <= hex(address) && hex(address) <= hex(last);
}

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 150);

test('of any two policies: a packet is in the answer exactly if its verdict changes', (t) => {
  fc.assert(
    fc.property(PAIR, fc.array(HEADER, { minLength: 60, maxLength: 60 }), (pair, headers) => {
      const changes = changesOf(pair);
      for (const { own, other, ...rest } of headers) {
        for (const direction of ['Inbound', 'Outbound'] as const) {
          const isInbound = direction === 'Inbound';
          const header = { ...rest, src: isInbound ? other : own, dst: isInbound ? own : other };
          const acl = isInbound ? AclDirection.ACL_INBOUND : AclDirection.ACL_OUTBOUND;
          const [was, will] = pair.map((policy) => isAllowed(policy, acl, header));
          const change = changes.find(
            (candidate) => candidate.address === own && candidate.direction === direction,
          );
          const allowed = change?.allowed.packets.filter((set) => isIncluded(set, header)) ?? [];
          const denied = change?.denied.packets.filter((set) => isIncluded(set, header)) ?? [];
          const omitted = (change?.allowed.omitted ?? 0) + (change?.denied.omitted ?? 0);
          const text = `${direction} ${JSON.stringify(header)} ${JSON.stringify(change)}`;
          if (omitted > 0) continue;
          if (allowed.length !== Number(was === false && will === true)) t.fail(`allowed: ${text}`);
          if (denied.length !== Number(was === true && will === false)) t.fail(`denied: ${text}`);
        }
      }
      t.pass();
    }),
    { numRuns: RUNS },
  );
});

test('a policy and itself: nothing changes', (t) => {
  fc.assert(
    fc.property(POLICY, (policy) => {
      t.true(new FlowDiff(policy, { ...policy }).isEmpty);
      t.deepEqual(changesOf([policy, policy]), []);
    }),
    { numRuns: 50 },
  );
});
