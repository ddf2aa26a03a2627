/**
 * Node `backend-pools`: the backends of a pool, or the one of an inboundNatRule, with where each is. One unit per backendAddressPool and
 * inboundNatRule (MS-NCNBI §3.1.5.5.2, §3.1.5.5.4), by its Ref.
 */
import type { Backend } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { backendPoolKey, resourceContent } from '../../goal-state/resource.ts';
import {
  balancerId,
  balancersTurnedBy,
  type Member,
  membersOf,
  scopesOf,
  settingsOf,
  sideOf,
  targetsMovedBy,
  targetsOf,
} from '../balancing.ts';
import type { LoadBalancer } from '../load-balancer-document.ts';
import type { ModelChange } from '../model-change.ts';
import type { ModelView } from '../model-view.ts';
import type { CompilerNode } from '../node.ts';
import type { Ref } from '../ref.ts';

const EMPTY = new Uint8Array(0);

export const backendPools: CompilerNode = {
  name: 'backend-pools',
  handle(change, model) {
    if (change.kind === 'load-balancer') return targetsChangedBy(change);
    return new Set([
      ...targetsMovedBy(change, model),
      ...balancersTurnedBy(change, model).flatMap((id) => targetsOf(model.loadBalancers.get(id))),
    ]);
  },
  units: (model) => [...model.loadBalancers.values()].flatMap(targetsOf),
  compile(target, model) {
    const balancer = model.loadBalancers.get(balancerId(target));
    const side = balancer && sideOf(balancer, model);
    const found = [...(balancer?.pools ?? []), ...(balancer?.rules ?? [])].find(
      ({ ref }) => ref === target,
    );
    if (balancer === undefined || side === undefined || found === undefined) return NO_OUTPUT;
    const members = membersOf(target, model);
    const content = resourceContent({
      key: backendPoolKey(found.instanceId),
      backendPool: {
        id: found.instanceId,
        resourceRef: found.resourceRef,
        vnetId: members[0]?.network.instanceId ?? '',
        backends: members.map((member) => backendMessage(member, target, model)),
      },
    });
    return {
      published: [{ scope: scopesOf(balancer, side).pools, content }],
      subscriptions: [],
    };
  },
};

function backendMessage(member: Member, target: Ref, model: ModelView): Backend {
  const { networkInterface, ipConfiguration, subnet, providerAddress } = member;
  return {
    address: ipConfiguration.address,
    vni: subnet.vni,
    mac: networkInterface.mac,
    providerAddress: providerAddress ?? EMPTY,
    portId: networkInterface.instanceId,
    resourceRef: ipConfiguration.resourceRef,
    ...settingsOf(ipConfiguration, target, model),
  };
}

/** Pools that come, go, or are published elsewhere: a rule that is added to a load balancer leaves its pools alone. */
function targetsChangedBy({
  before,
  after,
}: Extract<ModelChange, { readonly kind: 'load-balancer' }>): Iterable<Ref> {
  const place = (balancer: LoadBalancer | undefined) =>
    `${balancer?.instanceId} ${balancer?.frontends.map(({ subnet }) => subnet).join(' ')}`;
  const all = new Set([...targetsOf(before), ...targetsOf(after)]);
  if (place(before) !== place(after)) return all;
  const ids = (balancer: LoadBalancer | undefined) =>
    new Map(
      [...(balancer?.pools ?? []), ...(balancer?.rules ?? [])].map((part) => [
        part.ref,
        `${part.instanceId} ${part.resourceRef}`,
      ]),
    );
  const [was, will] = [ids(before), ids(after)];
  return [...all].filter((ref) => was.get(ref) !== will.get(ref));
}
