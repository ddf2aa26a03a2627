/** Packet sockets on an interface: the receive ring, what is longer than its slots, trains of datagrams, and what is kept from the kernel. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { type NativeFrameIo, nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { closeFd, type FilterInstruction, openIngressFilter } from '../../../native/socket.ts';
import { VnetFlag } from '../../../packet/vnet-header.ts';
import { type Packet, packet, segmentsOf } from '../../conformance/frame-io/frames.ts';
import {
  ip,
  isRoot,
  makeNamespace,
  removeNamespace,
} from '../../conformance/frame-io/namespaces.ts';
import { essence, queue, receive } from '../../conformance/frame-io/suite.ts';

const rootTest = isRoot ? test.serial : test.serial.skip;
/** As native/burst.h has it. */
const RINGS_MAX = 4;
const RING_SLOTS = 8192;
const BURST = 64;

interface Wire {
  readonly namespace: string;
  readonly near: NativeFrameIo;
  readonly far: NativeFrameIo;
  readonly nearPort: number;
  readonly farPort: number;
}

/** Two ends of a veth pair, each with a packet socket of a FrameIo of its own. */
function withWire(
  run: (wire: Wire) => void,
  options: { readonly kernelFilter?: readonly FilterInstruction[] } = {},
): void {
  const namespace = makeNamespace();
  const [near, far] = [nativeFrameIo({ offload: 'on' }), nativeFrameIo({ offload: 'on' })];
  try {
    ip('-n', namespace, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    for (const name of ['near', 'far']) {
      sysctl(namespace, name);
      ip('-n', namespace, 'link', 'set', name, 'up', 'mtu', '9000');
    }
    // Where the frames of packet() go: else the kernel would not look at them at all.
    ip('-n', namespace, 'link', 'set', 'far', 'address', '02:00:00:00:00:02');
    const nearPort = near.attachNetdev({ name: 'near', namespace });
    const farPort = far.attachNetdev({ name: 'far', namespace, ...options });
    run({ namespace, near, far, nearPort, farPort });
  } finally {
    near.close();
    far.close();
    removeNamespace(namespace);
  }
}

function sysctl(namespace: string, name: string): void {
  const set = ['sysctl', '-qw', `net.ipv6.conf.${name}.disable_ipv6=1`];
  execFileSync('ip', ['netns', 'exec', namespace, ...set]);
}

/** Sends in bursts that fit the scratch area. */
function send({ near, nearPort }: Wire, frames: readonly Packet[]): void {
  for (let first = 0; first < frames.length; first += BURST) {
    const burst = frames.slice(first, first + BURST);
    let at = near.scratchAt;
    for (const [index, frame] of burst.entries()) {
      at = (queue(near, index, nearPort, frame, at) + 15) & ~15;
    }
    near.exchange(burst.length, 0);
  }
}

function sameFrames(
  t: ExecutionContext,
  arrived: readonly Packet[],
  sent: readonly Packet[],
): void {
  t.deepEqual(arrived.map(essence), sent.map(essence));
}

rootTest('frames that fit a slot and frames that do not keep their order', (t) => {
  withWire((wire) => {
    const frames = Array.from({ length: 200 }, (_, index) =>
      index % 3 === 1
        ? packet({ payloadLen: 20_000 + index, segmentLen: 1000, sequence: index })
        : packet({ payloadLen: (index * 37) % 8_900, sequence: index }),
    );
    send(wire, frames);
    sameFrames(t, receive(wire.far, frames.length), frames);
    t.is(wire.far.receiveDrops(wire.farPort), 0);
  });
});

rootTest('a VLAN tag that the kernel took out is put back, in a slot and in a long frame', (t) => {
  withWire((wire) => {
    const frames = [64, 1400, 5_000].map((payloadLen) => packet({ payloadLen, vlanTags: 1 }));
    send(wire, frames);
    sameFrames(t, receive(wire.far, frames.length), frames);
  });
});

rootTest('the ring comes round many times, and frames in it may be changed and sent on', (t) => {
  withWire((wire) => {
    const { near, far, farPort } = wire;
    for (let round = 0; round < (2 * RING_SLOTS) / BURST + 3; round += 1) {
      const frames = Array.from({ length: BURST }, (_, index) =>
        packet({ payloadLen: 30, sourcePort: index, seed: round + 1 }),
      );
      send(wire, frames);
      const arrived = receive(far, BURST);
      if (arrived.length !== BURST) t.fail(`${arrived.length} of a burst in round ${round}`);
      sendBack(far, farPort, arrived.length);
      sameFrames(t, receive(near, BURST), frames);
    }
  });
});

/** The burst at hand goes back as it lies. */
function sendBack(io: NativeFrameIo, port: number, count: number): void {
  for (let index = 0; index < count; index += 1) {
    for (let word = 0; word < 4; word += 1) {
      io.tx[index * 8 + word] = word === 0 ? port : (io.rx[index * 8 + word] ?? 0);
    }
  }
  io.exchange(count, 0);
}

rootTest('what finds no slot is counted as lost, and the rest arrives in order', (t) => {
  withWire((wire) => {
    const extra = 100;
    const frames = Array.from({ length: RING_SLOTS + extra }, (_, index) =>
      packet({ payloadLen: 30, identification: index & 0xffff, seed: index }),
    );
    send(wire, frames);
    sameFrames(t, receive(wire.far, RING_SLOTS), frames.slice(0, RING_SLOTS));
    t.is(wire.far.receiveDrops(wire.farPort), extra);
    t.is(wire.far.receiveDrops(wire.farPort), extra, 'asking changes nothing');
    send(wire, frames.slice(0, 5));
    t.is(receive(wire.far, 5).length, 5);
  });
});

rootTest('sockets beyond the last ring receive all the same', (t) => {
  const namespace = makeNamespace();
  const io = nativeFrameIo({ offload: 'on' });
  try {
    const names = Array.from({ length: RINGS_MAX + 1 }, (_, index) => `near${index}`);
    for (const name of names) {
      ip('-n', namespace, 'link', 'add', name, 'type', 'veth', 'peer', 'name', `x${name}`);
      for (const end of [name, `x${name}`]) ip('-n', namespace, 'link', 'set', end, 'up');
    }
    const ports = names.map((name) => io.attachNetdev({ name, namespace }));
    const far = nativeFrameIo({ offload: 'on' });
    for (const [index, name] of names.entries()) {
      const frame = packet({ payloadLen: 100, sourcePort: index });
      const port = far.attachNetdev({ name: `x${name}`, namespace });
      queue(far, 0, port, frame, far.scratchAt);
      far.exchange(1, 0);
      const [arrived] = receive(io, 1);
      t.is(arrived?.port, ports[index]);
      t.deepEqual(arrived && essence(arrived), essence(frame));
      far.detach(port);
    }
    far.close();
  } finally {
    io.close();
    removeNamespace(namespace);
  }
});

/** A datagram of one flow as a NIC gives it that has checked its checksum, or one whose sender left it to be added up. */
function datagram(index: number, flags: number): Packet {
  const whole = packet({
    protocol: 'udp',
    payloadLen: 100,
    seed: index + 1,
    identification: index,
  });
  if (flags === VnetFlag.DATA_VALID) return { ...whole, vnet: { ...whole.vnet, flags } };
  const train = packet({ protocol: 'udp', payloadLen: 100, segmentLen: 100, seed: index + 1 });
  return { ...train, vnet: { ...train.vnet, gsoType: 0, gsoSize: 0 } };
}

for (const [what, flags] of [
  ['partial', VnetFlag.NEEDS_CSUM],
  ['checked', VnetFlag.DATA_VALID],
] as const) {
  rootTest(`datagrams of one flow with ${what} checksums leave as a super-frame`, (t) => {
    withWire((wire) => {
      const frames = Array.from({ length: 20 }, (_, index) => datagram(index, flags));
      send(wire, frames);
      const arrived = receive(wire.far, 1);
      t.is(arrived.length, 1);
      const payloads = (all: readonly Uint8Array[]) => all.map((bytes) => bytes.slice(-100));
      const segments = arrived.flatMap(segmentsOf);
      t.deepEqual(payloads(segments), payloads(frames.map(({ bytes }) => bytes)));
    });
  });
}

rootTest('datagrams whose checksum nobody has checked stay what they are', (t) => {
  withWire((wire) => {
    const frames = Array.from({ length: 20 }, () => packet({ protocol: 'udp', payloadLen: 100 }));
    send(wire, frames);
    sameFrames(t, receive(wire.far, frames.length), frames);
  });
});

/** Frames of this EtherType are not for the kernel. */
const ALL_BUT_IPV4: readonly FilterInstruction[] = [
  [0x28, 0, 0, 12],
  [0x15, 0, 1, 0x0800],
  [0x06, 0, 0, 0],
  [0x06, 0, 0, 0xffff],
];

rootTest(
  'a kernel filter keeps frames from the kernel, not from the socket, until the port goes',
  (t) => {
    withWire(
      (wire) => {
        const { namespace, far, farPort } = wire;
        const heard = (): number => ipv4Received(namespace);
        const frames = [packet({ payloadLen: 100 }), packet({ payloadLen: 200 })];
        // Not where programs may not be loaded, in a user namespace for one: then the kernel sees everything.
        const hook = openIngressFilter('near', ALL_BUT_IPV4, namespace);
        if (hook !== undefined) closeFd(hook);
        const kept = hook === undefined ? 0 : 2;
        const before = heard();
        send(wire, frames);
        sameFrames(t, receive(far, 2), frames);
        t.is(heard(), before + 2 - kept);
        far.detach(farPort);
        // The filter goes with its last descriptor: another thread that is just starting a program has one until that is executed.
        for (let tries = 0; tries < 100 && heard() === before + 2 - kept; tries += 1) {
          send(wire, frames);
        }
        t.true(heard() > before + 2 - kept);
      },
      { kernelFilter: ALL_BUT_IPV4 },
    );
  },
);

/** Packets that the namespace's kernel has looked at (ipInReceives, RFC 4293). */
function ipv4Received(namespace: string): number {
  const text = ip('netns', 'exec', namespace, 'cat', '/proc/net/snmp');
  const [names = '', values = ''] = text.split('\n').filter((line) => line.startsWith('Ip:'));
  const at = names.split(' ').indexOf('InReceives');
  return Number(values.split(' ')[at]);
}

test('the ring’s size is what the test counts with', (t) => {
  const header = readFileSync(new URL('../../../../native/burst.h', import.meta.url), 'utf8');
  t.true(header.includes(`#define RING_SLOTS ${RING_SLOTS}`));
  t.true(header.includes(`#define RINGS_MAX ${RINGS_MAX}`));
});
