/**
 * What flows survive, as forwarder.ts claims it, under any sequence of changes: two muxes are told the same, one has the flows, the other gets their
 * packets only when the first has gone.
 *
 *   1  the mux that remembers a flow sends all its packets to one backend, as long as that stays a member
 *   2  a mux that does not, finds the backend of a TCP connection as long as that stays a member: hosts return what is not theirs
 */
import test from 'ava';
import fc from 'fast-check';
import type { HealthState, Resource } from '../../../../../schema/southbound/messages.ts';
import {
  ACK,
  backend,
  DOWN,
  health,
  LOST,
  MuxWorld,
  pool,
  rule,
  SYN,
  tcpPacket,
  UNKNOWN,
  UP,
  vip,
} from '../mux-world.ts';

const NUMBERS = [1, 2, 3, 4, 5, 6] as const;

interface Member {
  readonly weight: number;
  readonly isDraining: boolean;
  /** Which host it is on. */
  readonly host: number;
}

/** The model: who is a member, and what probes say. */
interface State {
  readonly members: Map<number, Member>;
  readonly states: Map<number, HealthState>;
}

type Change =
  | { readonly kind: 'join'; readonly number: number; readonly member: Member }
  | { readonly kind: 'leave'; readonly number: number }
  | { readonly kind: 'probe'; readonly number: number; readonly state: HealthState }
  | { readonly kind: 'wait'; readonly sec: number };

const aNumber = fc.constantFrom(...NUMBERS);
const aMember = fc.record({
  weight: fc.constantFrom(1, 1, 1, 3),
  isDraining: fc.boolean(),
  host: fc.nat(3),
});
const aChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('join' as const), number: aNumber, member: aMember }),
  fc.record({ kind: fc.constant('leave' as const), number: aNumber }),
  fc.record({
    kind: fc.constant('probe' as const),
    number: aNumber,
    state: fc.constantFrom(UP, UP, DOWN, LOST, UNKNOWN),
  }),
  fc.record({ kind: fc.constant('wait' as const), sec: fc.constantFrom(1, 10, 100) }),
);

function resourcesOf({ members, states }: State): Resource[] {
  const backends = [...members].map(([number, { weight, isDraining, host }]) =>
    backend(number, {
      weight,
      draining: isDraining,
      providerAddress: backend(host).providerAddress,
    }),
  );
  return [pool(backends), health(Object.fromEntries(states))];
}

function change(state: State, step: Change): void {
  if (step.kind === 'join') state.members.set(step.number, step.member);
  else if (step.kind === 'leave') state.members.delete(step.number);
  // UNKNOWN is no news.
  else if (step.kind === 'probe' && step.state !== UNKNOWN)
    state.states.set(step.number, step.state);
}

interface Flow {
  readonly srcPort: number;
  /** '' when there was no live backend. */
  readonly backend: string;
  isLost: boolean;
}

function stays(there: string, to: string, claim: string): void {
  if (there !== to) throw new Error(`${claim}: to ${to}, then to ${there || 'nobody'}`);
}

const START: Member = { weight: 1, isDraining: false, host: 1 };

test('flows stay with their backend as long as is claimed, at the mux that knows them and at one that does not', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(aChange, { maxLength: 12 }), async (steps) => {
      const first = new MuxWorld();
      const second = new MuxWorld();
      const state: State = {
        members: new Map([1, 2, 3].map((number) => [number, START])),
        states: new Map(NUMBERS.map((number) => [number, UP])),
      };
      const all = [...resourcesOf(state), vip([rule({ healthId: 'h', idleTimeoutSec: 1800 })])];
      await first.set(all);
      await second.set(all);
      const flows: Flow[] = [];
      const begin = () => {
        for (let index = 0; index < 6; index += 1) {
          const srcPort = 10_000 + flows.length;
          const to = first.backendOf({ srcPort, flags: SYN });
          first.send(tcpPacket({ srcPort, flags: ACK }));
          flows.push({ srcPort, backend: to, isLost: to === '' });
        }
      };
      begin();
      for (const step of steps) {
        if (step.kind === 'wait') {
          first.advance(step.sec);
          second.advance(step.sec);
        }
        change(state, step);
        const said =
          step.kind === 'probe'
            ? [health({ [step.number]: step.state })]
            : resourcesOf(state).slice(0, 1);
        await first.set(said);
        await second.set(said);
        for (const flow of flows) {
          if (!state.members.has(Number(flow.backend.split('.')[3]))) flow.isLost = true;
          if (flow.isLost) continue;
          const { srcPort } = flow;
          stays(first.backendOf({ srcPort, flags: ACK }), flow.backend, 'claim 1');
        }
        begin();
      }
      for (const { srcPort, backend: to, isLost } of flows) {
        if (isLost) continue;
        stays(second.askedAbout({ srcPort, flags: ACK }, to).at(-1) ?? '', to, 'claim 2');
        stays(second.backendOf({ srcPort, flags: ACK }), to, 'claim 2');
      }
      first.core.checkInvariants();
      second.core.checkInvariants();
    }),
    { numRuns: 20 },
  );
  t.pass();
});
