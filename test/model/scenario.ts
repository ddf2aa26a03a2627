/**
 * Generated scenarios: tenants, and what happens to them — packets of VMs and from tunnels, answers to earlier ones, changes of goal state,
 * devices that come and go, time. Choices are small numbers taken modulo what there is to choose from, so every scenario is
 * valid and shrinks well.
 */
import fc from 'fast-check';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { AccessControlList, SecurityTag } from '../../schema/southbound/messages.ts';
import type { Address } from './address.ts';
import { isIpv6 } from './address.ts';
import { hasPorts, type PacketSpec, PROTOCOL, type Segment } from './frame.ts';
import {
  accessControlList,
  PEERING_PLAN,
  type PeeringPlan,
  ROUTE_TABLE_PLAN,
  securityTags,
} from './policy-plans.ts';
import {
  BLOCK_COUNT,
  HOSTS,
  LIST_COUNT,
  type Nic,
  SUBNET_COUNT,
  type Tenant,
  type TenantPlan,
  withPeers,
} from './tenancy.ts';

export interface PacketPlan {
  /** Usually one of the sender's own addresses. */
  readonly src: number | Address;
  /** Usually an address of some NIC of the same tenant. */
  readonly dst: number | Address;
  readonly srcMac: 'own' | 'other';
  readonly dstMac: 'owner' | 'router' | 'group' | 'other' | 'appliance';
  readonly isTagged: boolean;
  readonly ttl: number;
  readonly dontFragment: boolean;
  readonly fragment: PacketSpec['fragment'];
  readonly protocol: 'tcp' | 'udp' | 'echo' | 'unreachable' | 'gre';
  readonly ports: readonly [number, number];
  readonly flags: number;
  readonly payloadLen: number;
  readonly offload: PacketSpec['offload'];
}

export type Command =
  /** A VM sends, so many times. */
  | {
      readonly op: 'send';
      readonly nic: number;
      readonly times: number;
      readonly packet: PacketPlan;
    }
  /** A tunnel brings a packet, by right or not. */
  | {
      readonly op: 'tunnel';
      readonly host: number;
      readonly tenant: number;
      /** Undefined: that of the destination. */
      readonly subnet: number | undefined;
      readonly packet: PacketPlan;
    }
  /** The receiver of an earlier packet answers it. */
  | { readonly op: 'reply'; readonly to: number; readonly flags: number }
  /** An appliance sends on what it has received for others. */
  | { readonly op: 'forward'; readonly of: number }
  | { readonly op: 'move'; readonly nic: number; readonly host: number | undefined }
  | { readonly op: 'configure'; readonly nic: number }
  | { readonly op: 'spoofing'; readonly nic: number }
  | { readonly op: 'forwarding'; readonly nic: number }
  /** The peering is as planned from now on; one that already is goes. */
  | { readonly op: 'peering'; readonly tenant: number; readonly peering: PeeringPlan }
  | { readonly op: 'tags'; readonly tenant: number; readonly tags: readonly SecurityTag[] }
  | { readonly op: 'attach'; readonly nic: number }
  | { readonly op: 'space'; readonly tenant: number; readonly space: number }
  | { readonly op: 'list'; readonly nic: number; readonly list: number }
  | {
      readonly op: 'subnet-list';
      readonly tenant: number;
      readonly subnet: number;
      readonly list: number;
    }
  /** The list has other rules from now on. */
  | {
      readonly op: 'rules';
      readonly tenant: number;
      readonly list: number;
      readonly from: AccessControlList;
    }
  | {
      readonly op: 'subnet-table';
      readonly tenant: number;
      readonly subnet: number;
      readonly table: number;
    }
  | { readonly op: 'wait'; readonly sec: number };

export interface Scenario {
  readonly tenants: readonly TenantPlan[];
  readonly commands: readonly Command[];
}

