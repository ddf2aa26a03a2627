/**
 * Node `host-settings`: how a host takes part in the provider network. One unit per server. A server that has no provider address
 * yet gets nothing, and so is no target.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { HOST_KEY, resourceContent } from '../../goal-state/resource.ts';
import { type CompilerNode, hostScope, hostTarget, VXLAN_PORT } from '../node.ts';

const EMPTY = new Uint8Array(0);

export const hostSettings: CompilerNode = {
  name: 'host-settings',
  handle(change) {
    switch (change.kind) {
      case 'server':
        return [change.before, change.after].flatMap((server) => server?.id ?? []);
      case 'logical-network':
        // Rare, and as good as every server is in the provider network.
        return 'unhandled';
      case 'virtual-network':
      case 'network-interface':
      case 'access-control-list':
      case 'security-tag':
      case 'placement':
        return [];
    }
  },
  units: (model) => model.servers.keys(),
  compile(serverId, model, { providerMtu }) {
    const server = model.servers.get(serverId);
    if (server?.providerAddress === undefined) return NO_OUTPUT;
    const { providerAddress, providerSubnet } = server;
    const subnet = providerSubnet === undefined ? undefined : model.logicalSubnet(providerSubnet);
    const content = resourceContent({
      key: HOST_KEY,
      host: {
        providerAddress,
        // Without a known subnet the address stands alone.
        providerPrefixLen: subnet?.prefix.len ?? 8 * providerAddress.length,
        providerGateway: subnet?.gateway ?? EMPTY,
        vxlanPort: VXLAN_PORT,
        providerMtu,
        dnsForwarders: [],
        metering: false,
      },
    });
    const scope = hostScope(serverId);
    return {
      published: [{ scope, content }],
      subscriptions: [{ target: hostTarget(serverId), scope }],
    };
  },
};
