/**
 * A policy of the size that tenants have at most: every interface and subnet of the sample network with a list of 1,000 rules a direction, every
 * subnet with a table of 1,000 routes. None of them concerns the packets that are measured, as in life: a packet that is let through is
 * compared with all of them.
 */
import {
  AclAction,
  AclDirection,
  type AclRule,
  NextHopType,
  type Resource,
} from '../../schema/southbound/messages.ts';

const RULES = 1000;
const ROUTES = 1000;
const LIST = 'thousand';
const TABLE = 'thousand';

/** The goal state with the policy added to each of its interfaces and subnets. */
export function withThousandRules(goal: readonly Resource[]): readonly Resource[] {
  return [...goal.map(governed), list(), table()];
}

function governed(resource: Resource): Resource {
  const { port, virtualSubnet } = resource;
  if (virtualSubnet !== undefined) {
    const policy = { accessControlListId: LIST, routeTableId: TABLE };
    return { ...resource, virtualSubnet: { ...virtualSubnet, ...policy } };
  }
  if (port === undefined) return resource;
  const ipConfigurations = port.ipConfigurations.map((own) => ({
    ...own,
    accessControlListId: LIST,
  }));
  return { ...resource, port: { ...port, ipConfigurations } };
}

function list(): Resource {
  const { ACL_INBOUND, ACL_OUTBOUND } = AclDirection;
  const rules = [ACL_INBOUND, ACL_OUTBOUND].flatMap((direction) =>
    Array.from({ length: RULES }, (_, index) => rule(direction, index)),
  );
  return {
    key: `acl/${LIST}`,
    version: 1,
    accessControlList: {
      id: LIST,
      resourceRef: `/accessControlLists/${LIST}`,
      inboundDefault: AclAction.ACL_PERMIT,
      outboundDefault: AclAction.ACL_PERMIT,
      rules,
    },
  };
}

/** Denies some ports between two of many prefixes; half of them overlap the sample network's. */
function rule(direction: AclDirection, index: number): AclRule {
  const prefix = (second: number, third: number) => ({
    prefixes: [{ address: Uint8Array.of(10, second, third & 0xff, 0), len: 24 }],
    tags: [],
    securityTagIds: [],
  });
  return {
    resourceRef: `/accessControlLists/${LIST}/aclRules/${direction}-${index}`,
    priority: 101 + index,
    direction,
    action: AclAction.ACL_DENY,
    protocol: index % 2 === 0 ? 6 : 17,
    source: prefix(index % 2, index),
    destination: prefix(index >> 8, index * 7),
    sourcePorts: [],
    destinationPorts: [{ from: 60_001 + index, to: 61_001 + index }],
    logging: false,
  };
}

function table(): Resource {
  return {
    key: `routetable/${TABLE}`,
    version: 1,
    routeTable: {
      id: TABLE,
      resourceRef: `/routeTables/${TABLE}`,
      routes: Array.from({ length: ROUTES }, (_, index) => ({
        resourceRef: `/routeTables/${TABLE}/routes/${index}`,
        prefix: { address: Uint8Array.of(172, 16 + (index >> 8), index & 0xff, 0), len: 24 },
        nextHopType: NextHopType.NEXT_HOP_NONE,
        nextHop: new Uint8Array(),
      })),
    },
  };
}
