/** Generated access control lists, security tags, route tables and networks, in the addresses that test/model/tenancy uses. */
import fc from 'fast-check';
import { VIRTUAL_NETWORK_DEFAULTS } from '../../schema/southbound/defaults.ts';
import {
  type AccessControlList,
  AclAction,
  AclDirection,
  type AclRule,
  type AddressMatch,
  AddressTag,
  NextHopType,
  type Prefix,
  type RouteTable,
  type SecurityTag,
  type VirtualNetwork,
} from '../../schema/southbound/messages.ts';
import { type Address, bytesOf } from './address.ts';

export function prefix(text: string): Prefix {
  const [address = '', len = ''] = text.split('/');
  return { address: bytesOf(address), len: Number(len) };
}

const PREFIXES: readonly string[] = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.0.0.0/16',
  '10.0.0.0/24',
  '10.0.0.4/32',
  '10.0.1.0/24',
  '10.1.0.0/16',
  '10.0.0.4/31',
  '203.0.113.0/24',
  '::/0',
  'fd00::/48',
  'fd00:0:0:1::/64',
  'fd00:0:0:1::4/128',
];
export const TAG_IDS: readonly string[] = ['green', 'amber'];

const PREFIX = fc.constantFrom(...PREFIXES).map(prefix);
const PORTS = fc.array(
  fc.constantFrom(
    { from: 80, to: 80 },
    { from: 0, to: 80 },
    { from: 81, to: 65_535 },
    { from: 1000, to: 1001 },
    { from: 67, to: 68 },
  ),
  { maxLength: 2 },
);
const MATCH: fc.Arbitrary<AddressMatch | undefined> = fc.option(
  fc.oneof(
    fc
      .array(PREFIX, { maxLength: 2 })
      .map((prefixes) => ({ prefixes, tags: [], securityTagIds: [] })),
    fc
      .constantFrom(AddressTag.VIRTUAL_NETWORK, AddressTag.INTERNET, AddressTag.AZURE_LOAD_BALANCER)
      .map((tag) => ({ prefixes: [], tags: [tag], securityTagIds: [] })),
    fc.constantFrom(...TAG_IDS).map((id) => ({ prefixes: [], tags: [], securityTagIds: [id] })),
  ),
  { nil: undefined },
);

const RULE: fc.Arbitrary<Omit<AclRule, 'resourceRef' | 'priority'>> = fc
  .record({
    direction: fc.constantFrom(AclDirection.ACL_INBOUND, AclDirection.ACL_OUTBOUND),
    action: fc.constantFrom(AclAction.ACL_PERMIT, AclAction.ACL_DENY),
    protocol: fc.constantFrom(0, 0, 6, 17, 1, 58),
    source: MATCH,
    destination: MATCH,
    sourcePorts: PORTS,
    destinationPorts: PORTS,
    logging: fc.constant(false),
  })
  .map(({ source, destination, ...rule }) => {
    const isIcmp = rule.protocol === 1 || rule.protocol === 58;
    return {
      ...rule,
      ...(isIcmp ? { sourcePorts: [], destinationPorts: [] } : {}),
      ...(source && { source }),
      ...(destination && { destination }),
    };
  });

export function accessControlList(id: string): fc.Arbitrary<AccessControlList> {
  const action = fc.constantFrom(AclAction.ACL_PERMIT, AclAction.ACL_PERMIT, AclAction.ACL_DENY);
  return fc
    .record({
      inboundDefault: action,
      outboundDefault: action,
      rules: fc.array(RULE, { maxLength: 6 }),
    })
    .map(({ rules, ...defaults }) => ({
      id,
      resourceRef: `/accessControlLists/${id}`,
      ...defaults,
      rules: rules.map((rule, index) => ({
        ...rule,
        resourceRef: `/accessControlLists/${id}/aclRules/r${index}`,
        priority: 100 + index,
      })),
    }));
}

export function securityTags(vnetId: string): fc.Arbitrary<readonly SecurityTag[]> {
  const members = fc.subarray(['10.0.0.4', '10.0.0.5', '10.0.1.4', 'fd00:0:0:1::4']);
  return fc.tuple(members, members).map((lists) =>
    lists.map((addresses, index) => ({
      id: TAG_IDS[index] ?? '',
      resourceRef: `/securityTags/${TAG_IDS[index]}`,
      vnetId,
      addresses: addresses.map((address: Address) => bytesOf(address)),
    })),
  );
}

