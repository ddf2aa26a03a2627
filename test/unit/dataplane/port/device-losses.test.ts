/** Frames lost in devices' queues: each is counted once, at the link of its device. */
import test from 'ava';
import { NONE } from '../../../../base/lpm.ts';
import { DeviceLosses } from '../../../../dataplane/port/device-losses.ts';
import { LinkCounters } from '../../../../dataplane/port/link-counters.ts';

function world() {
  const transmit: [number, number, number][] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const receive = [0, 0];
  const counters = new LinkCounters(3);
  const io = {
    transmitDrops: (device: number) => transmit[device] ?? ([0, 0, 0] as const),
    receiveDrops: (device: number) => receive[device] ?? 0,
  };
  return { transmit, receive, counters, losses: new DeviceLosses(io, counters) };
}

test('what is lost is counted once, by its reason, at the link of the device', (t) => {
  const { transmit, receive, counters, losses } = world();
  const devices = [
    [2, 0],
    [0, 1],
    [1, NONE],
  ] as const;
  transmit[0] = [3, 2, 1];
  receive[1] = 7;
  losses.collect(devices);
  losses.collect(devices);
  t.deepEqual(counters.read(2).drops, {
    TransmitQueueFull: 3,
    TransmitFailed: 2,
    OffloadInvalid: 1,
  });
  t.deepEqual(counters.read(0).drops, { ReceiveQueueFull: 7 });
  receive[1] = 9;
  losses.collect(devices);
  t.deepEqual(counters.read(0).drops, { ReceiveQueueFull: 9 });
  t.deepEqual(counters.read(1).drops, {});
});
