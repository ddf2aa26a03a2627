/** Named maxima and times of the services that the switch answers by itself (docs/limits.md). */

/** Lease time offered; an address belongs to its NIC anyway, the lease only bounds how late a changed option reaches a guest. */
export const LEASE_TIME_SEC = 86_400;
/** DNS servers named in one DHCP answer; more are left out. */
export const DNS_SERVERS_MAX = 16;
/** UDP payload a DHCP client takes unless option 57 says more: 576 − 28 (RFC 2132 §9.10). */
export const DHCP_MESSAGE_BYTES_MAX = 548;
/** Time to live of what the switch sends in its own name. */
export const TTL = 64;
/** IP packet of an ICMP error at most (RFC 1812 §4.3.2.3). */
export const ICMP_ERROR_BYTES_MAX = 576;
/** IP packet of an ICMPv6 error at most: the least that every link carries (RFC 4443 §2.4 c). */
export const ICMPV6_ERROR_BYTES_MAX = 1280;
/** How long a guest believes a router advertisement: three times the longest interval between two (RFC 4861 §6.2.1). */
export const ROUTER_LIFETIME_SEC = 1800;
/** UDP payload of the longest DHCP answer, whatever the client says it takes. */
export const DHCP_ANSWER_BYTES_MAX = 1400;
/** DHCPv6 options of one answer that may be left out end here: 1280 − 40 − 8, so that it fits every link (RFC 8200 §5). */
export const DHCPV6_ANSWER_BYTES_MAX = 1232;
/** Identity associations looked at in one DHCPv6 message; a client has one or two. */
export const IAS_MAX = 4;
/** Addresses in one of them: given, and taken back. More of a NIC's are not told. */
export const IA_ADDRESSES_MAX = 12;
/** Longest client identifier: type and 128 bytes (RFC 8415 §11.1). */
export const DUID_BYTES_MAX = 130;
/** Room that every answer but a long echo reply fits in: a scratch area has at least this many bytes. */
export const ANSWER_BYTES_MIN = 1500;
