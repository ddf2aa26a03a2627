/** macPools — MS-NCNBI §3.1.5.9. A pool keeps its range for life; addresses given back are given out again last. */
import { formatMacHyphenated, isMulticastMac, parseMac } from '../../../base/mac.ts';
import { MacPoolSchema } from '../../../schema/northbound/mac-pools.ts';
import { MAC_SPACE } from '../../allocation/claims.ts';
import type { NumberRange } from '../../allocation/number-table.ts';
import type { Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { MAC_POOL_ADDRESSES_MAX } from '../limits.ts';
import { typed } from '../resource-node.ts';
import type {
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';

export const macPools: ResourceType = {
  collection: 'macPools',
  section: '3.1.5.9',
  summary: 'A range of MAC addresses from which network interfaces are given theirs.',
  schema: MacPoolSchema,
  immutable: [
    { property: 'startMacAddress', code: 'InvalidMacAddressForMacPool' },
    { property: 'endMacAddress', code: 'InvalidMacAddressForMacPool' },
  ],
  normalise,
  validate,
  guardRemoval,
  derive,
};

/** Every pool's range, in order of the pools' names, so that the choice among them is stable. */
export function macPoolRanges({ desired }: ReadContext): NumberRange[] {
  return [...desired.list('macPools').values()]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap((pool) => rangeOfPool(pool) ?? []);
}

function rangeOfPool(holder: { readonly properties: JsonObject }): NumberRange | undefined {
  const { startMacAddress, endMacAddress } = typed(MacPoolSchema, holder);
  const first = parseMac(startMacAddress);
  const last = parseMac(endMacAddress);
  return first === undefined || last === undefined ? undefined : { first, last };
}

function normalise(properties: Properties): Properties {
  for (const name of ['startMacAddress', 'endMacAddress']) {
    const text = properties[name];
    const mac = typeof text === 'string' ? parseMac(text) : undefined;
    if (mac !== undefined) properties[name] = formatMacHyphenated(mac);
  }
  return properties;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const range = rangeOfPool(node);
  if (range === undefined) {
    const message = 'startMacAddress and endMacAddress have the form AA-BB-CC-DD-EE-FF';
    return [detail('InvalidMacAddressForMacPool', message, node.ref)];
  }
  const count = range.last - range.first + 1;
  if (count < 1 || count > MAC_POOL_ADDRESSES_MAX) {
    const message = `a pool has 1 to ${MAC_POOL_ADDRESSES_MAX} addresses, in ascending order`;
    return [detail('InvalidMacAddressForMacPool', message, node.ref)];
  }
  if (isMulticastMac(range.first) || isMulticastMac(range.last)) {
    return [detail('MacPoolContainsMulticastAddresses', 'the range has group addresses', node.ref)];
  }
  return overlapFaults(node, range, context);
}

function overlapFaults(node: ResourceNode, range: NumberRange, context: ReadContext) {
  return [...context.desired.list('macPools').values()].flatMap((other) => {
    const theirs = other.key === node.key ? undefined : rangeOfPool(other);
    if (theirs === undefined || theirs.last < range.first || theirs.first > range.last) return [];
    return [detail('InvalidMacAddressForMacPool', `the range overlaps ${other.ref}`, node.ref)];
  });
}

function guardRemoval(node: ResourceNode, context: WriteContext): FaultDetail | undefined {
  const range = rangeOfPool(node);
  const owner = range && context.allocations.table(MAC_SPACE).anyOwnerIn(range);
  if (owner === undefined) return undefined;
  return detail('ResourceInUse', `an address of ${node.ref} is in use by ${owner}`, node.ref);
}

function derive(resource: Resource, { allocations }: ReadContext): JsonObject {
  const range = rangeOfPool(resource);
  if (range === undefined) return {};
  return {
    usage: {
      numberOfMacAddresses: range.last - range.first + 1,
      numberOfMacAddressesAllocated: allocations.table(MAC_SPACE).countIn(range),
    },
  };
}
