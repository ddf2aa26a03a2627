/** Generated from weft.proto by tools/generate-southbound.ts. Do not edit. */

export const TargetKind = {
  TARGET_KIND_UNSPECIFIED: 0,
  HOST: 1,
  MUX: 2,
  GATEWAY: 3,
  EDGE: 4,
} as const;
export type TargetKind = (typeof TargetKind)[keyof typeof TargetKind];

export interface TargetMessage {
  readonly hello?: Hello;
  readonly ack?: Ack;
  readonly report?: Report;
}

export interface ControllerMessage {
  readonly snapshot?: Snapshot;
  readonly delta?: Delta;
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
}

export interface AttachedPort {
  readonly portId: string;
  readonly linkUp: boolean;
  readonly device: string;
}

export interface Resource {
  readonly key: string;
  readonly version: number;
  readonly host?: HostSettings;
  readonly virtualNetwork?: VirtualNetwork;
  readonly virtualSubnet?: VirtualSubnet;
  readonly port?: Port;
  readonly mapping?: Mapping;
}

export interface HostSettings {
  readonly providerAddress: Uint8Array;
  readonly providerPrefixLen: number;
  readonly providerGateway: Uint8Array;
  readonly vxlanPort: number;
  readonly providerMtu: number;
}

export interface VirtualNetwork {
  readonly id: string;
  readonly resourceRef: string;
  readonly addressSpace: readonly Prefix[];
  readonly dnsServers: readonly Uint8Array[];
}

export interface VirtualSubnet {
  readonly id: string;
  readonly resourceRef: string;
  readonly vnetId: string;
  readonly vni: number;
  readonly prefix: Prefix;
  readonly gateway: Uint8Array;
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
}

export interface IpConfiguration {
  readonly resourceRef: string;
  readonly subnetId: string;
  readonly address: Uint8Array;
}

export interface Mapping {
  readonly vnetId: string;
  readonly address: Uint8Array;
  readonly subnetId: string;
  readonly mac: number;
  readonly providerAddress: Uint8Array;
  readonly portRef: string;
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
                        "report"
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
                    }
                  }
                },
                "ControllerMessage": {
                  "oneofs": {
                    "body": {
                      "oneof": [
                        "snapshot",
                        "delta"
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
                        "mapping"
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
                    }
                  }
                },
                "HostSettings": {
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
                    }
                  }
                },
                "Port": {
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
