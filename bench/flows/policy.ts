/**
 * Policies for the hero test: an access control list of 1,000 rules for every interface and subnet, of which no two versions are alike and
 * all permit and deny the same of the traffic: datagrams to DENIED_PORT are denied, all others permitted. Called by hero.
 */
import {
  AclAction,
  AclDirection,
  type AclRule,
  type Resource,
} from '../../schema/southbound/messages.ts';

export const DENIED_PORT = 23;
const LIST = 'hero';
/** Rules of a list besides the one that denies: for TCP, of which there is none. */
const OTHER_RULES = 999;
const TCP = 6;
const UDP = 17;

/** The goal state with the list's first version at each of its interfaces and subnets. */
export function withHeroPolicy(goal: readonly Resource[]): readonly Resource[] {
  return [...goal.map(governed), heroPolicy(1)];
}

/** The list's version `version`, from 1; its id is always the same. */
export function heroPolicy(version: number): Resource {
  const others = Array.from({ length: OTHER_RULES }, (_, index) => {
    const port = 1 + ((index * 7 + version * 1009) % 60_000);
    return rule(`r${index}`, 300 + index, TCP, port);
  });
  return {
    key: `acl/${LIST}`,
    version,
    accessControlList: {
      id: LIST,
      resourceRef: `/accessControlLists/${LIST}`,
      inboundDefault: AclAction.ACL_PERMIT,
      outboundDefault: AclAction.ACL_PERMIT,
      rules: [rule('denied', 200, UDP, DENIED_PORT), ...others],
    },
  };
}

function governed(resource: Resource): Resource {
  const { port, virtualSubnet } = resource;
  const policy = { accessControlListId: LIST };
  if (virtualSubnet !== undefined)
    return { ...resource, virtualSubnet: { ...virtualSubnet, ...policy } };
  if (port === undefined) return resource;
  const ipConfigurations = port.ipConfigurations.map((own) => ({ ...own, ...policy }));
  return { ...resource, port: { ...port, ipConfigurations } };
}

function rule(name: string, priority: number, protocol: number, port: number): AclRule {
  return {
    resourceRef: `/accessControlLists/${LIST}/aclRules/${name}`,
    priority,
    direction: AclDirection.ACL_INBOUND,
    action: AclAction.ACL_DENY,
    protocol,
    sourcePorts: [],
    destinationPorts: [{ from: port, to: port }],
    logging: false,
  };
}
