/**
 * Node `route-tables`: a tenant's routes as switches look them up. One unit per routeTable (MS-NCNBI §3.1.5.10), whole in one resource.
 * Hosts with a port in a subnet that has it subscribe (node `ports`).
 */
import { ipBytes } from '../../../base/ip.ts';
import { NextHopType } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { resourceContent, routeTableKey } from '../../goal-state/resource.ts';
import { type CompilerNode, routeTableScope } from '../node.ts';
import type { NextHopWord } from '../policy-document.ts';
import { prefixMessage } from './virtual-networks.ts';

const NEXT_HOP_TYPES: Readonly<Record<NextHopWord, NextHopType>> = {
  None: NextHopType.NEXT_HOP_NONE,
  VnetLocal: NextHopType.NEXT_HOP_VNET_LOCAL,
  VirtualAppliance: NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE,
  Internet: NextHopType.NEXT_HOP_INTERNET,
  VirtualNetworkGateway: NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY,
};
const NO_ADDRESS = new Uint8Array();

export const routeTables: CompilerNode = {
  name: 'route-tables',
  handle(change) {
    if (change.kind !== 'route-table') return [];
    return [change.before, change.after].flatMap((table) => table?.id ?? []);
  },
  units: (model) => model.routeTables.keys(),
  compile(id, model) {
    const table = model.routeTables.get(id);
    if (table === undefined) return NO_OUTPUT;
    const { instanceId, resourceRef } = table;
    const content = resourceContent({
      key: routeTableKey(instanceId),
      routeTable: {
        id: instanceId,
        resourceRef,
        routes: table.routes.map((route) => ({
          resourceRef: route.resourceRef,
          prefix: prefixMessage(route.prefix),
          nextHopType: NEXT_HOP_TYPES[route.nextHopType],
          nextHop: route.nextHop === undefined ? NO_ADDRESS : ipBytes(route.nextHop),
        })),
      },
    });
    return { published: [{ scope: routeTableScope(instanceId), content }], subscriptions: [] };
  },
};
