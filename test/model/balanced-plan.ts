/**
 * Generated load balancers over the small cloud of tenancy.ts: each tenant has an internal and a public virtual address of each family, pools of its
 * interfaces here and at other hosts, what probes say of them, and leases of ports for some. Goal state as a controller would send it, and what happens:
 * requests of VMs and of muxes, answers, changes of pools and health. Called by test/model/balanced-comparison.
 */
import fc from 'fast-check';
import { defined } from '../../base/assert.ts';
import {
  BACKEND_DEFAULTS,
  LOAD_BALANCING_RULE_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import { HealthState, type Resource } from '../../schema/southbound/messages.ts';
import { type Address, bytesOf, isIpv6, textOf } from './address.ts';
import { PROTOCOL } from './frame.ts';
import { goalOf, HOSTS, type Nic, type Tenant, type TenantPlan, vniOf } from './tenancy.ts';

export const MUX: Address = '192.0.2.50';
export const EDGE = { address: '192.0.2.60', mac: 0x0200_5e00_0001 };
/** Of virtual addresses, by TCP and UDP; backends serve it at BACKEND_PORT. */
export const SERVED_PORT = 80;
export const BACKEND_PORT = 8080;
const UNSERVED_PORT = 99;

export interface Balancer {
  readonly tenant: Tenant;
  readonly index: number;
  /** Of the pools, by address. */
  members: ReadonlySet<Address>;
  draining: ReadonlySet<Address>;
  readonly states: Map<Address, HealthState>;
}

/** An address of an interface that may be a backend. */
export interface Place {
  readonly nic: Nic;
  readonly address: Address;
  readonly vni: number;
}

export type BalancedCommand =
  /** A VM here sends to a virtual address, to another VM, or out. */
  | {
      readonly op: 'ask';
      readonly nic: number;
      readonly to: 'internal' | 'direct' | 'outside' | 'public';
      readonly which: number;
      readonly flow: FlowPlan;
    }
  /** A mux brings a request for a public virtual address to one of its backends. */
  | {
      readonly op: 'mux';
      readonly tenant: number;
      readonly which: number;
      readonly flow: FlowPlan;
    }
  /** Whoever a request has reached answers it. */
  | { readonly op: 'answer'; readonly which: number }
  /** A mux brings to a leased port what nobody has asked for. */
  | { readonly op: 'stray'; readonly nic: number; readonly flow: FlowPlan }
  | {
      readonly op: 'pool';
      readonly tenant: number;
      readonly members: readonly boolean[];
      readonly draining: readonly boolean[];
    }
  | { readonly op: 'health'; readonly tenant: number; readonly states: readonly HealthState[] };

export interface FlowPlan {
  readonly isSix: boolean;
  readonly isTcp: boolean;
  readonly isOpening: boolean;
  readonly srcPort: number;
  readonly port: number;
}

export interface BalancedScenario {
  readonly tenants: readonly TenantPlan[];
  readonly commands: readonly BalancedCommand[];
}

const INDEX = fc.nat(20);
const FLOW: fc.Arbitrary<FlowPlan> = fc.record({
  isSix: fc.boolean(),
  isTcp: fc.boolean(),
  isOpening: fc.boolean(),
  srcPort: fc.constantFrom(4000, 4001, 4002),
  port: fc.constantFrom(...new Array<number>(9).fill(SERVED_PORT), UNSERVED_PORT),
});
const { HEALTH_UP: UP, HEALTH_DOWN: DOWN, HEALTH_LOST: LOST } = HealthState;
const PLACES_MAX = 10;
const places = <T>(each: fc.Arbitrary<T>) =>
  fc.array(each, { minLength: PLACES_MAX, maxLength: PLACES_MAX });

const NO_POLICY = { lists: [], routeTables: [], securityTags: [] };
const NONE = [0, 0, 0, 0, 0];
const NIC = fc
  .record({
    ipv4: fc.record({ subnet: fc.nat(2), host: fc.integer({ min: 4, max: 9 }) }),
    ipv6: fc.record({ subnet: fc.constantFrom(3, 4), host: fc.integer({ min: 4, max: 9 }) }),
    host: fc.constantFrom(0, 0, 1, 2),
  })
  .map(({ ipv4, ipv6, host }) => {
    return { addresses: [ipv4, ipv6], macSpoofing: false, ipForwarding: false, host, list: 0 };
  });

/** Two, of which each may reach the other or not. */
const TENANTS: fc.Arbitrary<readonly TenantPlan[]> = fc
  .tuple(...[0, 1].map((block) => fc.tuple(fc.constant(block), nics(), fc.boolean())))
  .map((plans) =>
    plans.map(([block, nicPlans, allowAccess]) => ({
      ...NO_POLICY,
      ...{ block, nics: nicPlans, subnetLists: NONE, subnetTables: NONE },
      peerings: [{ remote: 1 - block, allowAccess, allowForwarded: false }],
    })),
  );

function nics() {
  return fc.array(NIC, { minLength: 2, maxLength: 5, size: 'max' });
}

const COMMAND: fc.Arbitrary<BalancedCommand> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('ask' as const),
      nic: INDEX,
      to: fc.constantFrom('internal', 'internal', 'internal', 'direct', 'outside', 'public'),
      which: INDEX,
      flow: FLOW,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('mux' as const),
      ...{ tenant: INDEX, which: INDEX, flow: FLOW },
    }),
  },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('answer' as const), which: INDEX }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('stray' as const), nic: INDEX, flow: FLOW }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('pool' as const),
      tenant: INDEX,
      members: places(fc.constantFrom(true, true, false)),
      draining: places(fc.constantFrom(false, false, true)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('health' as const),
      tenant: INDEX,
      states: places(fc.constantFrom(UP, UP, DOWN, LOST)),
    }),
  },
) as fc.Arbitrary<BalancedCommand>;

