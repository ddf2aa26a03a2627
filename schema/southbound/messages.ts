/** Generated from weft.proto by tools/generate-southbound.ts. Do not edit. */

export const TargetKind = {
  TARGET_KIND_UNSPECIFIED: 0,
  HOST: 1,
  MUX: 2,
  GATEWAY: 3,
  EDGE: 4,
} as const;
export type TargetKind = (typeof TargetKind)[keyof typeof TargetKind];

export const OutboundReservedMode = {
  OUTBOUND_RESERVED_NONE: 0,
  OUTBOUND_RESERVED_VALUE: 1,
  OUTBOUND_RESERVED_WEIGHT: 2,
} as const;
export type OutboundReservedMode = (typeof OutboundReservedMode)[keyof typeof OutboundReservedMode];

export const AclAction = {
  ACL_PERMIT: 0,
  ACL_DENY: 1,
} as const;
export type AclAction = (typeof AclAction)[keyof typeof AclAction];

export const AclDirection = {
  ACL_INBOUND: 0,
  ACL_OUTBOUND: 1,
} as const;
export type AclDirection = (typeof AclDirection)[keyof typeof AclDirection];

export const AddressTag = {
  ADDRESS_TAG_UNSPECIFIED: 0,
  VIRTUAL_NETWORK: 1,
  INTERNET: 2,
  AZURE_LOAD_BALANCER: 3,
} as const;
export type AddressTag = (typeof AddressTag)[keyof typeof AddressTag];

export const NextHopType = {
  NEXT_HOP_NONE: 0,
  NEXT_HOP_VNET_LOCAL: 1,
  NEXT_HOP_VIRTUAL_APPLIANCE: 2,
  NEXT_HOP_INTERNET: 3,
  NEXT_HOP_VIRTUAL_NETWORK_GATEWAY: 4,
} as const;
export type NextHopType = (typeof NextHopType)[keyof typeof NextHopType];

export const PeerFamily = {
  PEER_IPV4_UNICAST: 0,
  PEER_IPV6_UNICAST: 1,
} as const;
export type PeerFamily = (typeof PeerFamily)[keyof typeof PeerFamily];

export const LoadDistribution = {
  LOAD_DISTRIBUTION_FIVE_TUPLE: 0,
  LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL: 1,
  LOAD_DISTRIBUTION_SOURCE_IP: 2,
} as const;
export type LoadDistribution = (typeof LoadDistribution)[keyof typeof LoadDistribution];

export const HealthState = {
  HEALTH_UNKNOWN: 0,
  HEALTH_UP: 1,
  HEALTH_DOWN: 2,
  HEALTH_LOST: 3,
} as const;
export type HealthState = (typeof HealthState)[keyof typeof HealthState];

export const ProbeProtocol = {
  PROBE_TCP: 0,
  PROBE_HTTP: 1,
  PROBE_HTTPS: 2,
} as const;
export type ProbeProtocol = (typeof ProbeProtocol)[keyof typeof ProbeProtocol];

export interface TargetMessage {
  readonly hello?: Hello;
  readonly ack?: Ack;
  readonly report?: Report;
  readonly answer?: Answer;
}

export interface ControllerMessage {
  readonly snapshot?: Snapshot;
  readonly delta?: Delta;
  readonly query?: Query;
}

export interface Hello {
  readonly targetId: string;
  readonly kind: TargetKind;
  readonly softwareVersion: string;
  readonly appliedRevision: number;
  readonly goalHash: Uint8Array;
}

export interface Snapshot {
  readonly nonce: number;
  readonly revision: number;
  readonly resources: readonly Resource[];
}

export interface Delta {
  readonly nonce: number;
  readonly revision: number;
  readonly upserts: readonly Resource[];
  readonly removes: readonly string[];
  readonly goalHash: Uint8Array;
}

export interface Ack {
  readonly nonce: number;
  readonly revision: number;
  readonly applyMicros: number;
  readonly errors: readonly ResourceError[];
}

