/**
 * The mux as a process, between real kernels: BIRD learns virtual addresses from it, a client's connections come to the backends through it, and it
 * keeps those it knows while tables change and while it is flooded. Goal state is written by hand.
 */
import { type Test, test } from 'tap';
import { programPath } from '../../fabric/roles.ts';
import type { MuxCounters, MuxStatus, MuxTrace } from '../../schema/southbound/diagnostics/slb.ts';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import {
  announcement,
  BACKENDS,
  BIRD,
  BIRDC,
  CLIENT,
  DOWN,
  health,
  isThere,
  MuxLab,
  muxGoal,
  OTHER_VIP,
  pool,
  UP,
  VIP,
  VM1,
  VM2,
  vip,
} from './mux-lab.ts';

const BOTH_UP = health({ [VM1.address]: UP, [VM2.address]: UP });
const WEB = muxGoal(pool(), BOTH_UP, vip(), announcement());
const FLOOD = 160_000;

/** A connection that stays: sends each line of standard input, prints what comes back. */
const CALL = `
const socket = require('node:net').connect(80, process.argv[1], () => console.log('connected'));
socket.on('data', (data) => process.stdout.write(data));
socket.on('error', (error) => console.log('lost: ' + error.code));
socket.on('end', () => console.log('ended'));
process.stdin.pipe(socket);`;

interface Call {
  readonly program: Program;
  /** Name of the server. */
  readonly server: string;
  /** Sends a line and waits for it. */
  say(line: string): Promise<void>;
}

async function connect(lab: MuxLab, address = VIP): Promise<Call> {
  const program = await lab.start('client', [process.execPath, '-e', CALL, address], /vm\d/);
  const server = /vm\d/.exec(program.stdout().toString())?.[0] ?? '';
  return {
    program,
    server,
    async say(line) {
      program.write(`${line}\n`);
      await eventually(`'${line}' comes back`, () => {
        const heard = program.stdout().toString();
        if (/lost|ended/.test(heard)) throw new Error(heard);
        return heard.includes(line);
      });
    },
  };
}

test('a mux between a router, a client and two backends', async (t) => {
  for (const program of [BIRD, BIRDC]) {
    if (await isThere(program)) continue;
    t.pass(`${program} exists`, { skip: 'bird2 is not installed: apt-get install bird2' });
    return;
  }
  const lab = new MuxLab();
  t.teardown(() => lab.close());
  await lab.build();
  await lab.serve(WEB);

  await t.test(
    'the router learns the address when it is in force, and clients are served',
    async (t) => {
      await eventually('the route is there', () => lab.hasRoute(`${VIP}/32`));
      const names = await lab.call(200);
      t.same(Object.keys(names).sort(), ['vm1', 'vm2']);
      t.ok((names['vm1'] ?? 0) > 60 && (names['vm2'] ?? 0) > 60, JSON.stringify(names));
    },
  );

  await t.test('what it has done can be seen', (t) => status(t, lab));

  await t.test('a probe that fails: connections stay, new ones go elsewhere', async (t) => {
    const call = await connect(lab);
    const [gone, other] = call.server === 'vm1' ? [VM1, VM2] : [VM2, VM1];
    const states = health({ [gone.address]: DOWN, [other.address]: UP });
    await lab.set(muxGoal(pool(), states, vip(), announcement()));
    await call.say('still here');
    t.same(await lab.call(40), { [other.name]: 40 });
    // It leaves the pool: so it has no connection any more.
    await lab.set(muxGoal(pool([other]), states, vip(), announcement()));
    t.same(await lab.call(20), { [other.name]: 20 });
    await call.program.stop('SIGKILL');
    await lab.set(WEB);
  });

  await t.test('a SYN flood: known connections go on, memory stays as it is', (t) => flood(t, lab));

  await t.test(
    'a ping of the address is answered, also at full size and in fragments not',
    async (t) => {
      const ping = (size: string) =>
        lab.run('client', ['ping', '-n', '-c', '1', '-W', '5', '-s', size, VIP]);
      t.match(await ping('56'), '1 received');
      t.match(await ping('1472'), '1 received');
      await t.rejects(lab.run('client', ['ping', '-n', '-c', '1', '-W', '1', '-s', '3000', VIP]));
    },
  );

  await t.test('the announcement goes first: packets on their way still arrive', async (t) => {
    await lab.set(muxGoal(pool(), BOTH_UP, vip()));
    await eventually('the route is gone', async () => !(await lab.hasRoute(`${VIP}/32`)));
    const trace = await lab.ask<MuxTrace>(traceOf(VIP));
    t.equal(trace.verdict, 'forwarded');
    await lab.set(WEB);
    await eventually('the route is there again', () => lab.hasRoute(`${VIP}/32`));
  });

  await t.test(
    'it is killed and comes back: nothing before it is in sync, then as before',
    async (t) => {
      await lab.role.stop('SIGKILL');
      await eventually('the route is gone', async () => !(await lab.hasRoute(`${VIP}/32`)));
      await lab.startRole();
      const [address] = (await lab.ask<MuxStatus>('/addresses')).addresses;
      t.equal(address?.address, VIP, 'the saved goal state is in force at once');
      t.equal(address?.announced, false);
      await eventually('the route is there again', () => lab.hasRoute(`${VIP}/32`));
      t.equal((await lab.call(20))['ECONNREFUSED'], undefined);
    },
  );

  await t.test('SIGTERM: the route goes before the mux does', async (t) => {
    const ended = lab.role.stop('SIGTERM');
    await eventually('the route is gone', async () => !(await lab.hasRoute(`${VIP}/32`)));
    await ended;
    t.match(lab.role.stderr(), 'routes withdrawn, draining');
  });
});

