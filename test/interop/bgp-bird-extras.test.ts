/**
 * What BIRD 2 can beside routes and refresh: roles (RFC 9234), extended messages (RFC 8654), enhanced refresh (RFC 7313), and many changes in a
 * row.
 */
import { test } from 'tap';
import { Role } from '../../bgp/message/capability.ts';
import { eventually } from '../kit/eventually.ts';
import { OURS, THEIRS } from './bgp-lab.ts';
import { isUp, NEIGHBOUR, PATIENCE, startBird, startLab, theirRoute } from './bird.ts';

test('RFC 9234: roles that fit, OTC on what a provider tells, and roles that do not fit', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  await lab.call('announce', { prefix: '203.0.113.0/24' });
  await lab.call('setNeighbour', { ...NEIGHBOUR, role: Role.Provider, isRoleRequired: true });
  const bird = await startBird(lab, 'local role customer; require roles;');
  await isUp(lab);
  const ours = () => bird.ask('show', 'route', 'all', '203.0.113.0/24');
  await eventually('our route is there', async () => (await ours()).includes('BGP.as_path'));
  t.match(await ours(), /BGP\.(otc|only_to_customer):? 65001/i, 'it says whose customers hear it');
  await lab.call('setNeighbour', { ...NEIGHBOUR, role: Role.Peer });
  const failure = await eventually('refused', async () => {
    const { failure: why } = await lab.neighbour(THEIRS.ipv4);
    return why !== undefined && /Role/.test(why.message) && why;
  });
  t.match(failure.message, /Role Mismatch/);
});

test('RFC 8654: a route with more attributes than 4,096 octets', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  const communities = Array.from({ length: 1_500 }, (_, index) => OURS.asn * 0x1_0000 + index);
  await lab.call('announce', { prefix: '203.0.113.0/24', communities });
  await lab.call('setNeighbour', NEIGHBOUR);
  const bird = await startBird(lab, 'enable extended messages on;');
  await isUp(lab);
  const ours = () => bird.ask('show', 'route', 'all', '203.0.113.0/24');
  await eventually('it is there', async () => (await ours()).includes('(65001,1499)'));
  t.equal((await ours()).match(/\(65001,\d+\)/g)?.length, 1_500);
});

test('RFC 7313: a refresh in both directions is marked at both ends of it', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  await lab.call('announce', { prefix: '203.0.113.0/24' });
  await lab.call('setNeighbour', NEIGHBOUR);
  const bird = await startBird(lab, '');
  await isUp(lab);
  t.match(await bird.ask('show', 'protocols', 'all', 'four'), /Enhanced refresh/);
  const counted = async () =>
    (await lab.neighbour(THEIRS.ipv4)).statistics.routeRefreshMessageStats;
  await bird.ask('reload', 'in', 'four');
  await eventually('beginning and end are said', async () => (await counted()).sentCount === 2);
  const before = (await counted()).receivedCount;
  t.equal(await lab.call('refreshNeighbour', THEIRS.ipv4), true);
  await eventually(
    'beginning and end are heard',
    async () => (await counted()).receivedCount === before + 2,
  );
  t.ok(await theirRoute(lab), 'what was told again is kept');
  t.match(await bird.ask('show', 'route', '203.0.113.0/24'), '203.0.113.0/24');
});

test('thousands of changes in a row: in the end both tables say the same', async (t) => {
  const lab = await startLab(t);
  if (lab === undefined) return;
  await lab.call('setNeighbour', NEIGHBOUR);
  const bird = await startBird(lab, '');
  await isUp(lab);
  const announced = new Map<string, number>();
  const calls: Promise<unknown>[] = [];
  // The same numbers every time: routes come, change, flap and go.
  let state = 1;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let change = 0; change < 3_000; change++) {
    const prefix = `10.0.${draw(200)}.0/24`;
    if (draw(3) === 0) {
      announced.delete(prefix);
      calls.push(lab.call('withdraw', prefix));
    } else {
      const med = draw(1_000);
      announced.set(prefix, med);
      calls.push(lab.call('announce', { prefix, med }));
    }
    if (change % 250 === 249) await Promise.all(calls.splice(0));
    if (change === 1_500) calls.push(lab.call('refreshNeighbour', THEIRS.ipv4));
  }
  const expected = [...announced].map(([prefix, med]) => `${prefix} ${med}`).sort();
  const there = async (): Promise<string[]> => {
    const text = await bird.ask('show', 'route', 'all', 'protocol', 'four');
    const blocks = text.split(/\n(?=10\.)/).slice(1);
    return blocks
      .map((block) => `${block.split(/\s/)[0]} ${/BGP\.med: (\d+)/.exec(block)?.[1]}`)
      .sort();
  };
  await eventually('they agree', async () => (await there()).join() === expected.join(), PATIENCE);
  t.same(await there(), expected);
  t.equal((await lab.neighbour(THEIRS.ipv4)).statistics.notificationMessageStats.sentCount, 0);
});
