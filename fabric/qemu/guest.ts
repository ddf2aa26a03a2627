/**
 * A real guest: Linux in QEMU (q35, TCG) on TAPs in the VM's own namespace. QEMU holds a TAP's file descriptor; the switch
 * attaches to the same interface from the other side as a `netdev` port, an AF_PACKET socket with virtio headers, so that the
 * guest's segmentation offload reaches the switch whole. The namespace's own stack has no address on that TAP and stays silent.
 *
 *   guest ─ virtio-net ─ QEMU ─ TAP fd ─┤ tap0 ├─ AF_PACKET ─ switch
 *
 * Always TCG: /dev/kvm may open and still not boot a stock kernel (software KVM without VMX or SVM), so its presence proves nothing.
 * Everything about a running guest is in its directory: vm.json of the caller, initramfs, console.sock, console.log, agent.sock,
 * qemu.pid, qemu.log. Called by fabric/vm and the qemu integration test.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, sleep } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { formatMac, type Mac } from '../../base/mac.ts';
import { millis } from '../../base/units.ts';
import { connectAgent, type GuestAgent } from './guest-agent.ts';
import { type GuestImage, guestSettingsArchive } from './guest-image.ts';
import { GUEST_BOOT_TIMEOUT, GUEST_MEMORY_MIB, GUEST_STOP_TIMEOUT } from './limits.ts';

const run = promisify(execFile);
const QEMU = 'qemu-system-x86_64';
const POLL = millis(50);

export interface GuestSpec {
  readonly name: string;
  /** Where the guest's files live; made if missing. */
  readonly directory: string;
  /** Name under /run/netns. */
  readonly netns: string;
  /** In the guest they are eth0, eth1, … */
  readonly interfaces: readonly GuestInterface[];
  readonly image: GuestImage;
}

export interface GuestInterface {
  /** TAP in the guest's namespace. */
  readonly tap: string;
  readonly mac: Mac;
}

/** The interface QEMU will open, up, without addresses of the namespace's own stack. Its MAC is not the guest's. */
export async function createGuestTap(netns: string, tap: string): Promise<void> {
  const ip = (...args: string[]): Promise<unknown> => run('ip', ['-n', netns, ...args]);
  // vnet_hdr and multi_queue must equal what QEMU asks for, or it cannot open the device.
  await ip('tuntap', 'add', 'dev', tap, 'mode', 'tap', 'vnet_hdr');
  await run('ip', [
    'netns',
    'exec',
    netns,
    'sysctl',
    '-qw',
    `net.ipv6.conf.${tap}.disable_ipv6=1`,
  ]).catch(() => undefined); // a kernel without IPv6 has nothing to switch off
  await ip('link', 'set', tap, 'up');
}

