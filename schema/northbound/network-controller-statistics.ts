/** monitoring/networkControllerStatistics: health and usage at a glance — MS-NCNBI §3.1.5.23. Read-only. */
import Type from 'typebox';
import { Words } from './property-types.ts';

export const HealthStatisticsSchema = Type.Object({
  resourceType: Words(['VirtualNetwork', 'Gateway', 'LoadBalancerMux']),
  totalResourceCount: Type.Integer(),
  healthyResourceCount: Type.Integer(),
  errorResourceCount: Type.Integer(),
  warningResourceCount: Type.Integer(),
  healthUnknownCount: Type.Integer(),
});

export const UsageStatisticsSchema = Type.Object({
  resourceType: Words(['PublicIPUtilization', 'BackendIPUtilization', 'MacPoolUtilization']),
  totalResourceCount: Type.Integer(),
  inUseResourceCount: Type.Integer(),
});

export const NetworkControllerStatisticsSchema = Type.Object({
  healthStatistics: Type.Array(HealthStatisticsSchema),
  usageStatistics: Type.Array(UsageStatisticsSchema),
});