export function virtualNetwork(id: string): fc.Arbitrary<VirtualNetwork> {
  return fc
    .record({
      space: fc.subarray(['10.0.0.0/16', '10.1.0.0/16', 'fd00::/48']),
      remote: fc.subarray(['10.2.0.0/16', 'fd00:2::/48']),
      allowAccess: fc.boolean(),
    })
    .map(({ space, remote, allowAccess }) => ({
      ...VIRTUAL_NETWORK_DEFAULTS,
      id,
      resourceRef: `/virtualNetworks/${id}`,
      addressSpace: space.map(prefix),
      peerings:
        remote.length === 0
          ? []
          : [
              {
                resourceRef: `/virtualNetworks/${id}/virtualNetworkPeerings/hub`,
                remoteVnetId: 'hub',
                remoteAddressSpace: remote.map(prefix),
                allowAccess,
                allowForwarded: false,
              },
            ],
    }));
}

const ROUTED: readonly string[] = [...PREFIXES, '10.2.0.0/16', '10.2.3.0/24', 'fd00:2::/48'];

export function routeTable(id: string): fc.Arbitrary<RouteTable> {
  const route = fc.record({
    prefix: fc.constantFrom(...ROUTED),
    nextHopType: fc.constantFrom(
      NextHopType.NEXT_HOP_NONE,
      NextHopType.NEXT_HOP_VNET_LOCAL,
      NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
      NextHopType.NEXT_HOP_INTERNET,
      NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY,
    ),
    nextHop: fc.constantFrom('10.0.0.4', '10.0.1.4'),
  });
  return fc.uniqueArray(route, { maxLength: 5, selector: (one) => one.prefix }).map((routes) => ({
    id,
    resourceRef: `/routeTables/${id}`,
    routes: routes.map(({ prefix: text, nextHopType, nextHop }, index) => ({
      resourceRef: `/routeTables/${id}/routes/r${index}`,
      prefix: prefix(text),
      nextHopType,
      nextHop:
        nextHopType === NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE
          ? bytesOf(nextHop)
          : new Uint8Array(),
    })),
  }));
}

/** A route table whose appliances are to be chosen among the interfaces there are. */
export interface RouteTablePlan {
  readonly routes: readonly {
    readonly prefix: string;
    readonly nextHopType: NextHopType;
    readonly via: number;
  }[];
}

const STEERED: readonly string[] = [
  ...['0.0.0.0/0', '::/0', '203.0.113.0/24', '10.0.0.0/8', 'fd00::/16'],
  ...['10.0.0.0/16', '10.0.0.0/24', '10.0.0.4/31', '10.0.1.0/24', '10.1.0.0/16', '10.2.0.0/16'],
  ...['10.2.0.0/24', '10.2.0.4/32', '10.3.0.0/16', '10.4.0.0/16'],
  ...['fd00::/48', 'fd00:0:0:1::/64', 'fd00:0:0:1::4/128', 'fd00:2::/48', 'fd00:2:0:1::/64'],
];

export const ROUTE_TABLE_PLAN: fc.Arbitrary<RouteTablePlan> = fc.record({
  routes: fc.uniqueArray(
    fc.record({
      prefix: fc.constantFrom(...STEERED),
      // Mostly appliances: the other kinds of next hop are the ends of their packets.
      nextHopType: fc.constantFrom(
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
        NextHopType.NEXT_HOP_VNET_LOCAL,
        NextHopType.NEXT_HOP_NONE,
        NextHopType.NEXT_HOP_NONE,
        NextHopType.NEXT_HOP_INTERNET,
        NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY,
        NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY,
      ),
      via: fc.nat(15),
    }),
    { maxLength: 8, size: 'max', selector: (route) => route.prefix },
  ),
});

/** What one network may do in another one: `remote` is the other's number. */
export interface PeeringPlan {
  readonly remote: number;
  readonly allowAccess: boolean;
  readonly allowForwarded: boolean;
}

export const PEERING_PLAN: fc.Arbitrary<PeeringPlan> = fc.record({
  // One more than there are tenants: a network that this host knows nothing of.
  remote: fc.constantFrom(0, 0, 1, 1, 2, 3),
  allowAccess: fc.constantFrom(true, true, true, false),
  allowForwarded: fc.boolean(),
});
