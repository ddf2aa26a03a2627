/** `weft switch-manager`: bandwidth management, on, changed and off. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const PATH = '/virtualSwitchManager/configuration';
const QOS = { reservationMode: 'Weight', linkSpeedPercentage: 100, enableHardwareLimits: true };
const properties = (body: unknown) => (body as { properties: Record<string, unknown> }).properties;

test('switch-manager set: what is not named stays; --off takes all of it away', async (t) => {
  const on = resource(PATH, { qosSettings: QOS, portDefaultState: 'Default' });
  const controller = await scriptedController({
    [`GET ${PATH}`]: { body: on },
    [`PUT ${PATH}`]: { body: on },
  });
  const line = '--reservation-mode absolute --link-percent 50 --default-reserve 0';
  await controller.weft('switch-manager', 'set', ...line.split(' '), '--reservations', 'disabled');
  t.deepEqual(properties(controller.received.at(-1)?.body)['qosSettings'], {
    reservationMode: 'Absolute',
    linkSpeedPercentage: 50,
    enableHardwareLimits: true,
    defaultReservation: 0,
    enableSoftwareReservations: false,
  });
  await controller.weft('switch-manager', 'set', '--off');
  t.deepEqual(properties(controller.received.at(-1)?.body), {
    provisioningState: 'Succeeded',
    portDefaultState: 'Default',
  });
  await controller.close();
});

test('switch-manager show: off, or what reservations mean', async (t) => {
  const controller = await scriptedController({
    [`GET ${PATH}`]: [
      { body: resource(PATH, { numInterfacesHavingQos: 0 }) },
      { body: resource(PATH, { qosSettings: QOS, numInterfacesHavingQos: 3 }) },
    ],
  });
  const off = await controller.weft('switch-manager', 'show');
  t.regex(off.out, /^bandwidth management +off\ninterfaces +0\n/);
  const on = await controller.weft('switch-manager', 'show');
  t.regex(on.out, /^bandwidth management +on\nreservation mode +weight\nlink percent +100\n/);
  await controller.close();
});

test('switch-manager set that names nothing, or what contradicts itself, asks nothing', async (t) => {
  const controller = await scriptedController({});
  for (const [args, message] of [
    [[], /nothing to set\n.*--reservation-mode/],
    [['--link-percent', '101'], /At most 100/],
    [['--reservation-mode', 'share'], /absolute, weight/],
    [['--off', '--link-percent', '5'], /cannot be used with/],
  ] as const) {
    const { code, err } = await controller.weft('switch-manager', 'set', ...args);
    t.is(code, 2, err);
    t.regex(err, message);
  }
  t.deepEqual(controller.received, []);
  await controller.close();
});
