/** Named maxima and times of the host agent (docs/limits.md). */
import { type Millis, millis, seconds } from '../../base/units.ts';

/** How long POST /ports waits for the port's goal state to be in force. */
export const PORT_GOAL_TIMEOUT: Millis = seconds(10);
/** Body of a request to the control socket. */
export const REQUEST_BYTES_MAX: number = 64 * 1024;
/** A port's identifier: an instanceId is 36 bytes. */
export const PORT_ID_LENGTH_MAX = 128;
/** Linux, IFNAMSIZ without its terminator. */
export const INTERFACE_NAME_LENGTH_MAX = 15;
/** Flows told where the question names no limit, and at most. */
export const FLOWS_DEFAULT = 100;
export const FLOWS_LISTED_MAX = 10_000;
/** One run of `ip`. */
export const COMMAND_TIMEOUT: Millis = seconds(5);
/** Tries to attach a device again after a restart while a dying predecessor may still hold it, and the pause between two. */
export const REATTACH_TRIES_MAX = 20;
export const REATTACH_INTERVAL: Millis = millis(100);
/** How often the uplink's state is looked at. */
export const UPLINK_CHECK_INTERVAL: Millis = seconds(1);
/** How often egress is read and, where it has grown, reported. */
export const METER_INTERVAL: Millis = seconds(10);
/** Readings after which a port that has gone is no longer reported: an hour, for a controller that is away. */
export const METER_ROUNDS_KEPT = 360;
/** Every so many looks the uplink's settings are applied again, if they could not be before. */
export const UPLINK_RETRY_CHECKS = 5;
/** Rules of access control lists that have a series of their own in the metrics: those that have decided most often. */
export const RULE_SERIES_MAX = 1000;
/** Echo requests of the host itself that wait for their answers: a raw socket each. */
export const PROVIDER_PINGS_MAX = 8;
