/**
 * Flow verify, trace and the reference model's lists say the same of every flow: generated tenants, policies and packets (test/model). The
 * trace is held against what the switch does by differential.test.ts.
 */
import test from 'ava';
import fc from 'fast-check';
import type { Answer } from '../../../schema/southbound/diagnostics/methods.ts';
import { AclDirection } from '../../../schema/southbound/messages.ts';
import { hasPorts, type PacketSpec } from '../../model/frame.ts';
import { type Header, permits } from '../../model/policy.ts';
import { packetOf, pick, SCENARIO } from '../../model/scenario.ts';
import { goalOf, type Nic, newTenant, type Tenant } from '../../model/tenancy.ts';
import { type Rig, rig } from '../dataplane/switch/tenants.ts';

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 120);

type Verified = Answer<'flowVerify'>;
type Step = Answer<'trace'>['steps'][number];

class Disagreement extends Error {}

test('generated policies and packets: verify, trace and model agree on every list', (t) => {
  const tally = { allowed: 0, denied: 0, before: 0, received: 0 };
  const property = fc.property(SCENARIO, ({ tenants: plans, commands }) => {
    const tenants = plans.map((plan, index) => named(newTenant(index, plan)));
    const nics = tenants.flatMap((tenant) => tenant.nics.map((nic) => ({ tenant, nic })));
    const net = rig({ flowsMax: 16 });
    net.core.applyGoal({ upserts: goalOf(tenants), removes: [] });
    for (const { nic } of nics) if (nic.isAttached) net.attach(nic.id);
    for (const command of commands) {
      if (command.op !== 'send') continue;
      const sender = pick(nics, command.nic);
      if (sender === undefined || !sender.nic.isConfigured) continue;
      const packet = packetOf(command.packet, sender.tenant, sender.nic, tenants);
      if (packet === undefined || !isOwn(sender.nic, packet)) continue;
      check(net, tenants, sender.nic, packet, tally);
    }
  });
  fc.assert(property, { numRuns: RUNS, includeErrorInReport: true });
  t.log(JSON.stringify(tally));
  for (const [what, count] of Object.entries(tally)) t.true(count > 0, `${what} is reached`);
});

/** The tenant with lists that can be told apart by their references. */
function named(tenant: Tenant): Tenant {
  const lists = tenant.lists.map((list) => ({
    ...list,
    resourceRef: `/accessControlLists/${list.id}`,
  }));
  return { ...tenant, lists };
}

function isOwn({ addresses }: Nic, { src }: PacketSpec): boolean {
  return addresses.some(({ address }) => address === src);
}

function check(
  { core }: Rig,
  tenants: readonly Tenant[],
  nic: Nic,
  { src, dst, segment }: PacketSpec,
  tally: { allowed: number; denied: number; before: number; received: number },
): void {
  const { protocol, srcPort, dstPort } = segment;
  const ports = hasPorts(protocol);
  const packet = {
    ...{ source: src, destination: dst, protocol },
    ...(ports && { sourcePort: srcPort, destinationPort: dstPort }),
  };
  const { steps } = core.answer('trace', { portId: nic.id, packet });
  const sent = core.answer('flowVerify', {
    ...{ portId: nic.id, direction: 'outbound', protocol, local: src, remote: dst },
    ...(ports && { localPort: srcPort, remotePort: dstPort }),
  });
  const ofLists = (portId: string, direction: string) =>
    steps.filter(
      (step) => step.layer === 'acl' && step.portId === portId && step.direction === direction,
    );
  const header = { ...segment, src, dst };
  agree(sent, ofLists(nic.id, 'outbound'), steps);
  if (sent.before === undefined) agreeWithModel(sent, tenants, header);
  if (sent.before !== undefined) tally.before += 1;
  else if (sent.access === 'Allow') tally.allowed += 1;
  else tally.denied += 1;
  const receiver = steps.find(({ layer, direction }) => layer === 'acl' && direction === 'inbound');
  if (receiver === undefined) return;
  const received = core.answer('flowVerify', {
    ...{ portId: receiver.portId, direction: 'inbound', protocol, local: dst, remote: src },
    ...(ports && { localPort: dstPort, remotePort: srcPort }),
  });
  agree(received, ofLists(receiver.portId, 'inbound'), steps);
  agreeWithModel(received, tenants, header);
  tally.received += 1;
}

/** The trace ends at the list that denies; verify asks the other one too. */
function agree(verified: Verified, walked: readonly Step[], steps: readonly Step[]): void {
  const { lists, before, access } = verified;
  const expect = (holds: boolean, why: string) => {
    if (!holds) throw new Disagreement(`${why}: ${JSON.stringify({ verified, steps })}`);
  };
  expect((before === undefined) === walked.length > 0, 'lists are asked');
  for (const [at, { group, rule, resourceRef, outcome }] of walked.entries()) {
    const told = lists[at];
    expect(group === told?.level || group.startsWith(`${told?.level} `), 'in the same order');
    expect(told?.rule.id === rule && told.rule.resourceRef === resourceRef, 'the same rule');
    expect((told?.action === 'Deny') === outcome.startsWith('drop '), 'the same action');
  }
  const last = before === undefined ? walked.at(-1) : steps.at(-1);
  const isDropped = last?.outcome.startsWith('drop ') === true;
  expect((access === 'Deny') === isDropped, 'the same verdict');
}

function agreeWithModel(
  { lists, direction }: Verified,
  tenants: readonly Tenant[],
  header: Header,
): void {
  const networks = goalOf(tenants).flatMap(({ virtualNetwork }) => virtualNetwork ?? []);
  for (const { resourceRef, action } of lists) {
    for (const { id, lists: own, securityTags } of tenants) {
      const list = own.find((each) => each.resourceRef === resourceRef);
      const network = networks.find((each) => each.id === id);
      if (list === undefined || network === undefined) continue;
      const way = direction === 'inbound' ? AclDirection.ACL_INBOUND : AclDirection.ACL_OUTBOUND;
      if (permits(list, way, header, { network, securityTags }) !== (action === 'Allow')) {
        throw new Disagreement(`${resourceRef} ${direction}: ${JSON.stringify(header)}`);
      }
    }
  }
}
