/** Limits of the northbound: unit in the name, reason beside it. Reaching one is a tested, counted answer. */
import { type Millis, millis, seconds } from '../../base/units.ts';

/** Bytes of a request's body; a virtual network with 4,000 subnets fits. More: 413. */
export const BODY_BYTES_MAX: number = 4 * 1024 * 1024;
/** Bytes of a request's headers: Node's default, stated. */
export const HEADER_BYTES_MAX: number = 16 * 1024;
/** Time for a client to send its whole request, against slow senders. */
export const REQUEST_TIMEOUT: Millis = seconds(30);
/** Idle connections are closed after this long. */
export const KEEP_ALIVE: Millis = seconds(72);
/** TLS connections at once. */
export const CONNECTIONS_MAX = 4_096;

/** Writes waiting for their turn, over the whole installation: each holds its body. More: 503 with Retry-After. */
export const WRITE_QUEUE_LENGTH_MAX = 16_384;
/** Commits on their way to disk at once: enough to fill a flush, few enough to start again from when one fails. */
export const COMMITS_IN_FLIGHT_MAX = 256;
/** Seconds after which a client that was refused for load may try again. */
export const BUSY_RETRY_AFTER_SEC = 1;
/** How long a write waits for an operation it may not cancel, before 409 AnotherOperationInProgress. */
export const CONFLICT_WAIT: Millis = seconds(5);
/** Seconds in Retry-After of an asynchronous answer; MS-NCNBI §1.3.2.1 allows 15 s … 15 min. */
export const OPERATION_RETRY_AFTER_SEC = 15;

/** Resources of a list that are rendered without letting others have their turn: about a millisecond of work. */
export const LIST_SLICE_LENGTH = 64;
/** Details in one error body. */
export const FAULT_DETAILS_MAX = 32;
/** Characters of a resourceId, as in Azure: it is part of keys and of URLs. */
export const RESOURCE_ID_LENGTH_MAX = 80;
/** Characters of a request's path. */
export const PATH_LENGTH_MAX = 2_048;
/** Bytes of `tags` and `resourceMetadata` of one resource, as JSON. */
export const TAGS_BYTES_MAX: number = 64 * 1024;
/** Address prefixes of one virtual network. */
export const ADDRESS_PREFIXES_MAX = 256;
/** DNS servers of a virtual network or interface: what a DHCP option reasonably carries. */
export const DNS_SERVERS_MAX = 10;
/** Rules of one access control list: what a switch compiles in milliseconds, four times what Azure allows. */
export const ACL_RULES_MAX = 4_096;
/** Security tags of one interface that have a list applied: each packet that opens a flow is judged by every one of them. */
export const TAG_LISTS_MAX = 8;
/** Routes of one route table: ten times what Windows Server allows (MS-NCNBI note 18), as many as Azure. */
export const ROUTES_MAX = 1_000;
/** Peerings of one virtual network, as in Azure: a host with a port there knows all of them. */
export const PEERINGS_MAX = 500;
/** IP configurations of one network interface. */
export const IP_CONFIGURATIONS_MAX = 256;
/** Addresses of an IPv6 subnet or pool that are given out as Dynamic, from its start: what Azure allows in a network. 8 KiB of bitmap. */
export const DYNAMIC_IPV6_ADDRESSES_MAX: number = 1 << 16;
/** Rules of one serviceInsertion: each is tried for every packet of a mirrored port. */
export const SERVICE_INSERTION_RULES_MAX = 64;
/** Addresses in one pool of the loadBalancerManager, of either family: each may become a route of its own. */
export const VIP_POOL_ADDRESSES_MAX: number = 1 << 16;
/** Addresses of one natPool: a hundred thousand inside addresses share them. Each is claimed by itself. */
export const NAT_POOL_ADDRESSES_MAX = 256;
/** natPools of one edge router. */
export const NAT_POOLS_MAX = 64;
/** portForwards of one edge router, all told to it. */
export const PORT_FORWARDS_MAX = 4_096;
/** frontendIPConfigurations of one load balancer, and likewise its backendAddressPools and probes. */
export const BALANCER_PARTS_MAX = 1_000;
/** Rules of one load balancer, of all kinds: every mux tries to find each packet's among them. */
export const BALANCER_RULES_MAX = 4_096;
/** Backends of one pool: a table of the muxes for as many is made in 20 ms. */
export const POOL_BACKENDS_MAX = 1_000;
/** BGP neighbours of one mux. */
export const MUX_PEERS_MAX = 16;
/** Interfaces to the outside of one edge router. */
export const OUTSIDE_INTERFACES_MAX = 8;
/** Addresses of one interface to the outside. */
export const OUTSIDE_ADDRESSES_MAX = 16;
/** bgpPeers of one router, prefixes of peers counted once. */
export const BGP_PEERS_MAX = 256;
/** Prefixes that one bgpRouter originates. */
export const BGP_NETWORKS_MAX = 1_024;
/** Monitoring stations of one BGP router, as the speaker has it. */
export const BMP_STATIONS_MAX = 16;
/** Entries of one policyMap: each is tried for every route. */
export const POLICY_MAP_ENTRIES_MAX = 256;
/** Values of one criterion or action of a policyMap. */
export const POLICY_VALUES_MAX = 256;
/** Addresses in one MAC pool: its bitmap takes 2 MiB. */
export const MAC_POOL_ADDRESSES_MAX: number = 1 << 24;

/** Replies kept for requests that come again with the same x-ms-client-request-id. */
export const IDEMPOTENT_REPLIES_MAX = 10_000;
/** Characters of x-ms-client-request-id that are taken notice of. */
export const CLIENT_REQUEST_ID_LENGTH_MAX = 128;

/** Entries of one page of revisions. */
export const REVISION_PAGE_LENGTH_MAX = 1_000;
/** Between two looks at what a capture has recorded, while there is nothing new. */
export const CAPTURE_POLL_INTERVAL: Millis = millis(100);
/** Captures that were read to their end, of which it can still be asked how they have ended. */
export const CAPTURES_REMEMBERED_MAX = 64;
/** Time given to requests in flight when the process is asked to end. */
export const SHUTDOWN_TIMEOUT: Millis = seconds(10);
