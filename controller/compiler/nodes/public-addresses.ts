/**
 * Node `public-addresses`: an address of the outside and the address inside that it leads to, told to every edge, with the network it
 * leads to. One unit per publicIPAddress (MS-NCNBI §3.1.5.14). One that a load balancer has is the muxes' (node `virtual-ips`): an edge routes
 * it to them as it hears of it.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { publicAddressKey, resourceContent } from '../../goal-state/resource.ts';
import { isBalanced } from '../balancing.ts';
import { holderOf, isServing, publicAddressesMovedBy, publicAddressId } from '../edges.ts';
import { type CompilerNode, edgeTarget, PUBLIC_SCOPE, virtualNetworkScope } from '../node.ts';

const EMPTY = new Uint8Array(0);

export const publicAddresses: CompilerNode = {
  name: 'public-addresses',
  handle(change, model) {
    switch (change.kind) {
      case 'public-ip-address':
        return [change.before, change.after].flatMap((one) => one?.id ?? []);
      case 'edge-router':
        return isServing(change.before) === isServing(change.after) ? [] : 'unhandled';
      case 'load-balancer':
        return [change.before, change.after].flatMap((one) =>
          (one?.frontends ?? []).flatMap(({ publicAddress }) =>
            publicAddress === undefined ? [] : publicAddressId(publicAddress),
          ),
        );
      default:
        return publicAddressesMovedBy(change, model);
    }
  },
  units: (model) => model.publicIpAddresses.keys(),
  compile(id, model) {
    const found = model.publicIpAddresses.get(id);
    if (found === undefined || isBalanced(id, model)) return NO_OUTPUT;
    const { instanceId, resourceRef, address, idleTimeoutSec } = found;
    const inside = holderOf(id, model);
    const content = resourceContent({
      key: publicAddressKey(instanceId),
      publicAddress: {
        id: instanceId,
        ...{ resourceRef, address, idleTimeoutSec },
        vnetId: inside?.vnetId ?? '',
        privateAddress: inside?.address ?? EMPTY,
      },
    });
    const networks = inside === undefined ? [] : [virtualNetworkScope(inside.vnetId)];
    return {
      published: [{ scope: PUBLIC_SCOPE, content }],
      subscriptions: [...model.edgeRouters.values()]
        .filter(isServing)
        .flatMap((edge) => networks.map((scope) => ({ target: edgeTarget(edge.id), scope }))),
    };
  },
};