/** QEMU's arguments; relative paths are inside the guest's directory, which is QEMU's working directory. */
export function qemuArguments(spec: {
  readonly name: string;
  readonly interfaces: readonly GuestInterface[];
  readonly kernelPath: string;
}): string[] {
  const serial = (id: string): string[] => [
    '-chardev',
    `socket,id=${id},path=${id}.sock,server=on,wait=off,logfile=${id}.log`,
    '-serial',
    `chardev:${id}`,
  ];
  return [
    ...['-name', spec.name],
    ...['-accel', 'tcg', '-cpu', 'max', '-M', 'q35', '-m', String(GUEST_MEMORY_MIB), '-smp', '1'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', spec.kernelPath, '-initrd', 'initramfs'],
    ...['-append', 'console=ttyS0 quiet nokaslr panic=-1'],
    ...spec.interfaces.flatMap(({ tap, mac }, index) => [
      ...['-netdev', `tap,id=net${index},ifname=${tap},script=no,downscript=no`],
      // romfile empty: no option ROM, which would try to boot from the network first.
      ...['-device', `virtio-net-pci,netdev=net${index},mac=${formatMac(mac)},romfile=`],
    ]),
    ...serial('console'),
    ...serial('agent'),
    ...['-qmp', 'unix:qmp.sock,server=on,wait=off', '-pidfile', 'qemu.pid'],
  ];
}

/** Boots the guest and resolves once its agent has spoken; the guest outlives this process. */
export async function startGuest(spec: GuestSpec, clock: Clock): Promise<GuestAgent> {
  await assertQemuInstalled();
  await mkdir(spec.directory, { recursive: true });
  await writeFile(join(spec.directory, 'initramfs'), await guestInitramfs(spec));
  const log = await open(join(spec.directory, 'qemu.log'), 'w');
  const qemu = spawn(
    'ip',
    [
      'netns',
      'exec',
      spec.netns,
      QEMU,
      ...qemuArguments({ ...spec, kernelPath: spec.image.kernelPath }),
    ],
    { cwd: spec.directory, detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  let ended: string | undefined;
  qemu.on('error', (error) => {
    ended = error.message;
  });
  qemu.on('exit', (code, signal) => {
    ended = `exit status ${code ?? signal}`;
  });
  qemu.unref();
  try {
    return await firstWord(spec, clock, () => ended);
  } catch (fault) {
    await stopGuest(spec.directory, clock);
    throw fault;
  } finally {
    await log.close();
  }
}

async function firstWord(
  spec: GuestSpec,
  clock: Clock,
  ended: () => string | undefined,
): Promise<GuestAgent> {
  const deadline = clock.now() + GUEST_BOOT_TIMEOUT;
  const path = join(spec.directory, 'agent.sock');
  while (clock.now() < deadline && ended() === undefined) {
    const agent = await connectAgent(path).catch(() => undefined);
    if (agent !== undefined) {
      // A positive sign of life: QEMU alone would also accept the connection.
      if (await agent.ready(millis(deadline - clock.now()), clock)) return agent;
      agent.close();
    }
    await sleep(clock, POLL);
  }
  const console = await readFile(join(spec.directory, 'console.log'), 'utf8').catch(() => '');
  const log = await readFile(join(spec.directory, 'qemu.log'), 'utf8').catch(() => '');
  const words = (log.trim() || console.trim().slice(-400)).trim();
  throw new SdnError(
    'SDN_GUEST_BOOT',
    `guest ${spec.name} did not come up (${ended() ?? `silent for ${GUEST_BOOT_TIMEOUT / 1000} s`})${words === '' ? '' : `: ${words}`}`,
    { remedy: `Look at console.log and qemu.log in ${spec.directory}.` },
  );
}

/** Ends the guest, if it runs, and leaves its files. */
export async function stopGuest(directory: string, clock: Clock): Promise<void> {
  const pid = await guestPid(directory);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    const deadline = clock.now() + GUEST_STOP_TIMEOUT;
    while ((await guestPid(directory)) !== undefined) {
      if (clock.now() > deadline) process.kill(pid, 'SIGKILL');
      await sleep(clock, POLL);
    }
  }
  for (const file of ['qemu.pid', 'console.sock', 'agent.sock', 'qmp.sock']) {
    await rm(join(directory, file), { force: true });
  }
}

/** Process id of the guest's QEMU, undefined when it is not running. */
export async function guestPid(directory: string): Promise<number | undefined> {
  const text = await readFile(join(directory, 'qemu.pid'), 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  // A process id is reused sooner or later: only a QEMU that works in this very directory is ours.
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.startsWith(QEMU) ? pid : undefined;
}

async function guestInitramfs(spec: GuestSpec): Promise<Uint8Array> {
  const base = await readFile(spec.image.initramfsPath);
  // The kernel looks for a further archive at the next multiple of four.
  const padding = new Uint8Array((4 - (base.length % 4)) % 4);
  return Uint8Array.from(Buffer.concat([base, padding, guestSettingsArchive(spec.name)]));
}

async function assertQemuInstalled(): Promise<void> {
  try {
    await run(QEMU, ['--version']);
  } catch (cause) {
    throw new SdnError('SDN_GUEST_QEMU_MISSING', `${QEMU} does not run on this machine`, {
      cause,
      remedy: 'Install it: apt-get install --no-install-recommends qemu-system-x86',
    });
  }
}
