/**
 * Node `snat-leases`: which ports of a public virtual address each backend's outbound connections use, as leased (controller/southbound/
 * snat-leases.ts), joined with where the backend is. One unit per leaseholder of a frontendIPConfiguration, so that a backend which comes or
 * moves costs what it has leased itself, and one per frontendIPConfiguration for the interest of muxes. Muxes hold all leases, a host those of
 * the backends on it; a backend that is attached nowhere keeps its ports, and nobody is told of them.
 */
import type { SnatLease } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT, type UnitOutput } from '../../goal-state/goal-states.ts';
import { resourceContent, snatLeaseKey } from '../../goal-state/resource.ts';
import { addressOf, backendsMovedBy, balancedBy, balancerId, isMuxServing } from '../balancing.ts';
import { publicAddressRef } from '../edges.ts';
import type { Frontend, LoadBalancer } from '../load-balancer-document.ts';
import type { ModelView } from '../model-view.ts';
import type { NetworkInterface } from '../network-document.ts';
import {
  type CompilerNode,
  type CompilerSettings,
  hastened,
  hostScope,
  muxTarget,
  snatScope,
} from '../node.ts';
import { holderName, type Leaseholder, leaseholder } from '../snat.ts';

export const snatLeases: CompilerNode = {
  name: 'snat-leases',
  handle(change, model) {
    switch (change.kind) {
      case 'snat': {
        const { vipId, holders } = change;
        return [vipId, ...holders.map((holder) => unitName(vipId, holder))];
      }
      case 'load-balancer':
        return [change.before, change.after].flatMap((one) => unitsOf(one, model));
      case 'load-balancer-mux': {
        const isSame = isMuxServing(change.before) === isMuxServing(change.after);
        return isSame ? [] : model.balancing.leasedIds();
      }
      case 'public-ip-address': {
        const id = change.before?.id ?? change.after?.id ?? '';
        const users = model.referring('load-balancer', publicAddressRef(id));
        return [...users].flatMap((user) => unitsOf(model.loadBalancers.get(user), model));
      }
      case 'network-interface':
        return [change.before, change.after].flatMap((one) => leasesOf(one, model));
      default:
        return Array.from(backendsMovedBy(change, model)).flatMap((id) =>
          leasesOf(model.networkInterfaces.get(id), model),
        );
    }
  },
  *units({ balancing }) {
    for (const vipId of balancing.leasedIds()) {
      yield vipId;
      for (const holder of balancing.leasesOf(vipId).keys()) yield unitName(vipId, holder);
    }
  },
  compile(unit, model, settings) {
    const end = unit.indexOf(' ');
    const vipId = end === -1 ? unit : unit.slice(0, end);
    const leased = model.balancing.leasesOf(vipId);
    const balancer = model.byInstanceId(vipId);
    if (leased.size === 0 || balancer?.kind !== 'load-balancer') return NO_OUTPUT;
    const frontend = balancer.frontends.find(({ instanceId }) => instanceId === vipId);
    if (frontend === undefined) return NO_OUTPUT;
    if (end === -1) return muxesInterest(frontend, balancer, model);
    const holder = unit.slice(end + 1);
    return leaseOutput(holder, frontend, { balancer, leased, model, settings });
  },
};

/** Neither of an instanceId has a space. */
function unitName(vipId: string, holder: string): string {
  return `${vipId} ${holder}`;
}

function muxesInterest(frontend: Frontend, balancer: LoadBalancer, model: ModelView): UnitOutput {
  if (addressOf(frontend, model) === undefined) return NO_OUTPUT;
  const scope = snatScope(balancer.instanceId);
  const muxes = [...model.loadBalancerMuxes.values()].filter(isMuxServing);
  return {
    published: [],
    subscriptions: muxes.map(({ id }) => ({ target: muxTarget(id), scope })),
  };
}

function leaseOutput(
  name: string,
  frontend: Frontend,
  parts: {
    readonly balancer: LoadBalancer;
    readonly leased: ReadonlyMap<string, SnatLease['ports']>;
    readonly model: ModelView;
    readonly settings: CompilerSettings;
  },
): UnitOutput {
  const { balancer, leased, model, settings } = parts;
  const ports = leased.get(name);
  const publicAddress = addressOf(frontend, model);
  const holder = leaseholder(name, frontend, balancer, model);
  if (ports === undefined || publicAddress === undefined || holder === undefined) return NO_OUTPUT;
  const { serverId, providerAddress } = holder.member;
  if (serverId === undefined || providerAddress === undefined) return NO_OUTPUT;
  const lease = leaseMessage(holder, frontend, ports);
  const idleTimeoutSec = hastened(lease.idleTimeoutSec, settings);
  const snatLease = { ...lease, idleTimeoutSec, publicAddress, providerAddress };
  const key = snatLeaseKey(frontend.instanceId, snatLease.address);
  const content = resourceContent({ key, snatLease });
  const scopes = [snatScope(balancer.instanceId), hostScope(serverId)];
  return { published: scopes.map((scope) => ({ scope, content })), subscriptions: [] };
}

function leaseMessage(
  { member, use }: Pick<Leaseholder, 'member' | 'use'>,
  { instanceId: vipId }: Frontend,
  ports: SnatLease['ports'],
): Omit<SnatLease, 'publicAddress' | 'providerAddress'> {
  const { networkInterface, ipConfiguration, network, subnet } = member;
  const { ruleRef: resourceRef, protocol, idleTimeoutSec, tcpReset } = use;
  return {
    ...{ vipId, resourceRef, vnetId: network.instanceId, address: ipConfiguration.address },
    ...{ vni: subnet.vni, mac: networkInterface.mac, portId: networkInterface.instanceId },
    ...{ protocol, ports, idleTimeoutSec, tcpReset },
  };
}

/** Of all leases of a load balancer. */
function unitsOf(balancer: LoadBalancer | undefined, { balancing }: ModelView): readonly string[] {
  return (balancer?.frontends ?? []).flatMap(({ instanceId }) => [
    instanceId,
    ...Array.from(balancing.leasesOf(instanceId).keys(), (holder) => unitName(instanceId, holder)),
  ]);
}

/** Of what an interface has leased, whichever of its load balancers' frontends it is by. */
function leasesOf(found: NetworkInterface | undefined, model: ModelView): readonly string[] {
  if (found === undefined) return [];
  const names = new Set(found.ipConfigurations.map((each) => holderName(found, each)));
  const frontends = [...new Set(balancedBy(found).map(balancerId))].flatMap(
    (id) => model.loadBalancers.get(id)?.frontends ?? [],
  );
  return frontends.flatMap(({ instanceId }) => {
    const leased = model.balancing.leasesOf(instanceId);
    return [...names].filter((name) => leased.has(name)).map((name) => unitName(instanceId, name));
  });
}
