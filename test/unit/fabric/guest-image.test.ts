/** fabric/qemu/guest-image and guest: what goes into the initramfs and onto QEMU's command line. */
import test from 'ava';
import { qemuArguments } from '../../../fabric/qemu/guest.ts';
import {
  GUEST_MODULES,
  guestCacheDirectory,
  initramfsEntries,
} from '../../../fabric/qemu/guest-image.ts';

const arguments_ = qemuArguments({
  name: 'vm1',
  interfaces: [
    { tap: 'tap0', mac: 0x001d_d800_0001 },
    { tap: 'tap1', mac: 0x001d_d800_0002 },
  ],
  kernelPath: '/cache/vmlinuz',
});

/** The value that follows `flag`. */
function after(flag: string): string | undefined {
  return arguments_[arguments_.indexOf(flag) + 1];
}

function allAfter(flag: string): string[] {
  return arguments_.filter((_, index) => arguments_[index - 1] === flag);
}

test('the guest is emulated, never given to KVM, whatever /dev/kvm promises', (t) => {
  t.is(after('-accel'), 'tcg');
  t.is(after('-M'), 'q35');
  t.false(arguments_.join(' ').includes('kvm'));
});

test('each interface of the guest has the MAC of its network interface and a TAP of its namespace', (t) => {
  const [first, second] = allAfter('-device');
  t.regex(first ?? '', /netdev=net0,mac=00:1d:d8:00:00:01/);
  t.regex(second ?? '', /netdev=net1,mac=00:1d:d8:00:00:02/);
  const [tap0, tap1] = allAfter('-netdev');
  t.regex(tap0 ?? '', /id=net0,ifname=tap0/);
  t.regex(tap1 ?? '', /id=net1,ifname=tap1/);
});

test('virtio modules load after what they depend on', (t) => {
  const at = (name: string): number => GUEST_MODULES.indexOf(name);
  t.true(at('virtio_ring') < at('virtio'));
  t.true(at('virtio') < at('virtio_pci'));
  t.true(at('virtio_pci_modern_dev') < at('virtio_pci'));
  t.true(at('failover') < at('net_failover'));
  t.true(at('net_failover') < at('virtio_net'));
});

test('every directory of the initramfs comes before the files in it', (t) => {
  const modules = new Map(GUEST_MODULES.map((name) => [name, new Uint8Array(4)]));
  const seen = new Set<string>(['']);
  for (const { path, kind } of initramfsEntries({
    busybox: new Uint8Array(1),
    modules,
    scripts: new Map(),
  })) {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    t.true(seen.has(parent), path);
    if (kind === 'directory') seen.add(path);
  }
});

test('the cache follows XDG_CACHE_HOME', (t) => {
  t.is(guestCacheDirectory({ XDG_CACHE_HOME: '/c' }), '/c/weft/guest');
});