/** Mostly the first, now and then one of the others. */
function mostly<T>(usual: fc.Arbitrary<T>, ...rare: fc.Arbitrary<T>[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 12, arbitrary: usual },
    ...rare.map((arbitrary) => ({ weight: 1, arbitrary })),
  );
}

const INDEX = fc.nat(20);
/** Nobody's, the platform's, everybody's, outside, unmapped. */
const ODD_ADDRESSES: readonly Address[] = [
  '0.0.0.0',
  '::',
  'fe80::1',
  '10.0.0.1',
  'fd00:0:0:1::1',
  '168.63.129.16',
  '169.254.169.254',
  '169.254.3.4',
  '10.0.0.99',
  '10.2.0.4',
  '203.0.113.5',
  '2001:db8::5',
  'fd00:0:0:2::99',
];
const SELF = 'self';
const ODD_ADDRESS: fc.Arbitrary<number | Address> = fc.constantFrom(...ODD_ADDRESSES);

const PACKET: fc.Arbitrary<PacketPlan> = fc.record({
  src: mostly<number | Address>(INDEX, ODD_ADDRESS),
  dst: mostly<number | Address>(INDEX, ODD_ADDRESS, ODD_ADDRESS, fc.constant(SELF)),
  srcMac: mostly<PacketPlan['srcMac']>(fc.constant('own'), fc.constant('other')),
  dstMac: mostly<PacketPlan['dstMac']>(
    fc.constant('owner'),
    fc.constantFrom('router', 'other'),
    fc.constant('appliance'),
    fc.constant('group'),
  ),
  isTagged: mostly(
    fc.constant(false),
    fc.nat(3).map((n) => n === 0),
  ),
  ttl: mostly(fc.constant(64), fc.constantFrom(0, 1, 2, 255)),
  dontFragment: fc.boolean(),
  fragment: mostly<PacketSpec['fragment']>(fc.constant('none'), fc.constantFrom('first', 'later')),
  protocol: fc.constantFrom('tcp', 'tcp', 'udp', 'udp', 'echo', 'unreachable', 'gre'),
  ports: fc.tuple(fc.constantFrom(1000, 1001, 67, 68), fc.constantFrom(80, 81, 67, 68)),
  flags: fc.constantFrom(0x02, 0x10, 0x11, 0x04),
  payloadLen: mostly(fc.constantFrom(0, 1, 8), fc.integer({ min: 1380, max: 1440 }), fc.nat(3000)),
  offload: mostly<PacketSpec['offload']>(
    fc.constant('none'),
    fc.constantFrom('checksum', 'segmentation'),
  ),
});

const CHANGE: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    op: fc.constant('move' as const),
    nic: INDEX,
    host: fc.option(fc.nat(HOSTS.length - 1), { nil: undefined }),
  }),
  fc.record({ op: fc.constant('configure' as const), nic: INDEX }),
  fc.record({ op: fc.constant('spoofing' as const), nic: INDEX }),
  fc.record({ op: fc.constant('forwarding' as const), nic: INDEX }),
  fc.record({ op: fc.constant('peering' as const), tenant: INDEX, peering: PEERING_PLAN }),
  fc.record({ op: fc.constant('tags' as const), tenant: INDEX, tags: securityTags('network') }),
  fc.record({ op: fc.constant('attach' as const), nic: INDEX }),
  fc.record({ op: fc.constant('space' as const), tenant: INDEX, space: fc.nat(2) }),
  fc.record({ op: fc.constant('list' as const), nic: INDEX, list: fc.nat(LIST_COUNT) }),
  fc.record({
    op: fc.constant('subnet-list' as const),
    tenant: INDEX,
    subnet: fc.nat(SUBNET_COUNT - 1),
    list: fc.nat(LIST_COUNT),
  }),
  fc.record({
    op: fc.constant('rules' as const),
    tenant: INDEX,
    list: fc.nat(LIST_COUNT - 1),
    from: accessControlList('list'),
  }),
  fc.record({
    op: fc.constant('subnet-table' as const),
    tenant: INDEX,
    subnet: fc.nat(SUBNET_COUNT - 1),
    table: fc.nat(2),
  }),
  fc.record({ op: fc.constant('wait' as const), sec: fc.constantFrom(35, 130, 8000) }),
);

