/** `weft mirror`: what is copied, where to, and the priority nobody wants to choose. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const MIRRORS = '/serviceInsertions';
const elements = [
  {
    resourceId: 'collector',
    properties: { order: 1, networkInterface: { resourceRef: '/networkInterfaces/ids' } },
  },
];
const mirror = (name: string, priority: number, serviceInsertionRules: readonly object[] = []) =>
  resource(`${MIRRORS}/${name}`, {
    ...{ type: 'PortMirror', priority, serviceInsertionRules },
    serviceInsertionElements: elements,
    configurationState: { status: 'Success' },
  });
const list = (...value: readonly unknown[]) => ({ body: { value, nextLink: '' } });

test('mirror list: rules in one line each, users by name', async (t) => {
  const web = mirror('web', 2, [
    {
      properties: {
        ...{ protocol: 'Tcp', sourcePortRangeStart: 0, sourcePortRangeEnd: 65535 },
        ...{ destinationPortRangeStart: 80, destinationPortRangeEnd: 90 },
        ...{ sourceSubnets: ['10.0.0.0/8', 'fd00::/8'], destinationSubnets: ['*'] },
      },
    },
    { properties: { protocol: 'Udp', sourcePortRangeStart: 53, destinationPortRangeStart: 0 } },
  ]);
  const controller = await scriptedController({
    [`GET ${MIRRORS}`]: [list(mirror('all', 1), web), list()],
  });
  t.is(
    (await controller.weft('mirror', 'list')).out,
    [
      'NAME  PRIORITY  COLLECTOR  COPIES                                                      USED BY  PROVISIONING  CONFIGURATION',
      'all          1  ids        everything                                                  -        Succeeded     Success',
      'web          2  ids        tcp 10.0.0.0/8, fd00::/8 → * port 80-90; udp * port 53 → *  -        Succeeded     Success',
      '',
    ].join('\n'),
  );
  t.regex((await controller.weft('mirror', 'list')).out, /weft mirror create NAME/);
  await controller.close();
});

test('mirror create: everything at the lowest free priority, or what options say', async (t) => {
  const path = `${MIRRORS}/m`;
  const controller = await scriptedController({
    [`GET ${MIRRORS}`]: list(mirror('a', 1), mirror('b', 3)),
    [`PUT ${path}`]: { status: 201, body: mirror('m', 2) },
  });
  const create = ['mirror', 'create', 'm', '--collector', 'ids'];
  t.is((await controller.weft(...create)).out, `created ${path}\n`);
  await controller.weft(
    ...[...create, '--priority', '0', '--protocol', 'udp', '--from', '10.1.0.0/16,fd00::/8'],
    ...['--from-port', '53', '--to-port', '1024-2048'],
  );
  await controller.weft(...create, '--priority', '9', '--to', '10.1.1.4/32');
  const bodies = controller.received
    .filter(({ request }) => request.startsWith('PUT'))
    .map(({ body }) => body);
  const any = { start: 0, end: 65535 };
  const rule = (properties: object, source = any, destination = any) => ({
    resourceId: 'rule',
    properties: {
      ...properties,
      ...{ sourcePortRangeStart: source.start, sourcePortRangeEnd: source.end },
      ...{ destinationPortRangeStart: destination.start, destinationPortRangeEnd: destination.end },
    },
  });
  const body = (priority: number, ...serviceInsertionRules: readonly object[]) => ({
    resourceId: 'm',
    properties: {
      ...{ type: 'PortMirror', priority, serviceInsertionRules },
      serviceInsertionElements: elements,
    },
  });
  t.deepEqual(bodies, [
    body(2),
    body(
      0,
      rule(
        {
          protocol: 'Udp',
          sourceSubnets: ['10.1.0.0/16', 'fd00::/8'],
          destinationSubnets: ['*'],
        },
        { start: 53, end: 53 },
        { start: 1024, end: 2048 },
      ),
    ),
    body(9, rule({ protocol: 'All', sourceSubnets: ['*'], destinationSubnets: ['10.1.1.4/32'] })),
  ]);
  await controller.close();
});

test('a mirror that cannot be meant is a usage error and asks nothing', async (t) => {
  const controller = await scriptedController({});
  for (const [rest, message] of [
    [[], /--collector/],
    [['--collector', 'ids', '--to-port', '80'], /ports are of TCP or UDP\n.*--protocol tcp/],
    [['--collector', 'ids', '--protocol', 'icmp'], /tcp, udp, all/],
    [['--collector', 'ids', '--protocol', 'tcp', '--to-port', '90-80'], /a range/],
    [['--collector', 'ids', '--protocol', 'tcp', '--to-port', '65536'], /a range/],
    [['--collector', 'ids', '--protocol', 'tcp', '--to-port', '80,81'], /a range/],
    [['--collector', 'ids', '--priority', '65536'], /At most 65535/],
  ] as const) {
    const { code, err } = await controller.weft('mirror', 'create', 'm', ...rest);
    t.is(code, 2, err);
    t.regex(err, message);
  }
  t.deepEqual(controller.received, []);
  await controller.close();
});

test('mirror delete of one in use says how to take it off', async (t) => {
  const path = `${MIRRORS}/m`;
  const error = { code: 'InUseServiceInsertionCannotBeDeleted', message: 'web uses it' };
  const controller = await scriptedController({
    [`GET ${path}`]: { body: mirror('m', 1) },
    [`DELETE ${path}`]: [{ status: 400, body: { error } }, { status: 204 }],
  });
  t.regex((await controller.weft('mirror', 'delete', 'm')).err, /weft mirror list names them/);
  t.is((await controller.weft('mirror', 'delete', 'm')).out, `deleted ${path}\n`);
  await controller.close();
});
