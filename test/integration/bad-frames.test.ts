/**
 * Frames no honest VM sends: another's MAC or IP address, ARP lies, cut and mutated headers. Each is dropped and counted under its own
 * reason, nobody else hears of it, and the switch goes on.
 */
import { test } from 'tap';
import { eventually } from '../kit/eventually.ts';
import { arpFrame, udpFrame } from '../kit/frames.ts';
import type { Machine } from '../kit/machine.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';

const PORT = 9999;
/** Marks our frames in captures: a payload that nothing else carries. */
const MARK = Buffer.from('weft-injected-frame');

function network(): Promise<RunningTopology> {
  const blue = { vnet: 'blue', subnet: 'web' } as const;
  const green = { vnet: 'green', subnet: 'web' } as const;
  const vnet = { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } };
  return topology({
    hosts: 2,
    vnets: { blue: vnet, green: vnet },
    vms: {
      a: { ...blue, host: 1, address: '10.1.1.10' },
      near: { ...blue, host: 1, address: '10.1.1.11' },
      far: { ...blue, host: 2, address: '10.1.1.12' },
      stranger: { ...green, host: 1, address: '10.1.1.11' },
    },
  }).start();
}

function honest(from: Machine, to: Machine): Parameters<typeof udpFrame>[0] {
  return {
    srcMac: from.mac,
    dstMac: to.mac,
    src: from.address,
    dst: to.address,
    dstPort: PORT,
    payload: MARK,
  };
}

test('frames no honest VM sends', async (t) => {
  const running = await network();
  t.teardown(() => running.stop());
  const [a, near, far, stranger] = ['a', 'near', 'far', 'stranger'].map((name) => running.vm(name));
  if (!a || !near || !far || !stranger) throw new Error('a VM is missing');
  await a.reaches(near);
  await a.reaches(far);

  await t.test('an honest frame that is injected arrives, on either way', async (t) => {
    for (const to of [near, far]) {
      const capture = await to.capture(`udp port ${PORT}`, { inbound: true });
      await a.inject([udpFrame(honest(a, to))]);
      const [frame] = await eventually(`${to.name} gets it`, () => {
        const frames = capture.frames();
        return frames.length > 0 && frames;
      });
      t.ok(Buffer.from(frame?.bytes ?? []).includes(MARK), to.name);
      await capture.stop();
    }
  });

  const lies: readonly (readonly [string, string, Uint8Array])[] = [
    ['another MAC', 'SpoofedMac', udpFrame({ ...honest(a, near), srcMac: near.mac })],
    ['another IP address', 'SpoofedIpv4', udpFrame({ ...honest(a, near), src: '10.1.1.99' })],
    ['a peer’s IP address', 'SpoofedIpv4', udpFrame({ ...honest(a, far), src: near.address })],
    [
      'an ARP reply for another’s address',
      'SpoofedArp',
      arpFrame({
        srcMac: a.mac,
        senderMac: a.mac,
        senderAddress: near.address,
        targetAddress: far.address,
        opcode: 2,
      }),
    ],
    [
      'an ARP request with another’s MAC',
      'SpoofedArp',
      arpFrame({
        srcMac: a.mac,
        senderMac: near.mac,
        senderAddress: a.address,
        targetAddress: far.address,
      }),
    ],
  ];
  for (const [title, reason, frame] of lies) {
    await t.test(`${title} is dropped and counted as ${reason}`, async (t) => {
      const before = await running.drops('host1', reason);
      const captures = await Promise.all(
        [near, far, stranger].map((vm) => vm.capture('', { inbound: true })),
      );
      await a.inject([frame, frame, frame]);
      await eventually(`three more ${reason}`, async () => {
        return (await running.drops('host1', reason)) === before + 3;
      });
      for (const capture of captures) {
        const heard = (await capture.stop()).filter((seen) => sameFrame(seen.bytes, frame));
        t.same(heard, []);
      }
    });
  }

  await t.test(
    'every byte of a header changed in turn: nothing reaches another tenant, nothing breaks',
    async (t) => {
      const whole = udpFrame(honest(a, near));
      const headers = whole.length - MARK.length;
      const mutants = Array.from({ length: headers }, (_, at) =>
        [0xff, 0x01, 0x80].map((bits) => {
          const mutant = whole.slice();
          mutant[at] = (mutant[at] ?? 0) ^ bits;
          return mutant;
        }),
      ).flat();
      const capture = await stranger.capture('', { inbound: true });
      await a.inject(mutants);
      await a.reaches(near);
      await a.reaches(far);
      const leaked = (await capture.stop()).filter(({ bytes }) =>
        Buffer.from(bytes).includes(MARK),
      );
      t.same(leaked, [], `${mutants.length} mutants`);
    },
  );

  await t.test('frames cut anywhere, and one of the largest size, break nothing', async (t) => {
    const whole = udpFrame(honest(a, near));
    // A packet socket sends nothing shorter than an Ethernet header (packet(7)).
    const cuts = Array.from({ length: whole.length - 14 }, (_, less) => whole.slice(0, 14 + less));
    const large = udpFrame({ ...honest(a, near), payload: Buffer.alloc(1450 - 28, 0x5a) });
    await a.inject([...cuts, large]);
    await a.reaches(near);
    const { workerHealthy } = await running.host('host1').status();
    t.ok(workerHealthy);
    t.equal(running.fabric.supervisor.roles().filter((role) => role.restarts > 0).length, 0);
  });
});

function sameFrame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