const SEND: fc.Arbitrary<Command> = fc.record({
  op: fc.constant('send' as const),
  nic: INDEX,
  times: fc.integer({ min: 1, max: 2 }),
  packet: PACKET,
});
const REPLY: fc.Arbitrary<Command> = fc.record({
  op: fc.constant('reply' as const),
  to: INDEX,
  flags: fc.constantFrom(0x12, 0x10, 0x11, 0x04),
});
const FORWARD: fc.Arbitrary<Command> = fc.record({
  op: fc.constant('forward' as const),
  of: fc.oneof(fc.constant(0), INDEX),
});
const TUNNEL: fc.Arbitrary<Command> = fc.record({
  op: fc.constant('tunnel' as const),
  host: mostly(fc.constantFrom(1, 1, 2), fc.nat(HOSTS.length)),
  tenant: INDEX,
  subnet: mostly(fc.constant(undefined), fc.nat(SUBNET_COUNT), fc.constant(SUBNET_COUNT)),
  packet: PACKET,
});

const NIC = fc.record({
  addresses: fc.array(
    fc.record({ subnet: fc.nat(SUBNET_COUNT - 1), host: fc.integer({ min: 4, max: 7 }) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  macSpoofing: fc.boolean(),
  ipForwarding: fc.constantFrom(true, false, false),
  host: fc.constantFrom(0, 0, 0, 1, 1, 2),
  list: fc.nat(LIST_COUNT),
});

const TENANT: fc.Arbitrary<TenantPlan> = fc.record({
  block: fc.nat(BLOCK_COUNT - 1),
  nics: fc.array(NIC, { minLength: 2, maxLength: 5, size: 'max' }),
  lists: fc.array(accessControlList('list'), { maxLength: LIST_COUNT }),
  routeTables: fc.array(ROUTE_TABLE_PLAN, { minLength: 1, maxLength: 1 }),
  peerings: fc.array(PEERING_PLAN, { maxLength: 4, size: 'max' }),
  securityTags: securityTags('network'),
  // Mostly none, or hardly a packet would get anywhere.
  subnetLists: fc.array(fc.constantFrom(0, 1, 2, 2, 2), {
    minLength: SUBNET_COUNT,
    maxLength: SUBNET_COUNT,
  }),
  subnetTables: fc.array(fc.constantFrom(0, 0, 1), {
    minLength: SUBNET_COUNT,
    maxLength: SUBNET_COUNT,
  }),
});

export const SCENARIO: fc.Arbitrary<Scenario> = fc.record({
  tenants: fc.array(TENANT, { minLength: 1, maxLength: 3, size: 'max' }),
  commands: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: SEND },
      { weight: 2, arbitrary: REPLY },
      { weight: 2, arbitrary: FORWARD },
      { weight: 2, arbitrary: TUNNEL },
      { weight: 2, arbitrary: CHANGE },
    ),
    { minLength: 1, maxLength: 60, size: 'max' },
  ),
});