export const BALANCED_SCENARIO: fc.Arbitrary<BalancedScenario> = fc.record({
  tenants: TENANTS,
  commands: fc.array(COMMAND, { minLength: 1, maxLength: 80, size: 'max' }),
});

export function newBalancer(tenant: Tenant, index: number): Balancer {
  const all = placesOf({ tenant, index }).map(({ address }) => address);
  return {
    ...{ tenant, index, members: new Set(all), draining: new Set() },
    states: new Map(all.map((address) => [address, UP])),
  };
}

export function placesOf({ tenant, index }: Pick<Balancer, 'tenant' | 'index'>): Place[] {
  return tenant.nics.flatMap((nic) =>
    nic.addresses.map(({ subnet, address }) => ({ nic, address, vni: vniOf(index, subnet) })),
  );
}

export function internalAddress({ tenant }: Balancer, isSix: boolean): Address {
  const even = tenant.block * 2;
  return isSix ? textOf(bytesOf(`fd00:${even}:0:1::c8`)) : `10.${even}.0.200`;
}

export function publicAddress({ index }: Balancer, isSix: boolean): Address {
  return isSix ? `2001:db8:203::${index + 1}` : `203.0.113.${index + 1}`;
}

/** First of eight ports of the public address that the interface's address is leased; undefined: none are. */
export function leasedFrom(balancer: Balancer, own: Address): number | undefined {
  const at = placesOf(balancer).findIndex(({ address }) => address === own);
  // Not to everybody: who has none leaves as itself. The two addresses of an interface lie side by side.
  return (at >> 1) % 2 === 1 ? undefined : 1024 + 8 * at;
}

/** All that this host is sent about the tenants and their load balancers. */
export function balancedGoal(balancers: readonly Balancer[]): Resource[] {
  const goal = goalOf(balancers.map(({ tenant }) => tenant));
  return [...goal.map(withRouters), ...balancers.flatMap(balancerResources)];
}

