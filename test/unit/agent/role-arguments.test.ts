/** The command line of a role. */
import test from 'ava';
import { parseRoleArguments } from '../../../agent/role-arguments.ts';

const PROGRAM = 'dist/dataplane/main.js';

const ARGV = [
  ...['--id', 'host1', '--state', '/s/host1', '--controller', 'unix:/s/southbound.sock'],
  ...['--ca', 'ca', '--cert', 'cert', '--key', 'key', '--uplink', 'uplink0'],
];

test('a whole command line', (t) => {
  t.deepEqual(parseRoleArguments([...ARGV, '--control', '/s/c.sock', '--offload=off'], PROGRAM), {
    id: 'host1',
    stateDirectory: '/s/host1',
    controller: 'unix:/s/southbound.sock',
    caPath: 'ca',
    certificatePath: 'cert',
    keyPath: 'key',
    uplink: 'uplink0',
    controlPath: '/s/c.sock',
    hasOffload: false,
  });
});

test('the control socket is in the state directory, offload is on, unless said otherwise', (t) => {
  const parsed = parseRoleArguments(ARGV, PROGRAM);
  t.is(parsed.controlPath, '/s/host1/control.sock');
  t.true(parsed.hasOffload);
});

test('what is missing or senseless is named, with the usage', (t) => {
  const cases: readonly [readonly string[], RegExp][] = [
    [ARGV.slice(2), /--id is missing/],
    [ARGV.slice(0, -2), /--uplink is missing/],
    [[...ARGV, '--controller', 'nowhere'], /neither unix:PATH nor HOST:PORT/],
    [[...ARGV, '--offload=maybe'], /neither on nor off/],
    [[...ARGV, '--id', 'a/b'], /not a resource name/],
    [[...ARGV, '--speed'], /--speed/],
    [[...ARGV, 'extra'], /extra/],
  ];
  for (const [argv, message] of cases) {
    const fault = t.throws(() => parseRoleArguments(argv, PROGRAM), { code: 'SDN_USAGE', message });
    t.regex(JSON.stringify(fault), /usage: node/);
  }
});
