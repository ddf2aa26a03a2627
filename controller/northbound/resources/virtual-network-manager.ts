/** virtualNetworkManager/configuration, a singleton that exists from the first start — MS-NCNBI §3.1.5.19. */
import { VirtualNetworkManagerSchema } from '../../../schema/northbound/virtual-network-manager.ts';
import { VNI_SPACE } from '../../allocation/claims.ts';
import type { NumberRange } from '../../allocation/number-table.ts';
import type { JsonValue } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { AllocateContext, ReadContext, ResourceNode, ResourceType } from '../resource-type.ts';

/** Identifiers a virtual subnet may have: MS-NCNBI §3.1.5.19; the upper end is what 24 bits hold. */
export const VIRTUAL_SUBNET_ID_RANGE: NumberRange = { first: 4_096, last: 16_777_215 };

export const virtualNetworkManager: ResourceType = {
  collection: 'virtualNetworkManager',
  section: '3.1.5.19',
  summary: 'Settings of all virtual networks: encapsulation and the range of VXLAN identifiers.',
  schema: VirtualNetworkManagerSchema,
  singletonId: 'configuration',
  initial: {
    distributedRouterState: 'Enabled',
    networkVirtualizationProtocol: 'VXLAN',
    virtualSubnetIdRange: {
      startId: VIRTUAL_SUBNET_ID_RANGE.first,
      endId: VIRTUAL_SUBNET_ID_RANGE.last,
    },
  },
  validate,
};

function validate(node: ResourceNode): readonly FaultDetail[] {
  const manager = typed(VirtualNetworkManagerSchema, node);
  const faults: FaultDetail[] = [];
  if (manager.networkVirtualizationProtocol === 'NVGRE') {
    const message = 'NVGRE is not supported; VXLAN is';
    faults.push(detail('OperationNotSupported', message, 'networkVirtualizationProtocol'));
  }
  if (manager.distributedRouterState?.startsWith('Disable') === true) {
    const message = 'the distributed router cannot be switched off';
    faults.push(detail('OperationNotSupported', message, 'distributedRouterState'));
  }
  const range = manager.virtualSubnetIdRange;
  return range === undefined ? faults : [...faults, ...rangeFaults(range.startId, range.endId)];
}

function rangeFaults(startId: number, endId: number): FaultDetail[] {
  const { first, last } = VIRTUAL_SUBNET_ID_RANGE;
  if (startId >= endId) {
    const message = `startId ${startId} is not below endId ${endId}`;
    return [detail('InvalidVsidRangeFormat', message, 'virtualSubnetIdRange')];
  }
  if (startId >= first && endId <= last) return [];
  const message = `the range lies between ${first} and ${last}`;
  return [detail('InvalidVsidRangeValues', message, 'virtualSubnetIdRange')];
}

/** Takes `kept`, or else a fresh identifier of the configured range, for `node`; or says why it cannot. */
export function takeVirtualSubnetId(
  node: ResourceNode,
  kept: JsonValue | undefined,
  context: AllocateContext,
): number | FaultDetail {
  const { draft } = context;
  if (typeof kept === 'number' && draft.take(VNI_SPACE, kept, node.key) === undefined) return kept;
  const range = configuredRange(context);
  const message = `all identifiers ${range.first} to ${range.last} are in use`;
  return (
    draft.takeNext(VNI_SPACE, range, node.key) ??
    detail('InvalidVsidRangeValues', message, 'virtualSubnetIdRange')
  );
}

function configuredRange({ desired }: ReadContext): NumberRange {
  const manager = desired.byRef('/virtualNetworkManager/configuration');
  if (manager === undefined) return VIRTUAL_SUBNET_ID_RANGE;
  const range = typed(VirtualNetworkManagerSchema, manager).virtualSubnetIdRange;
  return range === undefined
    ? VIRTUAL_SUBNET_ID_RANGE
    : { first: range.startId, last: range.endId };
}
