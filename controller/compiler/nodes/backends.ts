/**
 * Node `backends`: the interest of a host in the public load balancers that its interfaces are backends of. One unit per networkInterface, so
 * that an interface which moves costs what it is in itself.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { attachmentOf, interfacesMovedBy } from '../attachment.ts';
import { balancerId, scopesOf, sideOf, targetsOf } from '../balancing.ts';
import type { LoadBalancer } from '../load-balancer-document.ts';
import { type CompilerNode, hostTarget } from '../node.ts';

export const backends: CompilerNode = {
  name: 'backends',
  handle(change, model) {
    if (change.kind !== 'load-balancer') return interfacesMovedBy(change, model);
    const { before, after } = change;
    const [was, will] = [before, after].map((one) => new Set(targetsOf(one)));
    const all = [...new Set([...(was ?? []), ...(will ?? [])])];
    const stays = before?.instanceId === after?.instanceId && sideName(before) === sideName(after);
    const changed = stays ? all.filter((ref) => was?.has(ref) !== will?.has(ref)) : all;
    return new Set(changed.flatMap((ref) => [...model.referring('network-interface', ref)]));
  },
  units: (model) => model.networkInterfaces.keys(),
  compile(id, model) {
    const attachment = attachmentOf(id, model);
    if (attachment === undefined) return NO_OUTPUT;
    const ids = new Set(
      attachment.addresses
        .flatMap(({ ipConfiguration }) => [...ipConfiguration.balancedBy])
        .filter((ref) => targetsOf(model.loadBalancers.get(balancerId(ref))).includes(ref))
        .map(balancerId),
    );
    const target = hostTarget(attachment.serverId);
    const subscriptions = [...ids].flatMap((each) => {
      const balancer = model.loadBalancers.get(each);
      const side = balancer && sideOf(balancer, model);
      // Internal ones are known wherever their network is.
      if (balancer === undefined || side?.kind !== 'public') return [];
      const { vips, pools } = scopesOf(balancer, side);
      return [vips, pools].map((scope) => ({ target, scope }));
    });
    return { published: [], subscriptions };
  },
};

/** Internal or not, whether its network is there or not. */
function sideName(balancer: LoadBalancer | undefined): boolean | undefined {
  return balancer?.frontends.some(({ subnet }) => subnet?.startsWith('/virtualnetworks/'));
}
