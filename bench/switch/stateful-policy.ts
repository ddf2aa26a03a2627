/**
 * The policy of the guarded scenes, the same for every contestant that can keep the state of connections: RULE_COUNT rules for what enters, each
 * for one TCP port, tried in order; then ICMP; everything else is refused. The benchmark's own ports are the last ones, so that a
 * contestant that tries rule by rule does so.
 */
import { MEASURED_PORTS } from './traffic.ts';

const RULE_COUNT = 100;
const FIRST_UNUSED_PORT = 20_000;

/** TCP ports that may be connected to, in the order of their rules. */
export const OPEN_PORTS: readonly number[] = [
  ...Array.from(
    { length: RULE_COUNT - MEASURED_PORTS.length },
    (_, index) => FIRST_UNUSED_PORT + index,
  ),
  ...MEASURED_PORTS,
];
