/** Named maxima of the packet parsers. Reaching one is a Drop, tested and counted (docs/limits.md). */

/** VLAN tags a frame may carry before its EtherType: one service and one customer tag (IEEE 802.1ad). */
export const VLAN_TAGS_MAX = 2;
/** IPv6 extension headers walked before the upper-layer header; Linux's own default is 8 options each, real traffic has ≤ 3. */
export const EXTENSION_HEADERS_MAX = 8;
/** Encapsulations that dump() follows inside one another. */
export const DUMP_DEPTH_MAX = 3;
/** Options of one DHCP message, over the options field and the overloaded fields together (RFC 2132 §9.3). */
export const DHCP_OPTIONS_MAX = 256;
/** Options of one DHCPv6 message, or of one identity association in it; clients send about ten. */
export const DHCPV6_OPTIONS_MAX = 64;
