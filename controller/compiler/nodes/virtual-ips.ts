/**
 * Node `virtual-ips`: the frontends of load balancers with their rules, and who must know them. One unit per loadBalancer (MS-NCNBI §3.1.5.5).
 * Public ones go to every mux and edge, with the network that the backends' answers come from; internal ones to every host that holds the
 * network or one peered with it. The hosts of backends are node `backends`' business. A frontend that has no address yet is left out.
 */
import type { LoadBalancingRule, VirtualIp } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT, type UnitOutput } from '../../goal-state/goal-states.ts';
import { resourceContent, virtualIpKey } from '../../goal-state/resource.ts';
import {
  addressOf,
  backendNetwork,
  balancedBy,
  balancerId,
  balancersTurnedBy,
  isMuxServing,
  type Side,
  scopesOf,
  sideOf,
} from '../balancing.ts';
import { isServing, publicAddressRef } from '../edges.ts';
import type { Frontend, InboundRule, LoadBalancer } from '../load-balancer-document.ts';
import type { ModelChange } from '../model-change.ts';
import type { ModelView } from '../model-view.ts';
import {
  type CompilerNode,
  edgeTarget,
  hastened,
  muxTarget,
  virtualNetworkScope,
} from '../node.ts';
import type { Ref } from '../ref.ts';

export const virtualIps: CompilerNode = {
  name: 'virtual-ips',
  handle(change, model) {
    switch (change.kind) {
      case 'load-balancer':
        return [change.before, change.after].flatMap((one) => one?.id ?? []);
      case 'load-balancer-mux':
        return isMuxServing(change.before) === isMuxServing(change.after) ? [] : 'unhandled';
      case 'edge-router':
        return isServing(change.before) === isServing(change.after) ? [] : 'unhandled';
      case 'public-ip-address': {
        const id = change.before?.id ?? change.after?.id ?? '';
        return model.referring('load-balancer', publicAddressRef(id));
      }
      case 'network-interface':
        // Backends come and go by the thousand; what a frontend takes of them is their network.
        return new Set(change.respread.map(balancerId));
      case 'virtual-network':
        return new Set([
          ...balancersTurnedBy(change, model),
          ...interfacesOf(change, model).flatMap((each) => balancedBy(each).map(balancerId)),
        ]);
      default:
        return [];
    }
  },
  units: (model) => model.loadBalancers.keys(),
  compile(id, model, settings) {
    const balancer = model.loadBalancers.get(id);
    const side = balancer && sideOf(balancer, model);
    if (balancer === undefined || side === undefined) return NO_OUTPUT;
    const network = backendNetwork(balancer, model);
    const scope = scopesOf(balancer, side).vips;
    const published = balancer.frontends.flatMap((frontend) => {
      const virtualIp = vipMessage(frontend, balancer, side, model);
      if (virtualIp === undefined) return [];
      const vnetId = network?.instanceId ?? virtualIp.vnetId;
      const key = virtualIpKey(frontend.instanceId);
      const rules = virtualIp.rules.map((rule) => ({
        ...rule,
        idleTimeoutSec: hastened(rule.idleTimeoutSec, settings),
      }));
      const content = resourceContent({ key, virtualIp: { ...virtualIp, vnetId, rules } });
      return [{ scope, content }];
    });
    if (side.kind === 'internal') return { published, subscriptions: [] };
    const networks = network === undefined ? [] : [virtualNetworkScope(network.instanceId)];
    return { published, subscriptions: publicSubscriptions(balancer, side, networks, model) };
  },
};

function publicSubscriptions(
  balancer: LoadBalancer,
  side: Side,
  networks: readonly string[],
  model: ModelView,
): UnitOutput['subscriptions'] {
  const { vips, pools } = scopesOf(balancer, side);
  const muxes = [...model.loadBalancerMuxes.values()].filter(isMuxServing);
  const edges = [...model.edgeRouters.values()].filter(isServing);
  return [
    ...muxes.flatMap((mux) => [vips, pools].map((scope) => ({ target: muxTarget(mux.id), scope }))),
    ...edges.flatMap((edge) =>
      [vips, ...networks].map((scope) => ({ target: edgeTarget(edge.id), scope })),
    ),
  ];
}

function vipMessage(
  frontend: Frontend,
  balancer: LoadBalancer,
  side: Side,
  model: ModelView,
): VirtualIp | undefined {
  const address = addressOf(frontend, model);
  if (address === undefined) return undefined;
  const subnet = frontend.subnet === undefined ? undefined : model.virtualSubnet(frontend.subnet);
  return {
    id: frontend.instanceId,
    resourceRef: frontend.resourceRef,
    address,
    vnetId: side.kind === 'internal' ? side.network.instanceId : '',
    internal: side.kind === 'internal',
    subnetId: subnet?.subnet.instanceId ?? '',
    rules: balancer.rules
      .filter(({ frontends }) => frontends.includes(frontend.ref))
      .flatMap((rule) => ruleMessage(rule, balancer) ?? []),
  };
}

/** Undefined while its pool is not there. */
function ruleMessage(rule: InboundRule, balancer: LoadBalancer): LoadBalancingRule | undefined {
  const { instanceId, target, probe, isNat, frontends: _, ref: __, ...rest } = rule;
  const poolId = isNat ? instanceId : partId(balancer.pools, target);
  if (poolId === undefined) return undefined;
  return {
    id: instanceId,
    ...rest,
    poolId,
    healthId: (probe === undefined ? undefined : partId(balancer.probes, probe)) ?? '',
  };
}

function partId(
  parts: readonly { readonly ref: Ref; readonly instanceId: string }[],
  ref: Ref,
): string | undefined {
  return parts.find((part) => part.ref === ref)?.instanceId;
}

/** Interfaces in subnets of a network that changes. */
function interfacesOf(
  change: Extract<ModelChange, { readonly kind: 'virtual-network' }>,
  model: ModelView,
) {
  if (change.before?.instanceId === change.after?.instanceId) {
    const refs = (one: typeof change.before) => one?.subnets.map(({ ref }) => ref).join(' ');
    if (refs(change.before) === refs(change.after)) return [];
  }
  return [change.before, change.after]
    .flatMap((network) => network?.subnets ?? [])
    .flatMap(({ ref }) => [...model.interfacesInSubnet(ref)])
    .flatMap((id) => model.networkInterfaces.get(id) ?? []);
}
