/** Named maxima of the one-machine fabric (docs/limits.md). Reaching one is a clear fault, never a hang. */
import { type Millis, millis, seconds } from '../base/units.ts';

/** IFNAMSIZ less its terminator, net/if.h. */
export const INTERFACE_NAME_BYTES_MAX = 15;
/** Hosts one fabric may have: the provider network is a /24 by default and leaves room for muxes and gateways. */
export const HOSTS_MAX = 64;
/** Muxes one fabric may have: their addresses lie between the edge's and the hosts'. */
export const MUXES_MAX = 7;
/** Ports tried above the wanted one when it is taken. */
export const LISTEN_PORT_TRIES_MAX = 64;
/** A role that has printed no ready line by then counts as failed and is restarted. */
export const READY_TIMEOUT: Millis = seconds(30);
/** A role that has not ended this long after SIGTERM gets SIGKILL. */
export const STOP_TIMEOUT: Millis = seconds(5);
/** A write to the northbound API that is not provisioned by then counts as failed. */
export const OPERATION_TIMEOUT: Millis = seconds(60);
/** Between two looks at an asynchronous operation; the server's Retry-After is a hint for remote clients and far too long here. */
export const OPERATION_POLL_INTERVAL: Millis = millis(20);
/** One HTTP exchange with a role on this machine. */
export const REQUEST_TIMEOUT: Millis = seconds(30);
/** Answer of a role, largest accepted. */
export const RESPONSE_BYTES_MAX: number = 64 * 1024 * 1024;
/** A role's log is set aside at the next start once it is longer. */
export const ROLE_LOG_BYTES_MAX: number = 16 * 1024 * 1024;
/** An external command (ip, nsenter, …) that has not ended by then is killed. */
export const COMMAND_TIMEOUT: Millis = seconds(60);
/** What one external command may print. */
export const COMMAND_OUTPUT_BYTES_MAX: number = 16 * 1024 * 1024;
/** Between a port being asked for and its address being known: the goal state has to reach the host first. */
export const PORT_TIMEOUT: Millis = seconds(15);
/** DHCP inside a namespace VM. */
export const DHCP_TIMEOUT: Millis = seconds(20);
/** How long `down` waits for a supervisor to remove its fabric before it does so itself. */
export const DOWN_TIMEOUT: Millis = seconds(30);
/** What a host answers about its ports, flows and counters comes at once or not at all. */
export const QUERY_TIMEOUT: Millis = seconds(5);
/** A role that does not say within this time how it is does not answer. */
export const STATUS_TIMEOUT: Millis = seconds(2);
/** Between two looks at every role's health, and two redraws of the status line. */
export const HEALTH_INTERVAL: Millis = seconds(1);
