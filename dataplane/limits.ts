/** Named maxima of the host switch. Reaching one is a tested, counted outcome (docs/limits.md). */

/** Ports of one host's switch: tenant NICs and uplinks. */
export const PORTS_MAX = 4096;
/** Remote hosts one host tunnels to. */
export const PEERS_MAX = 65_536;
/**
 * Tables by which a host chooses backends of internal virtual addresses, 128 KB each: one for all pools with the same backends that are up. An address that finds
 * no room is not served, and says so.
 */
export const BACKEND_TABLES_MAX = 1_024;
/** Requests that a forwarding worker has not answered yet; further ones are refused (SDN_WORKER_BUSY). */
export const WORKER_REQUESTS_MAX = 16_384;
/** Largest frame incl. Ethernet header that enters the switch: 64 KiB IP packet and one VLAN tag. */
export const FRAME_BYTES_MAX = 65_553;
/** Flows a switch remembers, each with its reverse and once per port that takes part: about 350 MB if all are ever in use at once. */
export const FLOWS_MAX = 1_048_576;
/** Flows of one port unless its own limit says otherwise: half of all, so that no single VM can take the whole table. */
export const FLOWS_PER_PORT_MAX = 524_288;
/** A flow whose other side has not spoken is forgotten after this long without a packet; it is the first to go when room is needed. */
export const FLOW_HALF_OPEN_IDLE_SEC_MAX = 30;
/** 2 hours 4 minutes: twice the keep-alive interval a host may use at least (RFC 5382 REQ-5). */
export const TCP_ESTABLISHED_IDLE_SEC_MAX = 7440;
/** A TCP connection of which one side has sent FIN; the other may go on for long (RFC 5382 REQ-5, transitory connections). */
export const TCP_CLOSING_IDLE_SEC_MAX = 240;
/** A TCP connection that both sides have closed: long enough for the last ACK and its repetitions. */
export const TCP_TIME_WAIT_IDLE_SEC_MAX = 30;
/** A TCP connection that was reset: what is still on its way has arrived. */
export const TCP_RESET_IDLE_SEC_MAX = 10;
/** UDP, and what is neither TCP nor ICMP (RFC 4787 REQ-5). */
export const DATAGRAM_FLOW_IDLE_SEC_MAX = 120;
/** RFC 5508 REQ-1. */
export const ICMP_FLOW_IDLE_SEC_MAX = 60;
/** Datagrams in fragments whose ports a switch knows at a time: a power of two, 64 bytes each. */
export const FRAGMENTED_DATAGRAMS_MAX = 16_384;
/** Of these, from one port or network identifier: a power of two. More push out the oldest of the same. */
export const FRAGMENTED_PER_PORT_MAX = 256;
/** Fragments that come later than this after the first are dropped (as long as Linux waits for the rest of a datagram). */
export const FRAGMENT_SEC_MAX = 30;
/** Fragments that wait for the first of their datagram at a mux, or at an edge router: 256 KB. More push out the oldest. */
export const FRAGMENTS_HELD_MAX = 128;
/** Of one of them, Ethernet header included; a longer one does not wait. */
export const FRAGMENT_HELD_BYTES_MAX = 2038;
/** How long it waits, and a second at most: what a network delivers out of order is milliseconds apart. */
export const FRAGMENT_HELD_SEC_MAX = 1;
/** Packets of one port, out of 64 in a burst, that walk the layers only to be denied; further ones that would walk are dropped unseen. */
export const DENIALS_PER_PORT_PER_BURST_MAX = 16;
/** Decisions noted of one walk: two pipelines, twice as many groups as any has. */
export const DECISIONS_MAX = 64;
/** Timers of flows looked at between two bursts: bounds the pause that ageing may cause. */
export const FLOW_EXPIRY_BURST = 256;
/** ICMP errors a switch sends in one second (RFC 1812 §4.3.2.8); packets beyond are dropped and counted without one. */
export const ICMP_ERRORS_PER_SEC_MAX = 1000;
/** Of these one port causes at most, so that no VM takes them from the others. */
export const ICMP_ERRORS_PER_PORT_PER_SEC_MAX = 100;
/** Bytes of one ICMP error of a router's, its IP header included (RFC 1812 §4.3.2.3 for IPv4). */
export const ICMP_ERROR_BYTES_MAX = 576;
/** Ports looked at each second for an unsolicited router advertisement: all PORTS_MAX within 512 seconds, so none waits longer. */
export const ADVERTISED_PORTS_PER_SEC = 8;
/** Packets of one port that reach the servers of platform addresses in one second (Azure: 1000 DNS queries); more are RateLimited. */
export const SERVICE_PACKETS_PER_PORT_PER_SEC_MAX = 2000;
/** Packets of one port that reach the host's health probes in one second: an endless answer of a VM costs no more; others are RateLimited. */
export const PROBE_PACKETS_PER_PORT_PER_SEC_MAX = 2000;
/** Flows listed for one question. */
export const FLOWS_LISTED_MAX = 10_000;
/** Rules of one access control list in one direction: four times what Azure allows a security group. A bit each in every bitmap. */
export const CLASSIFIED_RULES_MAX = 4096;
/** Address and port ranges of one list in one direction, tags resolved: with the rules it bounds the list's tables to some 70 MB at worst. */
export const CLASSIFIED_RANGES_MAX = 32_768;
/** Captures open at once on one switch, running or not yet read. */
export const CAPTURES_MAX = 16;
/** What a capture holds until it is read; frames beyond are lost to the capture and counted. Several super-frames. */
export const CAPTURE_BUFFER_BYTES: number = 4 * 1024 * 1024;
/** File of one capture, bytes. */
export const CAPTURE_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Frames of one capture. */
export const CAPTURE_PACKETS_MAX = 10_000_000;
/** A capture ends by itself after this long. */
export const CAPTURE_SEC_MAX = 3600;
/** A capture that nobody reads ends and is forgotten after this long: whoever began it has gone. */
export const CAPTURE_UNREAD_SEC_MAX = 60;
/** Routes of one route table: forty times what Azure allows. */
export const ROUTES_PER_TABLE_MAX = 16_384;
/** Broadcast and multicast frames of one port in one second, where its settings name no limit: ARP and ND of a busy VM are far below. */
export const BROADCAST_PER_SEC_MAX = 2000;
/** Mirrors one switch knows: of its ports, and those whose collector is here. A bit each in every flow's entry. */
export const MIRRORS_MAX = 32;
/** Mirrors of one port: each has its place in the notes of a walk. */
export const MIRRORS_PER_PORT_MAX = 8;
/** Access control lists that security tags bring to one port: each has its place in the notes of a walk. */
export const TAG_LISTS_PER_PORT_MAX = 8;
/** Copies made for mirrors in one burst of 64 frames; others are MirrorLimited. With the frames themselves they fit one exchange. */
export const MIRROR_COPIES_PER_BURST_MAX = 128;
/** Of these, bytes of frames copied as they were sent: as many super-frames as a burst has frames. */
export const MIRROR_BYTES_PER_BURST_MAX: number = 64 * 65_600;
/** Addresses that one port shares with others; the northbound allows one. */
export const LEARNED_ADDRESSES_PER_PORT_MAX = 16;
/** A learned address that opens no flow and is in no ARP or ND message for this long is forgotten. */
export const LEARNED_ADDRESS_IDLE_SEC_MAX = 3600;
/** Probes of one host that wait for their answers. */
export const PROBES_RUNNING_MAX = 16;
/** Probes one host begins in one second. */
export const PROBES_PER_SEC_MAX = 20;
/** Probes of other hosts that one host watches for at its own ports. */
export const PROBE_WATCHES_MAX = 32;
/** Frames of probes taken in with one burst: with those of the burst and its copies they fit one exchange. */
export const PROBES_PER_BURST_MAX = 8;
/** Late answers to a probe are kept from its VM for this long after it has ended: a SYN-ACK is repeated after one second. */
export const PROBE_LINGER_MS = 2000;
/** Ports of a lease tried for one flow to the Internet before it is refused as SnatPortsExhausted: what a first packet may cost. */
export const SNAT_PORT_TRIES_MAX = 4096;
/** Source ports tried for a flow whose own is that of another to the same backend. */
export const SOURCE_PORT_TRIES_MAX = 16;
/** Idle connections of one host whose ends are being told; others are forgotten without a reset. */
export const IDLE_RESETS_MAX = 4096;
/** How long a VM has to answer, each of the two times that it is asked where its idle connection stands. */
export const IDLE_RESET_WAIT_SEC = 2;
/** Segments that ask so, sent in one burst of 64 frames. */
export const IDLE_RESETS_PER_BURST_MAX = 8;
/** Longest ICMP message that a raw socket of the host is given whole, IP header included. */
export const ICMP_MESSAGE_BYTES_MAX = 65_535;
/** Entries of the flow table read for one question about ports in use: some tens of milliseconds. */
export const SNAT_FLOWS_READ_MAX = 65_536;
/** Leases told in one answer. */
export const SNAT_LEASES_LISTED_MAX = 500;
/** Entries of the flow table read for one question about virtual addresses. */
export const VIRTUAL_ADDRESS_FLOWS_READ_MAX = 65_536;
/** Virtual addresses told in one answer. */
export const VIRTUAL_ADDRESSES_LISTED_MAX = 200;
