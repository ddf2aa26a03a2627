/** Health and usage over all resources, for networkControllerStatistics — MS-NCNBI §3.1.5.23. */
import { MAC_SPACE } from '../allocation/claims.ts';
import type { JsonObject } from '../store/store.ts';
import type { ReadContext } from './resource-type.ts';
import { macPoolRanges } from './resources/mac-pools.ts';

export function statisticsOf(context: ReadContext): JsonObject {
  return {
    healthStatistics: [
      health('VirtualNetwork', 'virtualNetworks', context),
      health('Gateway', 'gateways', context),
      health('LoadBalancerMux', 'loadBalancerMuxes', context),
    ],
    usageStatistics: [
      { resourceType: 'PublicIPUtilization', ...publicAddresses(context) },
      { resourceType: 'BackendIPUtilization', totalResourceCount: 0, inUseResourceCount: 0 },
      { resourceType: 'MacPoolUtilization', ...macAddresses(context) },
    ],
  };
}

function health(resourceType: string, collection: string, context: ReadContext): JsonObject {
  const counts = { healthy: 0, error: 0, warning: 0, unknown: 0 };
  const resources = context.desired.list(collection);
  for (const { instanceId } of resources.values()) {
    switch (context.realised.configurationState(instanceId)?.status) {
      case 'Success':
        counts.healthy++;
        break;
      case 'Failure':
        counts.error++;
        break;
      case 'Warning':
        counts.warning++;
        break;
      default:
        counts.unknown++;
    }
  }
  return {
    resourceType,
    totalResourceCount: resources.size,
    healthyResourceCount: counts.healthy,
    errorResourceCount: counts.error,
    warningResourceCount: counts.warning,
    healthUnknownCount: counts.unknown,
  };
}

function publicAddresses({ desired }: ReadContext): JsonObject {
  const addresses = [...desired.list('publicIPAddresses').values()];
  const used = addresses.filter(({ ref }) => desired.referrers(ref).size > 0);
  return { totalResourceCount: addresses.length, inUseResourceCount: used.length };
}

function macAddresses(context: ReadContext): JsonObject {
  const ranges = macPoolRanges(context);
  const table = context.allocations.table(MAC_SPACE);
  return {
    totalResourceCount: ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    inUseResourceCount: ranges.reduce((sum, range) => sum + table.countIn(range), 0),
  };
}
