/** Life of a flow, state by state. */
import test from 'ava';
import { FlowState, idleSecMax, nextState } from '../../../../dataplane/engine/flow-state.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import { Flag } from '../../../../packet/tcp.ts';

const SYN_ACK = Flag.SYN | Flag.ACK;
const FIN_ACK = Flag.FIN | Flag.ACK;
const {
  HALF_OPEN,
  SYN_ANSWERED,
  ESTABLISHED,
  CLOSING_INITIATOR,
  CLOSING_REPLIER,
  TIME_WAIT,
  RESET,
} = FlowState;

const CASES: readonly [FlowState, number, boolean, FlowState, string][] = [
  [HALF_OPEN, Flag.SYN, false, HALF_OPEN, 'a repeated SYN opens nothing'],
  [HALF_OPEN, SYN_ACK, true, SYN_ANSWERED, 'the other side has answered'],
  [HALF_OPEN, Flag.SYN, true, SYN_ANSWERED, 'simultaneous open'],
  [HALF_OPEN, Flag.ACK, true, ESTABLISHED, 'picked up in mid-connection'],
  [HALF_OPEN, 0, true, ESTABLISHED, 'another protocol'],
  [HALF_OPEN, FIN_ACK, true, CLOSING_REPLIER, 'picked up when it closes'],
  [HALF_OPEN, Flag.RST, true, RESET, 'refused'],
  [SYN_ANSWERED, Flag.ACK, false, ESTABLISHED, 'the handshake is complete'],
  [SYN_ANSWERED, SYN_ACK, false, ESTABLISHED, 'so is that of a simultaneous open'],
  [SYN_ANSWERED, Flag.SYN, false, SYN_ANSWERED, 'a repeated SYN'],
  [SYN_ANSWERED, SYN_ACK, true, SYN_ANSWERED, 'a repeated answer'],
  [SYN_ANSWERED, FIN_ACK, false, CLOSING_INITIATOR, 'closed at once'],
  [SYN_ANSWERED, FIN_ACK, true, CLOSING_REPLIER, 'by the other side'],
  [ESTABLISHED, Flag.ACK, false, ESTABLISHED, 'data'],
  [ESTABLISHED, Flag.SYN, true, ESTABLISHED, 'a stray SYN'],
  [ESTABLISHED, FIN_ACK, false, CLOSING_INITIATOR, 'one side closes'],
  [ESTABLISHED, FIN_ACK, true, CLOSING_REPLIER, 'the other one'],
  [ESTABLISHED, Flag.RST | Flag.ACK, false, RESET, 'reset'],
  [CLOSING_INITIATOR, FIN_ACK, false, CLOSING_INITIATOR, 'a repeated FIN'],
  [CLOSING_INITIATOR, Flag.ACK, true, CLOSING_INITIATOR, 'half-closed may last'],
  [CLOSING_INITIATOR, FIN_ACK, true, TIME_WAIT, 'both have closed'],
  [CLOSING_REPLIER, FIN_ACK, true, CLOSING_REPLIER, 'a repeated FIN'],
  [CLOSING_REPLIER, FIN_ACK, false, TIME_WAIT, 'both have closed'],
  [TIME_WAIT, Flag.ACK, true, TIME_WAIT, 'late packets do not revive it'],
  [TIME_WAIT, SYN_ACK, true, TIME_WAIT, 'nor does the replier'],
  [TIME_WAIT, Flag.SYN, false, HALF_OPEN, 'the same ports, used again'],
  [RESET, Flag.ACK, false, RESET, 'late packets do not revive it'],
  [RESET, Flag.SYN, false, HALF_OPEN, 'the same ports, used again'],
];

for (const [state, flags, isReply, next, why] of CASES) {
  const side = isReply ? 'reply' : 'initiator';
  test(`state ${state}, flags ${flags}, ${side} → ${next}: ${why}`, (t) => {
    t.is(nextState(state, flags, isReply), next);
  });
}

test('half-open flows and closed connections go first, established TCP last', (t) => {
  const tcp = (state: FlowState) => idleSecMax(IpProtocol.TCP, state);
  t.true(tcp(HALF_OPEN) <= 60 && tcp(SYN_ANSWERED) <= 60);
  t.true(tcp(TIME_WAIT) <= 60 && tcp(RESET) <= 60);
  t.true(tcp(CLOSING_INITIATOR) >= 240, 'RFC 5382 REQ-5');
  t.true(tcp(ESTABLISHED) >= 7440, 'RFC 5382 REQ-5');
  t.true(idleSecMax(IpProtocol.UDP, ESTABLISHED) >= 120, 'RFC 4787 REQ-5');
  t.true(idleSecMax(IpProtocol.ICMP, ESTABLISHED) >= 60, 'RFC 5508 REQ-1');
});
