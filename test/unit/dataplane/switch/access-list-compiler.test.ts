/** What the address tags of a list stand for (MS-NCNBI §3.1.5.1.2), and whose decisions are counted. */
import test from 'ava';
import { type IpWords, parseIpPrefixWords, parseIpWords } from '../../../../base/ip-words.ts';
import { DecisionLog } from '../../../../dataplane/engine/decision.ts';
import { Direction } from '../../../../dataplane/engine/direction.ts';
import { newPacket } from '../../../../dataplane/engine/packet.ts';
import { compileList, tagsOf } from '../../../../dataplane/switch/access-list-compiler.ts';
import { type AccessControlList, AclAction } from '../../../../schema/southbound/messages.ts';
import { flowKey } from '../engine/keys.ts';
import { aclResource } from './policies.ts';

const SPACE = ['10.0.0.0/16', '2001:db8:1::/48'].flatMap((text) => parseIpPrefixWords(text) ?? []);

function compiled(list: AccessControlList | undefined) {
  const counter = { decisions: 0 };
  const context = { ...tagsOf(SPACE), tag: () => undefined, counter: () => counter };
  const groups = list === undefined ? 'no list' : compileList(list, context);
  if (typeof groups === 'string') throw new TypeError(groups);
  return { ...groups, counter };
}

function from(text: string, protocol: number) {
  const [src0, src1, src2, src3] = parseIpWords(text) ?? ([0, 0, 0, 0] satisfies IpWords);
  const packet = newPacket();
  Object.assign(packet.key, flowKey({ protocol, src0, src1, src2, src3 }));
  return packet;
}

const { accessControlList: LIST } = aclResource(
  'tags',
  {
    network: { from: ['VIRTUALNETWORK'] },
    probe: { from: ['AZURELOADBALANCER'] },
    internet: { from: ['INTERNET'] },
  },
  { inboundDefault: AclAction.ACL_DENY },
);

test('every address is in exactly one of VIRTUALNETWORK, AZURELOADBALANCER and INTERNET', (t) => {
  const { inbound } = compiled(LIST);
  const cases: [string, string][] = [
    ['10.0.0.0', 'network'],
    ['10.0.255.255', 'network'],
    ['10.1.0.0', 'internet'],
    ['9.255.255.255', 'internet'],
    ['0.0.0.1', 'internet'],
    ['168.63.129.16', 'probe'],
    ['168.63.129.17', 'internet'],
    ['2001:db8:1::7', 'network'],
    ['2001:db8:2::7', 'internet'],
    ['::', 'internet'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'internet'],
  ];
  for (const [text, rule] of cases) {
    for (const protocol of [1, 6, 17, 132]) {
      t.is(inbound.find(from(text, protocol)).id, rule, `${text} ${protocol}`);
    }
  }
  t.deepEqual(
    inbound.rules().map(({ id }) => id),
    ['network', 'probe', 'internet', 'default deny'],
  );
});

test('a rule about ports of any protocol is one about TCP and UDP', (t) => {
  const { accessControlList } = aclResource('ports', { web: { ports: [[80, 80]] } });
  const { inbound } = compiled(accessControlList);
  const rules = [1, 6, 17, 58, 132].map((protocol) => inbound.find(from('10.0.0.1', protocol)).id);
  const other = 'default permit';
  t.deepEqual(rules, [other, 'web', 'web', other, other]);
});

test('decisions are counted at their rules when they are carried out, not when they are asked for', (t) => {
  const { inbound, counter } = compiled(LIST);
  const rule = inbound.find(from('10.0.0.0', 6));
  const log = new DecisionLog();
  log.note(1, Direction.INBOUND, 'acl', 'subnet', rule);
  t.is(counter.decisions, 0);
  log.count();
  t.is(counter.decisions, 1);
  log.clear();
  log.count();
  t.is(counter.decisions, 1);
});