async function status(t: Test, lab: MuxLab): Promise<void> {
  const { inSync, addresses } = await lab.ask<MuxStatus>('/addresses');
  t.equal(inSync, true);
  const [web] = addresses;
  t.equal(web?.state, 'announced');
  t.equal(web?.syns, 200);
  t.same(web?.drops, {});
  const backends = web?.rules[0]?.backends ?? [];
  t.same(
    backends.map(({ address, host, health: state }) => [address, host, state]),
    BACKENDS.map(({ address, host }) => [address, host, 'up']),
  );
  for (const { share } of backends) t.ok(Math.abs(share - 0.5) < 0.001, `share ${share}`);
  const trace = await lab.ask<MuxTrace>(traceOf(VIP));
  t.equal(trace.verdict, 'forwarded');
  t.equal(trace.via, 'current table');
  t.equal((await lab.ask<MuxTrace>(traceOf(OTHER_VIP))).verdict, 'NotForUs');
  const { memory, links } = await lab.ask<MuxCounters>('/counters');
  t.ok(memory.confirmed > 0, 'flows are remembered');
  t.same(
    links.map(({ name }) => name),
    ['uplink', 'overlay'],
  );
}

async function flood(t: Test, lab: MuxLab): Promise<void> {
  const call = await connect(lab);
  const before = await lab.memoryBytes();
  const macOf = async (member: string) => {
    const [link] = JSON.parse(
      await lab.run(member, ['ip', '-j', 'link', 'show', 'dev', 'uplink0']),
    ) as [{ address: string }];
    return link.address;
  };
  const [edge, mux] = [await macOf('edge'), await macOf('mux')];
  const flooding = lab.run('edge', [
    ...[process.execPath, programPath('test/kit/syn-flood.js'), 'uplink0', edge, mux],
    ...[VIP, '80', String(FLOOD)],
  ] as [string, ...string[]]);
  for (const line of ['one', 'two', 'three']) await call.say(line);
  await flooding;
  await call.say('after it all');
  const trace = await lab.ask<MuxTrace>(
    `${traceOf(VIP)}&opening=false`.replace('sourcePort=1', `sourcePort=${await portOf(lab)}`),
  );
  t.equal(trace.via, 'remembered', 'the connection is still known');
  const { memory } = await lab.ask<MuxCounters>('/counters');
  t.ok(memory.unconfirmed <= memory.unconfirmedMax);
  t.ok(memory.confirmed < 2000, `${memory.confirmed} confirmed`);
  t.ok(memory.displaced > 0, `${memory.displaced} gave way`);
  const grown = (await lab.memoryBytes()) - before;
  // The part for unconfirmed flows is 7 MB; the rest is what the burst engine and the engine touch for the first time.
  t.ok(grown < 96 * 1024 * 1024, `${Math.round(grown / 1024 / 1024)} MiB more`);
  await call.program.stop('SIGKILL');
}

/** Port of the client's connection. */
async function portOf(lab: MuxLab): Promise<string> {
  const text = await lab.run('client', ['ss', '-Htn', 'state', 'established', 'dst', VIP]);
  return /:(\d+)\s+203/.exec(text)?.[1] ?? '0';
}

function traceOf(destination: string): string {
  return `/trace?source=${CLIENT}&destination=${destination}&sourcePort=1&destinationPort=80`;
}