export interface ResourceError {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export interface Report {
  readonly ports: readonly AttachedPort[];
  readonly health: readonly ResourceError[];
  readonly run: string;
  readonly meters: readonly PortMeter[];
  readonly probeResults: readonly ProbeResult[];
}

export interface ProbeResult {
  readonly probeId: string;
  readonly portId: string;
  readonly address: Uint8Array;
  readonly up: boolean;
  readonly reason: string;
  readonly sinceSec: number;
}

export interface PortMeter {
  readonly portId: string;
  readonly billedBytes: number;
  readonly unbilledBytes: number;
}

export interface AttachedPort {
  readonly portId: string;
  readonly linkUp: boolean;
  readonly device: string;
  readonly learnedAddresses: readonly Uint8Array[];
}

export interface Query {
  readonly id: number;
  readonly method: string;
  readonly body: Uint8Array;
}

export interface Answer {
  readonly id: number;
  readonly body: Uint8Array;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly errorRemedy: string;
}

export interface Resource {
  readonly key: string;
  readonly version: number;
  readonly host?: HostSettings;
  readonly virtualNetwork?: VirtualNetwork;
  readonly virtualSubnet?: VirtualSubnet;
  readonly port?: Port;
  readonly mapping?: Mapping;
  readonly accessControlList?: AccessControlList;
  readonly routeTable?: RouteTable;
  readonly securityTag?: SecurityTag;
  readonly mirror?: Mirror;
  readonly edge?: EdgeSettings;
  readonly bgpRouter?: BgpRouter;
  readonly bgpPeer?: BgpPeer;
  readonly policyMap?: PolicyMap;
  readonly publicAddress?: PublicAddress;
  readonly natPool?: NatPool;
  readonly portForward?: PortForward;
  readonly mux?: MuxSettings;
  readonly virtualIp?: VirtualIp;
  readonly backendPool?: BackendPool;
  readonly backendHealth?: BackendHealth;
  readonly snatLease?: SnatLease;
  readonly announcement?: Announcement;
  readonly healthProbe?: HealthProbe;
}

export interface HostSettings {
  readonly providerAddress: Uint8Array;
  readonly providerPrefixLen: number;
  readonly providerGateway: Uint8Array;
  readonly vxlanPort: number;
  readonly providerMtu: number;
  readonly dnsForwarders: readonly Uint8Array[];
  readonly qos?: SwitchQos;
  readonly metering: boolean;
  readonly flowLog?: FlowLogSettings;
  readonly edges: readonly EdgeEndpoint[];
  readonly muxes: readonly MuxEndpoint[];
  readonly natExemptions: readonly Prefix[];
}

export interface MuxEndpoint {
  readonly providerAddress: Uint8Array;
  readonly resourceRef: string;
}

export interface EdgeEndpoint {
  readonly providerAddress: Uint8Array;
  readonly mac: number;
  readonly resourceRef: string;
}

export interface SwitchQos {
  readonly outboundReservedMode: OutboundReservedMode;
  readonly linkSpeedKbps: number;
  readonly defaultReservedValue: number;
}

export interface FlowLogSettings {
  readonly intervalSec: number;
  readonly directory: string;
}

export interface VirtualNetwork {
  readonly id: string;
  readonly resourceRef: string;
  readonly addressSpace: readonly Prefix[];
  readonly dnsServers: readonly Uint8Array[];
  readonly dnsDomain: string;
  readonly peerings: readonly Peering[];
  readonly unbilledPrefixes: readonly Prefix[];
}

export interface Peering {
  readonly resourceRef: string;
  readonly remoteVnetId: string;
  readonly remoteAddressSpace: readonly Prefix[];
  readonly allowAccess: boolean;
  readonly allowForwarded: boolean;
}

export interface VirtualSubnet {
  readonly id: string;
  readonly resourceRef: string;
  readonly vnetId: string;
  readonly vni: number;
  readonly prefix: Prefix;
  readonly gateway: Uint8Array;
  readonly accessControlListId: string;
  readonly routeTableId: string;
}

export interface Port {
  readonly id: string;
  readonly resourceRef: string;
  readonly vnetId: string;
  readonly subnetId: string;
  readonly mac: number;
  readonly ipConfigurations: readonly IpConfiguration[];
  readonly dnsServers: readonly Uint8Array[];
  readonly hostName: string;
  readonly mtu: number;
  readonly macSpoofing: boolean;
  readonly ipForwarding: boolean;
  readonly arpGuardOff: boolean;
  readonly dhcpGuardOff: boolean;
  readonly qos?: PortQos;
  readonly flowsMax: number;
  readonly broadcastPerSecMax: number;
  readonly mirrorIds: readonly string[];
  readonly tagLists: readonly TagList[];
}

export interface TagList {
  readonly securityTagRef: string;
  readonly accessControlListId: string;
}

export interface PortQos {
  readonly inboundKbpsMax: number;
  readonly outboundKbpsMax: number;
  readonly outboundReservedValue: number;
}

export interface IpConfiguration {
  readonly resourceRef: string;
  readonly subnetId: string;
  readonly address: Uint8Array;
  readonly accessControlListId: string;
  readonly learned: boolean;
}

export interface Mapping {
  readonly vnetId: string;
  readonly address: Uint8Array;
  readonly subnetId: string;
  readonly mac: number;
  readonly providerAddress: Uint8Array;
  readonly portRef: string;
  readonly dnsName: string;
}

export interface AccessControlList {
  readonly id: string;
  readonly resourceRef: string;
  readonly inboundDefault: AclAction;
  readonly outboundDefault: AclAction;
  readonly rules: readonly AclRule[];
}

export interface AclRule {
  readonly resourceRef: string;
  readonly priority: number;
  readonly direction: AclDirection;
  readonly action: AclAction;
  readonly protocol: number;
  readonly source?: AddressMatch;
  readonly destination?: AddressMatch;
  readonly sourcePorts: readonly PortRange[];
  readonly destinationPorts: readonly PortRange[];
  readonly logging: boolean;
}

export interface AddressMatch {
  readonly prefixes: readonly Prefix[];
  readonly tags: readonly AddressTag[];
  readonly securityTagIds: readonly string[];
}

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface SecurityTag {
  readonly id: string;
  readonly resourceRef: string;
  readonly vnetId: string;
  readonly addresses: readonly Uint8Array[];
}

export interface RouteTable {
  readonly id: string;
  readonly resourceRef: string;
  readonly routes: readonly Route[];
}

export interface Route {
  readonly resourceRef: string;
  readonly prefix: Prefix;
  readonly nextHopType: NextHopType;
  readonly nextHop: Uint8Array;
}

export interface Mirror {
  readonly id: string;
  readonly resourceRef: string;
  readonly priority: number;
  readonly rules: readonly MirrorRule[];
  readonly collectorPortId: string;
  readonly collectorRef: string;
  readonly segment: number;
  readonly providerAddress: Uint8Array;
  readonly sourceProviderAddresses: readonly Uint8Array[];
}

export interface MirrorRule {
  readonly protocol: number;
  readonly sources: readonly Prefix[];
  readonly destinations: readonly Prefix[];
  readonly sourcePorts?: PortRange;
  readonly destinationPorts?: PortRange;
}

export interface EdgeSettings {
  readonly providerAddress: Uint8Array;
  readonly providerPrefixLen: number;
  readonly vxlanPort: number;
  readonly providerMtu: number;
  readonly mac: number;
  readonly providerGateway: Uint8Array;
  readonly outside: readonly OutsideInterface[];
  readonly natExemptions: readonly Prefix[];
}

export interface OutsideInterface {
  readonly name: string;
  readonly addresses: readonly InterfaceAddress[];
  readonly mtu: number;
  readonly gateways: readonly Uint8Array[];
}

export interface InterfaceAddress {
  readonly address: Uint8Array;
  readonly prefixLen: number;
}

export interface BgpRouter {
  readonly id: string;
  readonly resourceRef: string;
  readonly asNumber: number;
  readonly routerId: Uint8Array;
  readonly enabled: boolean;
  readonly networks: readonly Prefix[];
  readonly bmpStations: readonly BmpStation[];
  readonly bmpStatisticsSec: number;
  readonly mrtUpdates: boolean;
  readonly mrtDumpMinutes: number;
}

export interface BmpStation {
  readonly address: Uint8Array;
  readonly port: number;
}

export interface BgpPeer {
  readonly id: string;
  readonly resourceRef: string;
  readonly routerId: string;
  readonly range?: Prefix;
  readonly address: Uint8Array;
  readonly asNumber: number;
  readonly importMapId: string;
  readonly exportMapId: string;
  readonly acceptAllIn: boolean;
  readonly acceptAllOut: boolean;
  readonly holdTimeSec: number;
  readonly md5Key: string;
  readonly ttlSecurityHops: number;
  readonly prefixesMax: number;
  readonly prefixRestartSec: number;
  readonly passive: boolean;
  readonly bfd: boolean;
  readonly gracefulRestartSec: number;
  readonly families: readonly PeerFamily[];
  readonly bfdIntervalMs: number;
  readonly bfdMultiplier: number;
}

export interface PolicyMap {
  readonly id: string;
  readonly resourceRef: string;
  readonly entries: Uint8Array;
}

export interface PublicAddress {
  readonly id: string;
  readonly resourceRef: string;
  readonly address: Uint8Array;
  readonly vnetId: string;
  readonly privateAddress: Uint8Array;
  readonly idleTimeoutSec: number;
}

export interface NatPool {
  readonly id: string;
  readonly resourceRef: string;
  readonly addresses: readonly Uint8Array[];
  readonly portFirst: number;
  readonly portLast: number;
  readonly portsPerBlock: number;
  readonly blocksPerAddressMax: number;
  readonly infrastructure: boolean;
}

export interface PortForward {
  readonly id: string;
  readonly resourceRef: string;
  readonly protocol: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly vnetId: string;
  readonly privateAddress: Uint8Array;
  readonly privatePort: number;
}

export interface MuxSettings {
  readonly providerAddress: Uint8Array;
  readonly providerPrefixLen: number;
  readonly providerGateway: Uint8Array;
  readonly vxlanPort: number;
  readonly providerMtu: number;
  readonly mac: number;
}

export interface VirtualIp {
  readonly id: string;
  readonly resourceRef: string;
  readonly address: Uint8Array;
  readonly vnetId: string;
  readonly internal: boolean;
  readonly subnetId: string;
  readonly rules: readonly LoadBalancingRule[];
}

export interface LoadBalancingRule {
  readonly id: string;
  readonly resourceRef: string;
  readonly protocol: number;
  readonly port: number;
  readonly poolId: string;
  readonly backendPort: number;
  readonly floatingIp: boolean;
  readonly distribution: LoadDistribution;
  readonly idleTimeoutSec: number;
  readonly tcpReset: boolean;
  readonly healthId: string;
}

export interface BackendPool {
  readonly id: string;
  readonly resourceRef: string;
  readonly vnetId: string;
  readonly backends: readonly Backend[];
}

export interface Backend {
  readonly address: Uint8Array;
  readonly vni: number;
  readonly mac: number;
  readonly providerAddress: Uint8Array;
  readonly portId: string;
  readonly resourceRef: string;
  readonly weight: number;
  readonly draining: boolean;
}

export interface BackendHealth {
  readonly id: string;
  readonly probeRef: string;
  readonly states: readonly BackendState[];
}

export interface BackendState {
  readonly address: Uint8Array;
  readonly state: HealthState;
}

export interface SnatLease {
  readonly vipId: string;
  readonly resourceRef: string;
  readonly publicAddress: Uint8Array;
  readonly vnetId: string;
  readonly address: Uint8Array;
  readonly vni: number;
  readonly mac: number;
  readonly providerAddress: Uint8Array;
  readonly portId: string;
  readonly protocol: number;
  readonly ports: readonly PortRange[];
  readonly idleTimeoutSec: number;
  readonly tcpReset: boolean;
}

export interface Announcement {
  readonly vipId: string;
}

export interface HealthProbe {
  readonly id: string;
  readonly resourceRef: string;
  readonly protocol: ProbeProtocol;
  readonly port: number;
  readonly requestPath: string;
  readonly intervalSec: number;
  readonly failuresMax: number;
  readonly backends: readonly ProbedBackend[];
}

export interface ProbedBackend {
  readonly portId: string;
  readonly address: Uint8Array;
}

export interface Prefix {
  readonly address: Uint8Array;
  readonly len: number;
}

export const DESCRIPTOR = {
  "nested": {
    "weft": {
      "nested": {
        "southbound": {
          "nested": {
            "v1": {
              "nested": {
                "GoalState": {
                  "methods": {
                    "Stream": {
                      "requestType": "TargetMessage",
                      "requestStream": true,
                      "responseType": "ControllerMessage",
                      "responseStream": true
                    }
                  }
                },
                "TargetMessage": {
                  "oneofs": {
                    "body": {
                      "oneof": [
                        "hello",
                        "ack",
                        "report",
                        "answer"
                      ]
                    }
                  },
                  "fields": {
                    "hello": {
                      "type": "Hello",
                      "id": 1
                    },
                    "ack": {
                      "type": "Ack",
                      "id": 2
                    },
                    "report": {
                      "type": "Report",
                      "id": 3
                    },
                    "answer": {
                      "type": "Answer",
                      "id": 4
                    }
                  }
                },
                "ControllerMessage": {
                  "oneofs": {
                    "body": {
                      "oneof": [
                        "snapshot",
                        "delta",
                        "query"
                      ]
                    }
                  },
                  "fields": {
                    "snapshot": {
                      "type": "Snapshot",
                      "id": 1
                    },
                    "delta": {
                      "type": "Delta",
                      "id": 2
                    },
                    "query": {
                      "type": "Query",
                      "id": 3
                    }
                  }
                },
                "Hello": {
                  "fields": {
                    "targetId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "target_id"
                    },
                    "kind": {
                      "type": "TargetKind",
                      "id": 2
                    },
                    "softwareVersion": {
                      "type": "string",
                      "id": 3,
                      "protoName": "software_version"
                    },
                    "appliedRevision": {
                      "type": "uint64",
                      "id": 4,
                      "protoName": "applied_revision"
                    },
                    "goalHash": {
                      "type": "bytes",
                      "id": 5,
                      "protoName": "goal_hash"
                    }
                  }
                },
                "TargetKind": {
                  "values": {
                    "TARGET_KIND_UNSPECIFIED": 0,
                    "HOST": 1,
                    "MUX": 2,
                    "GATEWAY": 3,
                    "EDGE": 4
                  }
                },
                "Snapshot": {
                  "fields": {
                    "nonce": {
                      "type": "uint64",
                      "id": 1
                    },
                    "revision": {
                      "type": "uint64",
                      "id": 2
                    },
                    "resources": {
                      "rule": "repeated",
                      "type": "Resource",
                      "id": 3
                    }
                  }
                },
                "Delta": {
                  "fields": {
                    "nonce": {
                      "type": "uint64",
                      "id": 1
                    },
                    "revision": {
                      "type": "uint64",
                      "id": 2
                    },
                    "upserts": {
                      "rule": "repeated",
                      "type": "Resource",
                      "id": 3
                    },
                    "removes": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 4
                    },
                    "goalHash": {
                      "type": "bytes",
                      "id": 5,
                      "protoName": "goal_hash"
                    }
                  }
                },
                "Ack": {
                  "fields": {
                    "nonce": {
                      "type": "uint64",
                      "id": 1
                    },
                    "revision": {
                      "type": "uint64",
                      "id": 2
                    },
                    "applyMicros": {
                      "type": "uint32",
                      "id": 3,
                      "protoName": "apply_micros"
                    },
                    "errors": {
                      "rule": "repeated",
                      "type": "ResourceError",
                      "id": 4
                    }
                  }
                },
                "ResourceError": {
                  "fields": {
                    "key": {
                      "type": "string",
                      "id": 1
                    },
                    "code": {
                      "type": "string",
                      "id": 2
                    },
                    "message": {
                      "type": "string",
                      "id": 3
                    }
                  }
                },
                "Report": {
                  "fields": {
                    "ports": {
                      "rule": "repeated",
                      "type": "AttachedPort",
                      "id": 1
                    },
                    "health": {
                      "rule": "repeated",
                      "type": "ResourceError",
                      "id": 2
                    },
                    "run": {
                      "type": "string",
                      "id": 3
                    },
                    "meters": {
                      "rule": "repeated",
                      "type": "PortMeter",
                      "id": 4
                    },
                    "probeResults": {
                      "rule": "repeated",
                      "type": "ProbeResult",
                      "id": 5,
                      "protoName": "probe_results"
                    }
                  }
                },
                "ProbeResult": {
                  "fields": {
                    "probeId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "probe_id"
                    },
                    "portId": {
                      "type": "string",
                      "id": 2,
                      "protoName": "port_id"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 3
                    },
                    "up": {
                      "type": "bool",
                      "id": 4
                    },
                    "reason": {
                      "type": "string",
                      "id": 5
                    },
                    "sinceSec": {
                      "type": "uint64",
                      "id": 6,
                      "protoName": "since_sec"
                    }
                  }
                },
                "PortMeter": {
                  "fields": {
                    "portId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "port_id"
                    },
                    "billedBytes": {
                      "type": "uint64",
                      "id": 2,
                      "protoName": "billed_bytes"
                    },
                    "unbilledBytes": {
                      "type": "uint64",
                      "id": 3,
                      "protoName": "unbilled_bytes"
                    }
                  }
                },
                "AttachedPort": {
                  "fields": {
                    "portId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "port_id"
                    },
                    "linkUp": {
                      "type": "bool",
                      "id": 2,
                      "protoName": "link_up"
                    },
                    "device": {
                      "type": "string",
                      "id": 3
                    },
                    "learnedAddresses": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 4,
                      "protoName": "learned_addresses"
                    }
                  }
                },
                "Query": {
                  "fields": {
                    "id": {
                      "type": "uint64",
                      "id": 1
                    },
                    "method": {
                      "type": "string",
                      "id": 2
                    },
                    "body": {
                      "type": "bytes",
                      "id": 3
                    }
                  }
                },
                "Answer": {
                  "fields": {
                    "id": {
                      "type": "uint64",
                      "id": 1
                    },
                    "body": {
                      "type": "bytes",
                      "id": 2
                    },
                    "errorCode": {
                      "type": "string",
                      "id": 3,
                      "protoName": "error_code"
                    },
                    "errorMessage": {
                      "type": "string",
                      "id": 4,
                      "protoName": "error_message"
                    },
                    "errorRemedy": {
                      "type": "string",
                      "id": 5,
                      "protoName": "error_remedy"
                    }
                  }
                },
                "Resource": {
                  "oneofs": {
                    "body": {
                      "oneof": [
                        "host",
                        "virtualNetwork",
                        "virtualSubnet",
                        "port",
                        "mapping",
                        "accessControlList",
                        "routeTable",
                        "securityTag",
                        "mirror",
                        "edge",
                        "bgpRouter",
                        "bgpPeer",
                        "policyMap",
                        "publicAddress",
                        "natPool",
                        "portForward",
                        "mux",
                        "virtualIp",
                        "backendPool",
                        "backendHealth",
                        "snatLease",
                        "announcement",
                        "healthProbe"
                      ]
                    }
                  },
                  "fields": {
                    "key": {
                      "type": "string",
                      "id": 1
                    },
                    "version": {
                      "type": "uint64",
                      "id": 2
                    },
                    "host": {
                      "type": "HostSettings",
                      "id": 10
                    },
                    "virtualNetwork": {
                      "type": "VirtualNetwork",
                      "id": 11,
                      "protoName": "virtual_network"
                    },
                    "virtualSubnet": {
                      "type": "VirtualSubnet",
                      "id": 12,
                      "protoName": "virtual_subnet"
                    },
                    "port": {
                      "type": "Port",
                      "id": 13
                    },
                    "mapping": {
                      "type": "Mapping",
                      "id": 14
                    },
                    "accessControlList": {
                      "type": "AccessControlList",
                      "id": 15,
                      "protoName": "access_control_list"
                    },
                    "routeTable": {
                      "type": "RouteTable",
                      "id": 16,
                      "protoName": "route_table"
                    },
                    "securityTag": {
                      "type": "SecurityTag",
                      "id": 17,
                      "protoName": "security_tag"
                    },
                    "mirror": {
                      "type": "Mirror",
                      "id": 18
                    },
                    "edge": {
                      "type": "EdgeSettings",
                      "id": 19
                    },
                    "bgpRouter": {
                      "type": "BgpRouter",
                      "id": 20,
                      "protoName": "bgp_router"
                    },
                    "bgpPeer": {
                      "type": "BgpPeer",
                      "id": 21,
                      "protoName": "bgp_peer"
                    },
                    "policyMap": {
                      "type": "PolicyMap",
                      "id": 22,
                      "protoName": "policy_map"
                    },
                    "publicAddress": {
                      "type": "PublicAddress",
                      "id": 23,
                      "protoName": "public_address"
                    },
                    "natPool": {
                      "type": "NatPool",
                      "id": 24,
                      "protoName": "nat_pool"
                    },
                    "portForward": {
                      "type": "PortForward",
                      "id": 25,
                      "protoName": "port_forward"
                    },
                    "mux": {
                      "type": "MuxSettings",
                      "id": 26
                    },
                    "virtualIp": {
                      "type": "VirtualIp",
                      "id": 27,
                      "protoName": "virtual_ip"
                    },
                    "backendPool": {
                      "type": "BackendPool",
                      "id": 28,
                      "protoName": "backend_pool"
                    },
                    "backendHealth": {
                      "type": "BackendHealth",
                      "id": 29,
                      "protoName": "backend_health"
                    },
                    "snatLease": {
                      "type": "SnatLease",
                      "id": 30,
                      "protoName": "snat_lease"
                    },
                    "announcement": {
                      "type": "Announcement",
                      "id": 31
                    },
                    "healthProbe": {
                      "type": "HealthProbe",
                      "id": 32,
                      "protoName": "health_probe"
                    }
                  }
                },
                "HostSettings": {
                  "oneofs": {
                    "_qos": {
                      "oneof": [
                        "qos"
                      ]
                    },
                    "_flowLog": {
                      "oneof": [
                        "flowLog"
                      ]
                    }
                  },
                  "fields": {
                    "providerAddress": {
                      "type": "bytes",
                      "id": 1,
                      "protoName": "provider_address"
                    },
                    "providerPrefixLen": {
                      "type": "uint32",
                      "id": 2,
                      "protoName": "provider_prefix_len"
                    },
                    "providerGateway": {
                      "type": "bytes",
                      "id": 3,
                      "protoName": "provider_gateway"
                    },
                    "vxlanPort": {
                      "type": "uint32",
                      "id": 4,
                      "protoName": "vxlan_port"
                    },
                    "providerMtu": {
                      "type": "uint32",
                      "id": 5,
                      "protoName": "provider_mtu"
                    },
                    "dnsForwarders": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 6,
                      "protoName": "dns_forwarders"
                    },
                    "qos": {
                      "type": "SwitchQos",
                      "id": 7,
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "metering": {
                      "type": "bool",
                      "id": 8
                    },
                    "flowLog": {
                      "type": "FlowLogSettings",
                      "id": 9,
                      "protoName": "flow_log",
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "edges": {
                      "rule": "repeated",
                      "type": "EdgeEndpoint",
                      "id": 10
                    },
                    "muxes": {
                      "rule": "repeated",
                      "type": "MuxEndpoint",
                      "id": 11
                    },
                    "natExemptions": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 12,
                      "protoName": "nat_exemptions"
                    }
                  }
                },
                "MuxEndpoint": {
                  "fields": {
                    "providerAddress": {
                      "type": "bytes",
                      "id": 1,
                      "protoName": "provider_address"
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    }
                  }
                },
                "EdgeEndpoint": {
                  "fields": {
                    "providerAddress": {
                      "type": "bytes",
                      "id": 1,
                      "protoName": "provider_address"
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 2
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 3,
                      "protoName": "resource_ref"
                    }
                  }
                },
                "SwitchQos": {
                  "fields": {
                    "outboundReservedMode": {
                      "type": "OutboundReservedMode",
                      "id": 1,
                      "protoName": "outbound_reserved_mode"
                    },
                    "linkSpeedKbps": {
                      "type": "uint64",
                      "id": 2,
                      "protoName": "link_speed_kbps"
                    },
                    "defaultReservedValue": {
                      "type": "uint64",
                      "id": 3,
                      "protoName": "default_reserved_value"
                    }
                  }
                },
                "OutboundReservedMode": {
                  "values": {
                    "OUTBOUND_RESERVED_NONE": 0,
                    "OUTBOUND_RESERVED_VALUE": 1,
                    "OUTBOUND_RESERVED_WEIGHT": 2
                  }
                },
                "FlowLogSettings": {
                  "fields": {
                    "intervalSec": {
                      "type": "uint32",
                      "id": 1,
                      "protoName": "interval_sec"
                    },
                    "directory": {
                      "type": "string",
                      "id": 2
                    }
                  }
                },
                "VirtualNetwork": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "addressSpace": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 3,
                      "protoName": "address_space"
                    },
                    "dnsServers": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 4,
                      "protoName": "dns_servers"
                    },
                    "dnsDomain": {
                      "type": "string",
                      "id": 5,
                      "protoName": "dns_domain"
                    },
                    "peerings": {
                      "rule": "repeated",
                      "type": "Peering",
                      "id": 6
                    },
                    "unbilledPrefixes": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 7,
                      "protoName": "unbilled_prefixes"
                    }
                  }
                },
                "Peering": {
                  "fields": {
                    "resourceRef": {
                      "type": "string",
                      "id": 1,
                      "protoName": "resource_ref"
                    },
                    "remoteVnetId": {
                      "type": "string",
                      "id": 2,
                      "protoName": "remote_vnet_id"
                    },
                    "remoteAddressSpace": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 3,
                      "protoName": "remote_address_space"
                    },
                    "allowAccess": {
                      "type": "bool",
                      "id": 4,
                      "protoName": "allow_access"
                    },
                    "allowForwarded": {
                      "type": "bool",
                      "id": 5,
                      "protoName": "allow_forwarded"
                    }
                  }
                },
                "VirtualSubnet": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 3,
                      "protoName": "vnet_id"
                    },
                    "vni": {
                      "type": "uint32",
                      "id": 4
                    },
                    "prefix": {
                      "type": "Prefix",
                      "id": 5
                    },
                    "gateway": {
                      "type": "bytes",
                      "id": 6
                    },
                    "accessControlListId": {
                      "type": "string",
                      "id": 7,
                      "protoName": "access_control_list_id"
                    },
                    "routeTableId": {
                      "type": "string",
                      "id": 8,
                      "protoName": "route_table_id"
                    }
                  }
                },
                "Port": {
                  "oneofs": {
                    "_qos": {
                      "oneof": [
                        "qos"
                      ]
                    }
                  },
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 3,
                      "protoName": "vnet_id"
                    },
                    "subnetId": {
                      "type": "string",
                      "id": 4,
                      "protoName": "subnet_id"
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 5
                    },
                    "ipConfigurations": {
                      "rule": "repeated",
                      "type": "IpConfiguration",
                      "id": 6,
                      "protoName": "ip_configurations"
                    },
                    "dnsServers": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 7,
                      "protoName": "dns_servers"
                    },
                    "hostName": {
                      "type": "string",
                      "id": 8,
                      "protoName": "host_name"
                    },
                    "mtu": {
                      "type": "uint32",
                      "id": 9
                    },
                    "macSpoofing": {
                      "type": "bool",
                      "id": 10,
                      "protoName": "mac_spoofing"
                    },
                    "ipForwarding": {
                      "type": "bool",
                      "id": 11,
                      "protoName": "ip_forwarding"
                    },
                    "arpGuardOff": {
                      "type": "bool",
                      "id": 12,
                      "protoName": "arp_guard_off"
                    },
                    "dhcpGuardOff": {
                      "type": "bool",
                      "id": 13,
                      "protoName": "dhcp_guard_off"
                    },
                    "qos": {
                      "type": "PortQos",
                      "id": 15,
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "flowsMax": {
                      "type": "uint32",
                      "id": 16,
                      "protoName": "flows_max"
                    },
                    "broadcastPerSecMax": {
                      "type": "uint32",
                      "id": 17,
                      "protoName": "broadcast_per_sec_max"
                    },
                    "mirrorIds": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 18,
                      "protoName": "mirror_ids"
                    },
                    "tagLists": {
                      "rule": "repeated",
                      "type": "TagList",
                      "id": 19,
                      "protoName": "tag_lists"
                    }
                  }
                },
                "TagList": {
                  "fields": {
                    "securityTagRef": {
                      "type": "string",
                      "id": 1,
                      "protoName": "security_tag_ref"
                    },
                    "accessControlListId": {
                      "type": "string",
                      "id": 2,
                      "protoName": "access_control_list_id"
                    }
                  }
                },
                "PortQos": {
                  "fields": {
                    "inboundKbpsMax": {
                      "type": "uint64",
                      "id": 1,
                      "protoName": "inbound_kbps_max"
                    },
                    "outboundKbpsMax": {
                      "type": "uint64",
                      "id": 2,
                      "protoName": "outbound_kbps_max"
                    },
                    "outboundReservedValue": {
                      "type": "uint64",
                      "id": 3,
                      "protoName": "outbound_reserved_value"
                    }
                  }
                },
                "IpConfiguration": {
                  "fields": {
                    "resourceRef": {
                      "type": "string",
                      "id": 1,
                      "protoName": "resource_ref"
                    },
                    "subnetId": {
                      "type": "string",
                      "id": 2,
                      "protoName": "subnet_id"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 3
                    },
                    "accessControlListId": {
                      "type": "string",
                      "id": 4,
                      "protoName": "access_control_list_id"
                    },
                    "learned": {
                      "type": "bool",
                      "id": 5
                    }
                  }
                },
                "Mapping": {
                  "fields": {
                    "vnetId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "vnet_id"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 2
                    },
                    "subnetId": {
                      "type": "string",
                      "id": 3,
                      "protoName": "subnet_id"
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 4
                    },
                    "providerAddress": {
                      "type": "bytes",
                      "id": 5,
                      "protoName": "provider_address"
                    },
                    "portRef": {
                      "type": "string",
                      "id": 6,
                      "protoName": "port_ref"
                    },
                    "dnsName": {
                      "type": "string",
                      "id": 7,
                      "protoName": "dns_name"
                    }
                  }
                },
                "AccessControlList": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "inboundDefault": {
                      "type": "AclAction",
                      "id": 3,
                      "protoName": "inbound_default"
                    },
                    "outboundDefault": {
                      "type": "AclAction",
                      "id": 4,
                      "protoName": "outbound_default"
                    },
                    "rules": {
                      "rule": "repeated",
                      "type": "AclRule",
                      "id": 5
                    }
                  }
                },
                "AclAction": {
                  "values": {
                    "ACL_PERMIT": 0,
                    "ACL_DENY": 1
                  }
                },
                "AclDirection": {
                  "values": {
                    "ACL_INBOUND": 0,
                    "ACL_OUTBOUND": 1
                  }
                },
                "AclRule": {
                  "oneofs": {
                    "_source": {
                      "oneof": [
                        "source"
                      ]
                    },
                    "_destination": {
                      "oneof": [
                        "destination"
                      ]
                    }
                  },
                  "fields": {
                    "resourceRef": {
                      "type": "string",
                      "id": 1,
                      "protoName": "resource_ref"
                    },
                    "priority": {
                      "type": "uint32",
                      "id": 2
                    },
                    "direction": {
                      "type": "AclDirection",
                      "id": 3
                    },
                    "action": {
                      "type": "AclAction",
                      "id": 4
                    },
                    "protocol": {
                      "type": "uint32",
                      "id": 5
                    },
                    "source": {
                      "type": "AddressMatch",
                      "id": 6,
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "destination": {
                      "type": "AddressMatch",
                      "id": 7,
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "sourcePorts": {
                      "rule": "repeated",
                      "type": "PortRange",
                      "id": 8,
                      "protoName": "source_ports"
                    },
                    "destinationPorts": {
                      "rule": "repeated",
                      "type": "PortRange",
                      "id": 9,
                      "protoName": "destination_ports"
                    },
                    "logging": {
                      "type": "bool",
                      "id": 10
                    }
                  }
                },
                "AddressMatch": {
                  "fields": {
                    "prefixes": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 1
                    },
                    "tags": {
                      "rule": "repeated",
                      "type": "AddressTag",
                      "id": 2
                    },
                    "securityTagIds": {
                      "rule": "repeated",
                      "type": "string",
                      "id": 3,
                      "protoName": "security_tag_ids"
                    }
                  }
                },
                "AddressTag": {
                  "values": {
                    "ADDRESS_TAG_UNSPECIFIED": 0,
                    "VIRTUAL_NETWORK": 1,
                    "INTERNET": 2,
                    "AZURE_LOAD_BALANCER": 3
                  }
                },
                "PortRange": {
                  "fields": {
                    "from": {
                      "type": "uint32",
                      "id": 1
                    },
                    "to": {
                      "type": "uint32",
                      "id": 2
                    }
                  }
                },
                "SecurityTag": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 3,
                      "protoName": "vnet_id"
                    },
                    "addresses": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 4
                    }
                  }
                },
                "RouteTable": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "routes": {
                      "rule": "repeated",
                      "type": "Route",
                      "id": 3
                    }
                  }
                },
                "Route": {
                  "fields": {
                    "resourceRef": {
                      "type": "string",
                      "id": 1,
                      "protoName": "resource_ref"
                    },
                    "prefix": {
                      "type": "Prefix",
                      "id": 2
                    },
                    "nextHopType": {
                      "type": "NextHopType",
                      "id": 3,
                      "protoName": "next_hop_type"
                    },
                    "nextHop": {
                      "type": "bytes",
                      "id": 4,
                      "protoName": "next_hop"
                    }
                  }
                },
                "NextHopType": {
                  "values": {
                    "NEXT_HOP_NONE": 0,
                    "NEXT_HOP_VNET_LOCAL": 1,
                    "NEXT_HOP_VIRTUAL_APPLIANCE": 2,
                    "NEXT_HOP_INTERNET": 3,
                    "NEXT_HOP_VIRTUAL_NETWORK_GATEWAY": 4
                  }
                },
                "Mirror": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "priority": {
                      "type": "uint32",
                      "id": 3
                    },
                    "rules": {
                      "rule": "repeated",
                      "type": "MirrorRule",
                      "id": 4
                    },
                    "collectorPortId": {
                      "type": "string",
                      "id": 5,
                      "protoName": "collector_port_id"
                    },
                    "collectorRef": {
                      "type": "string",
                      "id": 6,
                      "protoName": "collector_ref"
                    },
                    "segment": {
                      "type": "uint32",
                      "id": 7
                    },
                    "providerAddress": {
                      "type": "bytes",
                      "id": 8,
                      "protoName": "provider_address"
                    },
                    "sourceProviderAddresses": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 9,
                      "protoName": "source_provider_addresses"
                    }
                  }
                },
                "MirrorRule": {
                  "oneofs": {
                    "_sourcePorts": {
                      "oneof": [
                        "sourcePorts"
                      ]
                    },
                    "_destinationPorts": {
                      "oneof": [
                        "destinationPorts"
                      ]
                    }
                  },
                  "fields": {
                    "protocol": {
                      "type": "uint32",
                      "id": 1
                    },
                    "sources": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 2
                    },
                    "destinations": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 3
                    },
                    "sourcePorts": {
                      "type": "PortRange",
                      "id": 4,
                      "protoName": "source_ports",
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "destinationPorts": {
                      "type": "PortRange",
                      "id": 5,
                      "protoName": "destination_ports",
                      "options": {
                        "proto3_optional": true
                      }
                    }
                  }
                },
                "EdgeSettings": {
                  "fields": {
                    "providerAddress": {
                      "type": "bytes",
                      "id": 1,
                      "protoName": "provider_address"
                    },
                    "providerPrefixLen": {
                      "type": "uint32",
                      "id": 2,
                      "protoName": "provider_prefix_len"
                    },
                    "vxlanPort": {
                      "type": "uint32",
                      "id": 3,
                      "protoName": "vxlan_port"
                    },
                    "providerMtu": {
                      "type": "uint32",
                      "id": 4,
                      "protoName": "provider_mtu"
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 5
                    },
                    "providerGateway": {
                      "type": "bytes",
                      "id": 6,
                      "protoName": "provider_gateway"
                    },
                    "outside": {
                      "rule": "repeated",
                      "type": "OutsideInterface",
                      "id": 7
                    },
                    "natExemptions": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 8,
                      "protoName": "nat_exemptions"
                    }
                  }
                },
                "OutsideInterface": {
                  "fields": {
                    "name": {
                      "type": "string",
                      "id": 1
                    },
                    "addresses": {
                      "rule": "repeated",
                      "type": "InterfaceAddress",
                      "id": 2
                    },
                    "mtu": {
                      "type": "uint32",
                      "id": 3
                    },
                    "gateways": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 4
                    }
                  }
                },
                "InterfaceAddress": {
                  "fields": {
                    "address": {
                      "type": "bytes",
                      "id": 1
                    },
                    "prefixLen": {
                      "type": "uint32",
                      "id": 2,
                      "protoName": "prefix_len"
                    }
                  }
                },
                "BgpRouter": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "asNumber": {
                      "type": "uint32",
                      "id": 3,
                      "protoName": "as_number"
                    },
                    "routerId": {
                      "type": "bytes",
                      "id": 4,
                      "protoName": "router_id"
                    },
                    "enabled": {
                      "type": "bool",
                      "id": 5
                    },
                    "networks": {
                      "rule": "repeated",
                      "type": "Prefix",
                      "id": 6
                    },
                    "bmpStations": {
                      "rule": "repeated",
                      "type": "BmpStation",
                      "id": 7,
                      "protoName": "bmp_stations"
                    },
                    "bmpStatisticsSec": {
                      "type": "uint32",
                      "id": 8,
                      "protoName": "bmp_statistics_sec"
                    },
                    "mrtUpdates": {
                      "type": "bool",
                      "id": 9,
                      "protoName": "mrt_updates"
                    },
                    "mrtDumpMinutes": {
                      "type": "uint32",
                      "id": 10,
                      "protoName": "mrt_dump_minutes"
                    }
                  }
                },
                "BmpStation": {
                  "fields": {
                    "address": {
                      "type": "bytes",
                      "id": 1
                    },
                    "port": {
                      "type": "uint32",
                      "id": 2
                    }
                  }
                },
                "BgpPeer": {
                  "oneofs": {
                    "_range": {
                      "oneof": [
                        "range"
                      ]
                    }
                  },
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "routerId": {
                      "type": "string",
                      "id": 3,
                      "protoName": "router_id"
                    },
                    "range": {
                      "type": "Prefix",
                      "id": 4,
                      "options": {
                        "proto3_optional": true
                      }
                    },
                    "address": {
                      "type": "bytes",
                      "id": 5
                    },
                    "asNumber": {
                      "type": "uint32",
                      "id": 6,
                      "protoName": "as_number"
                    },
                    "importMapId": {
                      "type": "string",
                      "id": 7,
                      "protoName": "import_map_id"
                    },
                    "exportMapId": {
                      "type": "string",
                      "id": 8,
                      "protoName": "export_map_id"
                    },
                    "acceptAllIn": {
                      "type": "bool",
                      "id": 9,
                      "protoName": "accept_all_in"
                    },
                    "acceptAllOut": {
                      "type": "bool",
                      "id": 10,
                      "protoName": "accept_all_out"
                    },
                    "holdTimeSec": {
                      "type": "uint32",
                      "id": 11,
                      "protoName": "hold_time_sec"
                    },
                    "md5Key": {
                      "type": "string",
                      "id": 12,
                      "protoName": "md5_key"
                    },
                    "ttlSecurityHops": {
                      "type": "uint32",
                      "id": 13,
                      "protoName": "ttl_security_hops"
                    },
                    "prefixesMax": {
                      "type": "uint32",
                      "id": 14,
                      "protoName": "prefixes_max"
                    },
                    "prefixRestartSec": {
                      "type": "uint32",
                      "id": 15,
                      "protoName": "prefix_restart_sec"
                    },
                    "passive": {
                      "type": "bool",
                      "id": 16
                    },
                    "bfd": {
                      "type": "bool",
                      "id": 17
                    },
                    "gracefulRestartSec": {
                      "type": "uint32",
                      "id": 18,
                      "protoName": "graceful_restart_sec"
                    },
                    "families": {
                      "rule": "repeated",
                      "type": "PeerFamily",
                      "id": 19
                    },
                    "bfdIntervalMs": {
                      "type": "uint32",
                      "id": 20,
                      "protoName": "bfd_interval_ms"
                    },
                    "bfdMultiplier": {
                      "type": "uint32",
                      "id": 21,
                      "protoName": "bfd_multiplier"
                    }
                  }
                },
                "PeerFamily": {
                  "values": {
                    "PEER_IPV4_UNICAST": 0,
                    "PEER_IPV6_UNICAST": 1
                  }
                },
                "PolicyMap": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "entries": {
                      "type": "bytes",
                      "id": 3
                    }
                  }
                },
                "PublicAddress": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 3
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 4,
                      "protoName": "vnet_id"
                    },
                    "privateAddress": {
                      "type": "bytes",
                      "id": 5,
                      "protoName": "private_address"
                    },
                    "idleTimeoutSec": {
                      "type": "uint32",
                      "id": 6,
                      "protoName": "idle_timeout_sec"
                    }
                  }
                },
                "NatPool": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "addresses": {
                      "rule": "repeated",
                      "type": "bytes",
                      "id": 3
                    },
                    "portFirst": {
                      "type": "uint32",
                      "id": 4,
                      "protoName": "port_first"
                    },
                    "portLast": {
                      "type": "uint32",
                      "id": 5,
                      "protoName": "port_last"
                    },
                    "portsPerBlock": {
                      "type": "uint32",
                      "id": 6,
                      "protoName": "ports_per_block"
                    },
                    "blocksPerAddressMax": {
                      "type": "uint32",
                      "id": 7,
                      "protoName": "blocks_per_address_max"
                    },
                    "infrastructure": {
                      "type": "bool",
                      "id": 8
                    }
                  }
                },
                "PortForward": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "protocol": {
                      "type": "uint32",
                      "id": 3
                    },
                    "address": {
                      "type": "bytes",
                      "id": 4
                    },
                    "port": {
                      "type": "uint32",
                      "id": 5
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 6,
                      "protoName": "vnet_id"
                    },
                    "privateAddress": {
                      "type": "bytes",
                      "id": 7,
                      "protoName": "private_address"
                    },
                    "privatePort": {
                      "type": "uint32",
                      "id": 8,
                      "protoName": "private_port"
                    }
                  }
                },
                "MuxSettings": {
                  "fields": {
                    "providerAddress": {
                      "type": "bytes",
                      "id": 1,
                      "protoName": "provider_address"
                    },
                    "providerPrefixLen": {
                      "type": "uint32",
                      "id": 2,
                      "protoName": "provider_prefix_len"
                    },
                    "providerGateway": {
                      "type": "bytes",
                      "id": 3,
                      "protoName": "provider_gateway"
                    },
                    "vxlanPort": {
                      "type": "uint32",
                      "id": 4,
                      "protoName": "vxlan_port"
                    },
                    "providerMtu": {
                      "type": "uint32",
                      "id": 5,
                      "protoName": "provider_mtu"
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 6
                    }
                  }
                },
                "VirtualIp": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 3
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 4,
                      "protoName": "vnet_id"
                    },
                    "internal": {
                      "type": "bool",
                      "id": 5
                    },
                    "subnetId": {
                      "type": "string",
                      "id": 6,
                      "protoName": "subnet_id"
                    },
                    "rules": {
                      "rule": "repeated",
                      "type": "LoadBalancingRule",
                      "id": 7
                    }
                  }
                },
                "LoadBalancingRule": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "protocol": {
                      "type": "uint32",
                      "id": 3
                    },
                    "port": {
                      "type": "uint32",
                      "id": 4
                    },
                    "poolId": {
                      "type": "string",
                      "id": 5,
                      "protoName": "pool_id"
                    },
                    "backendPort": {
                      "type": "uint32",
                      "id": 6,
                      "protoName": "backend_port"
                    },
                    "floatingIp": {
                      "type": "bool",
                      "id": 7,
                      "protoName": "floating_ip"
                    },
                    "distribution": {
                      "type": "LoadDistribution",
                      "id": 8
                    },
                    "idleTimeoutSec": {
                      "type": "uint32",
                      "id": 9,
                      "protoName": "idle_timeout_sec"
                    },
                    "tcpReset": {
                      "type": "bool",
                      "id": 10,
                      "protoName": "tcp_reset"
                    },
                    "healthId": {
                      "type": "string",
                      "id": 11,
                      "protoName": "health_id"
                    }
                  }
                },
                "LoadDistribution": {
                  "values": {
                    "LOAD_DISTRIBUTION_FIVE_TUPLE": 0,
                    "LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL": 1,
                    "LOAD_DISTRIBUTION_SOURCE_IP": 2
                  }
                },
                "BackendPool": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 3,
                      "protoName": "vnet_id"
                    },
                    "backends": {
                      "rule": "repeated",
                      "type": "Backend",
                      "id": 4
                    }
                  }
                },
                "Backend": {
                  "fields": {
                    "address": {
                      "type": "bytes",
                      "id": 1
                    },
                    "vni": {
                      "type": "uint32",
                      "id": 2
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 3
                    },
                    "providerAddress": {
                      "type": "bytes",
                      "id": 4,
                      "protoName": "provider_address"
                    },
                    "portId": {
                      "type": "string",
                      "id": 5,
                      "protoName": "port_id"
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 6,
                      "protoName": "resource_ref"
                    },
                    "weight": {
                      "type": "uint32",
                      "id": 7
                    },
                    "draining": {
                      "type": "bool",
                      "id": 8
                    }
                  }
                },
                "BackendHealth": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "probeRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "probe_ref"
                    },
                    "states": {
                      "rule": "repeated",
                      "type": "BackendState",
                      "id": 3
                    }
                  }
                },
                "BackendState": {
                  "fields": {
                    "address": {
                      "type": "bytes",
                      "id": 1
                    },
                    "state": {
                      "type": "HealthState",
                      "id": 2
                    }
                  }
                },
                "HealthState": {
                  "values": {
                    "HEALTH_UNKNOWN": 0,
                    "HEALTH_UP": 1,
                    "HEALTH_DOWN": 2,
                    "HEALTH_LOST": 3
                  }
                },
                "SnatLease": {
                  "fields": {
                    "vipId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "vip_id"
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "publicAddress": {
                      "type": "bytes",
                      "id": 3,
                      "protoName": "public_address"
                    },
                    "vnetId": {
                      "type": "string",
                      "id": 4,
                      "protoName": "vnet_id"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 5
                    },
                    "vni": {
                      "type": "uint32",
                      "id": 6
                    },
                    "mac": {
                      "type": "uint64",
                      "id": 7
                    },
                    "providerAddress": {
                      "type": "bytes",
                      "id": 8,
                      "protoName": "provider_address"
                    },
                    "portId": {
                      "type": "string",
                      "id": 9,
                      "protoName": "port_id"
                    },
                    "protocol": {
                      "type": "uint32",
                      "id": 10
                    },
                    "ports": {
                      "rule": "repeated",
                      "type": "PortRange",
                      "id": 11
                    },
                    "idleTimeoutSec": {
                      "type": "uint32",
                      "id": 12,
                      "protoName": "idle_timeout_sec"
                    },
                    "tcpReset": {
                      "type": "bool",
                      "id": 13,
                      "protoName": "tcp_reset"
                    }
                  }
                },
                "Announcement": {
                  "fields": {
                    "vipId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "vip_id"
                    }
                  }
                },
                "HealthProbe": {
                  "fields": {
                    "id": {
                      "type": "string",
                      "id": 1
                    },
                    "resourceRef": {
                      "type": "string",
                      "id": 2,
                      "protoName": "resource_ref"
                    },
                    "protocol": {
                      "type": "ProbeProtocol",
                      "id": 3
                    },
                    "port": {
                      "type": "uint32",
                      "id": 4
                    },
                    "requestPath": {
                      "type": "string",
                      "id": 5,
                      "protoName": "request_path"
                    },
                    "intervalSec": {
                      "type": "uint32",
                      "id": 6,
                      "protoName": "interval_sec"
                    },
                    "failuresMax": {
                      "type": "uint32",
                      "id": 7,
                      "protoName": "failures_max"
                    },
                    "backends": {
                      "rule": "repeated",
                      "type": "ProbedBackend",
                      "id": 8
                    }
                  }
                },
                "ProbeProtocol": {
                  "values": {
                    "PROBE_TCP": 0,
                    "PROBE_HTTP": 1,
                    "PROBE_HTTPS": 2
                  }
                },
                "ProbedBackend": {
                  "fields": {
                    "portId": {
                      "type": "string",
                      "id": 1,
                      "protoName": "port_id"
                    },
                    "address": {
                      "type": "bytes",
                      "id": 2
                    }
                  }
                },
                "Prefix": {
                  "fields": {
                    "address": {
                      "type": "bytes",
                      "id": 1
                    },
                    "len": {
                      "type": "uint32",
                      "id": 2
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
} as const;
