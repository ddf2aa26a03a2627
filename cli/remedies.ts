/**
 * What a user can do about each error code of the northbound API (MS-NCNBI §3.1.5.35) that this version answers with; the code and the
 * message come from the controller, the advice from here. docs/errors.md shows the same table and a test compares them.
 */

export const NORTHBOUND_REMEDIES: Readonly<Record<string, string>> = {
  AclRuleInvalidDestinationAddressPrefix:
    'Write prefixes without host bits, addresses or tags: --to 10.1.1.0/24,VIRTUALNETWORK.',
  AclRuleInvalidDestinationPortRange:
    'Write ports and ranges: --to-port 80,8000-8080; ICMP has none.',
  AclRuleInvalidSourceAddressPrefix:
    'Write prefixes without host bits, addresses or tags: --from 10.1.1.0/24,VIRTUALNETWORK.',
  AclRuleInvalidSourcePortRange: 'Write ports and ranges: --from-port 80,8000-8080; ICMP has none.',
  AnotherOperationInProgress: 'Wait for the operation that is under way, then try again.',
  AnotherPeeringAlreadyReferencesRemoteVnet:
    'The two networks have that side already: weft peering list.',
  AnyPortProtocolNotAllowedWithOtherInboundRules:
    'A frontend with a rule for all ports has no other: give the others a frontend of their own.',
  AnyPortProtocolNotAllowedWithOtherOutboundNatRules:
    'A frontend with a rule for all ports has no outbound rule: give that a frontend of its own.',
  BackendAndFrontendPortsAreDifferent: 'With floating IP both ports are the same.',
  BackendIPConfigurationsDontUseSameVnet: 'Choose backends of one virtual network: weft nic list.',
  BackendPoolReferenceNotProvided: 'Name the pool that the rule spreads traffic over.',
  BadRequest: 'Compare the request with the schema: weft get /networking/weft/v1/openapi.json.',
  Canceled: 'A later write to the same resource tree replaced this one; look at what stands now.',
  FrontEndIpNotInVipPool: 'Choose an address of a pool: weft get /loadBalancerManager/config.',
  FrontendIPConfigAndBackendIPConfigsAreInDifferentVnets:
    'An internal load balancer and its backends are in one virtual network.',
  FrontendIPConfigHasBothSubnetAndPublicIP: 'Name a subnet or a public address, not both.',
  FrontendIPConfigHasNoSubnetOrPublicIP: 'Name a subnet or a public address.',
  FrontendIpConfigReferenceNotProvided: 'Name the frontends that the rule is of.',
  InUseAccessControlListCannotBeDeleted:
    'Take it off the subnets and interfaces that use it first; weft acl list names them.',
  InUseBackendAddressPoolCannotBeDeleted:
    'Take the interfaces out of the pool and delete the rules that name it first.',
  InUseCredentialCannotBeDeleted: 'Change the resources that refer to it first.',
  InUseFrontendIpConfigurationCannotBeDeleted: 'Delete the rules that name the frontend first.',
  InUseIpPoolCannotBeDeleted: 'Free the addresses allocated from the pool first.',
  InUseProbeCannotBeDeleted: 'Take the probe off the rules that name it first.',
  InUseQosSettingsCannotBeUpdated:
    "Take the interfaces' bandwidth away first: weft nic set NAME --qos-in 0 --qos-out 0 --qos-reserve 0.",
  InUseRouteTableCannotBeDeleted:
    'Take it off the subnets that use it first: weft subnet set NAME --vnet VNET --route-table none.',
  InUseServerCannotBeDeleted: 'Detach the ports on that server first: weft port list.',
  InUseServiceInsertionCannotBeDeleted:
    'Take it off the subnets and interfaces that use it first; weft mirror list names them.',
  InUseSubnetCannotBeDeleted: 'Delete the network interfaces in it first: weft nic list.',
  InUseSubnetCannotBeUpdated:
    'Delete the network interfaces in it first, or choose a prefix that holds them.',
  InUseVipPoolCannotBeRemoved:
    'Delete the load balancers and public addresses that have addresses of the pool first.',
  InUseVirtualServerCannotBeDeleted: 'Delete the mux that runs on it first.',
  InboundNatRuleInUse:
    'A NAT rule leads to one interface: take it off the other, or make another rule.',
  InternalServerError:
    'The controller failed; its log is controller/role.log in the state directory.',
  InvalidAclRulePriority:
    'Choose a priority from 100 to 65000 that no other rule of the list has: weft acl show NAME.',
  InvalidAnyPortAnyProtocolInboundRule:
    'A rule for all ports has protocol All and both ports 0; any other has ports.',
  InvalidIPAddress: 'Write the address as four decimal numbers: 10.0.0.4.',
  InvalidIPPrefix: 'Write the prefix with its length and no host bits: 10.0.0.0/24.',
  InvalidJson: 'The body is not JSON; the message says where it breaks off.',
  InvalidLogicalNetworkReference: 'List what exists: weft get /logicalNetworks.',
  InvalidNetworkInterfaceReference: 'List what exists: weft nic list.',
  InvalidNextHopIpAddress:
    "Name an address of the prefix's family that an interface can have: --next-hop appliance:ADDRESS.",
  InvalidParameterValue: 'Correct the value that the message names.',
  InvalidPrivateIPAddressFormat: 'Write the address as four decimal numbers: 10.0.0.4.',
  InvalidPrivateMacAddress:
    'Write the address as 00-1D-D8-00-00-01, inside a MAC pool: weft get /macPools.',
  InvalidRequestFormat: 'Send a JSON object with `properties`; content type application/json.',
  InvalidResourceName:
    'Use letters, digits, dot, hyphen and underscore, at most 80, starting with a letter or digit.',
  InvalidResourceReference: 'The resource it refers to does not exist: create that first.',
  InvalidRouteAddressPrefix:
    'Write the prefix with its length and no host bits: --prefix 10.9.0.0/16.',
  InvalidSubnet: 'Choose a prefix inside the address space that no other subnet overlaps.',
  IpConfigCannotChangeFromInternalToPublicViceVersa: 'Make another frontend, and delete this one.',
  LbManagerResourceNotConfigured:
    'Write /loadBalancerManager/config first, with its address pools.',
  LoadBalancerHasBothPublicAndInternalFrontends:
    'Make two load balancers: one public, one internal.',
  NicInUse: 'Detach its port first: weft vm stop NAME, or weft port detach NIC.',
  NotFound: 'List what exists: weft vnet list, weft nic list, weft revisions list.',
  NumberOfProbesIsOutOfRange: 'Choose one probe or more.',
  OperationNotSupported:
    'The controller does not offer this; docs/rfc-coverage.md and docs/api.md say what it does.',
  PortValueIsOutOfRange: 'Choose a port from 1 to 65535.',
  PrivateIPAddressInReservedRange:
    'The first three addresses and the last of a subnet are reserved; choose another.',
  PrivateIPAddressInUse: 'Choose another address, or leave --ip out to have one allocated.',
  PrivateIPAddressMissing: 'A static address must be named: --ip ADDRESS.',
  PrivateIPAddressNotInSubnet: 'Choose an address inside the subnet: weft subnet list.',
  ProbeIntervalIsOutOfRange: 'Choose an interval of 5 seconds or more.',
  ProbeRequestPathIsNotNull: 'Leave the path out, or probe by Http.',
  ProbeRequestPathIsRequired: 'Name the path that is asked for, such as /.',
  PublicIPAddressInUse: 'Choose another public address; the message says who has this one.',
  QosGlobalSettingsNotConfigured:
    'Turn bandwidth management on first: weft switch-manager set --reservation-mode weight.',
  ReferencedResourceNotProvisioned:
    'The resource it refers to is still being made or has failed; wait, or repair that first.',
  RemotePeeringIsStaleBecauseVnetWasRecreated:
    "Delete the other side's peering, which is for the network before, and make it again.",
  ResourceInUse: 'Delete what refers to it first.',
  RetryableError: 'Try again.',
  RouteConflict: 'Remove the other route for the prefix first: weft route-table show NAME.',
  RouteNextHopIpAddressNotFound:
    'Name an address in the virtual network of the subnets that use the table, or a peered one.',
  RuleIdleTimeoutIsOutOfRange: 'Choose an idle timeout from 4 to 30 minutes.',
  RuleNameDuplicate: 'Rules of a load balancer have different names, of whatever kind they are.',
  RulesUseSameBackendPort: 'Choose another backend port, or let one rule have both frontends.',
  RulesUseSameFrontendPort: 'Choose another frontend port, or another frontend.',
  ServiceInsertionElementWithUnsupportedNetworkInterface:
    'Choose a collector in a virtual network: weft nic list.',
  SubnetIsFull: 'Delete interfaces that are no longer used, or make a larger subnet.',
  ValidationError: 'Correct what the message names.',
  VnetAddressSpaceCannotChangeDueToPeerings:
    "Delete the network's peerings first: weft peering list.",
  VnetAddressSpacesOverlap:
    'Only networks whose address spaces do not overlap can be peered: weft vnet list.',
  VnetInUse: 'Delete the network interfaces in its subnets first: weft nic list.',
};

