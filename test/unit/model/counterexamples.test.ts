/**
 * What the differential test has found, as fast-check has shrunk it: each a scenario that switch and model once disagreed about. They are
 * played again before any new ones.
 */
import test from 'ava';
import { AclAction, NextHopType } from '../../../schema/southbound/messages.ts';
import { Comparison } from '../../model/comparison.ts';
import type { Command, PacketPlan, Scenario } from '../../model/scenario.ts';
import type { NicPlan, TenantPlan } from '../../model/tenancy.ts';

const PACKET: PacketPlan = {
  src: 0,
  dst: 0,
  srcMac: 'own',
  dstMac: 'owner',
  isTagged: false,
  ttl: 64,
  dontFragment: false,
  fragment: 'none',
  protocol: 'tcp',
  ports: [1000, 80],
  flags: 2,
  payloadLen: 0,
  offload: 'none',
};

function nic(subnet: number, host: number, more: Partial<NicPlan> = {}): NicPlan {
  const addresses = [{ subnet, host }];
  return { addresses, macSpoofing: false, ipForwarding: false, host: 0, list: 0, ...more };
}

function tenant(nics: readonly NicPlan[], more: Partial<TenantPlan> = {}): TenantPlan {
  const none = [0, 0, 0, 0, 0];
  const policy = { lists: [], routeTables: [], securityTags: [], peerings: [] };
  return { block: 0, nics, ...policy, subnetLists: none, subnetTables: none, ...more };
}

function send(from: number, packet: Partial<PacketPlan> = {}): Command {
  return { op: 'send', nic: from, times: 1, packet: { ...PACKET, ...packet } };
}

function toAppliance(prefix: string): Pick<TenantPlan, 'routeTables'> {
  const nextHopType = NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE;
  return { routeTables: [{ routes: [{ prefix, nextHopType, via: 0 }] }] };
}

const FOUND: Readonly<Record<string, Scenario>> = {
  'a port that begins to forward for others still knows what it has asked for': {
    tenants: [
      tenant([nic(0, 4), nic(0, 5, { host: 1 })], {
        lists: [
          {
            id: 'list',
            resourceRef: '/accessControlLists/list',
            inboundDefault: AclAction.ACL_DENY,
            outboundDefault: AclAction.ACL_PERMIT,
            rules: [],
          },
        ],
      }),
    ],
    commands: [send(0), { op: 'forwarding', nic: 0 }, { op: 'reply', to: 0, flags: 0x12 }],
  },
  'a route to an interface that does not forward leads nowhere, here as elsewhere': {
    tenants: [tenant([nic(0, 4), nic(0, 5), nic(1, 4)], toAppliance('10.0.1.0/24'))],
    commands: [send(1, { dst: 1 })],
  },
  'nothing is routed to a link-local address, whatever a route table says': {
    tenants: [tenant([nic(3, 5, { ipForwarding: true, host: 1 }), nic(3, 4)], toAppliance('::/0'))],
    commands: [send(1, { dst: 'fe80::1' })],
  },
};

for (const [claim, scenario] of Object.entries(FOUND)) {
  test(claim, (t) => {
    const comparison = new Comparison(scenario);
    t.notThrows(() => comparison.run(scenario.commands));
    t.true(comparison.tally.size > 0);
  });
}