function withRouters(resource: Resource): Resource {
  if (resource.host === undefined) return resource;
  const edge = { providerAddress: bytesOf(EDGE.address), mac: EDGE.mac, resourceRef: '/edge' };
  const mux = { providerAddress: bytesOf(MUX), resourceRef: '/mux' };
  return { ...resource, host: { ...resource.host, edges: [edge], muxes: [mux] } };
}

function balancerResources(balancer: Balancer): Resource[] {
  const { tenant } = balancer;
  return [false, true].flatMap((isSix): Resource[] => {
    const family = isSix ? 6 : 4;
    const [poolId, healthId] = [`${tenant.id}-p${family}`, `${tenant.id}-h${family}`];
    const own = placesOf(balancer).filter(({ address }) => isIpv6(address) === isSix);
    const states = own.map(({ address }) => {
      return { address: bytesOf(address), state: balancer.states.get(address) ?? UP };
    });
    const backends = own
      .filter(({ address }) => balancer.members.has(address))
      .map((place) => backendOf(balancer, place));
    const virtualIps = [true, false].map((internal) => {
      const address = internal ? internalAddress(balancer, isSix) : publicAddress(balancer, isSix);
      const id = `${tenant.id}-${internal ? 'in' : 'out'}${family}`;
      const subnetId = internal ? `${tenant.id}-s${isSix ? 3 : 0}` : '';
      const rules = [PROTOCOL.TCP, PROTOCOL.UDP].map((protocol) => ({
        ...LOAD_BALANCING_RULE_DEFAULTS,
        ...{ id: `${id}-${protocol}`, resourceRef: `/rules/${id}-${protocol}`, protocol },
        ...{ port: SERVED_PORT, backendPort: BACKEND_PORT, poolId, healthId },
      }));
      const virtualIp = {
        ...{ id, resourceRef: `/frontends/${id}`, address: bytesOf(address) },
        ...{ vnetId: tenant.id, internal, subnetId, rules },
      };
      return { key: `vip/${id}`, version: 1, virtualIp };
    });
    const backendPool = {
      id: poolId,
      resourceRef: `/pools/${poolId}`,
      vnetId: tenant.id,
      backends,
    };
    const backendHealth = { id: healthId, probeRef: `/probes/${healthId}`, states };
    return [
      { key: `pool/${poolId}`, version: 1, backendPool },
      { key: `health/${healthId}`, version: 1, backendHealth },
      ...virtualIps,
      ...own.flatMap((place) => leaseOf(balancer, place) ?? []),
    ];
  });
}

function backendOf({ draining }: Balancer, { nic, address, vni }: Place) {
  return {
    ...BACKEND_DEFAULTS,
    ...{ address: bytesOf(address), vni, mac: nic.mac, draining: draining.has(address) },
    providerAddress: bytesOf(defined(HOSTS[nic.host ?? 0], 'a host')),
    portId: nic.id,
    resourceRef: `/networkInterfaces/${nic.id}/ipConfigurations/${address}`,
    weight: 1,
  };
}

function leaseOf(balancer: Balancer, { nic, address, vni }: Place): Resource | undefined {
  const from = leasedFrom(balancer, address);
  if (from === undefined || nic.host !== 0) return undefined;
  const { tenant } = balancer;
  return {
    key: `snat/${tenant.id}/${address}`,
    version: 1,
    snatLease: {
      vipId: `${tenant.id}-out${isIpv6(address) ? 6 : 4}`,
      resourceRef: `/outbound/${tenant.id}`,
      publicAddress: bytesOf(publicAddress(balancer, isIpv6(address))),
      ...{ vnetId: tenant.id, address: bytesOf(address), vni, mac: nic.mac },
      providerAddress: bytesOf(HOSTS[0] ?? ''),
      ...{ portId: nic.id, protocol: 0, ports: [{ from, to: from + 7 }] },
      ...{ idleTimeoutSec: 240, tcpReset: false },
    },
  };
}