/** `message`: what else the controller has said. */
export function remedyFor(northboundCode: string, message: string): string | undefined {
  const missing = /there is no (\/\S+)/.exec(message)?.[1];
  if (missing !== undefined) {
    if (northboundCode === 'NotFound') return `List what exists: ${listingOf(missing)}.`;
    if (northboundCode === 'InvalidResourceReference')
      return `Create it first, or name another: ${listingOf(missing)}.`;
  }
  return Object.hasOwn(NORTHBOUND_REMEDIES, northboundCode)
    ? NORTHBOUND_REMEDIES[northboundCode]
    : undefined;
}

/** The command that lists the collection of a resourceRef. */
function listingOf(ref: string): string {
  const [, top = '', parent = '', child] = ref.split('/');
  const key = (child === undefined ? top : `${top}/${child}`).toLowerCase();
  const known = LISTINGS[key];
  if (known !== undefined) return known;
  return child === undefined ? `weft get /${top}` : `weft get /${top}/${parent}`;
}

/** By collections, in lower case. */
const LISTINGS: Readonly<Record<string, string>> = {
  accesscontrollists: 'weft acl list',
  'accesscontrollists/aclrules': 'weft acl list, weft acl show NAME',
  edgerouters: 'weft edge list',
  loadbalancermuxes: 'weft mux list',
  loadbalancers: 'weft lb list',
  networkinterfaces: 'weft nic list',
  'networkinterfaces/ipconfigurations': 'weft nic list',
  publicipaddresses: 'weft public-ip list',
  routetables: 'weft route-table list',
  securitytags: 'weft security-tag list',
  virtualnetworks: 'weft vnet list',
  'virtualnetworks/subnets': 'weft subnet list',
  'virtualnetworks/virtualnetworkpeerings': 'weft peering list',
};
