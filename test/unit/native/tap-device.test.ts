/** TAP devices in namespaces: made, found again, refused, deleted; frames of a gone device end quietly. */
import test from 'ava';
import { nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { closeFd } from '../../../native/socket.ts';
import { deleteTap, openTap, probeTapAbilities } from '../../../native/tap-device.ts';
import { packet } from '../../conformance/frame-io/frames.ts';
import {
  ip,
  isRoot,
  makeNamespace,
  removeNamespace,
} from '../../conformance/frame-io/namespaces.ts';
import { queue, receive } from '../../conformance/frame-io/suite.ts';

const rootTest = isRoot ? test.serial : test.serial.skip;
const MAC = 0x0200_0000_00aa;

function withNamespace(run: (namespace: string) => void): void {
  const namespace = makeNamespace();
  try {
    run(namespace);
  } finally {
    removeNamespace(namespace);
  }
}

/** A descriptor that was closed is still held while another thread of this process starts a program, until that is executed. */
function onceReleased<T>(open: () => T): T {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 1; ; tries += 1) {
    try {
      return open();
    } catch (fault) {
      if (!/EBUSY/.test(String(fault)) || tries === 200) throw fault;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

const devicesIn = (namespace: string): string[] =>
  [...ip('-n', namespace, '-o', 'link').matchAll(/^\d+: ([^:@]+)/gm)].map(
    (match) => match[1] ?? '',
  );

rootTest('a device is made in the namespace named, with the MAC given', (t) => {
  withNamespace((namespace) => {
    const tap = openTap({ name: 'tap0', namespace, mac: MAC, hasOffload: true });
    t.true(tap.wasCreated);
    t.is(tap.mac, MAC);
    t.deepEqual(devicesIn(namespace), ['lo', 'tap0']);
    t.regex(ip('-n', namespace, 'link', 'show', 'tap0'), /02:00:00:00:00:aa/);
    closeFd(tap.fd);
    t.deepEqual(devicesIn(namespace), ['lo']);
  });
});

rootTest('a persistent device is found again where it is, with its MAC', (t) => {
  withNamespace((namespace) => {
    const options = { name: 'tap0', namespace, isPersistent: true, hasOffload: true };
    const first = openTap({ ...options, mac: MAC });
    closeFd(first.fd);
    t.deepEqual(devicesIn(namespace), ['lo', 'tap0']);
    const again = onceReleased(() => openTap({ ...options, mustExist: true }));
    t.false(again.wasCreated);
    t.is(again.mac, MAC);
    closeFd(again.fd);
    deleteTap('tap0', namespace);
    t.deepEqual(devicesIn(namespace), ['lo']);
  });
});

rootTest('re-attaching to what is not there makes nothing, anywhere', (t) => {
  withNamespace((namespace) => {
    const name = `wtgone${process.pid % 1000}`;
    const open = () => openTap({ name, namespace, mustExist: true, hasOffload: true });
    t.throws(open, { code: 'SDN_DEVICE', message: /ENODEV/ });
    t.deepEqual(devicesIn(namespace), ['lo']);
    t.false(ip('-o', 'link').includes(name));
  });
});

rootTest('a held device, a bad name and a missing namespace are faults with a code', (t) => {
  withNamespace((namespace) => {
    const tap = openTap({ name: 'tap0', namespace, hasOffload: true });
    const open =
      (name: string, where = namespace) =>
      () =>
        openTap({ name, namespace: where, hasOffload: true });
    t.throws(open('tap0'), { code: 'SDN_DEVICE', message: /EBUSY/ });
    for (const name of ['', 'a-name-longer-than-fifteen', 'tap%d']) {
      t.throws(open(name), { code: 'SDN_DEVICE', message: /EINVAL/ });
    }
    t.throws(open('tap1', 'no-such-namespace'), { code: 'SDN_DEVICE', message: /ENOENT/ });
    t.throws(open('tap1', '/etc/passwd'), { code: 'SDN_DEVICE', message: /EINVAL/ });
    closeFd(tap.fd);
  });
});

rootTest('the thread is back in its own namespace after each call', (t) => {
  withNamespace((namespace) => {
    const before = ip('-o', 'link');
    closeFd(openTap({ name: 'tap0', namespace, hasOffload: true }).fd);
    probeTapAbilities();
    t.is(ip('-o', 'link').split('\n').length, before.split('\n').length);
  });
});

rootTest('the probe answers', (t) => {
  const abilities = probeTapAbilities();
  t.is(typeof abilities.takesTcpSuperFrames, 'boolean');
  t.is(typeof abilities.takesUdpSuperFrames, 'boolean');
});

rootTest('a deleted namespace takes its devices along', (t) => {
  const namespace = makeNamespace();
  const io = nativeFrameIo({ offload: 'on' });
  const far = nativeFrameIo({ offload: 'on' });
  const { port } = io.attachTap({ name: 'tap0', namespace });
  const farPort = far.attachNetdev({ name: 'tap0', namespace });
  t.false(io.isGone(port) || far.isGone(farPort));
  removeNamespace(namespace);
  t.true(io.isGone(port) && far.isGone(farPort));
  io.detach(port);
  io.close();
  far.close();
});

rootTest('a gone device does not keep the loop busy', (t) => {
  withNamespace((namespace) => {
    const io = nativeFrameIo({ offload: 'on' });
    const { port } = io.attachTap({ name: 'tap0', namespace });
    ip('-n', namespace, 'link', 'del', 'tap0');
    t.is(io.exchange(0, 100), 0);
    t.true(io.isGone(port));
    const start = process.hrtime.bigint();
    t.is(io.exchange(0, 50), 0);
    t.true(process.hrtime.bigint() - start >= 40_000_000n);
    io.close();
  });
});

rootTest('a device that came back is attached again under a new port', (t) => {
  withNamespace((namespace) => {
    const io = nativeFrameIo({ offload: 'on' });
    const far = nativeFrameIo({ offload: 'on' });
    const first = io.attachTap({ name: 'tap0', namespace });
    io.detach(first.port);
    const { port, wasCreated } = onceReleased(() =>
      io.attachTap({ name: 'tap0', namespace, mustExist: true }),
    );
    t.false(wasCreated);
    t.not(port, first.port);
    ip('-n', namespace, 'link', 'set', 'tap0', 'up');
    const farPort = far.attachNetdev({ name: 'tap0', namespace });
    queue(far, 0, farPort, packet({ payloadLen: 10 }), far.scratchAt);
    far.exchange(1, 0);
    t.is(receive(io, 1)[0]?.port, port);
    io.close();
    far.close();
  });
});

rootTest('with offloads off a super-frame enters a TAP as the packets it stands for', (t) => {
  withNamespace((namespace) => {
    const io = nativeFrameIo({ offload: 'off' });
    const far = nativeFrameIo({ offload: 'on' });
    const { port } = io.attachTap({ name: 'tap0', namespace });
    ip('-n', namespace, 'link', 'set', 'tap0', 'up');
    far.attachNetdev({ name: 'tap0', namespace });
    queue(io, 0, port, packet({ payloadLen: 3500, segmentLen: 1000 }), io.scratchAt);
    io.exchange(1, 0);
    const arrived = receive(far, 5);
    t.deepEqual(
      arrived.map((frame) => frame.bytes.length),
      [1066, 1066, 1066, 566],
    );
    t.true(arrived.every((frame) => frame.vnet.flags !== 1));
    io.close();
    far.close();
  });
});

rootTest('datagrams of one flow enter a TAP together, others do not', (t) => {
  withNamespace((namespace) => {
    const io = nativeFrameIo({ offload: 'on' });
    if (!io.abilities.takesUdpSuperFrames) {
      t.pass('this kernel takes no UDP super-frames');
      io.close();
      return;
    }
    const far = nativeFrameIo({ offload: 'on' });
    const { port } = io.attachTap({ name: 'tap0', namespace });
    ip('-n', namespace, 'link', 'set', 'tap0', 'up');
    far.attachNetdev({ name: 'tap0', namespace });
    const whole = packet({ protocol: 'udp', payloadLen: 64 * 10, segmentLen: 64 });
    let at = io.scratchAt;
    for (let index = 0; index < 10; index++) {
      const one = packet({ protocol: 'udp', payloadLen: 64, segmentLen: 64 });
      one.bytes.set(whole.bytes.slice(42 + 64 * index, 42 + 64 * (index + 1)), 42);
      at = queue(io, index, port, { ...one, vnet: { ...one.vnet, gsoType: 0, gsoSize: 0 } }, at);
    }
    queue(io, 10, port, packet({ protocol: 'udp', payloadLen: 64, sourcePort: 9 }), at);
    io.exchange(11, 0);
    const arrived = receive(far, 2);
    t.is(arrived.length, 2);
    t.deepEqual(arrived[0]?.bytes, whole.bytes);
    t.is(arrived[0]?.vnet.gsoSize, 64);
    t.is(arrived[1]?.bytes.length, 106);
    io.close();
    far.close();
  });
});
