/** `weft learned-ip list`: who has which shared address. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const SUBNET = '/virtualNetworks/blue/subnets/web';

test('learned-ip list: the holder and its host, dashes while nobody has it', async (t) => {
  const both = ['/networkInterfaces/n1', '/networkInterfaces/n2'];
  const one = { virtualSubnet: SUBNET, sharedBy: both };
  const value = [
    {
      ...{ resourceRef: '/learnedIpAddresses/vip', ipAddress: '10.0.1.9', ...one },
      ...{ networkInterface: '/networkInterfaces/n2', host: 'host1' },
    },
    { resourceRef: '/learnedIpAddresses/idle', ipAddress: '10.0.1.10', ...one },
  ];
  const controller = await scriptedController({
    'GET /networking/weft/v1/learnedIpAddresses': [{ body: { value } }, { body: { value: [] } }],
  });
  t.is(
    (await controller.weft('learned-ip', 'list')).out,
    [
      'NAME  ADDRESS    VNET  SUBNET  INTERFACE  HOST   SHARED BY',
      'vip   10.0.1.9   blue  web     n2         host1  n1, n2',
      'idle  10.0.1.10  blue  web     -          -      n1, n2',
      '',
    ].join('\n'),
  );
  t.regex((await controller.weft('learned-ip', 'list')).out, /No learned addresses/);
  await controller.close();
});
