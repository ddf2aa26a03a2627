/**
 * Limits of ports over real TAPs: what is beyond the rate waits, or is dropped and counted, and a contended link is shared by weight. No
 * test depends on how fast time passes: rates are so low that nothing more comes through, or order alone is looked at.
 */
import test, { type ExecutionContext } from 'ava';
import { NO_SHAPING, RX_STRIDE, Rx, type Shaping } from '../../../dataplane/port/frame-io.ts';
import { type NativeFrameIo, nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { packet } from '../../conformance/frame-io/frames.ts';
import {
  ip,
  isRoot,
  makeNamespace,
  removeNamespace,
} from '../../conformance/frame-io/namespaces.ts';
import { queue, receive } from '../../conformance/frame-io/suite.ts';

const rootTest = isRoot ? test.serial : test.serial.skip;
/** A frame's debt lasts minutes. */
const CRAWL = 0.08;

interface Bench {
  readonly io: NativeFrameIo;
  readonly far: NativeFrameIo;
  readonly ports: readonly number[];
  readonly farPorts: readonly number[];
}

function withTaps(t: ExecutionContext, count: number): Bench {
  const namespace = makeNamespace();
  const io = nativeFrameIo({ offload: 'on' });
  const far = nativeFrameIo({ offload: 'on' });
  t.teardown(() => {
    io.close();
    far.close();
    removeNamespace(namespace);
  });
  const names = Array.from({ length: count }, (_, index) => `tap${index}`);
  const ports = names.map((name) => io.attachTap({ name, namespace }).port);
  const farPorts = names.map((name) => {
    ip('-n', namespace, 'link', 'set', name, 'up');
    return far.attachNetdev({ name, namespace });
  });
  return { io, far, ports, farPorts };
}

const shaping = (changes: Partial<Shaping>): Shaping => ({ ...NO_SHAPING, ...changes });
const FRAME = packet({ protocol: 'udp', payloadLen: 900 });

/** The VM at the far end of a port sends. */
function send({ far, farPorts }: Bench, port: number, count: number): void {
  for (let sent = 0; sent < count; sent += 1) {
    queue(far, 0, farPorts[port] ?? -1, FRAME, far.scratchAt);
    far.exchange(1, 0);
  }
}

/** Ports of the frames that come, until `limit` have or none does any more. */
function arrivals(io: NativeFrameIo, limit: number, timeoutMs: number): number[] {
  const ports: number[] = [];
  for (let idle = 0; idle < 5 && ports.length < limit; ) {
    const received = io.exchange(0, timeoutMs);
    for (let index = 0; index < received; index += 1) {
      ports.push(io.rx[index * RX_STRIDE + Rx.PORT] ?? -1);
    }
    idle = received === 0 ? idle + 1 : 0;
  }
  return ports;
}

rootTest(
  'outbound: a port in debt is not read; its frames wait in the device and none is lost',
  (t) => {
    const made = withTaps(t, 2);
    const { io, ports } = made;
    const [slow = -1, free = -1] = ports;
    io.setShaping(slow, shaping({ outboundKbps: CRAWL }));
    send(made, 0, 100);
    send(made, 1, 100);
    const first = arrivals(io, 200, 10);
    t.is(first.filter((port) => port === slow).length, 1, 'what makes the debt');
    t.is(first.filter((port) => port === free).length, 100, 'others are not held up');
    io.setShaping(slow, NO_SHAPING);
    t.is(arrivals(io, 99, 100).length, 99);
  },
);

rootTest('inbound: what is beyond the rate waits in order, what has no room is counted', (t) => {
  const made = withTaps(t, 1);
  const { io, far, ports } = made;
  const [port = -1] = ports;
  io.setShaping(port, shaping({ inboundKbps: CRAWL }));
  const sent = 400;
  for (let index = 0; index < sent; index += 1) {
    queue(io, 0, port, FRAME, io.scratchAt);
    io.exchange(1, 0);
  }
  t.is(receive(far, 2).length, 1);
  const dropped = io.shapingDrops(port);
  t.true(dropped > 100 && dropped < sent - 1);
  t.deepEqual([...io.transmitDrops(port)], [0, 0, 0]);
  // At a high rate the rest goes out by itself: the timer ends the wait.
  io.setShaping(port, shaping({ inboundKbps: 8_000_000 }));
  t.is(
    io.shapingDrops(port),
    sent - 1,
    'a queue of another size begins empty, and that is counted',
  );
  io.setShaping(port, NO_SHAPING);
  t.is(io.shapingDrops(port), sent - 1, 'counts outlive the limit');
});

rootTest('inbound: frames that waited go out when their time has come', (t) => {
  const made = withTaps(t, 1);
  const { io, far, ports } = made;
  const [port = -1] = ports;
  io.setShaping(port, shaping({ inboundKbps: 20_000 }));
  for (let index = 0; index < 120; index += 1) {
    queue(io, 0, port, FRAME, io.scratchAt);
    io.exchange(1, 0);
  }
  for (let round = 0; round < 200; round += 1) io.exchange(0, 1);
  t.is(io.shapingDrops(port), 0);
  t.is(receive(far, 120).length, 120);
});

rootTest('a link that is contended is shared by weight, and a port alone has all of it', (t) => {
  const made = withTaps(t, 2);
  const { io, ports } = made;
  const [heavy = -1, light = -1] = ports;
  io.setLinkSpeed(40_000);
  io.setShaping(heavy, shaping({ weight: 3 }));
  io.setShaping(light, shaping({ weight: 1 }));
  send(made, 0, 200);
  send(made, 1, 200);
  const shared = arrivals(io, 200, 1000);
  const ofHeavy = shared.filter((port) => port === heavy).length;
  t.true(Math.abs(ofHeavy / shared.length - 0.75) < 0.05, `${ofHeavy} of ${shared.length}`);
  const rest = arrivals(io, 400 - shared.length, 1000);
  t.is(rest.length, 400 - shared.length, 'nothing is lost');
  t.is(rest.slice(-50).filter((port) => port === light).length, 50);
});

rootTest('a port of another weight, or none, changes nothing for a link without a speed', (t) => {
  const made = withTaps(t, 1);
  made.io.setShaping(made.ports[0] ?? -1, shaping({ weight: 1 }));
  send(made, 0, 100);
  t.is(arrivals(made.io, 100, 100).length, 100);
});

rootTest('limits out of range are refused; a device with limits closes', (t) => {
  const { io, ports } = withTaps(t, 1);
  const [port = -1] = ports;
  t.throws(() => io.setShaping(port, shaping({ outboundKbps: -1 })), { instanceOf: TypeError });
  t.throws(() => io.setShaping(port, shaping({ weight: 2_000_000 })), { instanceOf: TypeError });
  t.throws(() => io.setShaping(99, NO_SHAPING), { instanceOf: TypeError });
  t.throws(() => io.setLinkSpeed(Number.NaN), { instanceOf: TypeError });
  io.setShaping(port, shaping({ outboundKbps: CRAWL, inboundKbps: CRAWL, weight: 1 }));
  for (let index = 0; index < 3; index += 1) {
    queue(io, 0, port, FRAME, io.scratchAt);
    io.exchange(1, 0);
  }
  io.detach(port);
  t.is(io.exchange(0, 0), 0);
});
