/** Life of a flow, state by state. */
import test from 'ava';
import { FlowState, idleSecMax, nextState } from '../../../../dataplane/engine/flow-state.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import { Flag } from '../../../../packet/tcp.ts';

const SYN_ACK = Flag.SYN | Flag.ACK;
const FIN_ACK = Flag.FIN | Flag.ACK;
const { HALF_OPEN, ESTABLISHED, CLOSING_INITIATOR, CLOSING_REPLIER, CLOSED } = FlowState;

const CASES: readonly [FlowState, number, boolean, FlowState, string][] = [
  [HALF_OPEN, Flag.SYN, false, HALF_OPEN, 'a repeated SYN opens nothing'],
  [HALF_OPEN, SYN_ACK, true, ESTABLISHED, 'the other side has spoken'],
  [HALF_OPEN, 0, true, ESTABLISHED, 'of any protocol'],
  [HALF_OPEN, FIN_ACK, true, CLOSING_REPLIER, 'picked up in mid-connection'],
  [HALF_OPEN, Flag.RST, true, CLOSED, 'refused'],
  [ESTABLISHED, Flag.ACK, false, ESTABLISHED, 'data'],
  [ESTABLISHED, FIN_ACK, false, CLOSING_INITIATOR, 'one side closes'],
  [ESTABLISHED, FIN_ACK, true, CLOSING_REPLIER, 'the other one'],
  [ESTABLISHED, Flag.RST | Flag.ACK, false, CLOSED, 'reset'],
  [CLOSING_INITIATOR, FIN_ACK, false, CLOSING_INITIATOR, 'a repeated FIN'],
  [CLOSING_INITIATOR, Flag.ACK, true, CLOSING_INITIATOR, 'half-closed may last'],
  [CLOSING_INITIATOR, FIN_ACK, true, CLOSED, 'both have closed'],
  [CLOSING_REPLIER, FIN_ACK, true, CLOSING_REPLIER, 'a repeated FIN'],
  [CLOSING_REPLIER, FIN_ACK, false, CLOSED, 'both have closed'],
  [CLOSED, Flag.ACK, true, CLOSED, 'late packets do not revive it'],
  [CLOSED, SYN_ACK, true, CLOSED, 'nor does the replier'],
  [CLOSED, Flag.SYN, false, HALF_OPEN, 'the same ports, used again'],
];

for (const [state, flags, isReply, next, why] of CASES) {
  const side = isReply ? 'reply' : 'initiator';
  test(`state ${state}, flags ${flags}, ${side} → ${next}: ${why}`, (t) => {
    t.is(nextState(state, flags, isReply), next);
  });
}

test('half-open flows and closed connections go first, established TCP last', (t) => {
  const tcp = (state: FlowState) => idleSecMax(IpProtocol.TCP, state);
  t.true(tcp(HALF_OPEN) <= 60 && tcp(CLOSED) <= 60);
  t.true(tcp(ESTABLISHED) >= 7440, 'RFC 5382 REQ-5');
  t.true(idleSecMax(IpProtocol.UDP, ESTABLISHED) >= 120, 'RFC 4787 REQ-5');
  t.true(idleSecMax(IpProtocol.ICMP, ESTABLISHED) >= 60, 'RFC 5508 REQ-1');
});