/** A plan for a sender made a packet. `sender` undefined: somebody beyond a tunnel, who may claim any address of the tenant. */
export function packetOf(
  plan: PacketPlan,
  tenant: Tenant,
  sender: Nic | undefined,
  tenants: readonly Tenant[],
): PacketSpec | undefined {
  const own = ownersOf([tenant]);
  const all = ownersOf(withPeers(tenant, tenants));
  const sources =
    sender === undefined
      ? ownersOf([tenant, ...tenants])
      : sender.ipForwarding
        ? all
        : own.filter(({ nic }) => nic === sender);
  const from = pick(sources, plan.src);
  const src = typeof plan.src === 'string' ? plan.src : from?.address;
  if (src === undefined) return undefined;
  // What a tunnel brings is mostly for this network.
  const others = (sender === undefined ? own : all).filter(({ nic }) => nic !== sender);
  const reachable = others.filter(({ address }) => isIpv6(address) === isIpv6(src));
  const targets = reachable.length > 0 ? reachable : all;
  const target = pick(targets, plan.dst);
  const dst = plan.dst === SELF ? src : typeof plan.dst === 'string' ? plan.dst : target?.address;
  // One packet is of one family.
  if (dst === undefined || isIpv6(src) !== isIpv6(dst)) return undefined;
  const owner = target?.nic.mac ?? VIRTUAL_ROUTER_MAC;
  const macs = {
    owner,
    router: VIRTUAL_ROUTER_MAC,
    group: 0xffff_ffff_ffff,
    other: 0x0200_0000_beef,
    appliance: tenant.nics.find(({ ipForwarding }) => ipForwarding)?.mac ?? owner,
  };
  const segment = segmentOf(plan, isIpv6(src));
  const isWhole = plan.fragment === 'none' && hasPorts(segment.protocol);
  const isSuper = plan.offload === 'segmentation' && plan.payloadLen > 0;
  return {
    srcMac: plan.srcMac === 'own' ? (sender?.mac ?? from?.nic.mac ?? 2) : 0x0200_0000_dead,
    dstMac: macs[plan.dstMac],
    isTagged: plan.isTagged,
    src,
    dst,
    ttl: plan.ttl,
    dontFragment: plan.dontFragment,
    fragment: plan.fragment,
    segment,
    payloadLen: plan.payloadLen,
    mark: tenant.mark,
    offload: !isWhole || (plan.offload === 'segmentation' && !isSuper) ? 'none' : plan.offload,
  };
}

function ownersOf(tenants: readonly Tenant[]) {
  return tenants.flatMap(({ nics }) =>
    nics.flatMap((nic) => nic.addresses.map(({ address }) => ({ nic, address }))),
  );
}

function segmentOf(plan: PacketPlan, isSix: boolean): Segment {
  const [srcPort, dstPort] = plan.ports;
  const icmp = isSix ? PROTOCOL.ICMPV6 : PROTOCOL.ICMP;
  const protocols = { tcp: 6, udp: 17, echo: icmp, unreachable: icmp, gre: 47 };
  const error = isSix ? 1 : 3;
  return {
    protocol: protocols[plan.protocol],
    srcPort,
    dstPort,
    flags: plan.flags,
    type: plan.protocol === 'echo' ? (isSix ? 128 : 8) : error,
    identifier: srcPort,
  };
}

/** The packet that answers `packet`, as its receiver's kernel writes it; undefined: nobody answers that. */
export function replyTo(packet: PacketSpec, receiver: Nic, flags: number): PacketSpec | undefined {
  const { segment } = packet;
  const isEcho = segment.type === 8 || segment.type === 128;
  if (!hasPorts(segment.protocol) && !isEcho) return undefined;
  return {
    ...packet,
    srcMac: receiver.mac,
    dstMac: packet.srcMac,
    src: packet.dst,
    dst: packet.src,
    ttl: 64,
    segment: {
      ...segment,
      srcPort: segment.dstPort,
      dstPort: segment.srcPort,
      flags,
      type: segment.type === 8 ? 0 : 129,
    },
  };
}

/** What an appliance's kernel sends on of a packet that it has received for somebody else (RFC 1812 §5.3.1); undefined: nothing. */
export function sentOn(packet: PacketSpec, appliance: Nic): PacketSpec | undefined {
  if (packet.ttl <= 1) return undefined;
  return { ...packet, srcMac: appliance.mac, dstMac: VIRTUAL_ROUTER_MAC, ttl: packet.ttl - 1 };
}

export function pick<T>(list: readonly T[], choice: number | Address): T | undefined {
  return typeof choice === 'number' && list.length > 0 ? list[choice % list.length] : undefined;
}
