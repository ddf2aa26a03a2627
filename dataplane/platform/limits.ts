/** Named maxima and times of the servers at platform addresses (docs/limits.md). */
import { type Millis, millis, seconds } from '../../base/units.ts';

/** How long a guest may keep a name of its network: short, since interfaces come and go. */
export const DNS_NAME_TTL_SEC = 30;
/** Records of one answer made here; an interface name has a few addresses. */
export const DNS_RECORDS_MAX = 64;
/** UDP payload sent at most, and offered to forwarders: passes every link unfragmented (DNS flag day 2020; RFC 9715). */
export const DNS_UDP_BYTES_MAX = 1232;
/** UDP payload without EDNS (RFC 1035 §4.2.1). */
export const DNS_UDP_BYTES_PLAIN = 512;
/** One try at one forwarder. */
export const DNS_TRY_TIMEOUT: Millis = millis(1500);
/** Tries for one question, over all forwarders in turn; together less than a stub resolver's five seconds. */
export const DNS_TRIES_MAX = 3;
/** Forwarders used; more are left out. */
export const DNS_FORWARDERS_MAX = 8;
/** Questions that wait for a forwarder, of all ports and of one; beyond, the answer is SERVFAIL at once. */
export const DNS_OUTSTANDING_MAX = 1024;
export const DNS_OUTSTANDING_PER_PORT_MAX = 128;
/** Answers of forwarders kept, how long at most, and how long they may be. */
export const DNS_CACHE_ENTRIES_MAX = 4096;
export const DNS_CACHE_TTL_SEC_MAX = 300;
export const DNS_CACHED_BYTES_MAX = 4096;
/** DNS over TCP: connections of all ports and of one, questions answered at the same time on one, and silence allowed on it. */
export const DNS_CONNECTIONS_MAX = 512;
export const DNS_CONNECTIONS_PER_PORT_MAX = 16;
export const DNS_PIPELINE_MAX = 16;
export const DNS_CONNECTION_IDLE: Millis = seconds(10);
/** Metadata: connections of all ports and of one, time for a request's headers, and their length. */
export const METADATA_CONNECTIONS_MAX = 512;
export const METADATA_CONNECTIONS_PER_PORT_MAX = 16;
export const METADATA_REQUEST_TIMEOUT: Millis = seconds(10);
export const METADATA_HEADER_BYTES_MAX: number = 8 * 1024;
/** How often listening is tried again when the address or port was taken. */
export const LISTEN_RETRY_INTERVAL: Millis = seconds(5);
