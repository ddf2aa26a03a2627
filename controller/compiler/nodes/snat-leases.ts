/**
 * Node `snat-leases`: which ports of a public virtual address each backend's outbound connections use, as leased (controller/southbound/
 * snat-leases.ts), joined with where the backend is. One unit per frontendIPConfiguration, by its instanceId. Muxes hold all leases, a host
 * those of the backends on it; a backend that is attached nowhere keeps its ports, and nobody is told of them.
 */
import type { SnatLease } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT, type UnitOutput } from '../../goal-state/goal-states.ts';
import { resourceContent, snatLeaseKey } from '../../goal-state/resource.ts';
import { addressOf, balancerId, isMuxServing, targetsMovedBy } from '../balancing.ts';
import { publicAddressRef } from '../edges.ts';
import type { Frontend, LoadBalancer } from '../load-balancer-document.ts';
import type { ModelView } from '../model.ts';
import {
  type CompilerNode,
  type CompilerSettings,
  hastened,
  hostScope,
  muxTarget,
  snatScope,
} from '../node.ts';
import { type Leaseholder, leaseholders } from '../snat.ts';

export const snatLeases: CompilerNode = {
  name: 'snat-leases',
  handle(change, model) {
    switch (change.kind) {
      case 'snat':
        return [change.vipId];
      case 'load-balancer':
        return new Set([change.before, change.after].flatMap(frontendsOf));
      case 'load-balancer-mux':
        return isMuxServing(change.before) === isMuxServing(change.after) ? [] : 'unhandled';
      case 'public-ip-address': {
        const id = change.before?.id ?? change.after?.id ?? '';
        const users = model.referring('load-balancer', publicAddressRef(id));
        return [...users].flatMap((user) => frontendsOf(model.loadBalancers.get(user)));
      }
      default: {
        const moved = new Set([...targetsMovedBy(change, model)].map(balancerId));
        return [...moved].flatMap((id) => frontendsOf(model.loadBalancers.get(id)));
      }
    }
  },
  units: ({ balancing }) => balancing.leasedIds(),
  compile(vipId, model, settings) {
    const leased = model.balancing.leasesOf(vipId);
    const balancer = model.byInstanceId(vipId);
    if (leased.size === 0 || balancer?.kind !== 'load-balancer') return NO_OUTPUT;
    const frontend = balancer.frontends.find(({ instanceId }) => instanceId === vipId);
    if (frontend === undefined) return NO_OUTPUT;
    return leaseOutput(frontend, { balancer, leased, model, settings });
  },
};

function leaseOutput(
  frontend: Frontend,
  parts: {
    readonly balancer: LoadBalancer;
    readonly leased: ReadonlyMap<string, SnatLease['ports']>;
    readonly model: ModelView;
    readonly settings: CompilerSettings;
  },
): UnitOutput {
  const { balancer, leased, model, settings } = parts;
  const publicAddress = addressOf(frontend, model);
  if (publicAddress === undefined) return NO_OUTPUT;
  const scope = snatScope(balancer.instanceId);
  const published = leaseholders(frontend, balancer, model).flatMap((holder) => {
    const ports = leased.get(holder.name);
    const { serverId, providerAddress } = holder.member;
    if (ports === undefined || serverId === undefined || providerAddress === undefined) return [];
    const lease = leaseMessage(holder, frontend, ports);
    const idleTimeoutSec = hastened(lease.idleTimeoutSec, settings);
    const snatLease = { ...lease, idleTimeoutSec, publicAddress, providerAddress };
    const key = snatLeaseKey(frontend.instanceId, snatLease.address);
    const content = resourceContent({ key, snatLease });
    return [scope, hostScope(serverId)].map((each) => ({ scope: each, content }));
  });
  const muxes = [...model.loadBalancerMuxes.values()].filter(isMuxServing);
  const subscriptions = muxes.map((mux) => ({ target: muxTarget(mux.id), scope }));
  return { published, subscriptions };
}

function leaseMessage(
  { member, use }: Leaseholder,
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

function frontendsOf(balancer: LoadBalancer | undefined): readonly string[] {
  return (balancer?.frontends ?? []).map(({ instanceId }) => instanceId);
}
