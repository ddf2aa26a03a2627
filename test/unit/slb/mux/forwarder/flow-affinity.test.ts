/**
 * What flows survive, as forwarder.ts claims it, under any sequence of changes: two muxes are told the same, one has the flows, the other gets their
 * packets only when the first has gone.
 *
 *   1  the mux that remembers a flow sends all its packets to one backend, as long as that stays a member
 *   2  a mux that does not, finds the backend of a TCP connection as long as that stays a member: hosts return what is not theirs
 */
import test from 'ava';
import fc from 'fast-check';
import { ACK, MuxWorld, rule, SYN, tcpPacket, vip } from '../mux-world.ts';
import { aPoolChange, aWeight, type Member, PoolModel } from '../pool-model.ts';

const aMember = fc.record({ weight: aWeight, isDraining: fc.boolean(), host: fc.nat(3) });
const aStep = fc.oneof(
  { weight: 3, arbitrary: aPoolChange(aMember) },
  fc.record({ kind: fc.constant('wait' as const), sec: fc.constantFrom(1, 10, 100) }),
);

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
    fc.asyncProperty(fc.array(aStep, { maxLength: 12 }), async (steps) => {
      const first = new MuxWorld();
      const second = new MuxWorld();
      const model = new PoolModel(START);
      const all = [...model.goal(), vip([rule({ healthId: 'h', idleTimeoutSec: 1800 })])];
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
        } else {
          const said = [model.take(step)];
          await first.set(said);
          await second.set(said);
        }
        for (const flow of flows) {
          if (!model.has(Number(flow.backend.split('.')[3]))) flow.isLost = true;
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
