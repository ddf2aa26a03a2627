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
  BadRequest: 'Compare the request with the schema: weft get /networking/weft/v1/openapi.json.',
  Canceled: 'A later write to the same resource tree replaced this one; look at what stands now.',
  InUseAccessControlListCannotBeDeleted:
    'Take it off the subnets and interfaces that use it first; weft acl list names them.',
  InUseCredentialCannotBeDeleted: 'Change the resources that refer to it first.',
  InUseIpPoolCannotBeDeleted: 'Free the addresses allocated from the pool first.',
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
  InternalServerError:
    'The controller failed; its log is controller/role.log in the state directory.',
  InvalidAclRulePriority:
    'Choose a priority from 100 to 65000 that no other rule of the list has: weft acl show NAME.',
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
  NicInUse: 'Detach its port first: weft vm stop NAME, or weft port detach NIC.',
  NotFound: 'List what exists: weft vnet list, weft nic list, weft revisions list.',
  OperationNotSupported:
    'The controller does not offer this; docs/rfc-coverage.md and docs/api.md say what it does.',
  PrivateIPAddressInReservedRange:
    'The first three addresses and the last of a subnet are reserved; choose another.',
  PrivateIPAddressInUse: 'Choose another address, or leave --ip out to have one allocated.',
  PrivateIPAddressMissing: 'A static address must be named: --ip ADDRESS.',
  PrivateIPAddressNotInSubnet: 'Choose an address inside the subnet: weft subnet list.',
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

export function remedyFor(northboundCode: string): string | undefined {
  return Object.hasOwn(NORTHBOUND_REMEDIES, northboundCode)
    ? NORTHBOUND_REMEDIES[northboundCode]
    : undefined;
}
