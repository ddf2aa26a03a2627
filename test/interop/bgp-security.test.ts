/** MD5 signatures (RFC 2385) and TTL security (RFC 5082), with FRR on the other side: who has not the key, or comes from afar, gets nowhere. */
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import type { NeighbourOptions } from '../../bgp/speaker/options.ts';
import { eventually } from '../kit/eventually.ts';
import { type BgpLab, labWith, OURS, THEIRS } from './bgp-lab.ts';
import { FRR_PROGRAMS, startFrr, vtysh } from './frr.ts';

const PATIENCE = seconds(40);
const KEY = 'a-shared-secret';

const CONFIG = `
router bgp ${THEIRS.asn}
 bgp router-id ${THEIRS.ipv4}
 no bgp ebgp-requires-policy
 neighbor ${OURS.ipv4} remote-as ${OURS.asn}
 neighbor ${OURS.ipv4} timers connect 2
 neighbor ${OURS.ipv4} password ${KEY}
 neighbor ${OURS.ipv6} remote-as ${OURS.asn}
 neighbor ${OURS.ipv6} timers connect 2
 neighbor ${OURS.ipv6} ttl-security hops 1
`;

const FOUR: NeighbourOptions = { address: THEIRS.ipv4, asn: THEIRS.asn, holdTimeSec: 3 };
const SIX: NeighbourOptions = { address: THEIRS.ipv6, asn: THEIRS.asn, holdTimeSec: 3 };

async function comesUp(lab: BgpLab, address: string): Promise<void> {
  await eventually(
    `the session with ${address} is up`,
    async () => {
      const { state, failure } = await lab.neighbour(address);
      if (state !== 'Established') throw new Error(`${state}: ${failure?.message}`);
      return true;
    },
    PATIENCE,
  );
}

function configure(lab: BgpLab, line: string): Promise<string> {
  return vtysh(lab, 'configure terminal', `router bgp ${THEIRS.asn}`, line);
}

test('BGP sessions that prove more than an address', async (t) => {
  const lab = await labWith(t, FRR_PROGRAMS, 'frr');
  if (lab === undefined) return;
  await startFrr(lab, CONFIG);

  await t.test('the key is the same on both sides', async (t) => {
    await lab.call('setNeighbour', { ...FOUR, md5Key: KEY });
    await comesUp(lab, THEIRS.ipv4);
    await lab.call('setNeighbour', { ...FOUR, md5Key: KEY, isPassive: true });
    await comesUp(lab, THEIRS.ipv4);
    t.pass('whoever connects');
    await lab.call('removeNeighbour', THEIRS.ipv4);
    await lab.call('setDynamicNeighbours', [
      { prefix: '192.0.2.0/24', asn: THEIRS.asn, holdTimeSec: 3, md5Key: KEY },
    ]);
    await comesUp(lab, THEIRS.ipv4);
    t.pass('also for neighbours known by prefix only');
    await lab.call('setDynamicNeighbours', []);
  });

  await t.test('another key: nothing is heard, and the reason names it', async (t) => {
    await lab.call('setNeighbour', { ...FOUR, md5Key: 'another secret' });
    await lab.call('setNeighbour', { ...SIX, ttlSecurityHops: 1 });
    await comesUp(lab, THEIRS.ipv6);
    const failure = await eventually(
      'no answer',
      async () => (await lab.neighbour(THEIRS.ipv4)).failure,
    );
    t.match(failure.remedy, /MD5 key/);
    await lab.call('setNeighbour', { ...FOUR, md5Key: KEY });
    await comesUp(lab, THEIRS.ipv4);
    t.pass('with the right one it comes up, and the other session stood all the while');
  });

  await t.test('a peer that does not send TTL 255 is not believed', async (t) => {
    await configure(lab, `no neighbor ${OURS.ipv6} ttl-security hops 1`);
    await eventually(
      'its segments, with a TTL of 1, are dropped',
      async () => (await lab.neighbour(THEIRS.ipv6)).state !== 'Established',
      PATIENCE,
    );
    await configure(lab, `neighbor ${OURS.ipv6} ttl-security hops 1`);
    await comesUp(lab, THEIRS.ipv6);
    t.pass('until it does');
  });
});
