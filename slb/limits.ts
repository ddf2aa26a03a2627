/** Limits of the load balancer: every one is a counted outcome. Called by everything in slb. */
import { type Millis, millis, seconds } from '../base/units.ts';

/** Virtual addresses of one mux; further ones are refused. */
export const VIRTUAL_ADDRESSES_MAX = 4_096;
/** Rules of one virtual address, inbound NAT rules among them. */
export const RULES_PER_ADDRESS_MAX = 4_096;
/** Rules of all virtual addresses of one mux. */
export const RULES_MAX = 65_536;
/** Places that one mux sends to: members of pools, by pool and probe, and holders of leased ports. */
export const TARGETS_MAX = 262_144;
/** Hosts that one mux tunnels to. */
export const MUX_HOSTS_MAX = 65_536;
/** Flows that a mux remembers after their second packet, a power of two: 52 MB. One that finds no place goes by the tables alone. */
export const FLOWS_CONFIRMED_MAX = 1_048_576;
/** Flows of which one packet has come, a power of two; the oldest give way. A SYN flood fills this part, and no other. */
export const FLOWS_UNCONFIRMED_MAX = 131_072;
/** Confirmed flows of one virtual address: half of all, so that none takes the memory from the others. */
export const FLOWS_PER_ADDRESS_MAX = 524_288;
/** A flow of which one packet has come is forgotten after this time. */
export const UNCONFIRMED_IDLE_SEC = 30;
/** A UDP flow without a packet from its client: as long as hosts remember its translation (RFC 4787 REQ-5). */
export const UDP_FLOW_IDLE_SEC = 120;
/** A TCP connection of a rule that names no idle timeout. */
export const TCP_FLOW_IDLE_SEC = 240;
/** A TCP connection whose client has sent FIN: its server may go on for a while (RFC 5382 REQ-5). */
export const TCP_CLOSING_SEC = 240;
/** A TCP connection whose client has sent RST: what is still on its way has arrived. */
export const TCP_RESET_SEC = 10;
/** All entries of the flow memory are looked at within so many seconds, a part each second: until then one that has ended still counts. */
export const SWEEP_SEC = 30;
/**
 * After a change of a pool's table the one before it is kept for so long: who looks for a connection that the mux does not know asks the backend that it names before
 * those that no table names.
 */
export const PREVIOUS_TABLE_SEC = 60;
/**
 * Backends that no table names and that are asked for connections that the mux does not know, in one second, of all virtual addresses and of one.
 * Further packets are BackendSearchDeferred.
 */
export const SEARCHES_PER_SEC_MAX = 100_000;
export const SEARCHES_PER_ADDRESS_PER_SEC_MAX = 50_000;
/** Within this time of a change of its pool nobody is taken to be the last who could know a connection. */
export const SEARCH_SETTLE_SEC = 2;
/** A remembered connection whose client has been silent for so long may have ended and begun anew by another mux: its backend is asked. */
export const FLOW_QUIET_SEC = 10;
/** Echo requests to virtual addresses that a mux answers in one second; further ones are RateLimited. */
export const ECHO_ANSWERS_PER_SEC_MAX = 1_000;
/** ICMP errors of a mux's own in one second (RFC 1812 §4.3.2.8). */
export const MUX_ICMP_ERRORS_PER_SEC_MAX = 1_000;
/** Of these, to one of 256 groups of senders. */
export const MUX_ICMP_ERRORS_PER_SENDER_PER_SEC_MAX = 50;
/** A mux counts as overloaded when for so many seconds in a row it loses packets, or forgets flows that it has just met. */
export const OVERLOAD_SEC = 5;
/** Packets lost in one second that count as overload, as part of all received. */
export const OVERLOAD_LOST_SHARE = 0.05;
/** Share of all packets, or of all SYNs, that makes a virtual address the one that is withdrawn. */
export const OVERLOAD_BLAME_SHARE = 0.5;
/** SYNs to one address in one second below which no flood is seen, whatever is forgotten. */
export const FLOOD_SYNS_PER_SEC_MIN = 20_000;
/** A virtual address that was withdrawn for overload is announced again after this time. */
export const OVERLOAD_WITHDRAWN: Millis = seconds(60);
/** After a start nothing is announced before the controller has been heard for so long without anything new. */
export const SYNC_SETTLE: Millis = seconds(1);
/** Where no controller answers, what was saved is announced after this time. */
export const SYNC_WAIT: Millis = seconds(10);
/** At its end a mux forwards for so long after it has withdrawn its routes: what is on its way to it still arrives. */
export const DRAIN: Millis = seconds(1);
/** Virtual addresses that the forwarder gets in one go, between two bursts. */
export const ADDRESSES_PER_CHANGE_MAX = 64;
/** Tables that the forwarder gets in one go, between two bursts. */
export const TABLES_PER_CHANGE_MAX = 16;
/** How often it is looked whether the controller has been heard for long enough. */
export const SYNC_CHECK_INTERVAL: Millis = millis(200);
/** Virtual addresses told in one answer. */
export const ANSWERED_ADDRESSES_MAX = 4_096;
